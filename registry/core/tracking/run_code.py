"""What a run was made from: a snapshot of its script's folder, the state of git, and the Python it ran in."""

import re
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from registry.core.errors import InvalidInput

MAX_SNAPSHOT_BYTES = 300 << 20
MAX_SNAPSHOT_FILES = 10_000
MAX_PATCH_BYTES = 4 << 20
MAX_PACKAGES = 5000
MAX_NOTES = 200
MAX_TEXT = 2000

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_PACKAGE_NAME = re.compile(r"[-_.]+")


class Origin(StrEnum):
    """Where it is known from: recorded on purpose, or read from what MLflow's client leaves anyway."""

    RECORDED = "recorded"
    MLFLOW = "mlflow"


class SnapshotFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a snapshot; its content lies uncompressed in the zip, from ``offset`` on."""

    path: str
    sha256: str
    size: int
    offset: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A zip of the script's folder, named by its content. ``files`` are sorted by path."""

    digest: str
    size: int
    files: list[SnapshotFile] = []


class GitState(msgspec.Struct, frozen=True, kw_only=True):
    """``commit`` is None before the first one, ``branch`` when none is checked out, ``dirty`` where nobody looked.

    ``patch`` is the digest of a blob that ``git apply`` takes: what was not committed, untracked texts too.
    """

    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    dirty: bool | None = None
    patch: str | None = None
    patch_bytes: int = 0
    origin: Origin = Origin.RECORDED


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """``packages`` are what ``pip freeze`` would tell: name → version, or version and the address it came from."""

    python: str = ""
    platform: str = ""
    packages: dict[str, str] = {}
    origin: Origin = Origin.RECORDED


class RunCode(msgspec.Struct, frozen=True, kw_only=True):
    """``notes`` say what could not be kept, and why. ``script`` is what MLflow's client calls the run's source."""

    snapshot: Snapshot | None = None
    git: GitState | None = None
    environment: Environment | None = None
    script: str | None = None
    notes: list[str] = []


class NewRunCode(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept with a run. ``snapshot`` is the digest of an uploaded zip, as ``git.patch`` is of a blob."""

    snapshot: str | None = None
    git: GitState | None = None
    environment: Environment | None = None
    notes: list[str] = []


def check_git(git: GitState) -> GitState:
    """Return the state without the credentials that its remote may hold.

    Raises:
        InvalidInput: the commit is none, or a text is too long.
    """
    if git.commit is not None and not _COMMIT.match(git.commit):
        raise InvalidInput(f"{git.commit[:80]!r} is not a commit: it has 40 or 64 hexadecimal digits", path="$.git")
    _check_texts("$.git", [git.branch or "", git.remote or ""])
    remote = without_credentials(git.remote) if git.remote else None
    return msgspec.structs.replace(git, remote=remote, origin=Origin.RECORDED)


def check_environment(environment: Environment) -> Environment:
    """Return the environment with its packages' names as PyPI compares them, sorted. Raises InvalidInput."""
    if len(environment.packages) > MAX_PACKAGES:
        raise InvalidInput(f"$.environment.packages: at most {MAX_PACKAGES}, not {len(environment.packages)}")
    packages = {package_name(name): version for name, version in environment.packages.items()}
    _check_texts("$.environment", [environment.python, environment.platform, *packages, *packages.values()])
    return msgspec.structs.replace(environment, packages=dict(sorted(packages.items())), origin=Origin.RECORDED)


def check_notes(notes: list[str]) -> list[str]:
    """Return the notes, each once. Raises InvalidInput if there are too many, or one is too long."""
    _check_texts("$.notes", notes)
    if len(notes) > MAX_NOTES:
        raise InvalidInput(f"$.notes: at most {MAX_NOTES}, not {len(notes)}", path="$.notes")
    return list(dict.fromkeys(notes))


def package_name(name: str) -> str:
    """Return a package's name as PyPI compares it (PEP 503)."""
    return _PACKAGE_NAME.sub("-", name).lower()


def without_credentials(address: str) -> str:
    """Return a repository's address without user, password, query and fragment.

    What has no ``scheme://`` is a path, or ``git@host:path``, whose user is no secret.
    """
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""  # it cannot be told what in it is secret
    return f"{parts.scheme}://{host}{parts.path}"


def _check_texts(path: str, texts: list[str]) -> None:
    for text in texts:
        if len(text) > MAX_TEXT:
            raise InvalidInput(f"{path}: {text[:60]!r}… has {len(text)} characters, at most {MAX_TEXT}", path=path)
