"""Marks that are only added, and records of write-back that lock nothing: neither tasks and storages, nor each other."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def relation(to: str, related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name=related_name,
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("polardb_io_storages", "0007_one_word_a_concept"),
        ("tasks", "0060_add_allow_skip_to_task"),
    ]

    operations = [
        migrations.AlterField(
            "pendingwriteback", "storage", relation("polardb_io_storages.polardbexportstorage", "pending_writebacks")
        ),
        migrations.AlterField("pendingwriteback", "task", relation("tasks.task", "+")),
        migrations.CreateModel(
            name="WritebackMark",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("marked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("storage", relation("polardb_io_storages.polardbexportstorage", "writeback_marks")),
                ("task", relation("tasks.task", "+")),
            ],
            options={"indexes": [models.Index(fields=["storage", "task"], name="polardb_marks")]},
        ),
    ]
