"""What statements say, in the language of the page.

Errors and answers are made in English, as the REST API and the log need them. The page finds which message a text is by
its pattern, and says that in its own language; what has no pattern here stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from django.utils import translation
from django.utils.translation import gettext_noop as _

# A name in braces stands for what is not known before; `…message` for another message, `hint` for a hint or
# nothing, `place` for what a message is about.
PATTERNS = (
    _("ERROR {code} ({state}): {message}"),
    _("Incorrect arguments to {verb}: {message}"),
    _("{text} is neither an IP address nor a network: write addresses such as 118.178.1.2 or 2001:db8::1, "
      "and networks such as 192.168.100.0/24, with commas between them{hint}."),
    _("; it has an invisible character, {found}: type it again"),
    _("; it has {found} instead of a comma"),
    _("; {found} is a full-width character of a Chinese input method: type {meant}"),
    _("{text} has bits set after the first {length}: write {network} for that network, "
      "or {address} for that one address."),
    _("There already is a deployment {name}."),
    _("The table {table} already belongs to the deployment {name}; drop that one first."),
    _("There is no deployment {name}. {verb} lists them."),
    _("There is no allow-list {name}. {verb} lists them."),
    _("The deployment {name} no longer exists."),
    _("The deployment name {name} is not valid: use {rule}."),
    _("The deployment name {name} begins with {prefix}, as names of allow-lists do: choose another."),
    _("The project's title {title} must have {shortest} to {longest} characters."),
    _("{count} results of {name} are not in their rows yet: {message}. "
      "Repeat DROP DEPLOYMENT later, or give them up with WITH (force='true')."),
    _("their rows are missing or cannot hold them"),
    _("results have waited for more than {minutes} minutes"),
    _("There is no template {template} in {table}. Active templates: {templates}."),
    _("The template {template} is inactive (tp_is_active is {value}). Active templates: {templates}."),
    _("There is no table {table} in the database, or its user may not see it."),
    _("The table {table} cannot be used: {problems}."),
    _("The table {table} already belongs to the project {project}, which writes its results; "
      "remove that project's target first."),
    _("{table} cannot be a table's name: characters that cannot be seen are written as escapes here."),
    _("{table} cannot be a table's name: use 1 to 64 letters, digits, '_', '$' or '-'."),
    _("tp_schema is not a JSON object but {kind}."),
    _("tp_schema: type {problem}; supported: {types}."),
    _("tp_schema has both {one} and {other}: leave one of them out."),
    _("tp_schema: label_config is not a string but {kind}."),
    _("tp_schema: label_config is empty."),
    _("tp_schema: label_config is not XML: {reason}."),
    _("tp_schema: label_config has a character that XML cannot hold."),
    _("tp_schema: label_config has a {tag}, which Label Studio does not take: begin with <View>."),
    _("tp_schema: label_config begins with <{tag}>: put all of it into <View>…</View>."),
    _("tp_schema: label_config has {script}: no script may run on the pages of those who label."),
    _("tp_schema: label_config has a <{tag}>, which Label Studio's editor does not know."),
    _("tp_schema: label_config has nothing to label with: no tag, such as Choices, has a name and a toName."),
    _(
        "tp_schema: label_config shows nothing of a task: give an Image, a Text or the like a value, such as "
        'value="$image".'
    ),
    _("tp_schema: label_config has a label of {control} that nobody sees ({label})."),
    _("tp_schema: label_config lists a label of {control} twice ({label})."),
    _("tp_schema: label_config has two labels of {control} that look alike ({first} and {second})."),
    _("tp_schema: Label Studio does not accept label_config: {reason}"),
    _("Control {number}: {message}"),
    _("tp_schema: controls is not a list of 1 to {most} objects."),
    _("tp_schema: control {number} is not an object but {kind}."),
    _("tp_schema: there is no {option} beside controls; there is: {known}."),
    _('tp_schema: two controls have the name {name}: give one another, as in "name": "two".'),
    _("tp_schema: two controls show ${field} with another {option}."),
    _("tp_schema: controls {first} and {second} both have the hotkey {key}."),
    _("tp_schema: {type} has no option {option}; it has: {known}."),
    _("tp_schema: {option} is missing."),
    _("tp_schema: {option} is not a list but {kind}."),
    _("tp_schema: {option} is empty; name at least one {place}."),
    _("tp_schema: {option} is not true or false but {kind}."),
    _("tp_schema: {option} is not a number from {least} to {most}."),
    _("tp_schema: {option} {value} is not supported; supported: {known}."),
    _("tp_schema: {option} {value} cannot be a name: use up to 64 letters (a-z, A-Z), digits and _, a letter first."),
    _("tp_schema: the detail {detail} of {place} is not a string but {kind}."),
    _("tp_schema: the predicted_values of {place} are not a list of strings without commas."),
    _("tp_schema: {place} is not a string but {kind}."),
    _("tp_schema: {place} is empty."),
    _("tp_schema: {place} has the color {color}: write #rrggbb, or a name of CSS such as teal."),
    _("tp_schema: {place} has the hotkey {key}: write one key, such as d, 1 or shift+d."),
    _("tp_schema: {place} has the hotkey {key}, and so has {place_too}."),
    _("tp_schema: {place} has {detail}, which is not known; known: {known}."),
    _("tp_schema: {place} ({text}) is listed twice."),
    _("tp_schema: {place} ({text}) looks like {place_too} ({alike})."),
    _("tp_schema: {place} ({text}) has a control character."),
    _("tp_schema: {place} ({text}) has a $ that the editor would take for a field of the task."),
    _("one of the predicted_values of {place}"),
    _("the detail {detail} of {place}"),
    _("label {number}"),
    _("keypoint {number}"),
    _("relation {number}"),
    _("channel {number}"),
    _("label"),
    _("keypoint"),
    _("relation"),
    _("channel"),
    _("The labeling interface shows {field} as text, and rows hold a picture there."),
    _('The labeling interface shows {field} by value, and rows hold a list there: write valueList in its place, as in '
      '<Image name="image" valueList="$pages"/>.'),
    _("The labeling interface shows {names}, and the mapping gives tasks {given}: map {missing}, or show what there is "
      "($original_name and $id may stand beside it)."),
    _("Choose the column that tells rows apart, or several."),
    _("Choose at least one column that tasks show."),
    _("Column {name} is missing, or the account may not see it."),
    _("Column {name} is {type}, expected {expected}."),
    _("Column {name} is {type}, which is not read as {kind}."),
    _("Column {name} is generated, and cannot be written."),
    _("It has no column for results: name one, such as annotation_data=answer."),
    _("{name} cannot be a field's name: use up to 64 letters (a-z, A-Z), digits and _, a letter first."),
    _("{name} is what every task holds of its row: choose another name for the field."),
    _("tp_schema is not JSON: see line {line}, column {column}."),
    _("tp_schema is nested too deeply."),
    _("Label Studio does not accept the labels of template {template}: {reason}"),
    _("There already is a template {name}, of id {id}."),
    _("The template {id} was changed meanwhile. Look at it, and try again."),
    _("The template {id} was deleted meanwhile."),
    _("User {user} lacks a privilege: {reason}"),
    _("{server} refused the user {user}: user name or password is wrong (MySQL error {number})"),
    _("{host} refuses connections on port {port}: check the port."),
    _("{host} cannot be reached on port {port}: {reason}."),
    _("The host name {host} is not known{number}"),
    _("There is no database {database} on {server} (MySQL error {number})"),
    _("POLARDB_URL is not set. Set it to your database: mysql://user:password@host:3306/database"),
    _("its {part} was deleted in Label Studio; drop and deploy it again"),
    _("its import storage was deleted in Label Studio; drop and deploy it again"),
    _("Deployment {name} is created. It is closed to everybody until {verb} {list} WITH (ips='…') opens it; "
      "{show} gives its URL, user and password."),
    _("There already is a deployment {name}; nothing was done."),
    _("The label {label} stands in results (once) and not in the interface; they keep it."),
    _("The label {label} stands in results ({count} times) and not in the interface; they keep it."),
    _("… and {count} more labels"),
    _("Only the first {count} results were looked at; SHOW DEPLOYMENT tells of all."),
    _("Warning: {message}"),
    _("Column {name} is {type}, which holds at most {length} characters: a larger image is refused, or cut off "
      "if the server is not strict. Use LONGTEXT: {statement}"),
    _("Column {name} is {type}, which holds at most {length} bytes: a larger image is refused, or cut off "
      "if the server is not strict. Use LONGBLOB: {statement}"),
    _("No column tells when a row has changed: each sync has the server read all that tasks show to find what was "
      "replaced. Name a column that changes with the row, if there is one."),
    _("Column 'annotation_count' has no default, as in PolarDB's documentation: INSERTs that leave it out fail in "
      "strict mode (MySQL error 1364). This helps: {statement}"),
    _("Column {name} does not change with its row: what is replaced later is not noticed. "
      "Give it ON UPDATE CURRENT_TIMESTAMP, or set it with each change."),
    _("Column {name} is NOT NULL and has no default: if the last annotation of a row is deleted, its result stays "
      "there. Let it be NULL, or give it a default."),
    _("The column {column} takes the label of a row, and the labeling interface has no single choice for "
      "it: have one Choices in it, of which one is chosen, or leave the role label out."),
    _("The label {label} does not fit into the column {column} ({type}): it is none of the values of that "
      "type."),
    _("The label {label} does not fit into the column {column} ({type}): the character set {set} lacks "
      "one of its characters."),
    _("The label {label} does not fit into the column {column} ({type}): it has {count} characters."),
    _("Results cannot be written into the rows of {table}: {message}. They can go into a table of their "
      "own: make one by create_tables --results, and name it as the result table (--result-table, "
      "result_table)."),
    _("There is no result table {table} in the database, or its user may not see it. Make it: "
      "create_tables --results {name}."),
    _("The result table {table} was made for keys of another kind than those of {source}: make one for "
      "this source (create_tables --results … --for …), or one for all (without --for)."),
    _("Deployment {name} is open to {networks}. Warning: that lets in the whole Internet."),
    _("Deployment {name} is open to {networks}."),
    _("Deployment {name} is dropped; its rows and their results stay in {table}. "
      "Warning: {lost} rows are without their newest result."),
    _("Deployment {name} is dropped; its rows and their results stay in {table}."),
    _("A sync would remove {removed} of {count} tasks, since the table does not show their rows: nothing was changed. "
      "If those rows are gone for good, run: {statement}. If not, see which rows the account can read."),
)  # fmt: skip
# What a page says in place of a message of which statements are the reader's next step.
REPHRASED: dict[str, str] = {
    "ERROR {code} ({state}): {message}": "{message}",
    "Incorrect arguments to {verb}: {message}": "{message}",
    "There is no deployment {name}. {verb} lists them.": _("There is no deployment {name}."),
    "It has no column for results: name one, such as annotation_data=answer.": _(
        "Choose the column that takes results."
    ),
    "{count} results of {name} are not in their rows yet: {message}. "
    "Repeat DROP DEPLOYMENT later, or give them up with WITH (force='true').": _(
        "{count} results of {name} are not in their rows yet: {message}. Drop it again later, or give them up by "
        "the box below."
    ),
    "Deployment {name} is created. It is closed to everybody until {verb} {list} WITH (ips='…') opens it; "
    "{show} gives its URL, user and password.": _(
        "{name} is deployed and closed to everybody. Press “Add my address”, or type addresses below “Manage”, where "
        "its URL, user and password stand, too."
    ),
}
_PART = re.compile(r"\{(\w+)\}")
# Parts that are texts with patterns of their own.
_TEXTS = ("message", "hint", "place", "place_too")


@cache
def _expressions() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((pattern, as_expression(pattern)) for pattern in PATTERNS)


@cache
def _rephrased() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((wording, as_expression(pattern)) for pattern, wording in REPHRASED.items())


def as_expression(pattern: str) -> re.Pattern[str]:
    """What a message of this pattern looks like."""
    pieces = _PART.split(pattern)
    return re.compile(
        "".join(f"(?P<{piece}>.*?)" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)),
        re.DOTALL,
    )


def in_page_language(text: str) -> str:
    """The message in the language that is active now."""
    if (translation.get_language() or "en").startswith("en"):
        return text
    for pattern, expression in _expressions():
        found = expression.fullmatch(text)
        if found:
            parts = {
                name: in_page_language(part) if name in _TEXTS else part for name, part in found.groupdict().items()
            }
            return str(translation.gettext(pattern).format(**parts))
    lines = text.split("\n")
    return "\n".join(map(in_page_language, lines)) if len(lines) > 1 else text


def for_page(text: str) -> str:
    """A line of a message for somebody who clicks: the next click in place of a statement, without MySQL's numbers."""
    for wording, expression in _rephrased():
        found = expression.fullmatch(text)
        if found:
            parts = {name: for_page(part) if name in _TEXTS else part for name, part in found.groupdict().items()}
            return str(translation.gettext(wording).format(**parts))
    return in_page_language(text)
