"""The rows of the page "Which pictures and databases work", each with the tests that show it.

By section, in the page's order: what it says in English, in Chinese, and the tests.
"""

from __future__ import annotations

_IMAGES = "tests/unit/test_images.py::"
_UNREADABLE = "tests/integration/test_unreadable_images.py::"
_TLS = "tests/integration/test_encryption.py::"
_BUDGET = "tests/integration/test_connection_budget.py::"
_SCHEMA = "tests/integration/test_table_schema.py::"
_COLUMNS = "tests/integration/test_table_columns.py::"
_IDENTITY = "tests/integration/test_table_identity.py::"
_FAULTS = "tests/faults/test_server_faults.py::"

Row = tuple[str, str, tuple[str, ...]]

WHAT_WORKS: list[list[Row]] = [
    [
        (
            "A format of [the list](images.md)",
            "[列表](images.md)中的格式",
            (
                _IMAGES + "test_what_browsers_show_becomes_a_task_as_it_is",
                _IMAGES + "test_tiff_is_shown_as_png_without_loss",
            ),
        ),
        (
            "A picture that lacks pixels",
            "缺少像素的图片",
            (_IMAGES + "test_a_picture_that_is_cut_off_is_not_taken_for_whole", _IMAGES + "test_damage_is_named"),
        ),
        (
            "A JPEG picture whose middle is missing, with its end",
            "中间缺失而结尾还在的 JPEG 图片",
            (
                _IMAGES + "test_a_jpeg_without_its_middle_lacks_restart_markers",
                _IMAGES + "test_a_progressive_jpeg_without_its_middle_lacks_scans",
            ),
        ),
        (
            "What browsers get over (bytes behind the end, a missing end marker)",
            "浏览器能容忍的（结尾之后的字节、缺少结束标记）",
            ("tests/browser/test_images_in_chromium.py::test_odd_images_show_the_same_pixels_as_their_originals",),
        ),
        (
            "Base64 in the wrappings of programs",
            "带有程序所加外层的 base64",
            ("tests/unit/test_base64_text.py::test_base64_is_read_as_people_store_it",),
        ),
        ("Something that is no picture", "不是图片的内容", (_IMAGES + "test_what_is_no_image_is_named",)),
        (
            "A damaged picture by link",
            "链接方式的损坏图片",
            (
                _UNREADABLE + "test_a_verification_lists_rows_with_their_reasons",
                _UNREADABLE + "test_a_page_is_shown_the_reason",
            ),
        ),
        (
            "A result for a picture that was not shown",
            "未能显示的图片的结果",
            (
                _UNREADABLE + "test_a_result_for_a_picture_that_was_not_shown_is_taken_and_listed",
                _UNREADABLE + "test_those_of_bad_images_are_listed",
            ),
        ),
    ],
    [
        (
            "The documented DDL, and further columns",
            "文档中的 DDL，以及更多的列",
            (_SCHEMA + "test_documented_tables_are_valid", _SCHEMA + "test_extra_columns_are_fine"),
        ),
        (
            "A missing or mistyped column",
            "缺少的列或类型不符的列",
            (_SCHEMA + "test_missing_and_mistyped_columns_are_named_together",),
        ),
        ("An `id` that is not the primary key", "`id` 不是主键", (_SCHEMA + "test_the_id_must_be_the_primary_key",)),
        ("A view", "视图", (_COLUMNS + "test_a_view_is_named_as_one",)),
        (
            "A generated results column, or an `annotation_uid` of less than 36 characters",
            "生成列的结果列，或少于 36 个字符的 `annotation_uid`",
            (_COLUMNS + "test_what_cannot_be_written_is_refused_as_target_only",),
        ),
        (
            "`base64_data` as TEXT (64 KiB), `updated_at` without ON UPDATE, results that are "
            "NOT NULL or not in `utf8mb4`",
            "`base64_data` 是 TEXT（64 KiB）、`updated_at` 没有 ON UPDATE、结果列为 NOT NULL 或不是 `utf8mb4`",
            (
                _COLUMNS + "test_what_will_surprise_is_said",
                "tests/integration/test_statements.py::test_deploy_says_what_the_check_of_a_storage_says",
            ),
        ),
        (
            "JSON `null`, an empty text, `[]` or `{}` in place of NULL",
            "代替 NULL 的 JSON `null`、空文本、`[]` 或 `{}`",
            ("tests/integration/test_existing_results.py::test_what_stands_for_null_is_no_result",),
        ),
        (
            "A target of a table that no source of its project reads, or a source of another table than the target "
            "that came first",
            "项目中没有源读取的表作为目标，或源与先添加的目标不是同一张表",
            (
                _IDENTITY + "test_a_target_that_no_source_reads_is_refused",
                _IDENTITY + "test_a_source_of_another_table_than_the_target_before_it_is_refused",
            ),
        ),
        (
            "A result larger than `max_allowed_packet`",
            "大于 `max_allowed_packet` 的结果",
            ("tests/integration/test_table_writing.py::test_a_result_is_judged_by_its_whole_statement",),
        ),
    ],
    [
        (
            "A server that stops, hangs or cuts connections",
            "停止、失去响应或断开连接的服务器",
            (_FAULTS + "test_server_stopped_during_submits", _FAULTS + "test_frozen_server"),
        ),
        ("A short `wait_timeout`", "较短的 `wait_timeout`", (_BUDGET + "test_a_sync_outlives_a_short_wait_timeout",)),
        (
            "An account with few connections",
            "连接数很少的账号",
            (
                _BUDGET + "test_many_readers_and_a_writer_share_what_the_account_may_have",
                "tests/faults/test_few_connections.py::test_a_page_of_pictures_shows_all_and_a_result_arrives",
            ),
        ),
        (
            "A server that is full for a while",
            "暂时满员的服务器",
            (_BUDGET + "test_a_server_that_is_full_is_waited_for",),
        ),
        (
            "A proxy that ends TLS",
            "终止 TLS 的代理",
            (_TLS + "test_a_proxy_that_speaks_tls_to_us_only_is_encrypted",),
        ),
        (
            "A proxy that begins TLS",
            "在其后才开始 TLS 的代理",
            (_TLS + "test_a_proxy_that_speaks_tls_to_the_server_only_is_not",),
        ),
    ],
    [
        (
            "`REQUIRE SSL`, `require_secure_transport`",
            "`REQUIRE SSL`、`require_secure_transport`",
            (
                _TLS + "test_a_refused_login_has_the_words_of_the_server_and_what_it_may_want",
                _TLS + "test_a_server_that_wants_tls_of_all_says_so",
            ),
        ),
        (
            "`REQUIRE X509`",
            "`REQUIRE X509`",
            (_TLS + "test_an_account_that_asks_for_a_certificate_gets_it",),
        ),
        (
            "An account for another host",
            "为其他主机建立的账号",
            (_TLS + "test_an_account_of_another_host_is_told_which_host_we_are",),
        ),
        (
            "A locked account, an expired password",
            "锁定的账号、过期的密码",
            ("tests/integration/test_table_connection.py::test_an_account_that_nobody_may_use_now_is_named",),
        ),
        (
            "A password with `#`, `/`, `?` or `[` in `POLARDB_URL`",
            "`POLARDB_URL` 的密码中有 `#`、`/`、`?` 或 `[`",
            ("tests/unit/test_connection.py::test_a_password_that_ends_the_url_is_told_to_be_encoded",),
        ),
    ],
]
