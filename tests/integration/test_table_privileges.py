"""What an account must be allowed, and that it is enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.privileges import check_select, check_update
from polardb_bridge.table.results import RowResult, write_results
from polardb_bridge.table.schema import source_table
from support.source_data import TABLE, Source


def other(parameters: ConnectionParameters, **changes: Any) -> ConnectionParameters:
    return dataclasses.replace(parameters, **changes)


@pytest.fixture
def limited_user(database: ConnectionParameters) -> Iterator[Callable[..., ConnectionParameters]]:
    """Parameters of a new account with the given privileges on the source table."""
    made = []

    def make(*privileges: str) -> ConnectionParameters:
        with begin(database) as connection:
            connection.exec_driver_sql("CREATE USER limited IDENTIFIED BY 'limited-pw'")
            for privilege in privileges:
                connection.exec_driver_sql(f"GRANT {privilege} TO limited")
        made.append(other(database, user="limited", password="limited-pw"))
        return made[-1]

    yield make
    for parameters in made:
        dispose(parameters)
        with begin(database) as connection:
            connection.exec_driver_sql("DROP USER limited")


def test_reading_needs_select(source: Source, limited_user: Callable[..., ConnectionParameters]) -> None:
    account = limited_user(f"INSERT ON {source.parameters.database}.{TABLE}")
    with pytest.raises(ReconfigureError, match="SELECT") as caught, connect(account) as connection:
        check_select(connection, source_table(TABLE))
    assert caught.value.field == "user"


def test_writing_needs_update(source: Source, limited_user: Callable[..., ConnectionParameters]) -> None:
    account = limited_user(f"SELECT ON {source.parameters.database}.{TABLE}")
    with connect(account) as connection:
        check_select(connection, source_table(TABLE))
    with pytest.raises(ReconfigureError, match="UPDATE") as caught, connect(account) as connection:
        check_update(connection, source_table(TABLE), account)
    assert caught.value.field == "user"


def test_the_documented_least_privilege_is_enough(
    source: Source, limited_user: Callable[..., ConnectionParameters]
) -> None:
    columns = (
        "annotation_data, annotation_count, annotation_uid, annotation_create_at, annotation_update_at, updated_at"
    )
    name = f"{source.parameters.database}.{TABLE}"
    account = limited_user(f"SELECT ON {name}", f"UPDATE ({columns}) ON {name}")
    [row_id] = source.add(("a", "eA=="))
    with begin(account) as connection:
        check_update(connection, source_table(TABLE), account)
        assert write_results(connection, source_table(TABLE), [RowResult(row_id, [], 1, "u", None, None)]) == set()
