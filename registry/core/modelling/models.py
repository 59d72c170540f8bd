"""Models: a name, versions whose files never change, and what points at them: aliases and stages."""

from enum import StrEnum

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.tracking.runs import MAX_TAGS, check_key, check_values

MAX_TAG_VALUE = 100_000
READY = "READY"  # the one status a version has: it is whole from the moment it exists
PROMPT_TAG = "mlflow.prompt.is_prompt"  # MLflow keeps prompts as models with this tag


class Stage(StrEnum):
    """MLflow's stages, in its own spelling."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


class MoveKind(StrEnum):
    ALIAS = "alias"
    STAGE = "stage"


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version: its path below the model's folder, and the blob that is its content."""

    path: str
    sha256: str  # 64 hexadecimal digits
    size: int


class VersionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A version as lists have it. ``source``, ``run_id``, ``logged_model_id`` and ``path`` say where it came from."""

    name: str
    version: int
    run_id: str | None
    path: str
    description: str = ""
    created_ms: int
    updated_ms: int = 0
    source: str = ""
    logged_model_id: str | None = None
    user_id: str = ""
    run_link: str = ""
    stage: Stage = Stage.NONE
    status: str = READY
    status_message: str = ""
    tags: dict[str, str] = {}
    aliases: list[str] = []


class ModelVersion(VersionEntry, frozen=True, kw_only=True):
    """A version with its files, sorted by path. One whose source lies outside the workspace has none."""

    files: list[ModelFile]

    @property
    def folder(self) -> str:
        """The folder that all files lie below, "" when there is none: a frozen folder keeps its own name."""
        name = self.path.rpartition("/")[2]
        return name if name and all(file.path.startswith(f"{name}/") for file in self.files) else ""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model as lists have it. ``aliases`` lead to versions; ``description`` is its model card, in Markdown."""

    name: str
    description: str = ""
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    created_ms: int
    updated_ms: int


class Model(ModelEntry, frozen=True, kw_only=True):
    """``versions`` ascend."""

    versions: list[ModelVersion]


class ModelMove(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger: from ``at_ms`` on, the label meant ``version`` instead of ``before``; None is nothing.

    A stage means the newest version that is in it, as in MLflow's ``models:/NAME/STAGE``.
    """

    kind: MoveKind
    label: str
    version: int | None
    before: int | None
    at_ms: int
    who: str = ""


def read_stage(text: str) -> Stage:
    """Return the stage, whatever the case it is written in. Raises InvalidInput."""
    for stage in Stage:
        if stage.lower() == text.lower():
            return stage
    raise InvalidInput(f"Invalid Model Version stage: {text!r}. Use one of {', '.join(Stage)}")


def meanings(versions: list[VersionEntry]) -> dict[Stage, int]:
    """Return what each stage means: the newest version in it. ``None`` is the lack of a stage and means nothing."""
    ascending = sorted(versions, key=lambda one: one.version)
    return {one.stage: one.version for one in ascending if one.stage is not Stage.NONE}


def newest_by_stage(versions: list[VersionEntry]) -> dict[Stage, VersionEntry]:
    """Return the newest version in each stage that has one, ``None`` too."""
    return {one.stage: one for one in sorted(versions, key=lambda one: one.version)}


def check_tags(tags: dict[str, str]) -> None:
    """Raise InvalidInput if a tag passes MLflow's limits to what a registry keeps."""
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"At most {MAX_TAGS} tags at once, not {len(tags)}")
    for key in tags:
        check_key(key)
    check_values("tag", tags, MAX_TAG_VALUE)


def read_version(text: str) -> int:
    """Return a version's number. Raises InvalidInput."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInput(f"Invalid value {text[:20]!r} for parameter 'version': it is a number", value=text[:20])
    return int(text)


def no_model(name: str) -> NotFound:
    return NotFound(f"there is no model {name!r}", model=name)


def no_version(name: str, version: int, known: list[int]) -> NotFound:
    there_are = ", ".join(map(str, known)) or "none"
    return NotFound(f"model {name!r} has no version {version} (there is: {there_are})", model=name, version=version)
