"""Where jobs that were queued by 0.1 look for their functions; goes with the release after 0.2."""

from polardb_bridge.storage.sync.jobs import help_job, sync_job

__all__ = ["help_job", "sync_job"]
