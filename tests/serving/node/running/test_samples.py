"""What a replica must answer before it is ready, against scoring processes of a few lines."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from registry.core.imaging.images import SCORING_PATH, ImageConfig, ImageKind, ModelInImage, Runtime
from registry.core.imaging.samples import BINARY, MAX_ANSWERS_BYTES, Answer, Door, GoldenAnswers, Sample, Tolerance
from serving.node.errors import NodeError, NotReproduced, ProcessDied, SampleFailed, StartFailed
from serving.node.keeping.cache import DESCRIPTION
from serving.node.running.launch import Launch
from serving.node.running.process import ScoringProcess
from serving.node.running.samples import reproduce

SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, answer = respond(self, body)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass

{respond}

server = HTTPServer(("127.0.0.1", 0), Handler)
with os.fdopen(int(arguments["--announce-fd"]), "w") as out:
    out.write(json.dumps({{"protocol": 1, "state": "ready", "http_port": server.server_port}}) + "\\n")
server.serve_forever()
"""
ECHO = "def respond(request, body): return 200, body"
ROWS = b'{"data": [[1.0, 2.0]]}'
SAMPLE = Sample(name="rows.json", path="opt/slipway/samples/0/rows.json", tolerance=Tolerance(relative=0.1, absolute=0))

MakeLaunch = Callable[..., Launch]


@pytest.fixture
def make_launch(tmp_path: Path) -> MakeLaunch:
    """Lay out an unpacked image with one sample, whose scoring process answers by ``respond``."""

    def make(respond: str, sample: Sample = SAMPLE, body: bytes = ROWS, expected: Any = None) -> Launch:
        image = tmp_path / "image"
        package = image / SCORING_PATH / "slipway_scoring"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(SERVER.format(respond=respond))
        file = image / sample.path
        file.parent.mkdir(parents=True)
        file.write_bytes(body)
        config = ImageConfig(
            schema=1,
            kind=ImageKind.SCORING,
            runtime=Runtime.SCRIPT,
            python="3.11",
            environment="sha256:0",
            models=[ModelInImage(name="cancer", version=1, path="var/model")],
            samples=[sample],
        )
        (image / DESCRIPTION).write_bytes(msgspec.json.encode(config))
        golden = None
        if expected is not None:
            answer = Answer(
                sample=sample.name, status=200, content_type="application/json", body=json.dumps(expected).encode()
            )
            golden = GoldenAnswers(answers=[answer])
        return Launch(
            python=Path(sys.executable),
            image=image,
            serve_as="my cancer",
            backend="c.b.1",
            secret="edge",
            golden=golden,
        )

    return make


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 60))


async def start(launch: Launch) -> None:
    """Start, reproduce, and see that the process serves on, or was killed if it was refused."""
    process = ScoringProcess.start(launch, launch.image.parent / "log")
    address = f"127.0.0.1:{(await process.ready(30)).http_port}"
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            await reproduce(launch, process, address, http)
        except NodeError:
            assert await process.wait() != 0
            raise
    assert process.returncode is None
    process.kill()
    assert await process.wait() == -signal.SIGKILL


def refused(launch: Launch, kind: type[StartFailed]) -> str:
    with pytest.raises(kind) as refusal:
        run(start(launch))
    return refusal.value.message


def test_an_answer_within_the_tolerance_is_the_recorded_one(make_launch: MakeLaunch) -> None:
    run(start(make_launch(ECHO, expected={"data": [[1.05, 2.0]]})))


def test_another_answer_is_refused_and_the_differences_are_told(make_launch: MakeLaunch) -> None:
    assert refused(make_launch(ECHO, expected={"data": [[3.0, 2.0]], "n": 1}), NotReproduced) == (
        "sample rows.json at /score was not answered as when the image was built: $.data[0][0]: expected 3.0, got 1.0; "
        "$.n: expected 1, got nothing (tolerance: relative 0.1, absolute 0)"
    )


def test_a_script_that_raises_is_told_by_its_own_line(make_launch: MakeLaunch) -> None:
    respond = """
def respond(request, body):
    name = request.headers["x-request-id"]
    print(f"2026 E [1] slipway - request {name} failed: run() raised ValueError: no (score.py:3)", flush=True)
    return 500, b'{"message": "see the log"}'
"""
    assert refused(make_launch(respond), SampleFailed) == (
        "sample rows.json at /score was answered with 500: run() raised ValueError: no (score.py:3)"
    )


def test_a_refusal_that_is_not_in_the_log_is_told_by_its_body(make_launch: MakeLaunch) -> None:
    respond = 'def respond(request, body): return 400, b\'{"error": "unknown input z"}\''
    assert refused(make_launch(respond), SampleFailed).endswith("was answered with 400: unknown input z")


def test_a_process_that_dies_over_a_sample_shows_how(make_launch: MakeLaunch) -> None:
    respond = "def respond(request, body): os.kill(os.getpid(), 11)"
    assert "was killed by SIGSEGV before it was ready" in refused(make_launch(respond), ProcessDied)


def test_a_process_that_hangs_up_did_not_answer(make_launch: MakeLaunch) -> None:
    respond = """
def respond(request, body):
    request.connection.shutdown(2)
    raise SystemError("gone")
"""
    assert "the scoring process did not answer sample rows.json at /score" in refused(make_launch(respond), StartFailed)


def test_an_answer_without_end_is_refused(make_launch: MakeLaunch) -> None:
    respond = f"def respond(request, body): return 200, bytes({MAX_ANSWERS_BYTES} + 1)"
    assert "too large" in refused(make_launch(respond), SampleFailed)


def test_without_recorded_answers_a_sample_must_only_be_answered(make_launch: MakeLaunch) -> None:
    run(start(make_launch(ECHO)))


def test_another_number_of_recorded_answers_is_refused(make_launch: MakeLaunch) -> None:
    launch = make_launch(ECHO, expected=[])
    assert launch.golden is not None
    launch.golden.answers.append(launch.golden.answers[0])
    assert "the image has 1 samples, and 2 answers are recorded" in refused(launch, NotReproduced)


def test_a_binary_request_goes_to_the_models_own_address_with_the_length_of_its_json(make_launch: MakeLaunch) -> None:
    respond = """
def respond(request, body):
    seen = [request.path, request.headers["x-slipway-edge"], request.headers["inference-header-content-length"]]
    return 200, json.dumps(seen).encode()
"""
    sample = Sample(name="rows.bin", path="opt/slipway/samples/0/rows.bin", door=Door.INFER, content_type=BINARY)
    expected = ["/v2/models/my%20cancer/infer", "edge", "14"]
    run(start(make_launch(respond, sample, b'{"inputs": []}' + bytes(8), expected)))
