"""Wrong requests to real scoring processes: an answer that blames the client, in time, and no memory lost.

Every path comes from the door table, every right request from what the clients of the contract suite send, so a new
door is attacked without a line here.
"""

import contextlib
import gzip
import socket
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import tritonclient.grpc
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import InferenceServerException

from serving.scoring.dataplane import DataPlane
from serving.scoring.doors import door_table
from serving.scoring.engine.workers import Workers
from serving.scoring.health import Health
from serving.scoring.protocol import Status
from serving.scoring.runtimes.onnx import load_onnx
from tests.contract_scoring.doors import DOORS
from tests.contract_scoring.images import IMAGES, VERSION, Image
from tests.contract_scoring.recording import HttpSeed, relayed
from tests.effort import effort
from tests.serving.clients.places import Place
from tests.serving.edge.edge import eventually
from tests.serving.scoring.models import linear_model, write_image
from tests.serving.scoring.process import Process

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's, while it saves models

DEADLINE_S = 10.0  # twice the process' own time for a request
QUIET_S = 0.03  # after that, a request whose framing is broken is taken to be waited for
MAX_GROWTH_BYTES = 400 << 20
DOCUMENTED_5XX = {501}  # an encoding, or an extension, that is not offered

# A script that takes whatever comes: a 500 of a script that raises is its own.
TOLERANT = "def init(): pass\ndef run(data): return [len(data)]\n"
ATTACKED = [image for image in IMAGES if image.name in ("onnx", "onnx-columns", "script", "mlflow-columns")]


@dataclass(frozen=True)
class Target:
    process: Process
    paths: list[bytes]
    seeds: list[HttpSeed]
    grpc_seeds: list[bytes]
    rss_bytes: int


@pytest.fixture(scope="module", params=ATTACKED, ids=lambda image: image.name)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    image: Image = request.param
    folder = tmp_path_factory.mktemp(image.name)
    parts = {"script": TOLERANT} if image.name == "script" else image.parts(folder)
    process = Process(write_image(folder / "image", **parts), "--serve-as", image.name)
    try:
        paths = every_path(image.name, tmp_path_factory.mktemp("table"))
        seeds, grpc_seeds = what_clients_send(image, process)
        yield Target(process, paths, seeds, grpc_seeds, status_page(process)["rss_bytes"])
    finally:
        process.close()


def status_page(process: Process) -> dict[str, Any]:
    status: dict[str, Any] = httpx.get(f"http://{process.http}/-/status", trust_env=False).json()
    return status


def every_path(name: str, folder: Path) -> list[bytes]:
    """Return the paths of the door table; ``*`` is some segment."""
    write_image(folder / "image", model=linear_model())
    with contextlib.closing(Workers()) as workers:
        plane = DataPlane(load_onnx(folder / "image", 1), workers, 1, 1.0)
        health = Health(lambda: Status(state="ready", backend="", in_flight=0, executed=0, rss_bytes=0))
        return [path.replace(b"*", b"a") for path in door_table(plane, health, name, VERSION)]


def what_clients_send(image: Image, process: Process) -> tuple[list[HttpSeed], list[bytes]]:
    """Ask through every door, and note it; the script's answers here are no numbers, which is all the same."""
    with relayed(process.http) as http, relayed(process.grpc) as grpc:
        place = Place(f"http://{http.address}", grpc.address, {}, process)
        for door in DOORS:
            for question in image.questions:
                if question.rows < 10 and door.takes(image, question):
                    door.ask(place, image, question)
    return [HttpSeed.read(bytes(raw)) for raw in http.sent if raw], [bytes(raw) for raw in grpc.sent if raw]


# Wrong requests

TOKENS = [
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"NaN",
    b"-Infinity",
    b"null",
    b"true",
    b"1e999",
    b"-1",
    b"\0",
    b"\xff",
]
LONG = [b"[" * 200, b"1" * 400, b"9223372036854775808", b'{"a":' * 120, b"\xed\xa0\x80", b"\r\n", b"\r\n\r\n", b"PAR1"]
CONTENT_TYPES = [
    b"",
    b";",
    b"text/csv",
    b"text/csv; header=absent",
    b"application/json; charset=x",
    b"application/vnd.apache.parquet",
    b"application/octet-stream",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
]
pieces = st.binary(max_size=6) | st.sampled_from(TOKENS + LONG)
splices = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), pieces), max_size=4)
methods = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"PATCH", b"DELETE", b"TRACE"])
encodings = st.sampled_from([b"", b"gzip", b"deflate", b"br", b"gzip, gzip", b"identity", b"x"])
headers = st.lists(
    st.one_of(
        st.tuples(st.just(b"content-encoding"), encodings),
        st.tuples(
            st.just(b"accept-encoding"), encodings | st.sampled_from([b"gzip;q=x", b"*;q=0", b"gzip;q=0.5,deflate"])
        ),
        st.tuples(
            st.just(b"inference-header-content-length"),
            st.integers(-2, 500).map(lambda n: b"%d" % n) | st.sampled_from([b"x", b"9" * 30]),
        ),
        st.tuples(
            st.just(b"content-type"),
            st.sampled_from(CONTENT_TYPES),
        ),
        st.tuples(st.just(b"expect"), st.sampled_from([b"100-continue", b"x"])),
        st.tuples(
            st.sampled_from([b"x-request-id", b"x-ms-request-id", b"x-ms-client-request-id"]), st.just(b"r" * 101)
        ),
    ),
    max_size=2,
    unique_by=lambda pair: pair[0],
)


def spliced(content: bytes, changes: Any) -> bytes:
    for place, cut, piece in changes:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + cut :]
    return content


def packed(body: bytes, encoding: bytes) -> bytes:
    if encoding == b"gzip":
        return gzip.compress(body, 1)
    return zlib.compress(body, 1) if encoding == b"deflate" else body


def exchange(address: str, request: bytes, patience_s: float) -> bytes:
    """Send, and read what comes until the connection ends or is quiet for so long."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as one:
        answer = b""
        try:
            one.sendall(request)
            one.settimeout(patience_s)
            while part := one.recv(1 << 16):
                answer += part
        except (ConnectionError, TimeoutError):
            pass
        return answer


def status_of(answer: bytes) -> int:
    while answer.startswith(b"HTTP/1.1 100 "):
        answer = answer.partition(b"\r\n\r\n")[2]
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer[9:12])


def test_no_request_is_a_fault_of_ours(target: Target) -> None:
    seeds = st.sampled_from(target.seeds)
    paths = st.none() | st.sampled_from(target.paths)

    @effort()
    @given(seed=seeds, path=paths, method=st.none() | methods, more=headers, changes=splices, pack=st.booleans())
    def attack(seed: HttpSeed, path: bytes | None, method: bytes | None, more: Any, changes: Any, pack: bool) -> None:
        given_headers = dict(seed.headers) | dict(more)
        body = spliced(seed.body, changes)
        if pack:
            body = packed(body, given_headers.get(b"content-encoding", b""))
        given_headers |= {b"content-length": b"%d" % len(body), b"connection": b"close"}
        head = b"".join(b"%b: %b\r\n" % pair for pair in given_headers.items())
        request = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method or seed.method, path or seed.path, head, body)
        answer = exchange(target.process.http, request, DEADLINE_S)
        assert status_of(answer) < 500 or status_of(answer) in DOCUMENTED_5XX, (request, answer)

    attack()


def test_no_bytes_at_the_http_port_are_a_fault_of_ours(target: Target) -> None:
    requests = [b"%b %b HTTP/1.1\r\nhost: a\r\n\r\n" % (b"POST", path) for path in target.paths]
    requests += [
        b"%b %b HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (seed.method, seed.path, len(seed.body), seed.body)
        for seed in target.seeds
    ]

    @effort(40)
    @given(seed=st.sampled_from(requests), changes=splices, noise=st.binary(max_size=40))
    def attack(seed: bytes, changes: Any, noise: bytes) -> None:
        answer = exchange(target.process.http, spliced(seed, changes) + noise, QUIET_S)
        assert b"HTTP/1.1 500" not in answer, (seed, changes, answer)

    attack()


def test_no_bytes_at_the_grpc_port_harm_the_process(target: Target) -> None:
    @effort(40)
    @given(seed=st.sampled_from(target.grpc_seeds), changes=splices, noise=st.binary(max_size=40))
    def attack(seed: bytes, changes: Any, noise: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # while another server takes the place of one that ended
            exchange(target.process.grpc, spliced(seed, changes) + noise, QUIET_S)

    attack()


def test_afterwards_it_answers_as_before_and_holds_nothing(target: Target) -> None:
    """Runs last, in the order of the file."""
    assert target.process.child.poll() is None, target.process.log_text()
    status = status_page(target.process)
    assert status["in_flight"] == 0
    assert status["rss_bytes"] < target.rss_bytes + MAX_GROWTH_BYTES
    assert target.process.log_text().partition("unexpected error")[2][:6000] == ""
    with tritonclient.grpc.InferenceServerClient(target.process.grpc) as client:
        assert eventually(lambda: is_ready(client))
    for seed in target.seeds[:3]:
        url = f"http://{target.process.http}{seed.path.decode()}"
        assert httpx.post(url, content=seed.body, headers=dict(seed.headers), trust_env=False).status_code == 200


def is_ready(client: Any) -> bool:
    try:
        return bool(client.is_server_ready())
    except InferenceServerException:
        return False
