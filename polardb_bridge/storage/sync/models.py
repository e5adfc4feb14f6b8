"""How the sync of a storage stands, its parts if it is shared, and what it remembers of rows."""

from __future__ import annotations

from django.db import models

from polardb_bridge.storage.keyed import IS_INTEGER, IS_TEXT, KeyedMixin
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.keys import MAX_KEY_LENGTH, shown_key


class SyncState(models.Model):
    """How the sync of a storage stands.

    lease, beat_at: the process that does it, None if none is under way; and its last sign of life. resumptions: how
    often others went on with it, since it last made a task. last_old_link: the tasks of this sync have links with
    larger ids; created: how many there were when another process went on; updated, removed: tasks refreshed and removed
    so far. last_number: the last inner id that is set aside for the tasks of a shared sync. horizon: as
    `table.horizon.Horizon`, of the newest sync.
    """

    storage = models.OneToOneField(PolarDBImportStorage, on_delete=models.CASCADE, related_name="sync_state")
    lease = models.UUIDField(null=True)
    beat_at = models.DateTimeField(null=True)
    resumptions = models.PositiveIntegerField(default=0)
    last_old_link = models.BigIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    last_number = models.BigIntegerField(default=0)
    horizon = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"sync of storage {self.storage_id}"


class SyncPart(models.Model):
    """A range of integer keys of one sync, for whichever process takes it.

    after, until: as in KeyRange. lease, beat_at: who works on it, and when that one last gave a sign of life. report:
    the counts so far, and those of the whole range once it is done.
    """

    storage = models.ForeignKey(PolarDBImportStorage, on_delete=models.CASCADE, related_name="parts")
    after = models.BigIntegerField(null=True)
    until = models.BigIntegerField(null=True)
    lease = models.UUIDField(null=True)
    beat_at = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)
    done = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"rows {self.after} to {self.until} of storage {self.storage_id}"


class RowMemory(models.Model):
    """What is known of a link beside its version; most have none of it.

    digest: of what the task shows, while the row can change and keep its version; empty otherwise. revision: how often
    the task was refreshed.
    """

    link = models.OneToOneField(
        PolarDBImportStorageLink, on_delete=models.CASCADE, primary_key=True, related_name="memory"
    )
    digest = models.CharField(max_length=40, default="", blank=True)
    revision = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"memory of link {self.link_id}"


class RefusedResult(models.Model):
    """A row's result that could not be brought in when its task was made; gone once it could."""

    link = models.OneToOneField(
        PolarDBImportStorageLink, on_delete=models.CASCADE, primary_key=True, related_name="refused_result"
    )

    def __str__(self) -> str:
        return f"refused result of link {self.link_id}"


class KnownTable(models.Model):
    """Which table the addresses of a storage's pictures lead to; tasks that hold them can outlive the storage.

    key_column: what its rows are known by.
    """

    storage_id = models.IntegerField(primary_key=True)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    database = models.CharField(max_length=64)
    table = models.CharField(max_length=64)
    key_column = models.CharField(max_length=2000, default="id")

    def __str__(self) -> str:
        return f"table of storage {self.storage_id}"

    @classmethod
    def remember(cls, storage: PolarDBImportStorage) -> None:
        known = {**storage.address, "key_column": storage.key_column}
        cls.objects.update_or_create(storage_id=storage.pk, defaults=known)

    def storages(self) -> list[PolarDBImportStorage]:
        """The storages of this table that there are now and that know its rows by the same."""
        here = PolarDBImportStorage.objects.filter(
            host=self.host, port=self.port, database=self.database, table=self.table
        )
        return [storage for storage in here.defer("password") if storage.key_column == self.key_column]


class DismissedRow(KeyedMixin):
    """A row whose task a person has deleted: it becomes none again before it is brought back."""

    storage = models.ForeignKey(PolarDBImportStorage, on_delete=models.CASCADE, related_name="dismissed_rows")
    key = models.CharField(max_length=MAX_KEY_LENGTH, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["storage", "row_id"], condition=IS_INTEGER, name="polardb_dismissed_once"),
            models.UniqueConstraint(fields=["storage", "key"], condition=IS_TEXT, name="polardb_dismissed_key_once"),
        ]

    def __str__(self) -> str:
        return f"row {shown_key(self.row_key)} of storage {self.storage_id}"
