"""The Django app."""

from django.apps import AppConfig
from django.core.checks import Tags, register


class PolarDBBridgeConfig(AppConfig):
    name = "polardb_bridge"
    verbose_name = "PolarDB Bridge"
    # Label Studio finds a task's storage link by the pattern `.*io_storages_` in the accessor's name
    # (tasks/models.py, get_storage_link), and the accessor starts with this label.
    label = "polardb_io_storages"

    def ready(self) -> None:
        from polardb_bridge.checks import check_database, check_storage_form, check_what_is_open
        from polardb_bridge.conf import configuration
        from polardb_bridge.deployments.access import guesses
        from polardb_bridge.deployments.access.admission import admit, admit_token
        from polardb_bridge.deployments.access.lent import check_import_urls
        from polardb_bridge.deployments.identities import backends, sessions, tokens
        from polardb_bridge.deployments.tenancy import organizations
        from polardb_bridge.deployments.tenancy.isolation import may_see
        from polardb_bridge.deployments.tenancy.signup import check_may_change_login_settings, check_may_invite
        from polardb_bridge.label_studio import (
            actions,
            annotations,
            authentication,
            editor,
            expansion,
            exports,
            limits,
            ml,
            names,
            projects,
            redis,
            results,
            storages,
            tasks,
            tenancy,
        )
        from polardb_bridge.storage.checks import check_storages
        from polardb_bridge.storage.interface_changes import check_interface
        from polardb_bridge.storage.labels import config_of_editor
        from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
        from polardb_bridge.storage.sync import jobs
        from polardb_bridge.storage.sync.dismissal import dismiss
        from polardb_bridge.storage.sync.stopping import stopped
        from polardb_bridge.web.schema import make_schema_once
        from polardb_bridge.webhooks import capture, signals

        register(check_database)
        register(check_storage_form)
        register(check_what_is_open, Tags.security, deploy=True)
        register(check_storages, Tags.database)
        tasks.prefetch_import_links(PolarDBImportStorageLink)
        tasks.watch_deletions(dismiss)
        projects.around_deletions(lambda found: stopped(PolarDBImportStorage.objects.filter(project__in=found)))
        projects.check_changed_config(check_interface)
        annotations.capture_bulk_changes(capture.tasks_changed)
        annotations.capture_removed_duplicates(signals.move_links)
        editor.change_config(config_of_editor)
        redis.remember_dead_redis()
        tenancy.check_objects(may_see)
        tenancy.check_drafts()
        tenancy.check_invitations(check_may_invite)
        tenancy.hide_other_organizations()
        authentication.watch_identities(admit, admit_token)
        authentication.check_tokens(tokens.may_use_legacy_token, tokens.is_void)
        tenancy.check_login_settings(check_may_change_login_settings)
        tenancy.keep_users_to_themselves()
        ml.send_token_of(backends.backend_user, backends.revoke)
        guesses.connect_signals()
        sessions.connect_signals()
        storages.guard_credentials()
        storages.match_names_in_linear_time(lambda: configuration().are_patterns_trusted)
        exports.keep_files_to_their_organization()
        expansion.limit_frames()
        expansion.limit_masks()
        actions.refuse_actions_not_offered()
        names.match_names_literally()
        limits.limit_requests(lambda: configuration().limits)
        results.check_results()
        make_schema_once()
        storages.check_imports_by_url(check_import_urls)
        jobs.connect_signals()
        signals.connect_signals()
        organizations.connect_signals()
