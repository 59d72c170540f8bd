import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from registry.core.imaging.images import Descriptor
from registry.core.imaging.samples import GOLDEN_TYPE, Answer, GoldenAnswers, Sample
from registry.core.imaging.signatures import SignaturePolicy, Trust
from registry.images.build import BuiltImage
from registry.images.inputs import SampleInput
from registry.images.lock import compile_lock
from serving.node.running.serve_alone import serve_alone
from tests.serving.node.answering import answering

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MAIN = """
import json, os, signal, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
with os.fdopen(int(arguments["--announce-fd"]), "w") as out:
    out.write(json.dumps({"protocol": 1, "state": "ready", "http_port": 4711, "grpc_port": 4712, "pid": os.getpid()}))
print("as", arguments["--serve-as"], os.getpid(), flush=True)
sys.stdin.read()
"""
PROGRAM = """
import sys
from pathlib import Path
from registry.core.imaging.signatures import SignaturePolicy, Trust
from serving.node.running.serve_alone import serve_alone
url, reference, state = sys.argv[1:]
where = {"host": "127.0.0.1", "http_port": 0, "grpc_port": 0, "state_dir": Path(state)}
sys.exit(serve_alone(url, reference, serve_as=None, trust=Trust(policy=SignaturePolicy.OFF), **where))
"""


class Registry(Protocol):
    url: str

    def attach(self, subject: str, artifact_type: str, payload: bytes) -> Descriptor: ...


class ImageMaker(Protocol):
    def __call__(self, main: str = "", lock: bytes = b"", *, samples: tuple[SampleInput, ...] = ()) -> BuiltImage: ...


@pytest.fixture(scope="module")
def lock() -> bytes:
    return compile_lock(["click==8.1.7"], [], PYTHON, "amd64")


def test_an_image_is_served_until_ctrl_c(
    tmp_path: Path, registry: Registry, make_image: ImageMaker, lock: bytes
) -> None:
    reference = f"cancer@{make_image(MAIN, lock).digest}"
    command = [sys.executable, "-c", PROGRAM, registry.url, reference, str(tmp_path)]
    serving = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert serving.stdout is not None
    assert serving.stderr is not None
    _, name, pid = serving.stdout.readline().split()
    pidfd = os.pidfd_open(int(pid))
    said = [serving.stderr.readline().split()[0] for _ in range(2)] + [serving.stderr.readline()]
    serving.send_signal(signal.SIGINT)
    serving.communicate(timeout=30)

    assert name == "cancer"
    assert said == ["pulling", "materialising", "serving cancer on http://127.0.0.1:4711\n"]
    assert serving.returncode == 0
    assert select.select([pidfd], [], [], 30)[0], "the scoring process is still there"
    os.close(pidfd)


def test_what_cannot_be_served_is_one_line_and_exit_code_1(
    tmp_path: Path, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    reference = f"cancer@sha256:{'0' * 64}"
    code = serve_alone(
        registry.url,
        reference,
        host="127.0.0.1",
        http_port=0,
        grpc_port=0,
        serve_as=None,
        state_dir=tmp_path,
        trust=Trust(policy=SignaturePolicy.OFF),
    )

    assert code == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"cannot serve {reference}: the registry at {registry.url} has no {reference}"
    )


def test_a_tag_that_no_registry_resolves_is_told_what_needs_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = serve_alone(
        "http://127.0.0.1:9",
        "cancer:1",
        host="127.0.0.1",
        http_port=0,
        grpc_port=0,
        serve_as=None,
        state_dir=tmp_path,
        trust=Trust(policy=SignaturePolicy.OFF),
    )

    said = capfd.readouterr().err
    assert (code, said.count("\n")) == (1, 1)
    assert "cannot serve cancer:1: cannot pull cancer:1 from the registry at http://127.0.0.1:9: " in said
    assert said.endswith("needs no registry by its digest: slipway image serve cancer@sha256:…\n")


def test_a_script_that_fails_is_shown_with_its_own_line(
    tmp_path: Path, registry: Registry, make_image: ImageMaker, lock: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    failing = MAIN.replace('"ready"', '"failed", "error": "ValueError: no such column (score.py:12)"')
    reference = f"cancer@{make_image(failing, lock).digest}"
    code = serve_alone(
        registry.url,
        reference,
        host="127.0.0.1",
        http_port=0,
        grpc_port=0,
        serve_as=None,
        state_dir=tmp_path,
        trust=Trust(policy=SignaturePolicy.OFF),
    )

    assert code == 1
    assert "ValueError: no such column (score.py:12)" in capfd.readouterr().err.splitlines()[-1]


def test_an_image_that_answers_its_sample_otherwise_than_at_build_is_not_served(
    tmp_path: Path, registry: Registry, make_image: ImageMaker, lock: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    sample = Sample(name="rows.json", path="opt/slipway/samples/0/rows.json")
    digest = make_image(answering("[sum(body)]"), lock, samples=(SampleInput(sample, b"[1.0, 2.0]"),)).digest
    recorded = Answer(sample="rows.json", status=200, content_type="application/json", body=b"[4.0]")
    registry.attach(digest, GOLDEN_TYPE, msgspec.json.encode(GoldenAnswers(answers=[recorded])))
    code = serve_alone(
        registry.url,
        f"cancer@{digest}",
        host="127.0.0.1",
        http_port=0,
        grpc_port=0,
        serve_as=None,
        state_dir=tmp_path,
        trust=Trust(policy=SignaturePolicy.OFF),
    )

    assert code == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"cannot serve cancer@{digest}: sample rows.json at /score was not answered as when the image was built: "
        "$[0]: expected 4.0, got 3.0 (tolerance: relative 0.0001, absolute 1e-06)"
    )
