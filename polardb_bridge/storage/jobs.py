"""Where jobs that were queued before the first release look for their functions; goes with the release after it."""

from polardb_bridge.storage.sync.jobs import help_job, sync_job

__all__ = ["help_job", "sync_job"]
