"""Client certificates of storages, for accounts that ask for one."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0011_identities")]

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
    ]
