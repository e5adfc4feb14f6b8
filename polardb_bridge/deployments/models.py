"""Deployments, and the record of the statements that were run."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models.functions import Lower
from encrypted_fields.fields import EncryptedTextField
from organizations.models import Organization
from projects.models import Project

from polardb_bridge.deployments.statements import WHITE_IP_PREFIX
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def of_user(self, user: AbstractBaseUser) -> models.QuerySet[Deployment]:
        """The deployments that `user` works in: as the user made for it, or as one of its organization."""
        return self.filter(
            models.Q(user=user) | models.Q(organization__isnull=False, organization=user.active_organization_id)
        )


class Deployment(models.Model):
    """A labeling service for one source table: an organization with one user and one project.

    user, organization and project are None where somebody has deleted them by hand in Label Studio.
    address: where the table is, `host:port/database.table`. rows: how many it had when it was deployed, about.
    template_id: as it stood in the statement, the id or name of a row of `annotation_template`.
    allowed_networks: canonical networks (`118.178.1.2/32`) from which the deployment may be used; nobody where empty.
    first_password: what the user was given, encrypted; None from the time when it is known to be changed.
    is_dropping: a DROP is under way, or was interrupted: nobody gets in.
    """

    name = models.CharField(max_length=64)
    organization = models.OneToOneField(Organization, on_delete=models.SET_NULL, null=True, related_name="deployment")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="deployment"
    )
    project = models.OneToOneField(Project, on_delete=models.SET_NULL, null=True, related_name="deployment")
    template_id = models.CharField(max_length=255)
    source = models.CharField(max_length=64)
    # Two deployments of one table would write their own results into the same rows, in turns.
    address = models.CharField(max_length=512, unique=True)
    rows = models.BigIntegerField(default=0)
    allowed_networks = models.JSONField(default=list, blank=True)
    first_password = EncryptedTextField(blank=True, null=True)
    first_password_hash = models.CharField(max_length=128, blank=True, default="")
    is_dropping = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        # Logins are e-mail addresses, which Label Studio lowers: two names that differ in case would be one login.
        constraints = [models.UniqueConstraint(Lower("name"), name="polardb_one_deployment_per_name")]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def white_ip_name(self) -> str:
        """What the allow-list is called in statements."""
        return f"{WHITE_IP_PREFIX}{self.name}"

    @property
    def path(self) -> str:
        """The address of the deployment, below Label Studio's own."""
        return f"/deployments/{self.name}/"

    @property
    def import_storage(self) -> PolarDBImportStorage | None:
        storages = PolarDBImportStorage.objects.filter(project=self.project_id, project__isnull=False)
        first: PolarDBImportStorage | None = storages.first()
        return first

    @property
    def export_storage(self) -> PolarDBExportStorage | None:
        storages = PolarDBExportStorage.objects.filter(project=self.project_id, project__isnull=False)
        first: PolarDBExportStorage | None = storages.first()
        return first


class StatementRecord(models.Model):
    """Who ran which statement, when, from where, with what outcome; kept when its deployment or user is gone.

    user_name: the e-mail address, or the account of the system where a command ran. address: empty where there was
    none. via: `command`, `api` or `console`. statement: with secrets masked. error: empty where it succeeded.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=256, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")
    via = models.CharField(max_length=16)
    statement = models.TextField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    error = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.user_name}: {self.statement[:80]}"
