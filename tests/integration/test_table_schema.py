"""The documented tables and those that we make, on a real server."""

from __future__ import annotations

import pytest

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import create_table, source_table, template_table, validate_table
from support.source_data import SOURCE_DDL, TABLE, Source


def test_documented_tables_are_valid(source: Source) -> None:
    with connect(source.parameters) as connection:
        validate_table(connection, source_table(TABLE))
        validate_table(connection, template_table())


def test_our_tables_are_valid_and_created_once(database: ConnectionParameters) -> None:
    with connect(database) as connection:
        for table in (template_table(), source_table("动物-1")):
            assert create_table(connection, table) is True
            assert create_table(connection, table) is False
            validate_table(connection, table)


def test_the_documented_insert_works_on_our_table(database: ConnectionParameters) -> None:
    with begin(database) as connection:
        create_table(connection, source_table("animals"))
        connection.exec_driver_sql(
            "INSERT INTO animals (base64_data, mime_type, original_name) VALUES ('aGk=', 'jpg', 'cat.jpg')"
        )


def test_a_missing_table_is_named(database: ConnectionParameters) -> None:
    with connect(database) as connection, pytest.raises(ReconfigureError, match="no table 'nope'") as caught:
        validate_table(connection, source_table("nope"))
    assert caught.value.field == "table"


def test_missing_and_mistyped_columns_are_named_together(source: Source) -> None:
    source.execute(
        f"ALTER TABLE {TABLE} DROP COLUMN annotation_uid, MODIFY annotation_count varchar(9) NOT NULL,"
        " MODIFY updated_at int NOT NULL"
    )
    with connect(source.parameters) as connection, pytest.raises(ReconfigureError) as caught:
        validate_table(connection, source_table(TABLE))
    message = str(caught.value)
    assert "'annotation_uid' is missing" in message
    assert "'annotation_count' is VARCHAR(9), expected INTEGER" in message
    assert "'updated_at' is INT" in message


def test_the_id_must_be_the_primary_key(source: Source) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY id int NOT NULL, DROP PRIMARY KEY, ADD PRIMARY KEY (original_name)")
    with connect(source.parameters) as connection, pytest.raises(ReconfigureError, match="not the primary key"):
        validate_table(connection, source_table(TABLE))


def test_extra_columns_are_fine(source: Source) -> None:
    source.execute(f"ALTER TABLE {TABLE} ADD COLUMN camera varchar(20)")
    with connect(source.parameters) as connection:
        validate_table(connection, source_table(TABLE))


def test_the_documented_ddl_is_what_the_tests_use() -> None:
    assert "`annotation_count` int(11) NOT NULL," in SOURCE_DDL
