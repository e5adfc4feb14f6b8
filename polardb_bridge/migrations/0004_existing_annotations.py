"""Results that rows hold already come into Label Studio."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("polardb_io_storages", "0003_follow_rows")]

    operations = [
        migrations.AddField(
            "polardbimportstorage",
            "existing_annotations",
            models.CharField(
                choices=[
                    ("annotations", "As annotations"),
                    ("predictions", "As predictions"),
                    ("ignore", "Not at all"),
                ],
                default="annotations",
                help_text="How results that rows hold already come into Label Studio",
                max_length=16,
            ),
        ),
    ]
