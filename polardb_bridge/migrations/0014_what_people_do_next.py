"""What syncs remember of what people did in another order, removed, or moved."""

import django.db.models.deletion
from django.db import migrations, models


def remember_tables(apps, schema_editor):
    storages = apps.get_model("polardb_io_storages", "PolarDBImportStorage")
    known = apps.get_model("polardb_io_storages", "KnownTable")
    known.objects.bulk_create(
        known(storage_id=pk, host=host, port=port, database=database, table=table)
        for pk, host, port, database, table in storages.objects.values_list("pk", "host", "port", "database", "table")
    )


class Migration(migrations.Migration):

    dependencies = [
        ("polardb_io_storages", "0013_client_certificates"),
    ]

    operations = [
        migrations.CreateModel(
            name="RefusedResult",
            fields=[
                (
                    "link",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="refused_result",
                        serialize=False,
                        to="polardb_io_storages.polardbimportstoragelink",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KnownTable",
            fields=[
                ("storage_id", models.IntegerField(primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255)),
                ("port", models.PositiveIntegerField()),
                ("database", models.CharField(max_length=64)),
                ("table", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="DismissedRow",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("row_id", models.BigIntegerField()),
                (
                    "storage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dismissed_rows",
                        to="polardb_io_storages.polardbimportstorage",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("storage", "row_id"), name="polardb_dismissed_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="polardbimportstorage",
            name="image_field",
            field=models.CharField(
                default="image",
                editable=False,
                help_text="Under which name tasks hold their pictures",
                max_length=255,
            ),
        ),
        migrations.RunPython(remember_tables, migrations.RunPython.noop),
    ]
