"""Which columns of a table are what."""

from django.db import migrations, models

_MAPPING = models.JSONField(
    blank=True, default=dict, help_text="Which columns are what (table/mapping.py); empty: the documented layout"
)


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0017_writeback_days")]

    operations = [
        migrations.AddField("polardbimportstorage", "mapping", _MAPPING),
        migrations.AddField("polardbexportstorage", "mapping", _MAPPING),
        migrations.AddField("knowntable", "key_column", models.CharField(default="id", max_length=64)),
    ]
