"""Deadlines, refusals and turns as clients of a real process see them."""

import gc
import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc

from serving.scoring.oip.grpc_messages import message_classes
from tests.serving.scoring.conftest import asking
from tests.serving.scoring.models import linear_model
from tests.serving.scoring.process import Process

# Each request is one line of the log of runs; "hold" waits for the gate, as a slow model does.
SCRIPT = """
import json, os, time
HERE = {here!r}
def init(): ...
def run(data):
    name = json.loads(data)["data"]
    with open(HERE + "/runs", "a") as runs:
        runs.write(str(name) + "\\n")
    while name == "hold" and not os.path.exists(HERE + "/gate"):
        time.sleep(0.005)
    return name
"""


EDGE = {"x-slipway-edge": "s3cret"}
BEHIND_AN_EDGE = {"SLIPWAY_EDGE_SECRET": EDGE["x-slipway-edge"]}


class Held:
    """A process whose one thread is at work until the gate opens."""

    def __init__(self, process: Process, here: Path, threads: ThreadPoolExecutor) -> None:
        self.process = process
        self._here = here
        self._threads = threads
        self._client = httpx.Client(base_url=f"http://{process.http}", timeout=30, trust_env=False, headers=EDGE)

    def open(self) -> None:
        (self._here / "gate").touch()

    def runs(self) -> list[str]:
        return (self._here / "runs").read_text().split()

    def post(self, name: str, **headers: str) -> httpx.Response:
        named = {header.replace("_", "-"): value for header, value in headers.items()}
        return self._client.post("/score", json={"data": name}, headers=named)

    def send(self, name: str, **headers: str) -> "Future[httpx.Response]":
        return self._threads.submit(self.post, name, **headers)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._client.get("/-/status").json()
        return status

    def until(self, in_flight: int) -> None:
        while self.status()["in_flight"] != in_flight:
            pass


@pytest.fixture
def hold(start: Callable[..., Process], tmp_path: Path) -> Iterator[Callable[..., Held]]:
    with ExitStack() as stack:

        def begin(*arguments: str, environment: dict[str, str] | None = None) -> Held:
            threads = stack.enter_context(ThreadPoolExecutor(32))
            process = start(*arguments, script=SCRIPT.format(here=str(tmp_path)), environment=environment)
            held = Held(process, tmp_path, threads)
            stack.callback(held.open)
            return held

        yield begin


def test_a_request_that_is_late_is_never_run(hold: Callable[..., Held]) -> None:
    held = hold()
    first = held.send("hold")
    held.until(in_flight=1)
    late = held.post("late", x_request_timeout_ms="50")
    assert late.json() == {"message": "Scoring timeout after 50 ms"}
    assert late.headers["retry-after"] == "1"  # it only waited
    held.open()
    assert first.result().status_code == 200
    assert held.post("last").json() == "last"
    assert held.runs() == ["hold", "last"]
    assert held.status()["executed_after_deadline"] == 0


def test_a_client_that_leaves_takes_its_request_along(hold: Callable[..., Held]) -> None:
    held = hold()
    first = held.send("hold")
    held.until(in_flight=1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"http://{held.process.http}/score", json={"data": "left"}, timeout=0.1, trust_env=False)
    held.until(in_flight=1)
    held.open()
    assert first.result().status_code == 200
    assert held.post("last").json() == "last"
    assert held.runs() == ["hold", "last"]


def test_one_keys_flood_does_not_hold_up_another_key(hold: Callable[..., Held]) -> None:
    limits = ("--max-concurrent", "4", "--max-queue-wait-ms", "20000", "--request-timeout-ms", "20000")
    held = hold(*limits, environment=BEHIND_AN_EDGE)
    first = held.send("hold", x_slipway_key="flood")
    held.until(in_flight=1)
    flood = [held.send(f"f{number}", x_slipway_key="flood") for number in range(7)]
    held.until(in_flight=8)
    polite = held.send("polite", x_slipway_key="polite")
    while held.status()["refused"] == 0:
        pass
    held.open()
    assert polite.result().json() == "polite"
    assert first.result().status_code == 200
    refused = [one.result() for one in flood if one.result().status_code == 429]
    assert [one.headers["retry-after"] for one in refused] == ["1"]
    assert held.runs().index("polite") == 1  # right after what ran


def test_no_client_chooses_its_own_key_where_no_edge_says_it(hold: Callable[..., Held]) -> None:
    held = hold("--max-concurrent", "1", "--max-queue-wait-ms", "20000", "--request-timeout-ms", "20000")
    first = held.send("hold")
    held.until(in_flight=1)
    waits = held.send("waits")
    held.until(in_flight=2)
    assert held.post("clever", x_slipway_key="clever").status_code == 429
    held.open()
    assert [first.result().json(), waits.result().json()] == ["hold", "waits"]


def test_every_refusal_says_when_to_come_again(hold: Callable[..., Held]) -> None:
    held = hold("--max-concurrent", "1", "--max-queue-wait-ms", "100", "--request-timeout-ms", "20000")
    first = held.send("hold")
    held.until(in_flight=1)
    waits = held.send("beyond")
    held.until(in_flight=2)
    doors = ("/score", "/invocations", "/v1/models/linear:predict", "/v2/models/linear/generate")
    refusals = [httpx.post(f"http://{held.process.http}{path}", json={"data": "no"}, trust_env=False) for path in doors]
    refusals.append(waits.result())  # it waited for its time in vain
    for refused in refusals:
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1"), refused.text
    assert held.status()["refused"] == len(refusals)
    held.open()
    assert first.result().status_code == 200


def test_a_refusal_over_grpc_says_so_in_its_trailers(hold: Callable[..., Held]) -> None:
    held = hold("--max-concurrent", "1", "--max-queue-wait-ms", "20000", "--request-timeout-ms", "20000")
    running = [held.send("hold")]
    held.until(in_flight=1)
    running.append(held.send("next"))
    held.until(in_flight=2)
    request = message_classes()["ModelInferRequest"](model_name="linear")
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    tensor.contents.fp32_contents.append(1.0)
    with grpc.insecure_channel(held.process.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(request.SerializeToString())
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers = dict(refused.value.trailing_metadata())
    assert (trailers["retry-after"], trailers["grpc-retry-pushback-ms"]) == ("1", "1000")
    assert trailers["x-request-id"]
    held.open()
    assert [one.result().status_code for one in running] == [200, 200]


def test_the_deadline_of_a_grpc_call_is_its_requests(hold: Callable[..., Held]) -> None:
    held = hold()
    first = held.send("hold")
    held.until(in_flight=1)
    tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.zeros([1, 1], dtype=np.float32))
    with (
        tritonclient.grpc.InferenceServerClient(held.process.grpc) as client,
        pytest.raises(tritonclient.grpc.InferenceServerException, match="DEADLINE_EXCEEDED"),
    ):
        client.infer("linear", [tensor], client_timeout=0.1)
    held.until(in_flight=1)
    held.open()
    assert first.result().status_code == 200
    assert held.runs() == ["hold"]


def test_what_waits_is_answered_by_a_process_that_is_told_to_end(hold: Callable[..., Held]) -> None:
    held = hold()
    asked = [held.send("hold")]
    held.until(in_flight=1)
    asked += [held.send(name) for name in ("a", "b", "c")]
    held.until(in_flight=4)
    held.process.child.send_signal(signal.SIGTERM)
    held.open()
    assert [one.result().json() for one in asked] == ["hold", "a", "b", "c"]
    assert held.process.child.wait(10) == 0


LARGE_ROWS = b",".join([b"[1,2,3]"] * 500_000)
LARGE = {
    "/score": b'{"data":[%b]}' % LARGE_ROWS,
    "/invocations": b'{"inputs":[%b]}' % LARGE_ROWS,
    "/v1/models/linear:predict": b'{"instances":[%b]}' % LARGE_ROWS,
    "/v2/models/linear/generate": b'{"x":[%b]}' % LARGE_ROWS,
    "/v2/models/linear/infer": b'{"inputs":[{"name":"x","shape":[500000,3],"datatype":"FP32","data":[%b]}]}'
    % LARGE_ROWS,
}


def test_others_are_answered_while_a_large_body_is_read(start: Callable[..., Process], linear: bytes) -> None:
    process = start("--request-timeout-ms", "60000", model=linear)
    address = f"http://{process.http}"
    small = {"data": [[1, 2, 3]]}
    headers = {"content-type": "application/json"}
    with ThreadPoolExecutor(1) as threads, httpx.Client(trust_env=False, timeout=60) as client:
        for path, body in LARGE.items():
            large = threads.submit(httpx.post, address + path, content=body, headers=headers, timeout=60)
            answered = 0
            while not large.done():
                assert client.post(f"{address}/score", json=small).status_code == 200
                answered += 1
            assert large.result().status_code == 200
            assert answered > 5, path  # on the event loop, reading and writing would let two pass


@pytest.mark.parametrize("door", LARGE)
def test_a_requests_time_counts_while_a_large_body_is_read(make_plane: Callable[..., Any], door: str) -> None:
    plane = make_plane(model=linear_model())
    answer = asking(plane)("POST", door, LARGE[door], content_type="application/json", x_request_timeout_ms="20")
    assert answer.status == (500 if door == "/score" else 504)
    assert plane.executed == 0
    assert gc.isenabled()


DOORS = {
    "/score": ({"data": [[1, 2, 3]]}, "message"),
    "/invocations": ({"inputs": [[1, 2, 3]]}, "message"),
    "/v1/models/linear:predict": ({"instances": [[1, 2, 3]]}, "error"),
    "/v2/models/linear/infer": (
        {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]},
        "error",
    ),
    "/v2/models/linear/generate": ({"x": [[1, 2, 3]]}, "error"),
}


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon", "", "9" * 16])
@pytest.mark.parametrize("door", DOORS)
def test_a_time_that_is_none_is_refused_in_the_doors_own_words(
    ask_onnx: Callable[..., Any], door: str, given: str
) -> None:
    body, member = DOORS[door]
    answer = ask_onnx("POST", door, body, content_type="application/json", x_request_timeout_ms=given)
    assert answer.status == 400
    assert "x-request-timeout-ms must be a whole number of milliseconds above 0" in json.loads(answer.body)[member]


@pytest.mark.parametrize("door", DOORS)
def test_a_client_sets_its_time_at_every_door(make_ask: Callable[..., Any], door: str) -> None:
    ask = make_ask(script="import time\ndef init(): ...\ndef run(data):\n    while True: time.sleep(0.01)\n")
    body, member = DOORS[door]
    answer = ask("POST", door, body, content_type="application/json", x_request_timeout_ms="60")
    assert answer.status == (500 if door == "/score" else 504)  # as Azure ML's server has it; the edge makes it 408
    assert "60 ms" in json.loads(answer.body)[member]
    assert b"retry-after" not in dict(answer.headers)  # it was worked on, in vain
