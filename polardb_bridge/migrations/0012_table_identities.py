"""Which tables the addresses of storages and deployments lead to."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0011_identities")]

    operations = [
        migrations.AddField("polardbimportstorage", "known_as", models.JSONField(editable=False, null=True)),
        migrations.AddField("polardbexportstorage", "known_as", models.JSONField(editable=False, null=True)),
        migrations.AddField(
            "deployment", "table_identity", models.CharField(max_length=512, null=True, unique=True)
        ),
    ]
