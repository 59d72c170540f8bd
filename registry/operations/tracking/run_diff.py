"""What differs between two runs. However large their files are, only small texts of a few are shown as a diff."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from registry.core.errors import NotFound
from registry.core.modelling.models import ModelFile
from registry.core.tracking.run_code import Environment, GitState, RunCode, Snapshot, SnapshotFile
from registry.core.tracking.run_views import Difference, FileDifference, Number, RunDiff, differences, patch, summarize
from registry.core.tracking.runs import Run
from registry.operations.tracking.run_code import complete, files_beside_models
from registry.operations.tracking.run_lookup import find_run
from registry.operations.tracking.snapshots import read_file
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.tracking import artifacts, run_code

MAX_PATCHED_BYTES = 64 << 10  # of each side; a larger file is only said to differ
MAX_PATCHES = 20  # among the artifacts, and among the files of the snapshots
UNCOMMITTED = "uncommitted changes"

AnyFile = TypeVar("AnyFile", ModelFile, SnapshotFile)


@dataclass(frozen=True)
class _Side:
    run: Run
    code: RunCode
    files: dict[str, ModelFile]


def compare(workspace: Workspace, first: str, second: str) -> RunDiff:
    """Return what differs between two runs.

    Raises:
        NotFound: no such run.
        InvalidInput: several runs begin so, or fewer than four characters are given.
    """
    with workspace.metadata.read() as tx:
        a, b = _side(workspace, tx, first), _side(workspace, tx, second)
    left, right = summarize(a.run, ""), summarize(b.run, "")
    return RunDiff(
        a=a.run.id,
        b=b.run.id,
        params=differences({**left.params}, {**right.params}),
        metrics=differences(left.metrics, right.metrics),
        tags=differences({**left.tags}, {**right.tags}),
        git=differences(_git_values(a.code.git), _git_values(b.code.git)),
        uncommitted=_compare_patches(workspace, a.code.git, b.code.git),
        code=_compare_snapshots(workspace, a.code.snapshot, b.code.snapshot),
        environment=_compare_environments(a.code.environment, b.code.environment),
        files=_compare_files(a.files, b.files, lambda file: _blob(workspace, file.sha256)),
        missing=_missing(a, b),
    )


def _side(workspace: Workspace, tx: Connection, run_id: str) -> _Side:
    run = find_run(tx, run_id)
    code = complete(workspace.blobs, run.tags, run_code.find(tx, run.id), files_beside_models(tx, run.id))
    return _Side(run, code, {file.path: file for file in artifacts.below(tx, run.id, "")})


def _missing(a: _Side, b: _Side) -> list[str]:
    found = []
    for what in ("snapshot", "git", "environment"):
        lacking = [side.run.id for side in (a, b) if getattr(side.code, what) is None]
        if len(lacking) == 1:
            found.append(f"run {lacking[0]} has no {'state of git' if what == 'git' else what}")
    return found


def _git_values(git: GitState | None) -> dict[str, Number]:
    if git is None:
        return {}
    values = {"commit": git.commit, "branch": git.branch, "remote": git.remote}
    dirty = {} if git.dirty is None else {"uncommitted changes": "yes" if git.dirty else "no"}
    return {**{key: value for key, value in values.items() if value}, **dirty}


def _compare_patches(workspace: Workspace, a: GitState | None, b: GitState | None) -> FileDifference | None:
    left, right = (_patch_of(git) for git in (a, b))
    found = _compare_files(left, right, lambda file: _blob(workspace, file.sha256))
    return found[0] if found else None


def _patch_of(git: GitState | None) -> dict[str, ModelFile]:
    if git is None or git.patch is None:
        return {}
    sha256 = git.patch.removeprefix("sha256:")
    return {UNCOMMITTED: ModelFile(path=UNCOMMITTED, sha256=sha256, size=git.patch_bytes)}


def _compare_snapshots(workspace: Workspace, a: Snapshot | None, b: Snapshot | None) -> list[FileDifference]:
    if a is None or b is None:
        return []
    files_a, files_b = ({file.path: file for file in one.files} for one in (a, b))

    def read(file: SnapshotFile) -> bytes:
        return read_file(workspace.blobs, a if files_a.get(file.path) is file else b, file)

    return _compare_files(files_a, files_b, read)


def _compare_environments(a: Environment | None, b: Environment | None) -> list[Difference]:
    return [] if a is None or b is None else differences(_environment_values(a), _environment_values(b))


def _environment_values(environment: Environment) -> dict[str, Number]:
    values = {"python": environment.python, "platform": environment.platform}
    packages = {f"package {name}": version for name, version in environment.packages.items()}
    return {**{key: value for key, value in values.items() if value}, **packages}


def _compare_files(
    a: Mapping[str, AnyFile], b: Mapping[str, AnyFile], read: Callable[[AnyFile], bytes]
) -> list[FileDifference]:
    found: list[FileDifference] = []
    patches = 0
    for path in sorted({*a, *b}):
        left, right = a.get(path), b.get(path)
        if left and right and left.sha256 == right.sha256:
            continue
        text = ""
        if patches < MAX_PATCHES and max(file.size for file in (left, right) if file) <= MAX_PATCHED_BYTES:
            text = patch(path, _text(left, read), _text(right, read))
            patches += bool(text)
        found.append(
            FileDifference(path=path, a=left.sha256 if left else None, b=right.sha256 if right else None, patch=text)
        )
    return found


def _text(file: AnyFile | None, read: Callable[[AnyFile], bytes]) -> str:
    """Return a file's text; "" if there is none, or it is no text, or its blob has gone."""
    if file is None:
        return ""
    try:
        content = read(file)
        return "" if b"\0" in content else content.decode()
    except (UnicodeDecodeError, NotFound):
        return ""


def _blob(workspace: Workspace, sha256: str) -> bytes:
    return workspace.blobs.get(f"sha256:{sha256}")
