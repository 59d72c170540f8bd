"""Scoring processes that die of what they are asked, behind a real edge: what clients get, and what others get."""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc

from registry.core.deploying.endpoints import RetryRule
from serving.node.running.blame_file import BlameFile
from serving.wire.routing import Server, ServerState
from tests.serving.edge.edge import eventually
from tests.serving.edge.replica import SECRET
from tests.serving.edge.tables import KEY, backend, endpoint, table
from tests.serving.scoring.models import dividing_model, write_image
from tests.serving.scoring.process import Process

BLUE = "cancer.blue.1"
SCORE = "/endpoints/cancer/score"
SCRIPT = """
import ctypes, json, os, time

def init(): ...

def run(data):
    asked = json.loads(data)
    if "segfault" in asked or asked.get("data") == [[13.0]]:
        ctypes.string_at(0)
    if "exit" in asked:
        os._exit(1)
    time.sleep(asked.get("sleep_s", 0))
    return os.getpid()
"""
TOGETHER = (
    SCRIPT
    + """
def run_batch(inputs):
    return [run(data) for data in inputs]
"""
)


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Callable[..., list[Process]]]:
    with contextlib.ExitStack() as stack:

        def make(count: int, **model: Any) -> list[Process]:
            blame = stack.enter_context(BlameFile(tmp_path / "table"))
            variables = {"SLIPWAY_BLAME": str(blame.path), "SLIPWAY_EDGE_SECRET": SECRET}
            made = []
            for number in range(count):
                root = write_image(tmp_path / f"image-{number}", **model)
                made.append(Process(root, "--backend", BLUE, "--serve-as", "Cancer", environment=variables))
                supervisor = threading.Thread(target=supervise, args=(made[-1], blame))
                supervisor.start()
                stack.callback(supervisor.join)
                stack.callback(made[-1].close)
            for one in made:
                one.wait()
            return made

        def supervise(one: Process, blame: BlameFile) -> None:
            one.child.wait()
            blame.note_death(time.monotonic())

        yield make


@pytest.fixture
def publish(edge: Any, controller: Any, replicas: Callable[..., list[Process]]) -> Callable[..., list[Process]]:
    """Put so many replicas behind the edge, and wait until each is known to be well."""

    def make(count: int, retry: RetryRule = RetryRule.ONCE, **model: Any) -> list[Process]:
        made = replicas(count, **(model or {"script": SCRIPT}))
        servers = [
            Server(id=f"r{n}", http_address=one.http, grpc_address=one.grpc, state=ServerState.READY)
            for n, one in enumerate(made)
        ]
        shape = backend(BLUE, *servers, timeout_ms=5000, retry=retry)
        controller.publish(table(1, [endpoint("Cancer", blue=10000)], [shape]))
        edge.eventually(lambda: edge.score(content=b'{"data": [[0]]}').status_code == 200)
        return made

    return make


def different(number: int) -> Any:
    return {"sleep_s": 0.02, "number": number}


class Others:
    """Clients that keep their connections and ask 20 times a second together; 0 stands for no answer at all."""

    def __init__(self, edge: Any, body: Callable[[int], Any] = different, clients: int = 4) -> None:
        self._body = body
        self.statuses: Counter[int] = Counter()
        self._edge = edge
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(clients / 20,)) for _ in range(clients)]

    def __enter__(self) -> "Others":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def _ask(self, pause_s: float) -> None:
        with self._edge.new_client() as client:
            number = 0
            while not self._over.wait(pause_s):
                number += 1
                body = self._body(number)
                try:
                    status = client.post(SCORE, json=body, headers=self._edge.headers).status_code
                except httpx.TransportError:
                    status = 0
                self.statuses[status] += 1


def warm(edge: Any, body: Any = {}) -> httpx.Client:  # noqa: B006 - sent as it is
    """Return a client whose connection was used before, as were those to the replicas."""
    client: httpx.Client = edge.new_client()
    for _ in range(8):
        assert client.post(SCORE, json=body, headers=edge.headers).status_code == 200
    return client


def died(made: list[Process], expected: int) -> int:
    """Count who has died, with a moment for the kernel: it closes a process' connections first."""

    def count() -> int:
        return sum(one.child.poll() is not None for one in made)

    eventually(lambda: count() >= expected)
    return count()


def test_a_body_sent_ten_times_to_four_replicas_ends_two_and_costs_others_nothing(
    edge: Any, publish: Callable[..., list[Process]]
) -> None:
    four = publish(4)
    with Others(edge) as others, contextlib.closing(warm(edge)) as client:
        edge.eventually(lambda: others.statuses[200] > 5)
        answers = [client.post(SCORE, json={"segfault": 1}, headers=edge.headers) for _ in range(10)]
        seen = others.statuses[200]
        edge.eventually(lambda: others.statuses[200] > seen + 10)
    assert set(others.statuses) == {200}
    assert died(four, 2) == 2
    assert {answer.status_code for answer in answers} == {424}
    assert {answer.headers["ms-azureml-model-error-statuscode"] for answer in answers} == {"500"}
    assert {answer.headers["ms-azureml-model-error-reason"] for answer in answers} == {"model_error"}
    assert "has ended two scoring processes" in answers[0].json()["message"]


def test_ten_who_send_it_at_once_end_two_and_cost_others_nothing(
    edge: Any, publish: Callable[..., list[Process]]
) -> None:
    four = publish(4)
    answers: Counter[int] = Counter()

    def send() -> None:
        with contextlib.closing(warm(edge)) as client:
            ready.wait()
            answers[client.post(SCORE, json={"exit": 1}, headers=edge.headers).status_code] += 1

    ready = threading.Barrier(10)
    senders = [threading.Thread(target=send) for _ in range(10)]
    with Others(edge) as others:
        for one in senders:
            one.start()
        for one in senders:
            one.join()
        seen = others.statuses[200]
        edge.eventually(lambda: others.statuses[200] > seen + 10)
    assert set(others.statuses) == {200}
    assert died(four, 2) == 2
    assert answers == {424: 10}


def row(number: int) -> Any:
    return {"data": [[number]]}


def test_a_body_that_ends_onnxruntime_ends_some_before_their_supervisors_know_and_two_more(
    edge: Any, publish: Callable[..., list[Process]]
) -> None:
    six = publish(6, model=dividing_model())
    with Others(edge, row) as others, contextlib.closing(warm(edge, row(1))) as client:
        edge.eventually(lambda: others.statuses[200] > 5)
        answers = [client.post(SCORE, json=row(-2), headers=edge.headers) for _ in range(10)]
        seen = others.statuses[200]
        edge.eventually(lambda: others.statuses[200] > seen + 10)
    assert set(others.statuses) == {200}
    assert 3 <= died(six, 3) <= 5
    assert {answer.status_code for answer in answers} == {424}
    assert "has ended two scoring processes" in answers[-1].json()["message"]


def test_rows_that_ran_together_with_such_a_body_are_answered(edge: Any, publish: Callable[..., list[Process]]) -> None:
    six = publish(6, model=dividing_model())
    answers: Counter[int] = Counter()

    def send(number: int) -> None:
        with contextlib.closing(edge.new_client()) as client:
            ready.wait()
            body = row(-2 if number % 12 == 7 else number)
            answers[client.post(SCORE, json=body, headers=edge.headers).status_code] += 1

    ready = threading.Barrier(24)
    senders = [threading.Thread(target=send, args=(number,)) for number in range(24)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    assert 3 <= died(six, 3) <= 5
    assert answers == {200: 22, 424: 2}


def test_who_ran_together_with_it_is_answered(edge: Any, publish: Callable[..., list[Process]]) -> None:
    four = publish(4, script=TOGETHER)
    answers: Counter[int] = Counter()

    def send(number: int) -> None:
        body: dict[str, Any] = {"exit": 1} if number % 12 == 7 else {"sleep_s": 0.02, "number": number}
        with contextlib.closing(edge.new_client()) as client:
            ready.wait()
            answers[client.post(SCORE, json=body, headers=edge.headers).status_code] += 1

    ready = threading.Barrier(48)
    senders = [threading.Thread(target=send, args=(number,)) for number in range(48)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    assert died(four, 2) == 2
    assert answers == {200: 44, 424: 4}


def test_over_grpc_it_is_an_error_of_the_scripts(edge: Any, publish: Callable[..., list[Process]]) -> None:
    four = publish(4)
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{edge.grpc_port}") as client:
        statuses = [call(client, 13.0) for _ in range(4)]
        assert call(client, 1.0) == "OK"
    assert statuses == ["StatusCode.INTERNAL"] * 4
    assert died(four, 2) == 2


@pytest.mark.parametrize("padding", [0, 300_000])
def test_what_is_not_sent_again_has_a_status_on_a_connection_used_before(
    edge: Any, publish: Callable[..., list[Process]], padding: int
) -> None:
    two = publish(2, RetryRule.NEVER if not padding else RetryRule.ONCE)
    with contextlib.closing(warm(edge)) as client:
        body = {"exit": 1, "padding": "x" * padding}
        answer = client.post(SCORE, json=body, headers=edge.headers)
        assert (answer.status_code, answer.json()["error_code"]) == (502, "BAD_GATEWAY")
        assert died(two, 1) == 1
        assert client.post(SCORE, json={"padding": "x" * padding}, headers=edge.headers).status_code == 200


def test_a_call_that_is_not_sent_again_is_unavailable(edge: Any, publish: Callable[..., list[Process]]) -> None:
    two = publish(2, RetryRule.NEVER)
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{edge.grpc_port}") as client:
        for _ in range(6):
            assert call(client, 1.0) == "OK"
        assert call(client, 13.0) == "StatusCode.UNAVAILABLE"
        assert call(client, 1.0) == "OK"
    assert died(two, 1) == 1


def test_requests_that_wait_at_a_killed_process_are_answered_by_others(
    edge: Any, publish: Callable[..., list[Process]]
) -> None:
    three = publish(3)
    answers: Counter[int] = Counter()

    def send(number: int) -> None:
        with edge.new_client() as client:
            body = {"sleep_s": 0.2, "number": number}
            answers[client.post(SCORE, json=body, headers=edge.headers).status_code] += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for one in senders:
        one.start()
    time.sleep(0.1)  # four are at each
    os.kill(three[0].child.pid, signal.SIGKILL)
    os.kill(three[1].child.pid, signal.SIGKILL)
    for one in senders:
        one.join()
    assert answers == {200: 12}


def call(client: Any, value: float) -> str:
    tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.full([1, 1], value, dtype=np.float32))
    try:
        client.infer("Cancer", [tensor], headers={"authorization": f"Bearer {KEY}"})
    except tritonclient.grpc.InferenceServerException as error:
        return str(error.status())
    return "OK"
