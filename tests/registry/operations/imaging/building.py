"""Builds of images in which nothing is resolved, run or quantised for real."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from registry.core.activities import Activity
from registry.core.errors import BuildFailed
from registry.core.imaging.images import BuildRequest
from registry.core.imaging.samples import (
    Answer,
    GoldenAnswers,
)
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.images.lock import Locks
from registry.images.pack import Entry, tar_chunks
from registry.images.rehearsal import Rehearsals
from registry.operations.activities import follow_activity
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.images import start_build
from registry.operations.workspace import Workspace
from registry.store.modelling import model_versions, models

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"
QUANTISER = """
import hashlib, json, sys
order = json.loads(sys.stdin.readline())
def tell(**news): print(json.dumps(news), flush=True)
tell(line="quantising " + open(order["rows"]).read())
open(order["quantised"], "wb").write(open(order["model"], "rb").read() + b"\\x42\\x01q")
if order["max_drop"] == 0:
    tell(error="quantising costs more than max_accuracy_drop allows: a drop of 0.1 where 0 is the bound")
else:
    figures = dict(rows=3, measure="accuracy", before=1.0, after=0.9, drop=0.1, max_error=0.5, mean_error=0.25)
    external = ["weights.bin"]
    tell(result={**figures, "operators": ["MatMul"], "tools": {"onnx": "1"}, "external": external})
"""
SCRIPT = b"def init(): ...\ndef run(data): return data\n"
PYTHON = "3.11"


class KnownLocks(Locks):
    """Resolves nothing; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], list[str], str]] = []

    def resolve(self, requirements: list[str], own: list[str], python: str, architecture: str) -> bytes:
        self.asked.append((requirements, own, python))
        if requirements == ["broken==1"]:
            raise BuildFailed("the requirements cannot be resolved: there is no broken==1")
        if requirements == ["fault==1"]:
            raise RuntimeError("a secret of ours")
        return b"numpy==2.0.0 --hash=sha256:00\n"


class KnownRehearsals(Rehearsals):
    """Runs nothing: answers every sample, or refuses it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal = ""

    def rehearse(self, name: str, digest: str, folders: Sequence[Path], report: Callable[[str], None]) -> GoldenAnswers:
        assert any((folder / digest.removeprefix("sha256:")).is_file() for folder in folders)
        self.asked.append(digest)
        if self.refusal:
            raise BuildFailed(self.refusal)
        answer = Answer(sample="rows.json", status=200, content_type="application/json", body=b"[0.5]")
        return GoldenAnswers(answers=[answer])


def register(workspace: Workspace, name: str, **files: bytes) -> None:
    with workspace.metadata.write() as tx:
        if models.find_entry(tx, name) is None:
            models.create(tx, name, "", 1)
        stored = [(path.replace("_", "."), workspace.blobs.put(content)) for path, content in files.items()]
        frozen = [
            ModelFile(path=path, sha256=blob.digest.removeprefix("sha256:"), size=blob.size) for path, blob in stored
        ]
        number = model_versions.next_number(tx, name)
        model_versions.insert(
            tx, ModelVersion(name=name, version=number, run_id=None, path="", files=frozen, created_ms=1)
        )


def blobs_of(works: ImageWorks) -> list[str]:
    """Every blob in the layout, and what is on its way there."""
    return [path.name for folder in ("blobs/sha256", "incoming") for path in (works.layout.folder / folder).iterdir()]


def upload(workspace: Workspace, *entries: Entry) -> str:
    return workspace.blobs.put(tar_chunks(entries)).digest


def build(workspace: Workspace, works: ImageWorks, request: BuildRequest) -> Activity:
    activity = start_build(workspace, works, request)

    async def follow() -> Activity:
        seen = activity
        while not seen.state.ended:
            seen = await follow_activity(workspace, activity.id, len(seen.log), 30)
        return seen

    return asyncio.run(follow())
