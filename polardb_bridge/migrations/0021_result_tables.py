"""Targets may write into result tables; those that there are write rows."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0020_keys")]

    operations = [
        migrations.AddField(
            "polardbexportstorage",
            "writes_to",
            models.CharField(
                choices=[("rows", "The rows of the source"), ("result_table", "A result table")],
                default="rows",
                help_text="What the table is: that of a source, whose rows get their results, or a result table",
                max_length=16,
            ),
        ),
    ]
