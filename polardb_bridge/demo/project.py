"""The demo's project in Label Studio: its template, and the database that its storages read and write."""

from __future__ import annotations

import sqlalchemy as sa
from django.db import transaction

from polardb_bridge.conf import command_database
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, stored_parameters
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.table.connection import begin
from polardb_bridge.table.schema import template_table

TEMPLATE = "animals"
LABELS = ["cat", "dog", "horse", "cow", "sheep", "bird", "car", "plane"]


def connect_storages(project_id: int) -> None:
    """To the database of this run: POLARDB_URL may have been set or changed."""
    account = stored_parameters(command_database())
    for model in (PolarDBImportStorage, PolarDBExportStorage):
        for storage in model.objects.filter(project=project_id):
            for name, value in account.items():
                setattr(storage, name, value)
            storage.save()


def follow_mariadb(password: str) -> None:
    """Re-point what people have added in this demo, if its private MariaDB is at another port than before.

    Args:
        password: of the private MariaDB.
    """
    database = command_database()
    if database.password != password:
        return  # it does not run
    old_ports = set()
    with transaction.atomic():
        for model in (PolarDBImportStorage, PolarDBExportStorage):
            for storage in model.objects.filter(host=database.host).exclude(port=database.port):
                if storage.password == password:
                    old_ports.add(storage.port)
                    storage.port = database.port
                    storage.save()
        for port in old_ports:
            before, now = (f"{database.host}:{number}/" for number in (port, database.port))
            for deployment in Deployment.objects.filter(table_address__startswith=before):
                deployment.table_address = now + deployment.table_address.removeprefix(before)
                deployment.save(update_fields=["table_address"])
            # Pictures of tasks that outlived their storage are found by the table's address.
            KnownTable.objects.filter(host=database.host, port=port).update(port=database.port)


def insert_template() -> None:
    """What a user does with one INSERT."""
    table = template_table()
    with begin(command_database()) as connection:
        if not connection.scalar(sa.select(table.c.id).where(table.c.tp_name == TEMPLATE)):
            schema = {"type": "ObjectDetection", "labels": LABELS}
            connection.execute(sa.insert(table).values(tp_name=TEMPLATE, tp_schema=schema))
