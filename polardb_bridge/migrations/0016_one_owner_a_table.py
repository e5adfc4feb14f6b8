"""Which storages have a table for themselves; of those that had it together, the oldest."""

import hashlib

from django.db import migrations, models


def give(apps, schema_editor):
    for model, within in (("PolarDBExportStorage", None), ("PolarDBImportStorage", "project_id")):
        storages = apps.get_model("polardb_io_storages", model).objects
        taken = set()
        for storage in storages.exclude(known_as=None).defer("password").order_by("pk"):
            known = storage.known_as
            if known["address"] != f"{storage.host.lower()}:{storage.port}/{storage.database}.{storage.table}":
                continue  # it leads elsewhere by now
            key = hashlib.sha256(f"{known['server']} {known['path']}".encode()).hexdigest()
            owner = (key, within and getattr(storage, within))
            if owner not in taken:
                taken.add(owner)
                storages.filter(pk=storage.pk).update(owned_table=key)


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0015_labeled_images")]

    operations = [
        migrations.AddField(
            "polardbexportstorage", "owned_table", models.CharField(max_length=64, null=True, editable=False)
        ),
        migrations.AddField(
            "polardbimportstorage", "owned_table", models.CharField(max_length=64, null=True, editable=False)
        ),
        migrations.RunPython(give, migrations.RunPython.noop),
        migrations.AddConstraint(
            "polardbexportstorage",
            models.UniqueConstraint(fields=["owned_table"], name="polardb_one_target_per_table"),
        ),
        migrations.AddConstraint(
            "polardbimportstorage",
            models.UniqueConstraint(fields=["project", "owned_table"], name="polardb_one_source_per_table"),
        ),
    ]
