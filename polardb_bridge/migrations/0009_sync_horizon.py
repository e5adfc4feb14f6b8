"""Links remember rows that can change unseen; syncs have a state of their own, which outlives their processes."""

import django.db.models.deletion
from django.db import migrations, models


def queue_interrupted_syncs(apps, schema_editor):
    """Nobody does them any more: the processes were stopped. Their parts have lost their meaning."""
    apps.get_model("polardb_io_storages", "SyncPart").objects.all().delete()
    storages = apps.get_model("polardb_io_storages", "PolarDBImportStorage").objects
    storages.filter(status="in_progress").update(status="queued", last_sync_job=None)


class Migration(migrations.Migration):
    dependencies = [("polardb_io_storages", "0008_marks")]

    operations = [
        migrations.RunPython(queue_interrupted_syncs, migrations.RunPython.noop, elidable=True),
        migrations.CreateModel(
            name="RowMemory",
            fields=[
                (
                    "link",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="memory",
                        serialize=False,
                        to="polardb_io_storages.polardbimportstoragelink",
                    ),
                ),
                ("digest", models.CharField(blank=True, default="", max_length=40)),
                ("revision", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.RemoveField("syncpart", "first_number"),
        migrations.RemoveField("syncpart", "last_number"),
        migrations.RenameField("syncpart", "pinged_at", "beat_at"),
        migrations.CreateModel(
            name="SyncState",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lease", models.UUIDField(null=True)),
                ("beat_at", models.DateTimeField(null=True)),
                ("resumptions", models.PositiveIntegerField(default=0)),
                ("last_old_link", models.BigIntegerField(default=0)),
                ("created", models.PositiveIntegerField(default=0)),
                ("updated", models.PositiveIntegerField(default=0)),
                ("removed", models.PositiveIntegerField(default=0)),
                ("last_number", models.BigIntegerField(default=0)),
                ("horizon", models.JSONField(null=True)),
                (
                    "storage",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sync_state",
                        to="polardb_io_storages.polardbimportstorage",
                    ),
                ),
            ],
        ),
    ]
