"""What is labeled, and is more or less than a table."""

from __future__ import annotations

from support.foreign_tables.table import BLUE, BOXES, GREEN, GREY, PICTURES, RED, ForeignTable, Media, Row, values_of

_STAFF = ("Mike Hillyer", "Jon Stephens", "Ann O'Hara")
# A view over a join: it tells no key, and takes no results.
SAKILA_STAFF = ForeignTable(
    like="Sakila: staff_list, a view",
    ddl=(
        "CREATE TABLE address (address_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, address VARCHAR(50)"
        " NOT NULL, postal_code VARCHAR(10) DEFAULT NULL)",
        "CREATE TABLE staff (staff_id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name VARCHAR(45) NOT"
        " NULL, last_name VARCHAR(45) NOT NULL, address_id SMALLINT UNSIGNED NOT NULL, picture MEDIUMBLOB DEFAULT NULL,"
        " active BOOLEAN NOT NULL DEFAULT TRUE, last_update TIMESTAMP NOT NULL DEFAULT '2006-02-15 03:57:16'"
        " ON UPDATE CURRENT_TIMESTAMP)",
        "CREATE VIEW staff_list AS SELECT s.staff_id AS ID, CONCAT(s.first_name, _utf8mb4' ', s.last_name) AS name,"
        " a.address AS address, a.postal_code AS `zip code`, s.picture AS picture, s.last_update AS last_update"
        " FROM staff AS s JOIN address AS a ON s.address_id = a.address_id WHERE s.active",
    ),
    values=(
        ("address", {"address_id": 3, "address": "23 Workhaven Lane", "postal_code": "T1K 3N6"}),
        *values_of(
            "staff",
            "staff_id first_name last_name address_id picture",
            (
                (number, *name.split(" "), 3, picture)
                for number, (name, picture) in enumerate(zip(_STAFF, (RED, GREEN, BLUE), strict=True), start=1)
            ),
        ),
    ),
    source="staff_list",
    key="ID",
    fields={"image": "picture:bytes", "zip": "`zip code`:text"},
    name="name",
    version="last_update",
    schema=BOXES,
    rows=tuple(
        Row(number, {"ID": number}, {"image": Media(picture), "zip": "T1K 3N6"}, name)
        for number, (name, picture) in enumerate(zip(_STAFF, (RED, GREEN, BLUE), strict=True), start=1)
    ),
    change="UPDATE staff SET picture = :new WHERE staff_id = 1",
    new=GREY,
    changed={"image": Media(GREY), "zip": "T1K 3N6"},
    remove="UPDATE staff SET active = FALSE WHERE staff_id = 3",
    results={},
)

_DAYS = ("2024-01-31", "2024-02-29", "2024-03-01")
# The day is a part of the key because the table is partitioned by it; old rows go with their partition.
EVENTS = ForeignTable(
    like="an application's events, a partition each month",
    ddl=(
        "CREATE TABLE events (id BIGINT NOT NULL AUTO_INCREMENT, day DATE NOT NULL, screenshot MEDIUMBLOB NOT NULL,"
        " level ENUM('info','error') NOT NULL DEFAULT 'error', rev TIMESTAMP(6) NOT NULL DEFAULT '2024-01-01 00:00:01'"
        " ON UPDATE CURRENT_TIMESTAMP(6), PRIMARY KEY (id, day)) PARTITION BY RANGE (TO_DAYS(day)) (PARTITION january"
        " VALUES LESS THAN (TO_DAYS('2024-02-01')), PARTITION february VALUES LESS THAN (TO_DAYS('2024-03-01')),"
        " PARTITION later VALUES LESS THAN MAXVALUE)",
    ),
    values=values_of(
        "events",
        "id day screenshot",
        (
            (number, day, picture)
            for number, (day, picture) in enumerate(zip(_DAYS, (RED, GREEN, BLUE), strict=True), start=1)
        ),
    ),
    source="events",
    fields={"image": "screenshot:bytes", "level": "level:text"},
    version="rev",
    schema=PICTURES,
    rows=tuple(
        Row(key, {"id": number, "day": day}, {"image": Media(picture), "level": "error"}, key)
        for number, (day, picture) in enumerate(zip(_DAYS, (RED, GREEN, BLUE), strict=True), start=1)
        for key in [f'[{number},"{day}"]']
    ),
    change="UPDATE events SET screenshot = :new WHERE id = 1",
    new=GREY,
    changed={"image": Media(GREY), "level": "error"},
    remove="ALTER TABLE events DROP PARTITION later",
)
