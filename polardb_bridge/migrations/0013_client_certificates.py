"""Client certificates of storages, for accounts that ask for one; images that cannot be shown."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0012_table_identities")]

    operations = [
        migrations.AddField(
            model_name=model,
            name=name,
            field=models.CharField(blank=True, default="", help_text=help_text, max_length=255),
        )
        for model in ("polardbimportstorage", "polardbexportstorage")
        for name, help_text in (
            ("tls_cert", "Client certificate: a file's path"),
            ("tls_key", "Its private key: a file's path"),
        )
    ] + [
        migrations.CreateModel(
            name="UnreadableImage",
            fields=[
                (
                    "link",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="unreadable",
                        serialize=False,
                        to="polardb_io_storages.polardbimportstoragelink",
                    ),
                ),
                ("problem", models.TextField()),
                ("found_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("after", models.BigIntegerField(null=True)),
                ("checked", models.PositiveIntegerField(default=0)),
                (
                    "storage",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="verification",
                        to="polardb_io_storages.polardbimportstorage",
                    ),
                ),
            ],
        ),
    ]
