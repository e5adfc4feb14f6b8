"""The Django app."""

from django.apps import AppConfig
from django.core.checks import register


class PolarDBBridgeConfig(AppConfig):
    name = "polardb_bridge"
    verbose_name = "PolarDB Bridge"
    # Label Studio finds a task's storage link by the pattern `.*io_storages_` in the accessor's name
    # (tasks/models.py, get_storage_link), and the accessor starts with this label.
    label = "polardb_io_storages"

    def ready(self) -> None:
        from polardb_bridge import label_studio
        from polardb_bridge.checks import check_storage_form
        from polardb_bridge.deployments import access, isolation, members, signup
        from polardb_bridge.storage.models import PolarDBImportStorageLink
        from polardb_bridge.webhooks import capture, signals

        register(check_storage_form)
        label_studio.prefetch_import_links(PolarDBImportStorageLink)
        label_studio.capture_bulk_changes(capture.tasks_changed)
        label_studio.capture_removed_duplicates(signals.move_links)
        label_studio.remember_dead_redis()
        label_studio.check_objects(isolation.may_see)
        label_studio.check_drafts()
        label_studio.check_invitations(signup.check_may_invite)
        label_studio.hide_other_organizations()
        label_studio.watch_identities(access.admit, access.admit_token)
        signals.connect()
        members.connect()
