"""Blobs are deleted while others write, and nothing ever refers to one that is gone."""

import time
from collections.abc import Callable

import pytest
from obstore.store import MemoryStore

from registry.core.errors import Unavailable
from registry.core.rest import ImportedFile
from registry.core.tracking.artifacts import ArtifactAddress, RunFiles
from registry.operations.modelling.model_versions import import_version
from registry.operations.tracking.artifacts import check_can_receive, record_artifact
from registry.operations.tracking.tracking import create_run, get_run
from registry.operations.upkeep.integrity import YOUNG_MS, remove_orphans
from registry.operations.workspace import Workspace
from registry.store.blobs import BlobEntry, Blobs
from registry.store.metadata import Metadata
from registry.store.upkeep import doomed_blobs

DAYS_ON = int(time.time() * 1000) + 2 * YOUNG_MS
MINUTE_MS = 60_000


class Watched(Blobs):
    """Blobs in memory; ``before`` and ``after`` run around each deletion, and the clock stands where it is put."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        self.now_ms = DAYS_ON

    def remove(self, entry: BlobEntry) -> None:
        self.before()
        super().remove(entry)
        self.after()


@pytest.fixture
def blobs() -> Watched:
    return Watched()


@pytest.fixture
def kept(workspace: Workspace, blobs: Watched) -> Workspace:
    """A workspace two days from now, so that no blob is young."""
    return Workspace(metadata=workspace.metadata, blobs=blobs, now_ms=lambda: blobs.now_ms)


@pytest.fixture
def address(kept: Workspace) -> ArtifactAddress:
    run = create_run(kept, "0", name="", user_id="", started_ms=None, tags={})
    return ArtifactAddress(RunFiles(run.id), "model.onnx")


def test_others_write_while_a_slow_store_deletes(kept: Workspace, blobs: Watched) -> None:
    written: list[str] = []

    def write() -> None:
        run = create_run(kept, "0", name="meanwhile", user_id="", started_ms=None, tags={})
        written.append(get_run(kept, run.id).name)

    blobs.before = write
    blobs.put(b"nobody's")
    assert len(remove_orphans(kept)) == 1
    assert written == ["meanwhile"]


def test_who_sends_a_blob_again_while_it_is_deleted_is_told_to_repeat_it(
    kept: Workspace, blobs: Watched, address: ArtifactAddress
) -> None:
    refused: list[str] = []

    def log() -> None:
        since = check_can_receive(kept, address)
        blob = blobs.put(b"again")
        with pytest.raises(Unavailable, match="send it again") as caught:
            record_artifact(kept, address, blob, since)
        refused.append(caught.value.message)

    blobs.put(b"again")
    blobs.before = blobs.after = log
    assert len(remove_orphans(kept)) == 1
    assert len(refused) == 2
    since = check_can_receive(kept, address)
    record_artifact(kept, address, blobs.put(b"again"), since)
    assert remove_orphans(kept) == []
    assert blobs.get(blobs.put(b"again").digest) == b"again"


def test_what_was_seen_before_it_was_deleted_is_looked_for_again(
    kept: Workspace, blobs: Watched, address: ArtifactAddress
) -> None:
    blob = blobs.put(b"seen")
    since = check_can_receive(kept, address)
    remove_orphans(kept)
    with pytest.raises(Unavailable, match="send it again"):
        record_artifact(kept, address, blob, since)
    blobs.put(b"seen")
    record_artifact(kept, address, blob, since)


def test_an_import_during_a_purge_is_whole_or_refused(kept: Workspace, blobs: Watched) -> None:
    blob = blobs.put(b"weights")
    files = [ImportedFile(path="weights.bin", digest=blob.digest)]

    def import_it() -> None:
        with pytest.raises(Unavailable, match="send it again"):
            import_version(kept, "cancer", files, path="")

    blobs.before = import_it
    remove_orphans(kept)
    blobs.put(b"weights")
    assert import_version(kept, "cancer", files, path="").version == 1
    assert remove_orphans(kept) == []


def test_what_a_killed_purge_had_marked_is_free_after_ten_minutes(
    kept: Workspace, blobs: Watched, address: ArtifactAddress
) -> None:
    blob = blobs.put(b"marked")
    with kept.metadata.write() as tx:
        doomed_blobs.mark(tx, [blob.digest], DAYS_ON)
    since = check_can_receive(kept, address)
    blobs.now_ms += 9 * MINUTE_MS
    with pytest.raises(Unavailable):
        record_artifact(kept, address, blob, since)
    blobs.now_ms += 2 * MINUTE_MS
    record_artifact(kept, address, blob, since)


def test_a_purge_of_a_store_that_is_too_slow_stops_before_its_marks_are_forgotten(
    kept: Workspace, blobs: Watched
) -> None:
    def wait() -> None:
        blobs.now_ms += 6 * MINUTE_MS

    for number in range(3):
        blobs.put(b"%d" % number)
    blobs.after = wait
    assert len(remove_orphans(kept)) == 1
    assert marks(kept.metadata, blobs.now_ms) == set()
    assert [len(remove_orphans(kept)) for _ in range(3)] == [1, 1, 0]


def marks(metadata: Metadata, now_ms: int) -> set[str]:
    with metadata.read() as tx:
        return doomed_blobs.marked(tx, now_ms)
