"""Backend users, and what has been ended before its time: sessions and tokens carry no such mark themselves."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from projects.models import Project


class BackendUser(models.Model):
    """The user whose token the ML backends of a project get: it may read what they need, in that project only.

    project: None once it is deleted; then the user may do nothing.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    project = models.OneToOneField(Project, on_delete=models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"backends of project {self.project_id}"


class EndedSession(models.Model):
    """A session that its user has signed out of: its cookie, which holds all of it, may have been copied.

    uid: Label Studio's number of the session.
    """

    uid = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return str(self.uid)


class TokenCutoff(models.Model):
    """Tokens that the user was given before this moment are void: the password has changed."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    before = models.DateTimeField()

    def __str__(self) -> str:
        return f"tokens of user {self.user_id} before {self.before}"
