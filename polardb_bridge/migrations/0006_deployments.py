"""Deployments by statement, and the record of statements."""

import django.db.models.deletion
import django.db.models.functions.text
import encrypted_fields.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("organizations", "0006_alter_organizationmember_deleted_at"),
        ("polardb_io_storages", "0005_sync_schedule"),
        ("projects", "0034_project_annotator_evaluation_enabled"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StatementRecord",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("user_name", models.CharField(blank=True, default="", max_length=256)),
                ("address", models.CharField(blank=True, default="", max_length=64)),
                ("via", models.CharField(max_length=16)),
                ("statement", models.TextField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("failed", "Failed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("error", models.TextField(blank=True, default="")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Deployment",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("template_id", models.CharField(max_length=255)),
                ("source", models.CharField(max_length=64)),
                ("address", models.CharField(max_length=512, unique=True)),
                ("rows", models.BigIntegerField(default=0)),
                ("allowed_networks", models.JSONField(blank=True, default=list)),
                (
                    "first_password", encrypted_fields.fields.EncryptedTextField(blank=True, null=True),
                ),
                (
                    "first_password_hash",
                    models.CharField(blank=True, default="", max_length=128),
                ),
                ("is_dropping", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organization",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deployment",
                        to="organizations.organization",
                    ),
                ),
                (
                    "project",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deployment",
                        to="projects.project",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deployment",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("name"),
                        name="polardb_one_deployment_per_name",
                    )
                ],
            },
        ),
    ]
