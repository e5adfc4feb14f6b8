"""Requests about a storage as it stands in the form: nothing is saved, and somebody's server is asked.

The server may be anybody's, and slow or hostile: how many ask at once, how long, and how often is limited here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from core.permissions import all_permissions
from rest_framework import generics
from rest_framework.exceptions import PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.storage.listing import CATALOG, list_tables, safest_first
from polardb_bridge.storage.mapping_step import look
from polardb_bridge.storage.matching import follow_mapping
from polardb_bridge.storage.serializers import as_validation_error, check_may_run_sql, keep_password
from polardb_bridge.storage.trials import ConnectionTrial, count_trial
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.connection import connect
from polardb_bridge.table.preview import MAX_BYTES
from polardb_bridge.table.time_limit import TimeLimit, time_limit

# How long a request waits for somebody's database, whatever that does.
ANSWER_TIME_LIMIT_S = 5.0
# The preview's images, and as much again.
ANSWER_MAX_BYTES = 2 * MAX_BYTES
# Requests of a process that wait for somebody's server at once: its other threads are for those who label.
MAX_ASKING = 3
_places = threading.BoundedSemaphore(MAX_ASKING)


class BridgeErrorsMixin:
    """Our errors as 400 answers, on the field that caused them."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, BridgeError):
            exc = as_validation_error(exc)
        response: Response = super().handle_exception(exc)
        return response


def check_may_change(request: Request, storage: Any) -> None:
    if not storage.may_be_changed_by(request.user):
        raise PermissionDenied("Only administrators may change or remove the storages of a deployment.")


def count_trial_at(request: Request, storage: Any) -> ConnectionTrial:
    return count_trial(request.user, f"{storage.host}:{storage.port}")


@contextlib.contextmanager
def asking() -> Iterator[TimeLimit]:
    """Within, the server of a storage is asked for as long as a request may take.

    Raises:
        Throttled: too many requests of this process wait for servers already (429).
    """
    if not _places.acquire(blocking=False):
        raise Throttled(ANSWER_TIME_LIMIT_S)
    try:
        with time_limit(ANSWER_TIME_LIMIT_S, ANSWER_MAX_BYTES) as limit:
            yield limit
    finally:
        _places.release()


def with_values(storage: Any, values: dict[str, Any]) -> Any:
    """`storage` with these values of its fields; it keeps its password if none was typed."""
    for name, value in keep_password(values).items():
        setattr(storage, name, value)
    return storage


class FormAPI(BridgeErrorsMixin, generics.GenericAPIView[Any]):
    """Answers with what the server of a storage says, as that stands in the form; nothing is saved."""

    permission_required = all_permissions.storages_change
    trial: ConnectionTrial

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        storage = self.storage_in_form()
        with asking():
            return self.answer(storage)

    def answer(self, storage: Any) -> Response:
        """What to say of the storage; its server may be asked within the limits."""
        raise NotImplementedError

    def form(self) -> dict[str, Any]:
        """The form's values by the fields' names."""
        return dict(self.request.data.items())

    def storage_in_form(self) -> Any:
        """The saved storage, if the form names one, with the form's values on it."""
        model = self.serializer_class.Meta.model
        form = self.form()
        storage_id = form.get("id")
        storage = model()
        if storage_id:
            storage = generics.get_object_or_404(model, pk=storage_id)
            if not storage.has_permission(self.request.user):
                raise PermissionDenied
            check_may_change(self.request, storage)
        serializer = self.get_serializer(storage if storage_id else None, data=form)
        serializer.is_valid(raise_exception=True)
        with_values(storage, serializer.validated_data)
        follow_mapping(storage)
        self.trial = count_trial_at(self.request, storage)
        return storage


class TablesAPI(FormAPI):
    """What the server offers to choose from, while the form's database, table and TLS may be empty."""

    _OPEN = ("database", "table", "tls")

    def form(self) -> dict[str, Any]:
        return {name: value for name, value in super().form().items() if value or name not in self._OPEN}

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)
        for name in self._OPEN:
            serializer.fields[name].required = False
        return serializer

    def answer(self, storage: Any) -> Response:
        form = self.form()
        storage.database = CATALOG
        modes = () if "tls" in form else safest_first()
        return Response(asdict(list_tables(storage.connection_parameters(), form.get("database", ""), modes)))


class MappingAPI(FormAPI):
    """What the columns of the form's table are used for, and the first tasks that come of it.

    The form's `mapping` is looked at as a whole, however wrong it is; null: the answer proposes one. A saved storage,
    and one whose table the project has already, keeps what it has. All columns are told of with a proposal, with what
    is kept, and `with_columns`.
    """

    def form(self) -> dict[str, Any]:
        return {name: value for name, value in super().form().items() if name != "mapping"}

    def answer(self, storage: Any) -> Response:
        is_fixed = bool(storage.pk or storage.mapping)
        asked = storage.mapping if is_fixed else self.request.data.get("mapping")
        if not is_fixed:
            self._check_sql(storage, asked)
        # What people write as SQL is looked at, and changes nothing.
        with connect(replace(storage.connection_parameters(), read_only=True)) as connection:
            with_columns = is_fixed or bool(self.request.data.get("with_columns"))
            found = look(connection, storage.table, asked, storage.project.label_config, with_columns=with_columns)
        # Whoever tries one column after another guesses at no password.
        self.trial.delete()
        return Response(found.answer | {"is_fixed": is_fixed})

    def _check_sql(self, storage: Any, value: Any) -> None:
        with contextlib.suppress(InvalidInputError):  # then there is nothing to run
            asked = AskedMapping.from_json(value or {})
            check_may_run_sql(self.request.user, asked, storage.host, storage.port, storage.user)
