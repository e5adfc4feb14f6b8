"""Syncs by the clock, and large ones in parts."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("polardb_io_storages", "0004_existing_annotations")]

    operations = [
        migrations.AddField(
            "polardbimportstorage",
            "sync_every",
            models.PositiveIntegerField(
                default=0,
                validators=[django.core.validators.MaxValueValidator(44640)],
                help_text="Minutes from one sync to the next; 0: only on request",
            ),
        ),
        migrations.CreateModel(
            name="SyncPart",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("after", models.BigIntegerField(null=True)),
                ("until", models.BigIntegerField(null=True)),
                ("first_number", models.BigIntegerField()),
                ("last_number", models.BigIntegerField()),
                ("claim", models.UUIDField(null=True)),
                ("pinged_at", models.DateTimeField(null=True)),
                ("report", models.JSONField(default=dict)),
                ("done", models.BooleanField(default=False)),
                (
                    "storage",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="parts",
                        to="polardb_io_storages.polardbimportstorage",
                    ),
                ),
            ],
        ),
    ]
