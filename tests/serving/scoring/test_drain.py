"""A real process that is told to end while its line is full."""

import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc

from tests.serving.edge.edge import eventually

AT_ONCE = 12  # as many more wait
# The first request holds the model until the test has seen that all others are there.
SLOW = """
import os, time

def init(): ...

def run(data):
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.01)
    return data
"""
YIELDS = SLOW.replace("    return data", "    yield data\n    time.sleep(0.3)\n    yield 'the end'")


@pytest.fixture
def full(start: Callable[..., Any], request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    environment = {"GO": str(tmp_path / "go"), "SLIPWAY_MAX_QUEUE_WAIT_MS": "20000"}
    arguments = ("--max-concurrent", str(AT_ONCE), "--request-timeout-ms", "20000")
    process = start(*arguments, script=getattr(request, "param", SLOW), environment=environment)
    process.go = tmp_path / "go"
    return process


def in_flight(process: Any) -> int:
    return int(httpx.get(f"http://{process.http}/-/status").json()["in_flight"])


def ask(process: Any, number: int) -> httpx.Response:
    return httpx.post(f"http://{process.http}/score", json=number, timeout=30)


def ask_by_grpc(process: Any, number: int) -> Any:
    tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.full([1, 1], number, dtype=np.float32))
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        return client.infer("linear", [tensor]).as_numpy("output_0")


def test_all_that_was_admitted_is_answered_also_what_waits_and_nothing_new_is_taken(full: Any) -> None:
    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        asked: list[Future[Any]] = [pool.submit(ask, full, number) for number in range(AT_ONCE)]
        asked += [pool.submit(ask_by_grpc, full, number) for number in range(AT_ONCE)]
        eventually(lambda: in_flight(full) == 2 * AT_ONCE)
        full.child.send_signal(signal.SIGTERM)
        eventually(lambda: _refuses(full.http))
        with pytest.raises(tritonclient.grpc.InferenceServerException, match="UNAVAILABLE"):
            ask_by_grpc(full, 99)
        full.go.touch()
        answers = [one.result() for one in asked]
    assert [int(answer.json()) for answer in answers[:AT_ONCE]] == list(range(AT_ONCE))
    assert [f"{number}.0" in str(answer) for number, answer in enumerate(answers[AT_ONCE:])] == [True] * AT_ONCE
    assert full.child.wait(10) == 0


@pytest.mark.parametrize("full", [YIELDS], indirect=True)
def test_streams_that_have_begun_or_wait_come_to_their_end(full: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, full, number) for number in range(4)]
        eventually(lambda: in_flight(full) == 4)
        full.child.send_signal(signal.SIGTERM)
        eventually(lambda: _refuses(full.http))
        full.go.touch()
        texts = [one.result().text for one in asked]
    assert all("the end" in text for text in texts), texts
    assert full.child.wait(10) == 0


def test_a_request_whose_time_is_over_while_it_waits_does_not_hold_up_the_end(
    start: Callable[..., Any], tmp_path: Any
) -> None:
    environment = {"GO": str(tmp_path / "never")}
    process = start("--request-timeout-ms", "700", script=SLOW, environment=environment)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, process, number) for number in range(3)]
        eventually(lambda: in_flight(process) == 3)
        process.child.send_signal(signal.SIGTERM)
        assert process.child.wait(5) == 0
        assert {one.result().status_code for one in asked} <= {429, 500}  # Azure ML's status of a time-out


def _refuses(address: str) -> bool:
    try:
        httpx.get(f"http://{address}/-/status")
    except httpx.ConnectError:
        return True
    return False
