"""Rows known by texts, too. What is there stays: links and dismissed rows by number, marks by the same as text."""

from django.db import migrations, models
from django.db.models.functions import Cast

_IS_TEXT = models.Q(row_id__isnull=True)
_IS_INTEGER = models.Q(row_id__isnull=False)


def carry_over(apps, schema_editor):
    rows = apps.get_model("polardb_io_storages", "DismissedRow")
    rows.objects.update(key=Cast("row_id", models.CharField(max_length=512)))
    # How far it had come was the number of a row; now it is that of a link.
    apps.get_model("polardb_io_storages", "Verification").objects.update(after=None)


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0019_running_statements")]

    operations = [
        migrations.AlterField("polardbimportstoragelink", "row_id", models.BigIntegerField(null=True)),
        migrations.RemoveConstraint("polardbimportstoragelink", "polardb_one_task_per_row_id"),
        migrations.AddConstraint(
            "polardbimportstoragelink",
            models.UniqueConstraint(
                fields=["storage", "row_id"], condition=_IS_INTEGER, name="polardb_one_task_per_row_id"
            ),
        ),
        migrations.AddConstraint(
            "polardbimportstoragelink",
            models.UniqueConstraint(fields=["storage", "key"], condition=_IS_TEXT, name="polardb_one_task_per_key"),
        ),
        migrations.AlterField("dismissedrow", "row_id", models.BigIntegerField(null=True)),
        migrations.AddField("dismissedrow", "key", models.CharField(default="", max_length=512)),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RemoveConstraint("dismissedrow", "polardb_dismissed_once"),
        migrations.AddConstraint(
            "dismissedrow",
            models.UniqueConstraint(fields=["storage", "row_id"], condition=_IS_INTEGER, name="polardb_dismissed_once"),
        ),
        migrations.AddConstraint(
            "dismissedrow",
            models.UniqueConstraint(fields=["storage", "key"], condition=_IS_TEXT, name="polardb_dismissed_key_once"),
        ),
        migrations.RenameField("pendingwriteback", "row_id", "row_key"),
        migrations.AlterField("pendingwriteback", "row_key", models.CharField(max_length=512, null=True)),
        migrations.RunSQL(
            "UPDATE polardb_io_storages_pendingwriteback SET row_key = '' WHERE row_key IS NULL",
            "UPDATE polardb_io_storages_pendingwriteback SET row_key = NULL WHERE row_key = ''",
        ),
        migrations.AlterField(
            "pendingwriteback", "row_key", models.CharField(blank=True, default="", max_length=512)
        ),
        migrations.AlterField("knowntable", "key_column", models.CharField(default="id", max_length=2000)),
    ]
