"""What a server offers to choose from, and a target made of a source, over HTTP as the page asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.storage import listing
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from support.labeling import Provisioned
from support.source_data import TABLE, Source

URLS = pytest.mark.parametrize("url", ["/api/storages/polardb/tables", "/api/storages/export/polardb/tables"])


@pytest.fixture
def form(provisioned: Provisioned, source: Source) -> dict[str, Any]:
    """As far as a person has filled it in when the lists are asked for."""
    parameters = source.parameters
    account = {name: getattr(parameters, name) for name in ("host", "port", "user", "password")}
    return {"project": provisioned.project.pk, "database": "", "table": "", "tls": "disabled", **account}


def listed(api: Any, url: str, form: dict[str, Any]) -> Any:
    answer = api.post(url, form, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


@URLS
def test_databases_then_the_tables_of_one_are_listed(url: str, api: Any, form: dict[str, Any], source: Source) -> None:
    found = listed(api, url, form)
    assert source.parameters.database in found["databases"]
    assert not {"mysql", "information_schema"} & set(found["databases"])
    assert (found["tables"], found["is_complete"], found["tls"]) == ([], True, "disabled")

    source.execute("CREATE TABLE `100%% `` x` (a int)")
    source.execute("CREATE TABLE aardvark (a int)")
    source.execute(f"CREATE TABLE `rtl\u202egnp` LIKE {TABLE}")
    tables = listed(api, url, {**form, "database": source.parameters.database})["tables"]
    assert tables[0] == {"name": TABLE, "has_columns": True, "problem": ""}
    by_name = {table["name"]: table for table in tables}
    assert by_name["aardvark"] == {"name": "aardvark", "has_columns": False, "problem": ""}
    assert "cannot be a table's name" in by_name["100% ` x"]["problem"]
    assert by_name["rtl\u202egnp"]["problem"].startswith("'rtl\\u202egnp' cannot be a table's name")


@URLS
def test_a_database_of_any_name_is_asked(url: str, api: Any, form: dict[str, Any], source: Source) -> None:
    name = "50%s `x` 动物"
    quoted = "`" + name.replace("`", "``").replace("%", "%%") + "`"
    source.execute(f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4")
    try:
        source.execute(f"CREATE TABLE {quoted}.animals (a int)")
        assert name in listed(api, url, form)["databases"]
        assert [table["name"] for table in listed(api, url, {**form, "database": name})["tables"]] == ["animals"]
    finally:
        source.execute(f"DROP DATABASE {quoted}")


@URLS
def test_who_may_not_ask_is_refused_with_the_reason(url: str, api: Any, form: dict[str, Any]) -> None:
    for change, field in (({"password": "wrong", "user": "nobody"}, "password"), ({"database": "nope"}, "database")):
        answer = api.post(url, {**form, **change}, format="json")
        assert answer.status_code == 400
        assert field in answer.json()["validation_errors"]
    assert api.post(url, {**form, "project": ""}, format="json").status_code == 400


@URLS
def test_without_tls_in_the_form_the_safest_that_works_is_told(url: str, api: Any, form: dict[str, Any]) -> None:
    assert listed(api, url, {**form, "tls": ""})["tls"] == "disabled"  # this server offers none


def test_a_server_too_slow_to_look_for_columns_lists_the_names(
    monkeypatch: pytest.MonkeyPatch, api: Any, form: dict[str, Any], source: Source
) -> None:
    monkeypatch.setattr(listing, "_LOOK_FOR_COLUMNS_S", 1)
    monkeypatch.setattr(listing, "_WITH_COLUMNS", f"{listing._WITH_COLUMNS} AND SLEEP(4) = 0")
    [table] = [
        table
        for table in listed(api, "/api/storages/polardb/tables", {**form, "database": source.parameters.database})[
            "tables"
        ]
        if table["name"] == TABLE
    ]
    assert table["has_columns"] is None


def test_more_names_than_are_listed_are_told(
    monkeypatch: pytest.MonkeyPatch, api: Any, form: dict[str, Any], source: Source
) -> None:
    monkeypatch.setattr(listing, "MAX_NAMES", 1)
    found = listed(api, "/api/storages/polardb/tables", {**form, "database": source.parameters.database})
    assert (len(found["tables"]), found["is_complete"]) == (1, False)


def test_a_target_is_made_of_a_source(provisioned: Provisioned, api: Any) -> None:
    source = PolarDBImportStorage.objects.get(pk=provisioned.import_storage.pk)
    assert api.get(f"/api/storages/polardb/{source.pk}").json()["has_target"] is True
    provisioned.export_storage.delete()
    assert api.get(f"/api/storages/polardb/{source.pk}").json()["has_target"] is False
    answer = api.post(f"/api/storages/polardb/{source.pk}/target")
    assert answer.status_code == 201, answer.content
    target = PolarDBExportStorage.objects.get(pk=answer.json()["id"])
    assert (target.table_address, target.user, target.password) == (source.table_address, source.user, source.password)
    assert target.owned_table
    assert target.owned_table == target.identity.key
    assert api.get(f"/api/storages/polardb/{source.pk}").json()["has_target"] is True

    again = api.post(f"/api/storages/polardb/{source.pk}/target")
    assert again.status_code == 400
    assert "already belongs to" in str(again.json())
    assert PolarDBExportStorage.objects.count() == 1
