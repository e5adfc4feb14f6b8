"""Which of Label Studio's tests end otherwise under our settings, each with the reason why that is right."""

from __future__ import annotations

from label_studio_suite.outcomes import Difference

# Label Studio's open edition assumes that there is one organization, and lets anybody into any project
# (projects/mixins.py, has_permission). Its fixtures make an organization a person: `annotator_client`, who is no member
# of `business_client`'s, works in the latter's projects. Here organizations are tenants, which do not see one another.
# An installation without deployments has one organization, with everybody in it.
_NO_MEMBER = "An annotator, who is no member of the project's organization, "

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "tests/test_annotations.py::test_create_annotation[annotator-*]",
        "failed",
        _NO_MEMBER + "submits an annotation.",
    ),
    Difference(
        "tests/test_annotations.py::test_create_annotation_with_ground_truth[annotator]",
        "failed",
        _NO_MEMBER + "submits an annotation.",
    ),
    # The other sequences are annotated by the project's owner alone.
    *(
        Difference(
            f"tests/test_annotations.py::test_accuracy[annotations_sequence{number}-*]",
            "failed",
            _NO_MEMBER + "submits one of the annotations.",
        )
        for number in (2, 4, 5, 7, 8, 9, 10)
    ),
    Difference(
        "tests/test_annotations.py::test_accuracy_on_delete", "failed", _NO_MEMBER + "submits one of the annotations."
    ),
    Difference("tests/test_next_task.py::test_next_task[annotator-*]", "failed", _NO_MEMBER + "asks for a task."),
    Difference(
        "tests/test_next_task.py::test_next_task_with_active_learning[annotator-*]",
        "failed",
        _NO_MEMBER + "asks for a task.",
    ),
    Difference("tests/test_next_task.py::test_overlap_first[*]", "failed", _NO_MEMBER + "asks for a task."),
    Difference("tests/test_next_task.py::test_breadth_first_simple", "failed", _NO_MEMBER + "asks for a task."),
    Difference("tests/test_next_task.py::test_breadth_first_overlap_3", "failed", _NO_MEMBER + "asks for a task."),
    Difference("tests/test_next_task.py::test_fetch_final_taken_task", "failed", _NO_MEMBER + "asks for a task."),
    *(
        Difference(
            f"tests/sdk/test_prediction_validation.py::TestSDKPredictionValidation::{test}",
            "failed",
            "A user adds a prediction to a task of another organization's project.",
        )
        for test in ("test_valid_prediction_*", "test_complex_valid_prediction", "test_empty_result_array")
    ),
    *(
        Difference(
            f"tests/{file}.tavern.yml::get_import_export_storage_types",
            "failed",
            "The test knows the list of storage types by heart, and ours is one more.",
        )
        for file in ("io_storages", "io_storages_presign_proxy")
    ),
    *(
        Difference(
            f"io_storages/tests/test_proxy_api.py::Test{what}ResolveStorageUri::{test}",
            "failed",
            "The test's user is a mock, whose number the database cannot look up: is it an ML backend's?",
        )
        for what in ("Task", "Project")
        for test in ("test_get_with_missing_params", f"test_get_{what.lower()}_not_found", "test_get_success")
    ),
    Difference(
        "fsm/tests/test_storage_sync_workflows.py::TestAzureStorageSyncWorkflows::test_azure_sync_creates_tasks_with_fsm_states",
        "failed",
        "The test's key is none that Azure gives; what is none may lead elsewhere, and is refused.",
    ),
    *(
        Difference(
            f"tests/test_prediction_validation.py::TestPredictionValidation::{test}",
            "failed",
            "A prediction without a result is refused when its task is checked, and not when all are saved.",
        )
        for test in ("test_invalid_prediction_none_result", "test_multiple_validation_errors")
    ),
    Difference(
        "tests/data_manager/api_tasks.tavern.yml::tasks_api_prevent_prefix_regression",
        "failed",
        "The test filters by a field that does not exist, and waits for status 500: that is the request's fault, 400.",
    ),
    *(
        Difference(
            f"tests/errors.tavern.yml::{test}",
            "failed",
            "The test asks for a page that fails to show how failures look: it is there in debug mode only.",
        )
        for test in ("regular_error", "error_without_exc_info")
    ),
    Difference(
        "tests/users.tavern.yml::test_users",
        "failed",
        "A member changes another user, which administrators may; it is refused before the change is looked at.",
    ),
    Difference(
        "tests/data_manager/test_api_actions.py::test_action_cache_labels",
        "failed",
        "The test performs an experimental action, which is not offered.",
    ),
    Difference(
        "tests/test_contextlog.py::test_contextlog",
        "failed",
        "The test waits for a report of usage to Label Studio's makers, which we turn off.",
    ),
    Difference(
        "tests/test_endpoints.py::test_urls_mismatch_with_registered",
        "failed",
        "The test knows the list of URLs by heart, and ours are more.",
    ),
    Difference(
        "tests/test_endpoints.py::test_all_urls_*",
        "failed",
        "The test makes up arguments for all URLs, by name, and knows none for the name of a deployment.",
    ),
)
