"""What syncs remember of what people did in another order, removed, or moved."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("polardb_io_storages", "0011_identities"),
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
    ]
