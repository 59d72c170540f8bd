"""A rehearsal as the registry starts it, of images with an environment and a scoring process of a few lines."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.images import Runtime
from registry.core.imaging.samples import Sample, Tolerance
from registry.images.build import BuiltImage, build_image
from registry.images.inputs import BuildInputs, ModelInput, SampleInput
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import entry_of_bytes
from registry.images.rehearsal import Rehearsals
from tests.serving.node.answering import answering

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
KILLED_REGISTRY = """
import sys
from pathlib import Path
from types import SimpleNamespace
from registry.images.keeping.layout import ImageLayout
from tests.serving.node.test_rehearse import rehearse
folder, node, hanging = sys.argv[1:]
rehearse(SimpleNamespace(layout=ImageLayout(Path(folder))), Path(node), hanging)
"""
ROWS = Sample(name="rows.json", path="opt/slipway/samples/0/rows.json", tolerance=Tolerance(relative=0.5, absolute=0))


class Registry(Protocol):
    layout: ImageLayout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


def inputs(answer: str, status: int = 200) -> BuildInputs:
    main = answering(answer, status).encode()
    return BuildInputs(
        models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.txt", b"a model"),)),),
        runtime=Runtime.SCRIPT,
        lock=b"",
        python=PYTHON,
        architecture="amd64",
        scoring=(entry_of_bytes("__init__.py", b""), entry_of_bytes("__main__.py", main)),
        samples=(SampleInput(ROWS, b"[1.0, 2.0]"),),
    )


def rehearse(registry: Registry, node: Path, answer: str, status: int = 200) -> bytes:
    bodies: list[bytes] = []

    def try_out(built: BuiltImage, folders: Sequence[Path]) -> None:
        golden = Rehearsals(node, within_s=60).rehearse("cancer", built.digest, folders, lambda line: None)
        bodies.extend(recorded.body for recorded in golden.answers)

    build_image(registry.layout, inputs(answer, status), lambda progress, line: None, try_out)
    return b"".join(bodies)


def test_the_answer_is_recorded_when_it_is_the_same_every_time(registry: Registry, node: Path) -> None:
    assert rehearse(registry, node, "[sum(body)]") == b"[3.0]"


def test_an_answer_that_differs_a_little_is_within_the_tolerance(registry: Registry, node: Path) -> None:
    assert rehearse(registry, node, "[3.0 + random.random() / 10]").startswith(b"[3.0")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("[asked * 1.0]", r"the second time \(set a tolerance for it .*: \$\[0\]: expected 1\.0, got 2\.0"),
        ("[os.getpid()]", r"by a second process \(set a tolerance for it .*: \$\[0\]: expected \d+, got \d+"),
        ("os._exit(5)", r"ended with exit code 5 before it was ready"),
    ],
)
def test_an_image_that_cannot_repeat_itself_is_refused_and_not_stored(
    registry: Registry, node: Path, answer: str, message: str
) -> None:
    with pytest.raises(BuildFailed, match=message):
        rehearse(registry, node, answer)
    assert list((registry.layout.folder / "blobs" / "sha256").iterdir()) == []


def test_a_sample_that_is_refused_fails_the_build(registry: Registry, node: Path) -> None:
    with pytest.raises(BuildFailed, match=r"sample rows\.json at /score was answered with 400: no such column"):
        rehearse(registry, node, "dict(message='no such column')", status=400)


def test_two_rehearsals_of_one_image_at_once_share_what_they_need(registry: Registry, tmp_path: Path) -> None:
    answers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: answers.append(rehearse(registry, tmp_path / "node", "[sum(body)]")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"[3.0]", b"[3.0]"]


def hang_over(fifo: Path) -> str:
    """Return an answer that tells who it is, and who started it, and then never comes."""
    os.mkfifo(fifo)
    return f"[open({str(fifo)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} '), __import__('time').sleep(600)]"


def test_a_killed_rehearsal_leaves_no_scoring_process(registry: Registry, node: Path, tmp_path: Path) -> None:
    hanging = hang_over(tmp_path / "fifo")
    failures: list[str] = []

    def attempt() -> None:
        try:
            rehearse(registry, node, hanging)
        except BuildFailed as failure:
            failures.append(failure.message)

    thread = threading.Thread(target=attempt)
    thread.start()
    scoring, rehearsal = (int(pid) for pid in (tmp_path / "fifo").read_text().split()[:2])
    pidfd = os.pidfd_open(scoring)
    os.kill(rehearsal, signal.SIGKILL)
    thread.join()
    assert has_ended(pidfd)
    assert failures == ["the process that was to answer the image's samples broke off (exit code -9)"]


def test_a_killed_registry_leaves_no_rehearsal_and_no_scoring_process(node: Path, tmp_path: Path) -> None:
    hanging = hang_over(tmp_path / "fifo")
    program = [sys.executable, "-c", KILLED_REGISTRY, str(tmp_path / "registry"), str(node), hanging]
    registry = subprocess.Popen(program, cwd=Path(__file__).parents[3])
    pidfds = [os.pidfd_open(int(pid)) for pid in (tmp_path / "fifo").read_text().split()[:2]]
    registry.kill()
    registry.wait()
    assert [has_ended(pidfd) for pidfd in pidfds] == [True, True]


def has_ended(pidfd: int) -> bool:
    """Wait for the end of a process, for a while."""
    try:
        return bool(select.select([pidfd], [], [], 30)[0])
    finally:
        os.close(pidfd)
