"""What a person can choose from: the values that statements, models and forms share, with their names on pages."""

from __future__ import annotations

from enum import Enum


class Choice(str, Enum):
    """A member is its value, as databases and statements hold it."""

    # Python before 3.11 would write a member as "TlsMode.REQUIRED" in some places.
    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, format_spec: str) -> str:
        return format(self.value, format_spec)

    @property
    def label(self) -> str:
        """What a page shows."""
        return _LABELS[self]

    @classmethod
    def values(cls) -> tuple[str, ...]:
        return tuple(member.value for member in cls)

    @classmethod
    def labeled(cls) -> list[tuple[str, str]]:
        """Pairs of value and label, as Django's fields take them."""
        return [(member.value, member.label) for member in cls]


class TlsMode(Choice):
    """How a connection to the source database is encrypted."""

    DISABLED = "disabled"
    REQUIRED = "required"
    VERIFY_CA = "verify_ca"
    VERIFY_IDENTITY = "verify_identity"


class ImageDelivery(Choice):
    """How images reach Label Studio."""

    AUTO = "auto"
    DATA_URI = "data_uri"
    LINK = "link"


class ExistingAnnotations(Choice):
    """How results that rows hold already come into Label Studio."""

    ANNOTATIONS = "annotations"
    PREDICTIONS = "predictions"
    IGNORE = "ignore"


class WritesTo(Choice):
    """Where a target writes results."""

    ROWS = "rows"
    RESULT_TABLE = "result_table"


class FieldKind(Choice):
    """How a column is read for a field of tasks."""

    BASE64 = "base64"
    BYTES = "bytes"
    TEXT = "text"
    URL = "url"
    NUMBER = "number"
    JSON = "json"
    DATETIME = "datetime"
    URLS = "urls"
    BASE64S = "base64s"

    @property
    def is_picture(self) -> bool:
        """Whether the row itself holds a picture, or several."""
        return self in (FieldKind.BASE64, FieldKind.BYTES, FieldKind.BASE64S)

    @property
    def is_list(self) -> bool:
        """Whether a task holds a list, for `valueList`."""
        return self in (FieldKind.URLS, FieldKind.BASE64S)


class Packing(Choice):
    """How the bytes of a column are packed. deflate: with the frame of zlib or without; mysql: by `COMPRESS()`."""

    GZIP = "gzip"
    DEFLATE = "deflate"
    MYSQL = "mysql"


class VersionKind(Choice):
    """By what it is told that a row has changed."""

    TIME = "time"  # a column of times, which the server's clock orders
    VALUE = "value"  # another column: other values are other versions
    SQL = "sql"  # the same of an expression
    DIGEST = "digest"  # all that tasks show
    NONE = "none"  # nothing: rows are followed as they come and go

    @property
    def is_ordered(self) -> bool:
        """Whether of two versions one is newer; otherwise they are the same, or they are not."""
        return self in (VersionKind.TIME, VersionKind.DIGEST)


_LABELS: dict[Choice, str] = {
    TlsMode.DISABLED: "Disabled",
    TlsMode.REQUIRED: "Required",
    TlsMode.VERIFY_CA: "Verify the certificate",
    TlsMode.VERIFY_IDENTITY: "Verify certificate and host name",
    ImageDelivery.AUTO: "Automatic",
    ImageDelivery.DATA_URI: "Inside the task (data URI)",
    ImageDelivery.LINK: "By link",
    ExistingAnnotations.ANNOTATIONS: "As annotations",
    ExistingAnnotations.PREDICTIONS: "As predictions",
    ExistingAnnotations.IGNORE: "Not at all",
    WritesTo.ROWS: "The rows of the source",
    WritesTo.RESULT_TABLE: "A result table",
    FieldKind.BASE64: "Picture as base64",
    FieldKind.BYTES: "Picture as bytes",
    FieldKind.TEXT: "Text",
    FieldKind.URL: "Address",
    FieldKind.NUMBER: "Number",
    FieldKind.JSON: "JSON",
    FieldKind.DATETIME: "Time",
    FieldKind.URLS: "List of addresses",
    FieldKind.BASE64S: "List of pictures as base64",
    Packing.GZIP: "gzip",
    Packing.DEFLATE: "deflate",
    Packing.MYSQL: "COMPRESS()",
}
