"""What the REST API of our storages says of itself in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

_TAG = "Storage: PolarDB"
_MEMBERS = "For members of the project's organization."
_CHANGE = f"{_MEMBERS} The storages of a deployment are changed and removed by administrators only."
_PROJECT = OpenApiParameter("project", int, required=True, description="Id of the project")
_REFUSED = OpenApiResponse(description="What is wrong, in a sentence, by the field that caused it")
_WORKS = OpenApiResponse(description="It works; `warnings` lists what will surprise people all the same")


class WritebackSerializer(serializers.Serializer[Any]):
    """How write-back into a target's table goes."""

    pending = serializers.IntegerField(
        allow_null=True, help_text="Tasks whose result is on its way into its row; null if results go nowhere"
    )
    failed = serializers.IntegerField(help_text="Tasks whose result is parked: it waits for a person")
    problems = serializers.ListField(
        child=serializers.CharField(),
        help_text="`row N (task M): why it could not be written`, the first 20; rows that others have locked, too",
    )
    last_written_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="Why the table as a whole cannot be written now; empty otherwise")
    retry_at = serializers.DateTimeField(allow_null=True, help_text="The next attempt after an error")


class ImagesSerializer(serializers.Serializer[Any]):
    """Images by link that cannot be shown, as found by who looked at one or by `sync_storage --verify`."""

    unreadable = serializers.IntegerField(help_text="How many there are")
    labeled = serializers.IntegerField(help_text="How many of them have a submitted result all the same")
    problems = serializers.ListField(
        child=serializers.CharField(),
        help_text="`row N (task M): why`, the first 20, those with a result before others",
    )
    verified_at = serializers.DateTimeField(allow_null=True, help_text="When all images were last looked at")


class VerifyReportSerializer(serializers.Serializer[Any]):
    checked = serializers.IntegerField(help_text="Rows that have been looked at so far")
    total = serializers.IntegerField(help_text="Rows that have tasks")
    complete = serializers.BooleanField(help_text="Whether all have been looked at")
    images = ImagesSerializer()


class SyncPlanSerializer(serializers.Serializer[Any]):
    new = serializers.IntegerField(help_text="Rows that would become tasks")
    existing = serializers.IntegerField(help_text="Tasks that need nothing")
    changed = serializers.IntegerField(allow_null=True, help_text="Null if the table is too large to compare quickly")
    deleted = serializers.IntegerField(allow_null=True, help_text="As `changed`")


class ElsewhereSerializer(serializers.Serializer[Any]):
    project = serializers.CharField(allow_null=True, help_text="Its title; null if the user may not see it")
    rows = serializers.IntegerField(help_text="Rows that are tasks there")
    writes = serializers.BooleanField(help_text="Whether results are written there")


class ExcerptSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(allow_null=True, help_text="Its start; null if the row has nothing there")
    is_whole = serializers.BooleanField(help_text="Whether there is no more of it")
    problem = serializers.CharField(help_text="Why it cannot be read; empty otherwise")


class PreviewFileSerializer(serializers.Serializer[Any]):
    """A row. The last entry has no key, and tells of the whole table."""

    key = serializers.CharField(allow_null=True, help_text="The row's id")
    name = serializers.CharField(allow_null=True, help_text="`original_name`")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes of the stored base64")
    last_modified = serializers.DateTimeField(allow_null=True, help_text="`updated_at`")
    media_type = serializers.CharField(required=False)
    annotated = serializers.BooleanField(required=False, help_text="Whether the row holds a result")
    thumbnail = serializers.CharField(required=False, allow_null=True, help_text="A data URI")
    problem = serializers.CharField(required=False, help_text="Why the image cannot be shown; empty otherwise")
    fields = serializers.DictField(
        required=False, child=ExcerptSerializer(), help_text="What the task holds beside the image, by field"
    )
    table_rows = serializers.IntegerField(required=False, help_text="Of the last entry, as all that follow")
    table_rows_are_estimated = serializers.BooleanField(required=False)
    table_bytes = serializers.IntegerField(required=False)
    sync = SyncPlanSerializer(required=False, help_text="What a sync would do")
    elsewhere = ElsewhereSerializer(required=False, many=True, help_text="Other projects with rows of the table")


class PreviewSerializer(serializers.Serializer[Any]):
    files = PreviewFileSerializer(many=True)


class ListedTableSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    has_columns = serializers.BooleanField(
        allow_null=True, help_text="Whether it has the columns of a source table; null if that took too long to tell"
    )
    problem = serializers.CharField(help_text="Why it cannot be one for its name; empty otherwise")


class ListingSerializer(serializers.Serializer[Any]):
    tls = serializers.CharField(help_text="How the server was asked: the safest mode that works, if the form had none")
    databases = serializers.ListField(child=serializers.CharField(), help_text="Without those of the server itself")
    tables = ListedTableSerializer(many=True, help_text="Of the form's database; those with the columns before others")
    is_complete = serializers.BooleanField(help_text="False if there are more names than are listed")


class ColumnSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.CharField()
    holds = serializers.CharField(help_text="What the first rows hold, in words")
    is_key = serializers.BooleanField(help_text="Of the primary key")
    first = serializers.CharField(allow_null=True, help_text="How the first row's value begins")
    kind = serializers.CharField(allow_null=True, help_text="How a field of tasks would be read from it")
    kinds = serializers.ListField(child=serializers.CharField(), help_text="How it can be read")


class ProblemSerializer(serializers.Serializer[Any]):
    part = serializers.CharField(help_text="Of the mapping, such as `data.image`; empty if it is the whole")
    message = serializers.CharField()


class MappingSerializer(serializers.Serializer[Any]):
    columns = ColumnSerializer(
        many=True, required=False, help_text="With a mapping that is proposed or fixed, and with `with_columns`"
    )
    looked_at = serializers.IntegerField(required=False, help_text="Rows of which the values were looked at")
    roles = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="What results are made of, each in a column of its own"
    )
    mapping = serializers.JSONField(help_text="As a storage takes it; as it was sent if it is not complete")
    uses = serializers.JSONField(help_text="The same in full; by field, the column and how it is read")
    problems = ProblemSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())
    tasks = PreviewFileSerializer(many=True, help_text="The first rows; none if there are problems")
    is_fixed = serializers.BooleanField(
        help_text="Whether the storage, or one of the same table, has its mapping already"
    )


def _storages(kind: str) -> Any:
    return extend_schema_view(
        get=extend_schema(tags=[_TAG], summary=f"List {kind} storages", description=_MEMBERS, parameters=[_PROJECT]),
        post=extend_schema(
            tags=[_TAG],
            summary=f"Create {kind} storage",
            description=f"{_MEMBERS} The connection is tried first; nothing is saved if it fails.",
        ),
    )


def _storage(kind: str, *, removed: str) -> Any:
    return extend_schema_view(
        get=extend_schema(tags=[_TAG], summary=f"Get {kind} storage", description=_MEMBERS),
        patch=extend_schema(
            tags=[_TAG],
            summary=f"Change {kind} storage",
            description=f"{_CHANGE} With another host or port, the password must be given again.",
        ),
        delete=extend_schema(tags=[_TAG], summary=f"Delete {kind} storage", description=f"{_CHANGE} {removed}"),
    )


def _request(summary: str, description: str, **details: Any) -> Any:
    return extend_schema_view(post=extend_schema(tags=[_TAG], summary=summary, description=description, **details))


import_storages = _storages("import")
import_storage = _storage("import", removed="Its tasks and the rows stay.")
sync_import_storage = _request(
    "Sync import storage",
    f"{_MEMBERS} Brings the tasks in step with the rows, in the background. Answers with the storage as soon as the "
    "sync has ended, and after 10 seconds at the latest.",
    request=None,
)
verify_import_storage = _request(
    "Verify images",
    f"{_MEMBERS} Reads and checks images of rows that have tasks for 10 seconds, and tells which cannot be shown. "
    "Ask again until `complete`: each request goes on where the last one ended.",
    request=None,
    responses={200: VerifyReportSerializer, 400: _REFUSED},
)
add_target = _request(
    "Write results into the source's table",
    f"{_CHANGE} Adds a target of the same table with the same account, which must be allowed to write results.",
    request=None,
    responses={201: OpenApiResponse(description="The export storage"), 400: _REFUSED},
)
bring_back_rows = _request(
    "Bring back dismissed rows",
    f"{_MEMBERS} Rows whose tasks were deleted by hand become tasks again, by a sync. Answers as that does.",
    request=None,
)
validate_import_storage = _request(
    "Test import connection",
    f"{_CHANGE} Connects, and checks the table's columns and that the account may read it. Nothing is saved. "
    "With the `id` of a storage, its stored password is used if none is given.",
    responses={200: _WORKS, 400: _REFUSED},
)
list_tables = _request(
    "List tables",
    f"{_CHANGE} What the server offers to the account in the form. Takes what the connection test takes; database, "
    "table and TLS may be left out.",
    responses={200: ListingSerializer, 400: _REFUSED},
)
preview_mapping = _request(
    "Preview a mapping",
    f"{_CHANGE} What the columns of a table are used for, with everything that is wrong with it, and the first tasks. "
    "Takes what the connection test takes; with `mapping` null, one is proposed.",
    responses={200: MappingSerializer, 400: _REFUSED},
)
preview_rows = _request(
    "Preview rows",
    f"{_CHANGE} The first rows of the table, with small pictures. Takes what the connection test takes, and `limit` "
    "(at most 20).",
    responses={200: PreviewSerializer, 400: _REFUSED},
)
export_storages = _storages("export")
export_storage = _storage(
    "export", removed="Results that are not in their rows yet are lost with it; the rows stay as they are."
)
sync_export_storage = _request(
    "Write all results again",
    f"{_MEMBERS} Writes the result of each task into its row again, parked ones too, in the background. Answers with "
    "the storage at once.",
    request=None,
)
validate_export_storage = _request(
    "Test export connection",
    f"{_CHANGE} Connects, and checks the table's columns and that the account may write results. Nothing is changed.",
    responses={200: _WORKS, 400: _REFUSED},
)
