"""Rows that do not meet the filter of their storage any more."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0021_result_tables")]

    operations = [
        migrations.AddField("polardbimportstoragelink", "is_outside", models.BooleanField(default=False)),
        migrations.AlterField("deployment", "source", models.CharField(max_length=129)),
    ]
