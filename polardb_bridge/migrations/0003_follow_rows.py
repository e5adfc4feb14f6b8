"""Links know their row's id as a number and its version, so that a sync can follow changed and deleted rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("polardb_io_storages", "0002_writeback_reconcile")]

    operations = [
        migrations.AddField("polardbimportstoragelink", "row_id", models.BigIntegerField(null=True)),
        migrations.AddField("polardbimportstoragelink", "version", models.BigIntegerField(default=0)),
        migrations.AddField("polardbimportstoragelink", "vanished", models.BooleanField(default=False)),
        migrations.RunSQL(
            "UPDATE polardb_io_storages_polardbimportstoragelink SET row_id = CAST(key AS bigint)",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField("polardbimportstoragelink", "row_id", models.BigIntegerField()),
        migrations.RemoveConstraint("polardbimportstoragelink", "polardb_one_task_per_row"),
        migrations.AddConstraint(
            "polardbimportstoragelink",
            models.UniqueConstraint(fields=["storage", "row_id"], name="polardb_one_task_per_row_id"),
        ),
        migrations.AlterField(
            "polardbimportstorage",
            "image_delivery",
            models.CharField(
                choices=[
                    ("auto", "Automatic"),
                    ("data_uri", "Inside the task (data URI)"),
                    ("link", "By link"),
                ],
                default="auto",
                help_text="How images reach Label Studio",
                max_length=16,
            ),
        ),
        migrations.AddField(
            "polardbimportstorage",
            "delivery_in_use",
            models.CharField(
                blank=True,
                default="",
                help_text="What `auto` was at the first sync; it stays that",
                max_length=16,
            ),
        ),
        migrations.AddField(
            "polardbimportstorage",
            "regex_filter",
            models.TextField(
                blank=True,
                default="",
                help_text="Only rows whose original_name matches this regular expression become tasks",
            ),
        ),
        migrations.AddField(
            "polardbimportstorage",
            "only_unannotated",
            models.BooleanField(default=False, help_text="Only rows without a result become tasks"),
        ),
    ]
