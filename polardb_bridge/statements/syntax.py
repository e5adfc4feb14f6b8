r"""The statements that deploy, show, open and drop, as PolarDB for AI documents them.

    statements   = [ statement ] { end [ statement ] }
    end          = ";" | "\g" | "\G"
    statement    = "DEPLOY" "MODEL" [ "IF" "NOT" "EXISTS" ] name "WITH" options [ "IF" "NOT" "EXISTS" ]
                 | "SHOW" ( "DEPLOYMENT" name | "DEPLOYMENTS" [ "LIKE" string ] | "WHITEIPS" name )
                 | "UPDATE" "WHITEIPS" name "WITH" options
                 | "DROP" "DEPLOYMENT" [ "IF" "EXISTS" ] name [ "WITH" options ]
    options      = "(" option { "," option } ")"
    option       = name "=" value

`str(statement)` is the statement again, in one form: `parse(str(statement)) == [statement]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.table.asked_mapping import NOTHING_ASKED, AskedMapping

# The one model that can be deployed.
MODEL = "Label-Studio"
# What the project is called that PolarDB for AI makes.
DEFAULT_TITLE = "my_project"

# The options that say which columns of the table are what, and which part of a mapping each is.
MAPPING_OPTIONS = {
    "key_column": "key",
    "image": "image",
    "map": "fields",
    "name_column": "name",
    "version_column": "version",
    "result_columns": "results",
    "query": "query",
    "filter": "condition",
}


@dataclass(frozen=True)
class DeployModel:
    """Deploy a table.

    name: of the deployment. template_id: id or name of a row of `annotation_template`. source: a table's name.
    database: that it is in, if the statement says so. mapping: which of its columns are what. title: of the project;
    DEFAULT_TITLE if None. if_not_exists: do nothing if there is a deployment of that name. result_table: where
    annotations go; into the rows, too, if the mapping says into which columns.
    """

    verb: ClassVar[str] = "DEPLOY MODEL"
    model: str
    name: str
    template_id: str
    source: str
    title: str | None = None
    image_delivery: ImageDelivery = ImageDelivery.AUTO
    existing_annotations: ExistingAnnotations = ExistingAnnotations.ANNOTATIONS
    mapping: AskedMapping = NOTHING_ASKED
    database: str | None = None
    if_not_exists: bool = False
    result_table: str | None = None

    def __str__(self) -> str:
        options: dict[str, str | None] = {
            "annotation_template_id": self.template_id,
            "annotation_source": f"{self.database}.{self.source}" if self.database else self.source,
            "deployment_name": self.name,
            "title": self.title,
        }
        for option in ("image_delivery", "existing_annotations"):
            chosen = getattr(self, option)
            options[option] = chosen if chosen != getattr(DeployModel, option) else None
        texts = self.mapping.to_texts()
        options |= {option: texts[part] for option, part in MAPPING_OPTIONS.items()}
        options["result_table"] = self.result_table
        condition = " IF NOT EXISTS" if self.if_not_exists else ""
        return f"{self.verb}{condition} `{self.model}`{_written(options)}"


@dataclass(frozen=True)
class _Named:
    """A statement about one thing, by its name."""

    verb: ClassVar[str]
    name: str

    def __str__(self) -> str:
        return f"{self.verb} `{self.name}`"


@dataclass(frozen=True)
class ShowDeployment(_Named):
    verb: ClassVar[str] = "SHOW DEPLOYMENT"


@dataclass(frozen=True)
class ShowDeployments:
    """like: only those whose name matches this pattern of SQL, in which % is any text and _ any character."""

    verb: ClassVar[str] = "SHOW DEPLOYMENTS"
    like: str | None = None

    def __str__(self) -> str:
        return self.verb if self.like is None else f"{self.verb} LIKE {_quoted(self.like)}"


@dataclass(frozen=True)
class ShowWhiteIps(_Named):
    """name: of the allow-list."""

    verb: ClassVar[str] = "SHOW WHITEIPS"


@dataclass(frozen=True)
class UpdateWhiteIps(_Named):
    """name: of the allow-list. ips: addresses and networks with commas between them, as they were typed."""

    verb: ClassVar[str] = "UPDATE WHITEIPS"
    ips: str

    def __str__(self) -> str:
        return f"{super().__str__()}{_written({'ips': self.ips})}"


@dataclass(frozen=True)
class DropDeployment(_Named):
    """force: although results are not in their rows yet. if_exists: do nothing if there is no such deployment."""

    verb: ClassVar[str] = "DROP DEPLOYMENT"
    force: bool = False
    if_exists: bool = False

    def __str__(self) -> str:
        condition = " IF EXISTS" if self.if_exists else ""
        return f"{self.verb}{condition} `{self.name}`{_written({'force': 'true'}) if self.force else ''}"


Statement = DeployModel | ShowDeployment | ShowDeployments | UpdateWhiteIps | ShowWhiteIps | DropDeployment


def _written(options: Mapping[str, str | None]) -> str:
    pairs = (f"{name} = {_quoted(value)}" for name, value in options.items() if value is not None)
    return f" WITH ({', '.join(pairs)})"


def _quoted(value: str) -> str:
    for character, escaped in {"\\": "\\\\", "'": "''", "\n": "\\n", "\r": "\\r"}.items():
        value = value.replace(character, escaped)
    return f"'{value}'"
