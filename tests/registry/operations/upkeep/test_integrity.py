import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.integrity import FaultKind
from registry.core.modelling.models import ModelFile
from registry.images.keeping.layout import ImageLayout
from registry.operations.upkeep.integrity import YOUNG_MS, remove_orphans, verify
from registry.operations.workspace import Workspace
from registry.store.blobs import open_blobs
from registry.store.tracking import artifacts

Found = list[tuple[FaultKind, str, list[str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def kept(workspace: Workspace, folder: Path) -> Workspace:
    """A workspace on files, two days from now, so that nothing is young; one run has logged ``model.onnx``."""
    days_on = int(time.time() * 1000) + 2 * YOUNG_MS
    workspace = Workspace(metadata=workspace.metadata, blobs=open_blobs(folder.as_uri()), now_ms=lambda: days_on)
    blob = workspace.blobs.put(b"a model")
    with workspace.metadata.write() as tx:
        artifacts.put(tx, "r1", ModelFile(path="model.onnx", sha256=blob.digest[7:], size=blob.size))
    return workspace


@pytest.fixture
def look(kept: Workspace, tmp_path: Path) -> Callable[[], Found]:
    layout = ImageLayout(tmp_path / "images")
    return lambda: [(fault.kind, fault.blob, fault.where) for fault in verify(kept, layout).faults]


def path_of(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_what_is_whole_has_no_faults(kept: Workspace, look: Callable[[], Found]) -> None:
    assert look() == []
    assert remove_orphans(kept) == []


def test_every_kind_of_fault_is_told_with_the_files_it_concerns(
    kept: Workspace, folder: Path, look: Callable[[], Found]
) -> None:
    gone, orphan = kept.blobs.put(b"gone"), kept.blobs.put(b"nobody's")
    with kept.metadata.write() as tx:
        artifacts.put(tx, "m-1", ModelFile(path="x", sha256=gone.digest[7:], size=gone.size))
    path_of(folder, gone.digest).unlink()
    [model] = [entry for entry in kept.blobs.entries() if entry.size == 7]
    assert model.digest is not None
    path_of(folder, model.digest).write_bytes(b"a m0del")
    (folder / "incoming").mkdir(exist_ok=True)
    (folder / "incoming" / "half").write_bytes(b"hal")
    assert sorted(look()) == [
        (FaultKind.DAMAGED, model.digest, ["run r1/model.onnx"]),
        (FaultKind.LEFTOVER, "incoming/half", []),
        (FaultKind.MISSING, gone.digest, ["logged model m-1/x"]),
        (FaultKind.ORPHAN, orphan.digest, []),
    ]
    assert {fault.blob for fault in remove_orphans(kept)} == {orphan.digest, "incoming/half"}
    assert {kind for kind, _, _ in look()} == {FaultKind.DAMAGED, FaultKind.MISSING}


def test_what_is_young_may_be_about_to_be_referred_to(kept: Workspace, look: Callable[[], Found]) -> None:
    kept.blobs.put(b"just uploaded")
    young = replace_clock(kept)
    assert remove_orphans(young) == []
    assert len(look()) == 1


def replace_clock(workspace: Workspace) -> Workspace:
    return Workspace(metadata=workspace.metadata, blobs=workspace.blobs)
