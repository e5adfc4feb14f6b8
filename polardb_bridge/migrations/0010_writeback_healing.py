"""Leases that dead deliveries lose at once, rows and servers that wait by themselves, and the order of annotations."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("polardb_io_storages", "0009_sync_horizon"),
        ("tasks", "0060_add_allow_skip_to_task"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnnotationSequence",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "annotation",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tasks.annotation",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ServerState",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=255)),
                ("port", models.PositiveIntegerField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("retry_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("host", "port"), name="polardb_one_state_per_server")
                ]
            },
        ),
        migrations.CreateModel(
            name="WritebackLease",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveField("pendingwriteback", "leased_until"),
        migrations.AddField("pendingwriteback", "locked_since", models.DateTimeField(null=True)),
        migrations.AddField("pendingwriteback", "row_id", models.BigIntegerField(null=True)),
        migrations.AddField("pendingwriteback", "attempts", models.PositiveIntegerField(default=0)),
        migrations.AddField("pendingwriteback", "retry_at", models.DateTimeField(null=True)),
    ]
