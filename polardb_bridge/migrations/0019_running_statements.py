"""Statements that run are recorded as such."""

from django.db import migrations, models

_OUTCOMES = [("running", "Running"), ("done", "Done"), ("refused", "Refused"), ("failed", "Failed")]


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0018_mapping")]

    operations = [
        migrations.AlterField("statementrecord", "outcome", models.CharField(choices=_OUTCOMES, max_length=16)),
    ]
