"""Deployments, and the record of the statements that were run."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models.functions import Lower
from organizations.models import Organization
from projects.models import Project

from polardb_bridge.databases.fields import SecretField, is_encrypted
from polardb_bridge.errors import NoSuchDeploymentError
from polardb_bridge.statements.names import MAX_NAME_LENGTH, allow_list_name
from polardb_bridge.statements.syntax import ShowDeployments

# What the logins of deployments' users end in.
LOGIN_DOMAIN = "deployments.local"


def no_such_deployment(name: str) -> NoSuchDeploymentError:
    return NoSuchDeploymentError(f"There is no deployment {name!r}. {ShowDeployments.verb} lists them.")


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def find(self, name: str) -> Deployment:
        """The deployment of that name, in either case.

        Raises:
            NoSuchDeploymentError: there is none.
        """
        deployment: Deployment | None = self.filter(name__iexact=name).first()
        if deployment is None:
            raise no_such_deployment(name)
        return deployment

    def without_secrets(self) -> DeploymentQuerySet:
        """Without the first passwords, which take longer to decrypt than all else takes to read."""
        found: DeploymentQuerySet = self.defer("first_password")
        return found

    def of_user(self, user: AbstractBaseUser) -> models.QuerySet[Deployment]:
        """The deployments that `user` works in: as the user created for it, or as one of its organization."""
        return self.filter(
            models.Q(user=user) | models.Q(organization__isnull=False, organization=user.active_organization_id)
        )


class Deployment(models.Model):
    """A labeling service for one source table: an organization with one user and one project.

    user, organization and project are None if somebody has deleted them by hand in Label Studio.
    source: the table, with its database if that is not the one of POLARDB_URL.
    table_address: `host:port/database.table`. table_identity: which table that is, as `table.identity.TableIdentity`;
    None if it is not known. rows: about how many it had when it was deployed.
    template_id: as it stood in the statement, the id or name of a row of `annotation_template`.
    allowed_networks: canonical networks (`118.178.1.2/32`) from which the deployment may be used; if empty, none.
    first_password: what the user was given, encrypted; None once it is known to have been changed.
    is_dropping: a DROP is under way, or was interrupted: nobody gets in.
    """

    name = models.CharField(max_length=MAX_NAME_LENGTH)
    organization = models.OneToOneField(Organization, on_delete=models.SET_NULL, null=True, related_name="deployment")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="deployment"
    )
    project = models.OneToOneField(Project, on_delete=models.SET_NULL, null=True, related_name="deployment")
    template_id = models.CharField(max_length=255)
    source = models.CharField(max_length=129)
    # Two deployments of one table would write their own results into the same rows, in turns.
    table_address = models.CharField(max_length=512, unique=True)
    table_identity = models.CharField(max_length=512, null=True, unique=True)  # noqa: DJ001  # "" would be one table
    rows = models.BigIntegerField(default=0)
    allowed_networks = models.JSONField(default=list, blank=True)
    first_password = SecretField(blank=True, null=True)
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
        return allow_list_name(self.name)

    @property
    def path(self) -> str:
        """The deployment's own url, below Label Studio's."""
        return f"/deployments/{self.name}/"

    def reveal_password(self) -> str | None:
        """The first password while it is still valid; None once the user has changed it, and then it is forgotten.

        None, too, if it was encrypted with another SECRET_KEY.
        """
        if not self.first_password or self.user is None or is_encrypted(self.first_password):
            return None
        if self.user.password != self.first_password_hash:
            # The hash also changes when Django strengthens it at a login.
            still_valid = self.user.check_password(self.first_password)
            self.first_password = self.first_password if still_valid else None
            self.first_password_hash = self.user.password
            self.save(update_fields=["first_password", "first_password_hash"])
        password: str | None = self.first_password
        return password


class StatementRecord(models.Model):
    """Who ran which statement, when, from where, with what outcome; kept when its deployment or user is deleted.

    user_name: the e-mail address, or the system's account if a command ran. client_ip: empty if there was none.
    via: `command`, `api` or `console`. statement: with secrets masked. outcome: RUNNING stays if the process
    ended before the statement did. error: empty if it succeeded.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=256, blank=True, default="")
    client_ip = models.CharField(max_length=64, blank=True, default="")
    via = models.CharField(max_length=16)
    statement = models.TextField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    error = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.user_name}: {self.statement[:80]}"
