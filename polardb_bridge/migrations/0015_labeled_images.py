"""Images of new results, which are looked at; when a verification came to its end."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("polardb_io_storages", "0014_what_people_do_next")]

    operations = [
        migrations.AddField(
            model_name="verification", name="finished_at", field=models.DateTimeField(null=True)
        ),
        migrations.CreateModel(
            name="LabeledImage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("storage_id", models.IntegerField()),
                ("task_id", models.IntegerField()),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["storage_id", "due_at"], name="polardb_labeled_images")],
            },
        ),
    ]
