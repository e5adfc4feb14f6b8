"""Tables whose columns hold something else than base64 of a picture."""

from __future__ import annotations

import json

from support.foreign_tables.files import film, in_ole, measurements, sound
from support.foreign_tables.table import (
    BOXES,
    GREEN,
    GREY,
    PICTURES,
    RED,
    TEXTS,
    ForeignTable,
    Media,
    Row,
    shown_by,
    values_of,
)

_CATEGORIES = ("Beverages", "Condiments", "Seafood")
_WRAPPED, _ALONE = zip(*map(in_ole, ("red", "green", "blue", "grey")), strict=True)
NORTHWIND = ForeignTable(
    like="Northwind: Categories, pictures behind an OLE header",
    ddl=(
        "CREATE TABLE Categories (CategoryID INT NOT NULL AUTO_INCREMENT, CategoryName VARCHAR(15) NOT NULL,"
        " Description MEDIUMTEXT, Picture LONGBLOB, PRIMARY KEY (CategoryID), KEY CategoryName (CategoryName))",
    ),
    values=values_of("Categories", "CategoryName Picture", zip(_CATEGORIES, _WRAPPED[:3], strict=True)),
    source="Categories",
    fields={"image": "Picture:bytes@78"},
    name="CategoryName",
    version="digest",
    schema=BOXES,
    rows=tuple(
        Row(number, {"CategoryID": number}, {"image": Media(picture, "image/bmp")}, name)
        for number, (picture, name) in enumerate(zip(_ALONE[:3], _CATEGORIES, strict=True), start=1)
    ),
    change="UPDATE Categories SET Picture = :new WHERE CategoryID = 1",
    new=_WRAPPED[3],
    changed={"image": Media(_ALONE[3], "image/bmp")},
    remove="DELETE FROM Categories WHERE CategoryID = 3",
)

_UPLOADS = ("/original/1X/a.png", "//cdn.example.com/b c.png", "https://s3.example.com/é.png")
_ADDRESSES = ("https://forum.example.com/original/1X/a.png", f"https:{_UPLOADS[1]}", _UPLOADS[2])
DISCOURSE = ForeignTable(
    like="Discourse: uploads, addresses that are relative or have no scheme",
    ddl=(
        "CREATE TABLE uploads (id INT PRIMARY KEY, user_id INT NOT NULL DEFAULT 1, original_filename VARCHAR(255) NOT"
        " NULL, filesize BIGINT NOT NULL, width INT NULL, url VARCHAR(255) NOT NULL, updated_at DATETIME(6) NOT NULL"
        " DEFAULT '2024-05-01 10:00:00.000001', sha1 VARCHAR(40) NULL, UNIQUE (sha1)) DEFAULT CHARSET utf8mb4",
    ),
    values=values_of(
        "uploads",
        "id original_filename filesize url",
        ((-number, f"{number}.png", 2**53 + number, url) for number, url in enumerate(_UPLOADS)),
    ),
    source="uploads",
    fields={"image": "url:url(https://forum.example.com)", "size": "filesize:number"},
    name="original_filename",
    version="updated_at",
    schema=PICTURES,
    rows=tuple(
        Row(
            -number,
            {"id": -number},
            {"image": address, "size": str(2**53 + number) if number else 2**53},
            f"{number}.png",
        )
        for number, address in enumerate(_ADDRESSES)
    ),
    change="UPDATE uploads SET url = :new, updated_at = updated_at + INTERVAL 1 MICROSECOND WHERE id = 0",
    new="other.png",
    changed={"image": "https://forum.example.com/other.png", "size": 2**53},
    remove="DELETE FROM uploads WHERE id = -2",
)

_FILMS = ("ACADEMY DINOSAUR", "ACE GOLDFINGER", "ADAPTATION HOLES")
_PLOTS = (
    "A Epic Drama of a Feminist And a Mad Scientist who must Battle a Teacher in The Canadian Rockies",
    "A Astounding Epistle of a Database Administrator And a Explorer who must Find a Car in Ancient China",
    "A Astounding Reflection of a Lumberjack And a Car who must Sink a Lumberjack in A Baloon Factory",
)
# The label goes into a column that takes these two, and nothing else.
SAKILA_FILM = ForeignTable(
    like="Sakila: film, texts",
    ddl=(
        "CREATE TABLE film (film_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(128) NOT NULL,"
        " description TEXT DEFAULT NULL, release_year YEAR DEFAULT 2006, rating ENUM('G','PG','PG-13','R','NC-17')"
        " DEFAULT 'PG-13', special_features SET('Trailers','Commentaries','Deleted Scenes') DEFAULT 'Trailers',"
        " last_update TIMESTAMP NOT NULL DEFAULT '2006-02-15 05:03:42' ON UPDATE CURRENT_TIMESTAMP)",
    ),
    values=values_of("film", "title description", zip(_FILMS, _PLOTS, strict=True)),
    source="film",
    fields={"text": "description:text", "rating": "rating:text", "features": "special_features:text"},
    name="title",
    version="last_update",
    schema=TEXTS,
    rows=tuple(
        Row(number, {"film_id": number}, {"text": plot, "rating": "PG-13", "features": "Trailers"}, title)
        for number, (title, plot) in enumerate(zip(_FILMS, _PLOTS, strict=True), start=1)
    ),
    change="UPDATE film SET description = :new, special_features = '' WHERE film_id = 1",
    new="A Fateful Panorama",
    changed={"text": "A Fateful Panorama", "rating": "PG-13", "features": ""},
    remove="DELETE FROM film WHERE film_id = 3",
    results={"label": "genre"},
    ddl_for_results="ADD COLUMN genre ENUM('cat', 'dog') NULL",
)

_TURNS = [[{"author": author, "text": text}] for author, text in (("Ann", "Hi 👋"), ("Bob", ""), ("Cy", "?"))]
_ANOTHER = [*_TURNS[0], {"author": "Bot", "text": "Hello!"}]
CONVERSATIONS = ForeignTable(
    like="a support desk's conversations, JSON",
    ddl=(
        "CREATE TABLE conversations (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, turns JSON NOT NULL, channel"
        " VARCHAR(20) NOT NULL DEFAULT 'chat', closed_at TIMESTAMP NULL DEFAULT NULL) DEFAULT CHARSET utf8mb4",
    ),
    values=values_of("conversations", "turns", ((json.dumps(turns),) for turns in _TURNS)),
    source="conversations",
    fields={"turns": "turns:json", "closed": "closed_at:datetime"},
    version="digest",
    schema=shown_by('<Paragraphs name="shown" value="$turns" layout="dialogue" nameKey="author" textKey="text"/>'),
    rows=tuple(
        Row(number, {"id": number}, {"turns": turns, "closed": ""}, str(number))
        for number, turns in enumerate(_TURNS, start=1)
    ),
    change="UPDATE conversations SET turns = :new, closed_at = '2024-05-01 10:00:00' WHERE id = 1",
    new=json.dumps(_ANOTHER),
    changed={"turns": _ANOTHER, "closed": "2024-05-01T10:00:00Z"},
    remove="DELETE FROM conversations WHERE id = 3",
)

_CALLS = [sound(tone) for tone in (10, 20, 30, 40)]
VOICE_MAIL = ForeignTable(
    like="Asterisk: voicemessages, sound",
    ddl=(
        "CREATE TABLE voicemessages (id INT NOT NULL AUTO_INCREMENT, msgnum INT NOT NULL DEFAULT 0, dir VARCHAR(80)"
        " DEFAULT '', context VARCHAR(80) DEFAULT '', callerid VARCHAR(40) DEFAULT '', origtime VARCHAR(40) DEFAULT"
        " '', duration VARCHAR(20) DEFAULT '', recording LONGBLOB, PRIMARY KEY (id), KEY dir (dir))",
    ),
    values=values_of(
        "voicemessages",
        "msgnum callerid recording",
        ((number, f'"Ann" <{number}>', _CALLS[number]) for number in range(3)),
    ),
    source="voicemessages",
    fields={"recording": "recording:bytes", "caller": "callerid:text"},
    name="callerid",
    version="digest",
    schema=shown_by('<Audio name="shown" value="$recording"/>'),
    rows=tuple(
        Row(
            number + 1,
            {"id": number + 1},
            {"recording": Media(_CALLS[number], "audio/"), "caller": f'"Ann" <{number}>'},
            f'"Ann" <{number}>',
        )
        for number in range(3)
    ),
    change="UPDATE voicemessages SET recording = :new WHERE id = 1",
    new=_CALLS[3],
    changed={"recording": Media(_CALLS[3], "audio/"), "caller": '"Ann" <0>'},
    remove="DELETE FROM voicemessages WHERE id = 3",
)

_FILES = [film(number) for number in range(4)]
# A film and a picture of it: two media in a row.
INCIDENTS = ForeignTable(
    like="a camera's incidents, film",
    ddl=(
        "CREATE TABLE incidents (seen_at DATETIME(3) PRIMARY KEY, clip LONGBLOB NOT NULL, still BLOB NOT NULL, revision"
        " INT NOT NULL DEFAULT 1)",
    ),
    values=values_of(
        "incidents",
        "seen_at clip still",
        (
            (f"2024-02-29 23:59:59.99{number}", _FILES[number], picture)
            for number, picture in enumerate((RED, GREEN, GREY))
        ),
    ),
    source="incidents",
    fields={"video": "clip:bytes", "still": "still:bytes"},
    version="revision",
    schema=shown_by('<Video name="shown" value="$video"/><Image name="still" value="$still"/>'),
    rows=tuple(
        Row(
            f"2024-02-29 23:59:59.99{number}",
            {"seen_at": f"2024-02-29 23:59:59.99{number}"},
            {"video": Media(_FILES[number], "video/webm"), "still": Media(picture)},
            f"2024-02-29 23:59:59.99{number}",
        )
        for number, picture in enumerate((RED, GREEN, GREY))
    ),
    change="UPDATE incidents SET clip = :new, revision = revision + 1 WHERE seen_at = '2024-02-29 23:59:59.990'",
    new=_FILES[3],
    changed={"video": Media(_FILES[3], "video/webm"), "still": Media(RED)},
    remove="DELETE FROM incidents WHERE seen_at = '2024-02-29 23:59:59.992'",
)

_DAYS = ("2024-02-29", "2024-03-01", "2024-03-02")
_READINGS = [measurements(*(20 + number / 4 + second for second in range(5))) for number in range(4)]
STATIONS = ForeignTable(
    like="a weather station's days, CSV",
    ddl=(
        "CREATE TABLE readings (station VARCHAR(10) CHARACTER SET latin1 NOT NULL, day DATE NOT NULL, csv MEDIUMBLOB,"
        " received TIMESTAMP(2) NOT NULL DEFAULT '2024-03-03' ON UPDATE CURRENT_TIMESTAMP(2), PRIMARY KEY (station,"
        " day))",
    ),
    values=values_of(
        "readings", "station day csv", (("Zürich", day, file) for day, file in zip(_DAYS, _READINGS[:3], strict=True))
    ),
    source="readings",
    fields={"series": "csv:bytes"},
    version="received",
    schema=shown_by(
        '<TimeSeries name="shown" value="$series" timeColumn="time"><Channel column="value"/></TimeSeries>'
    ),
    rows=tuple(
        Row(key, {"station": "Zürich", "day": day}, {"series": Media(file, "text/")}, key)
        for day, file in zip(_DAYS, _READINGS[:3], strict=True)
        for key in [f'["Zürich","{day}"]']
    ),
    change=f"UPDATE readings SET csv = :new WHERE day = '{_DAYS[0]}'",
    new=_READINGS[3],
    changed={"series": Media(_READINGS[3], "text/")},
    remove=f"DELETE FROM readings WHERE day = '{_DAYS[2]}'",
)
