"""Columns get the words that the code uses: lease, parked, missing row, table address, client IP."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("polardb_io_storages", "0006_deployments")]

    operations = [
        migrations.RenameField("pendingwriteback", "claim", "lease"),
        migrations.RenameField("pendingwriteback", "claimed_until", "leased_until"),
        migrations.RenameField("pendingwriteback", "problem", "parked_reason"),
        migrations.RenameField("syncpart", "claim", "lease"),
        migrations.RenameField("polardbimportstoragelink", "vanished", "is_missing"),
        migrations.RenameField("deployment", "address", "table_address"),
        migrations.RenameField("statementrecord", "address", "client_ip"),
    ]
