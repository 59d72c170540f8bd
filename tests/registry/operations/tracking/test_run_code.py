import asyncio
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client.code.snapshot import pack_snapshot
from registry.core.errors import InvalidInput, NotFound, WrongState
from registry.core.modelling.models import ModelFile
from registry.core.tracking.run_code import Environment, GitState, NewRunCode, Origin
from registry.images.keeping.layout import ImageLayout
from registry.operations.tracking.run_code import get_code, record_code
from registry.operations.tracking.run_diff import MAX_PATCHES, compare
from registry.operations.tracking.snapshots import read_file, read_snapshot
from registry.operations.tracking.tracking import create_run, delete_run, log_batch
from registry.operations.upkeep import integrity
from registry.operations.upkeep.purge import purge
from registry.operations.workspace import Workspace
from registry.store import schema
from registry.store.tracking import artifacts

Pack = Callable[..., str]


@pytest.fixture
def pack(workspace: Workspace, tmp_path: Path) -> Pack:
    """Return a function that stores files as a snapshot and returns its digest."""

    def make(**files: str) -> str:
        folder = tmp_path / f"folder-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        archive = folder.with_suffix(".zip")
        pack_snapshot(folder, archive)
        return workspace.blobs.put(archive.read_bytes()).digest

    return make


def new_run(workspace: Workspace) -> str:
    return create_run(workspace, "0", name="", user_id="ada", started_ms=1, tags={}).id


def zipped(workspace: Workspace, *entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return workspace.blobs.put(content.getvalue()).digest


def test_a_snapshots_files_are_read_out_of_its_middle(workspace: Workspace, pack: Pack) -> None:
    snapshot = read_snapshot(workspace.blobs, pack(train="fit(3)", lib="", z="end"))
    texts = {file.path: read_file(workspace.blobs, snapshot, file) for file in snapshot.files}
    assert texts == {"lib.py": b"", "train.py": b"fit(3)", "z.py": b"end"}


def test_parts_come_one_after_the_other_and_never_change(workspace: Workspace, pack: Pack) -> None:
    run, snapshot = new_run(workspace), pack(train="fit(3)")
    git = GitState(commit="a" * 40, branch="main", patch=workspace.blobs.put(b"diff").digest)
    record_code(workspace, run, NewRunCode(snapshot=snapshot, notes=["no git"]))
    record_code(workspace, run, NewRunCode(git=git))
    record_code(workspace, run, NewRunCode(environment=Environment(python="3.11", packages={"NumPy": "2"})))
    before = record_code(workspace, run, NewRunCode(snapshot=snapshot, git=git))
    for other in (
        NewRunCode(snapshot=pack(train="fit(7)")),
        NewRunCode(git=GitState(commit="b" * 40)),
        NewRunCode(environment=Environment(python="3.12")),
    ):
        with pytest.raises(WrongState, match="does not change"):
            record_code(workspace, run, other)
    assert get_code(workspace, run[:8]) == before
    assert before.git is not None
    assert (before.git.patch_bytes, before.notes) == (4, ["no git"])
    assert before.environment == Environment(python="3.11", packages={"numpy": "2"})


def test_what_was_not_uploaded_cannot_be_recorded(workspace: Workspace) -> None:
    absent = f"sha256:{'0' * 64}"
    for new in (NewRunCode(snapshot=absent), NewRunCode(git=GitState(patch=absent))):
        with pytest.raises(NotFound):
            record_code(workspace, new_run(workspace), new)


def test_a_deleted_run_is_not_given_code(workspace: Workspace) -> None:
    run = new_run(workspace)
    delete_run(workspace, run)
    with pytest.raises(InvalidInput, match="active"):
        record_code(workspace, run, NewRunCode())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda w: w.blobs.put(b"no zip").digest, "cannot be read as a zip"),
        (lambda w: w.blobs.put(b"").digest, "cannot be read as a zip"),
        (lambda w: zipped(w, ("../a", b"x")), "climbs"),
        (lambda w: zipped(w, ("/etc/passwd", b"x")), "absolute"),
        (lambda w: zipped(w, ("a", b"x"), ("a/b", b"x")), "a folder too"),
        (lambda w: zipped(w, ("a", b"0" * 100_000), compression=zipfile.ZIP_DEFLATED), "without compression"),
        (lambda w: zipped(w, ("a", b"0123456789"), compression=zipfile.ZIP_DEFLATED), "store it as it is"),
    ],
)
def test_a_snapshot_is_a_zip_of_plain_files(workspace: Workspace, make: Callable[[Workspace], str], said: str) -> None:
    run = new_run(workspace)
    with pytest.raises(InvalidInput, match=said):
        record_code(workspace, run, NewRunCode(snapshot=make(workspace)))
    assert get_code(workspace, run).snapshot is None


def test_a_zip_is_not_believed_about_where_its_files_are(workspace: Workspace) -> None:
    whole = bytearray(b"".join(workspace.blobs.stream(zipped(workspace, ("a", b"x" * 100), ("b", b"y")))))
    for at in range(0, len(whole), 3):  # each byte of the headers, and some of what lies between
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        digest = workspace.blobs.put(bytes(damaged)).digest
        try:
            snapshot = read_snapshot(workspace.blobs, digest)
        except InvalidInput:
            continue
        assert all(file.offset + file.size <= snapshot.size for file in snapshot.files)


def test_snapshots_and_patches_are_verified_and_go_with_their_last_run(workspace: Workspace, pack: Pack) -> None:
    first, second, snapshot = new_run(workspace), new_run(workspace), pack(train="fit(3)")
    git = GitState(commit="a" * 40, patch=workspace.blobs.put(b"diff").digest)
    record_code(workspace, first, NewRunCode(snapshot=snapshot, git=git))
    record_code(workspace, second, NewRunCode(snapshot=snapshot))

    def left() -> int:
        with workspace.metadata.read() as tx:
            return len(tx.execute(schema.snapshots.select()).all())

    for run, remaining in ((first, 1), (second, 0)):
        delete_run(workspace, run)
        purge(workspace, 0)
        assert left() == remaining


def test_verify_misses_a_snapshot(workspace: Workspace, pack: Pack, tmp_path: Path) -> None:
    snapshot = pack(train="fit(3)")
    record_code(workspace, new_run(workspace), NewRunCode(snapshot=snapshot))
    layout = ImageLayout(tmp_path / "images")
    assert integrity.verify(workspace, layout).faults == []
    for entry in list(workspace.blobs.entries()):
        workspace.blobs.remove(entry)
    assert [fault.where for fault in integrity.verify(workspace, layout).faults] == [[f"snapshot {snapshot}"]]


def test_mlflows_tags_and_files_stand_in_for_what_was_not_recorded(workspace: Workspace) -> None:
    run = new_run(workspace)
    tags = {"mlflow.source.git.commit": "c" * 40, "mlflow.source.name": "train.py"}
    asyncio.run(log_batch(workspace, run, metrics=[], params={}, tags=tags))
    blob = workspace.blobs.put(b"numpy==2.1\n")
    with workspace.metadata.write() as tx:
        file = ModelFile(path="model/requirements.txt", sha256=blob.digest.removeprefix("sha256:"), size=blob.size)
        artifacts.put(tx, run, file)
    found = get_code(workspace, run)
    assert found.script == "train.py"
    assert found.git == GitState(commit="c" * 40, origin=Origin.MLFLOW)
    assert found.environment == Environment(packages={"numpy": "2.1"}, origin=Origin.MLFLOW)

    record_code(workspace, run, NewRunCode(git=GitState(commit="a" * 40), environment=Environment(python="3.11")))
    recorded = get_code(workspace, run)
    assert recorded.git == GitState(commit="a" * 40)
    assert recorded.environment == Environment(python="3.11")


def test_two_runs_differ_in_code_git_and_packages(workspace: Workspace, pack: Pack) -> None:
    runs = [new_run(workspace), new_run(workspace)]
    for run, word, numpy in zip(runs, ("3", "7"), ("2.0", "2.1"), strict=True):
        patch = workspace.blobs.put(f"+fit({word})\n".encode()).digest
        new = NewRunCode(
            snapshot=pack(train=f"import trees\nfit({word})\n", same="x", **{f"only{word}": "x"}),
            git=GitState(commit=word * 40, branch="main", dirty=True, patch=patch),
            environment=Environment(python="3.11", packages={"numpy": numpy, "scipy": "1"}),
        )
        record_code(workspace, run, new)
    found = compare(workspace, *runs)
    assert [one.path for one in found.code] == ["only3.py", "only7.py", "train.py"]
    assert (found.code[0].b, found.code[1].a) == (None, None)
    assert "-fit(3)\n+fit(7)" in found.code[2].patch
    assert [(one.key, one.a, one.b) for one in found.git] == [("commit", "3" * 40, "7" * 40)]
    assert found.uncommitted is not None
    assert "-+fit(3)\n++fit(7)" in found.uncommitted.patch
    assert [(one.key, one.a, one.b) for one in found.environment] == [("package numpy", "2.0", "2.1")]
    assert found.missing == []


def test_what_one_run_lacks_is_said_and_not_compared(workspace: Workspace, pack: Pack) -> None:
    first, second = new_run(workspace), new_run(workspace)
    new = NewRunCode(snapshot=pack(train="x"), environment=Environment(python="3.11", packages={"numpy": "2"}))
    record_code(workspace, first, new)
    found = compare(workspace, first, second)
    assert (found.code, found.environment) == ([], [])
    assert found.missing == [f"run {second} has no snapshot", f"run {second} has no environment"]


def test_a_huge_snapshot_is_compared_within_bounds(workspace: Workspace, pack: Pack) -> None:
    first, second = new_run(workspace), new_run(workspace)
    names = [f"f{number}" for number in range(MAX_PATCHES + 30)]
    record_code(workspace, first, NewRunCode(snapshot=pack(**dict.fromkeys(names, "a\n"), big="a\n" * 100_000)))
    record_code(workspace, second, NewRunCode(snapshot=pack(**dict.fromkeys(names, "b\n"), big="b\n" * 100_000)))
    found = compare(workspace, first, second)
    assert len(found.code) == len(names) + 1
    assert sum(bool(one.patch) for one in found.code) == MAX_PATCHES
    assert found.code[0].path == "big.py"
    assert not found.code[0].patch
