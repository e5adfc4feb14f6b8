"""How long results took to reach their rows."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0016_one_owner_a_table")]

    operations = [
        migrations.CreateModel(
            name="WritebackDay",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("written", models.PositiveBigIntegerField(default=0)),
                ("total_s", models.FloatField(default=0.0)),
                ("slowest_s", models.FloatField(default=0.0)),
                (
                    "storage",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="writeback_days",
                        to="polardb_io_storages.polardbexportstorage",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["storage", "day"], name="polardb_one_count_per_day")
                ],
            },
        ),
    ]
