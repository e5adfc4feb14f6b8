"""Tables whose rows are known by something else than a small number."""

from __future__ import annotations

import base64
import uuid

from support.foreign_tables.table import (
    BLUE,
    BOXES,
    GREEN,
    GREY,
    PICTURES,
    RED,
    TEXTS,
    ForeignTable,
    Media,
    Row,
    values_of,
)

_SITE = "https://blog.example.com/wp-content/uploads"
_POSTS = (2**53 + 1, 2**53 + 2, 2**63 - 1)
# Its numbers are those of a network of sites: beyond 2^53, where browsers and floating-point numbers go wrong. What was
# never changed has a time of zeros, and most rows are no pictures.
WORDPRESS = ForeignTable(
    like="WordPress: wp_posts, by BIGINT UNSIGNED",
    ddl=(
        "CREATE TABLE wp_posts (ID BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, post_author BIGINT UNSIGNED NOT NULL"
        " DEFAULT 0, post_content LONGTEXT NOT NULL, post_title TEXT NOT NULL, post_status VARCHAR(20) NOT NULL DEFAULT"
        " 'publish', post_modified_gmt DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', guid VARCHAR(255) NOT NULL"
        " DEFAULT '', post_type VARCHAR(20) NOT NULL DEFAULT 'post', post_mime_type VARCHAR(100) NOT NULL DEFAULT '',"
        " PRIMARY KEY (ID), KEY type_status_date (post_type, post_status, ID)) DEFAULT CHARSET utf8mb4",
    ),
    values=values_of(
        "wp_posts",
        "ID post_title guid post_type post_mime_type post_modified_gmt post_content",
        (
            (_POSTS[0], "Cat 🐈", f"{_SITE}/1.jpg", "attachment", "image/jpeg", "0000-00-00 00:00:00", ""),
            (_POSTS[1], "Dog", f"{_SITE}/2.jpg", "attachment", "image/jpeg", "2024-05-01 10:00:00", ""),
            (_POSTS[2], "Cow", f"{_SITE}/3.jpg", "attachment", "image/jpeg", "2024-05-01 10:00:00", ""),
            (2**53, "Hello world!", f"{_SITE}/?p=1", "post", "", "2024-05-01 10:00:00", "A page"),
        ),
    ),
    source="wp_posts",
    fields={"image": "guid:url"},
    name="post_title",
    version="post_modified_gmt",
    filter="post_type = 'attachment' AND post_mime_type LIKE 'image/%'",
    schema=PICTURES,
    rows=tuple(
        Row(key, {"ID": key}, {"image": f"{_SITE}/{number}.jpg"}, name)
        for number, (key, name) in enumerate(zip(_POSTS, ("Cat 🐈", "Dog", "Cow"), strict=True), start=1)
    ),
    change=f"UPDATE wp_posts SET guid = :new, post_modified_gmt = UTC_TIMESTAMP() WHERE ID = {_POSTS[0]}",
    new=f"{_SITE}/1-scaled.jpg",
    changed={"image": f"{_SITE}/1-scaled.jpg"},
    remove=f"DELETE FROM wp_posts WHERE ID = {_POSTS[2]}",
)

_CLAIMS = [f"0b9e7c2a-5d1f-4f63-9a80-00000000000{number}" for number in (1, 2, 3)]
# Its base64 is in lines, as mail has it.
CLAIMS = ForeignTable(
    like="an insurance's claims, by UUID as CHAR(36)",
    ddl=(
        "CREATE TABLE claims (id CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci PRIMARY KEY, policy VARCHAR(20)"
        " NOT NULL, scan LONGTEXT NULL, filed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, seen_at TIMESTAMP NOT"
        " NULL DEFAULT '2024-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP) DEFAULT CHARSET utf8mb4",
    ),
    values=values_of(
        "claims",
        "id policy scan",
        zip(
            _CLAIMS,
            ("P-1", "P-2", "P-3"),
            (base64.encodebytes(picture).decode() for picture in (RED, GREEN, BLUE)),
            strict=True,
        ),
    ),
    source="claims",
    fields={"image": "scan:base64", "policy": "policy:text"},
    name="policy",
    version="seen_at",
    schema=BOXES,
    rows=tuple(
        Row(claim, {"id": claim}, {"image": Media(picture), "policy": name}, name)
        for claim, picture, name in zip(_CLAIMS, (RED, GREEN, BLUE), ("P-1", "P-2", "P-3"), strict=True)
    ),
    change=f"UPDATE claims SET scan = :new WHERE id = '{_CLAIMS[0]}'",
    new=base64.b64encode(GREY).decode(),
    changed={"image": Media(GREY), "policy": "P-1"},
    remove=f"DELETE FROM claims WHERE id = '{_CLAIMS[2]}'",
)

_REVIEWS = [uuid.UUID(int=number) for number in (0, 0x27255C5F225C000D0A1AE28080FF8100, 2**128 - 1)]
_SAYS = "It is so-so <b>&amp;</b> ⭐"
# `updated_at` is NULL until somebody changes a review. Of those that were approved, nobody wants to know.
SHOPWARE = ForeignTable(
    like="Shopware 6: product_review, by UUID as BINARY(16)",
    ddl=(
        "CREATE TABLE product_review (id BINARY(16) NOT NULL, product_id BINARY(16) NULL, title VARCHAR(255) NOT"
        " NULL, content LONGTEXT NOT NULL, points DOUBLE NULL, status TINYINT UNSIGNED DEFAULT 0, created_at"
        " DATETIME(3) NOT NULL DEFAULT '2024-05-01 10:00:00', updated_at DATETIME(3) NULL, PRIMARY KEY (id))"
        " DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci",
    ),
    values=values_of(
        "product_review",
        "id title content points status",
        (*((review.bytes, "So-so", _SAYS, 2.5, 0) for review in _REVIEWS), (b"approved".ljust(16), "Fine", "", 5, 1)),
    ),
    source="product_review",
    fields={"text": "content:text", "points": "points:number"},
    name="title",
    version="updated_at",
    filter="status = 0",
    schema=TEXTS,
    rows=tuple(Row(review.hex, {"id": review.bytes}, {"text": _SAYS, "points": 2.5}, "So-so") for review in _REVIEWS),
    change=f"UPDATE product_review SET content = :new, updated_at = UTC_TIMESTAMP(3) WHERE id = x'{_REVIEWS[0].hex}'",
    new="Better than I wrote.",
    changed={"text": "Better than I wrote.", "points": 2.5},
    remove=f"DELETE FROM product_review WHERE id = x'{_REVIEWS[2].hex}'",
)

_ARTICLES = ("Äpfel/🍎 #1", 'o\'Hara \\ "x"', "ZOË")
# Its collation takes 'ZOË' and 'zoe' for the same.
ARTICLES = ForeignTable(
    like="a shop's articles, by what people made up",
    ddl=(
        "CREATE TABLE articles (`article, no.` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY"
        " KEY, photo MEDIUMBLOB NULL, stock INT NOT NULL DEFAULT 0, changed TIMESTAMP NOT NULL DEFAULT"
        " '2024-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP)",
    ),
    values=tuple(
        ("articles", {"article, no.": article, "photo": picture})
        for article, picture in zip(_ARTICLES, (RED, GREEN, BLUE), strict=True)
    ),
    source="articles",
    key="`article, no.`",
    fields={"image": "photo:bytes", "stock": "stock:number"},
    version="changed",
    schema=BOXES,
    rows=tuple(
        Row(article, {"article, no.": article}, {"image": Media(picture), "stock": 0}, article)
        for article, picture in zip(_ARTICLES, (RED, GREEN, BLUE), strict=True)
    ),
    change="UPDATE articles SET photo = :new WHERE `article, no.` = 'ÄPFEL/🍎 #1'",
    new=GREY,
    changed={"image": Media(GREY), "stock": 0},
    remove="DELETE FROM articles WHERE `article, no.` = 'zoe'",
)

_ATTACHMENTS = ((3, 1), (3, 2), (7, 1))
# The same number is another row with each tenant.
TENANTS = ForeignTable(
    like="a table of several tenants, by two columns",
    ddl=(
        "CREATE TABLE attachments (tenant_id INT UNSIGNED NOT NULL, id INT NOT NULL, filename VARCHAR(100) NOT NULL,"
        " content LONGBLOB NOT NULL, uploaded_at DATETIME(6) NOT NULL DEFAULT '2024-01-01' ON UPDATE"
        " CURRENT_TIMESTAMP(6), PRIMARY KEY (tenant_id, id))",
    ),
    values=values_of(
        "attachments",
        "tenant_id id filename content",
        ((3, 1, "a.png", RED), (3, 2, "b.png", GREEN), (7, 1, "a.png", BLUE), (8, 1, "a.png", GREY)),
    ),
    source="attachments",
    fields={"image": "content:bytes"},
    name="filename",
    version="uploaded_at",
    filter="tenant_id IN (3, 7)",
    schema=BOXES,
    rows=tuple(
        Row(f"[{tenant},{number}]", {"tenant_id": tenant, "id": number}, {"image": Media(picture)}, name)
        for (tenant, number), picture, name in zip(
            _ATTACHMENTS, (RED, GREEN, BLUE), ("a.png", "b.png", "a.png"), strict=True
        )
    ),
    change="UPDATE attachments SET content = :new WHERE tenant_id = 3 AND id = 1",
    new=GREY,
    changed={"image": Media(GREY)},
    remove="DELETE FROM attachments WHERE tenant_id = 7 AND id = 1",
)
