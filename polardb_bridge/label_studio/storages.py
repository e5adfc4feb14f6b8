"""Label Studio's own storages: what members write into them must lead to the service that they are for.

Label Studio's guard of private addresses knows nothing of addresses inside of credentials, and its storages without
credentials use those of the server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from rest_framework.exceptions import ValidationError

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.name_filter import compile_in_linear_time

_AZURE_NAME = re.compile(r"[a-z0-9-]{3,63}")
_AZURE_KEY = re.compile(r"[A-Za-z0-9+/]+=*")
_GOOGLE_TOKENS = {
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
}


def guard_credentials() -> None:
    """Refuse storages whose credentials lead elsewhere, or that would send the server's own elsewhere.

    - Azure: name and key go into a connection string (azure_blob/models.py), where `;` begins another setting.
    - Google: a service account says where its tokens come from (gcs/utils.py), and that is asked first.
    - Amazon: without keys, those of the environment go to the endpoint of the storage (s3/utils.py); and the
      environment's session token goes along with keys of others.
    """
    from io_storages.azure_blob.models import AzureBlobStorageMixin
    from io_storages.gcs.utils import GCS
    from io_storages.s3 import models, utils

    azure = AzureBlobStorageMixin.get_client_and_container
    google = GCS.get_client.__func__
    amazon = utils.get_client_and_resource

    @wraps(azure)
    def get_client_and_container(self: Any) -> Any:
        check_azure(self.account_name, self.account_key)
        return azure(self)

    @wraps(google)
    def get_client(cls: Any, google_project_id: Any = None, google_application_credentials: Any = None) -> Any:
        check_google(google_application_credentials)
        return google(cls, google_project_id, google_application_credentials)

    @wraps(amazon)
    def get_client_and_resource(
        aws_access_key_id: Any = None,
        aws_secret_access_key: Any = None,
        aws_session_token: Any = None,
        region_name: Any = None,
        s3_endpoint: Any = None,
    ) -> Any:
        if aws_access_key_id and aws_secret_access_key:
            session = utils.boto3.Session(
                aws_access_key_id=aws_access_key_id,
                aws_secret_access_key=aws_secret_access_key,
                aws_session_token=aws_session_token or None,
            )
            return utils.create_s3_client_and_resource(session, region_name, s3_endpoint)
        check_amazon(s3_endpoint)
        return amazon(aws_access_key_id, aws_secret_access_key, aws_session_token, region_name, s3_endpoint)

    AzureBlobStorageMixin.get_client_and_container = get_client_and_container
    GCS.get_client = classmethod(get_client)
    utils.get_client_and_resource = models.get_client_and_resource = get_client_and_resource


def check_azure(name: str | None, key: str | None) -> None:
    """Raise InvalidInputError unless both are what they are called."""
    if (name and not _AZURE_NAME.fullmatch(name)) or (key and not _AZURE_KEY.fullmatch(key)):
        raise InvalidInputError("The name or the key of the Azure account has characters that none has.")


def check_google(credentials: str | dict[str, Any] | None) -> None:
    """Raise InvalidInputError unless the credentials, if there are any, are Google's own."""
    try:
        read = json.loads(credentials) if isinstance(credentials, str) and credentials else credentials
    except ValueError:
        return  # Label Studio says so
    if read and (
        not isinstance(read, dict)
        or read.get("token_uri") not in _GOOGLE_TOKENS
        or read.get("universe_domain", "googleapis.com") != "googleapis.com"
    ):
        raise InvalidInputError("The credentials of the Google account get their tokens from another address.")


def check_amazon(endpoint: str | None) -> None:
    """Raise InvalidInputError unless the server's own credentials would go to Amazon."""
    host = urlsplit(endpoint).hostname or "" if endpoint else "amazonaws.com"
    if not f".{host}".endswith((".amazonaws.com", ".amazonaws.com.cn")):
        raise InvalidInputError("A storage with an endpoint of its own needs keys of its own.")


def match_names_in_linear_time(are_patterns_trusted: Callable[[], bool]) -> None:
    """Have `regex_filter` matched by RE2, and refuse patterns that it does not take when a storage is saved.

    Label Studio matches the names of files by Python's `re` in the sync, which `(a+)+$` holds for ever, and with it the
    process. It does so still if `are_patterns_trusted()`.
    """
    from io_storages.azure_blob import models as azure
    from io_storages.azure_blob.serializers import AzureBlobImportStorageSerializer
    from io_storages.gcs import utils as google
    from io_storages.gcs.serializers import GCSImportStorageSerializer
    from io_storages.localfiles import models as local
    from io_storages.localfiles.serializers import LocalFilesImportStorageSerializer
    from io_storages.s3 import models as amazon
    from io_storages.s3.serializers import S3ImportStorageSerializer

    def compiled(pattern: str) -> Any:
        return re.compile(pattern) if are_patterns_trusted() else NamePattern(pattern)

    def validate_pattern(serializer: Any, pattern: str | None) -> str | None:
        if pattern and not are_patterns_trusted():
            try:
                NamePattern(pattern)
            except InvalidInputError as error:
                raise ValidationError(str(error)) from None
        return pattern

    modules: list[Any] = [azure, google, local, amazon]
    for module in modules:
        module.re = SimpleNamespace(compile=compiled)
    for serializer in (
        AzureBlobImportStorageSerializer,
        GCSImportStorageSerializer,
        LocalFilesImportStorageSerializer,
        S3ImportStorageSerializer,
    ):
        serializer.validate_regex_filter = validate_pattern


class NamePattern:
    """As much of a compiled regular expression as Label Studio uses for names.

    Raises:
        InvalidInputError: it is none, or one that takes more than RE2.
    """

    def __init__(self, pattern: str) -> None:
        self._compiled = compile_in_linear_time(pattern)

    def match(self, name: str) -> bool:
        """Whether the name begins with the pattern. Names of local files may hold bytes that are no characters."""
        return self._compiled.match(name.encode(errors="replace").decode()) is not None


def check_imports_by_url(check: Any) -> None:
    """Call `check()` before the server fetches an address to import tasks from: it raises if it must not."""
    from data_import import uploader

    fetch = uploader.tasks_from_url

    @wraps(fetch)
    def tasks_from_url(*args: Any, **kwargs: Any) -> Any:
        check()
        return fetch(*args, **kwargs)

    uploader.tasks_from_url = tasks_from_url
