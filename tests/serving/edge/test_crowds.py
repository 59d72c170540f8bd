"""The edge's safety net: what one key has too much of is refused to that key alone."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from registry.core.deploying.keys import KeyHash

BLUE = "cancer.blue.1"
INFER = "/inference.GRPCInferenceService/ModelInfer"
CANCER = b"\x0a\x06cancer"  # a ModelInferRequest with model_name
HANG = CANCER + b"\x1a\x04hang"
KEYS = ["flood", "polite"]
ROOM = 16


class Crowd:
    """An edge whose only replica takes ``ROOM`` requests of a key; what hangs there ends with the test."""

    def __init__(self, edge: Any, busy: Any, threads: ThreadPoolExecutor, channel: grpc.Channel) -> None:
        self.edge, self.busy = edge, busy
        self._threads, self._channel = threads, channel
        self._hanging = 0

    def ask(self, key: str, query: str = "") -> Any:
        headers = {"authorization": f"Bearer {key}"}
        return self.edge.client.post(f"/endpoints/cancer/score{query}", headers=headers)

    def call(self, key: str, message: bytes = CANCER) -> None:
        self._channel.unary_unary(INFER)(message, metadata=[("authorization", f"Bearer {key}")], timeout=10)

    def hang(self, key: str, requests: int = 0, calls: int = 0) -> None:
        """Return when the replica has that many requests and calls more."""
        for _ in range(requests):
            self._threads.submit(self._ask_alone, key)
        for _ in range(calls):
            self._threads.submit(self.call, key, HANG)
        self._hanging += requests + calls
        self.edge.eventually(lambda: self._count() == self._hanging)

    def _ask_alone(self, key: str) -> None:
        with self.edge.new_client() as client:
            client.post("/endpoints/cancer/score?hang=1", headers={"authorization": f"Bearer {key}"})

    def _count(self) -> int:
        return sum("hang" in seen["path"] for seen in self.busy.requests) + len(self.busy.calls)

    def refused_call(self, key: str) -> dict[str, str] | None:
        """Make a call; return the metadata that came with its refusal, None if it was answered."""
        try:
            self.call(key)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            return dict((*error.initial_metadata(), *error.trailing_metadata()))
        return None


@pytest.fixture
def crowd(edge: Any, controller: Any, replica: Any, make: Any) -> Iterator[Crowd]:
    busy = replica("b0")
    backend = replace(make.backend(BLUE, busy.server, timeout_ms=20_000), max_connections_per_server=ROOM)
    keys = [KeyHash(name, hashlib.sha256(name.encode()).hexdigest()) for name in KEYS]
    route = replace(make.endpoint("Cancer", blue=10000), keys=keys)
    controller.publish(make.table(1, [route], [backend]))
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(100))
        stack.callback(busy.release.set)
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}"))
        yield Crowd(edge, busy, threads, channel)


def test_the_scoring_process_is_told_the_keys_name_which_no_client_can_say(crowd: Crowd) -> None:
    crowd.edge.client.headers["x-slipway-key"] = "flood"
    assert crowd.ask("polite").json()["headers"]["x-slipway-key"] == "polite"
    crowd.call("polite")
    assert crowd.busy.calls[0]["x-slipway-key"] == "polite"


def test_who_floods_is_refused_at_both_ports_and_nobody_else(crowd: Crowd) -> None:
    crowd.hang("flood", requests=ROOM - 4, calls=4)
    assert crowd.ask("flood").status_code == 429
    assert crowd.refused_call("flood") is not None
    assert crowd.ask("polite").status_code == 200
    assert crowd.refused_call("polite") is None
    crowd.busy.release.set()
    crowd.edge.eventually(lambda: crowd.ask("flood").status_code == 200)


def test_what_was_answered_or_refused_takes_no_place(crowd: Crowd) -> None:
    crowd.hang("flood", requests=ROOM - 1)
    assert [crowd.ask("flood").status_code for _ in range(2 * ROOM)] == [200] * 2 * ROOM
    crowd.hang("flood", requests=1)
    assert [crowd.ask("flood").status_code for _ in range(2 * ROOM)] == [429] * 2 * ROOM
    assert crowd.ask("polite").status_code == 200


def test_a_refusal_says_when_to_come_again_as_the_scoring_process_last_said(crowd: Crowd) -> None:
    crowd.hang("polite", requests=ROOM)
    assert crowd.ask("polite").headers["retry-after"] == "1"
    assert crowd.refused_call("polite")["grpc-retry-pushback-ms"] == "1000"  # type: ignore[index]
    assert crowd.ask("flood", "?status=429&retry=7").headers["retry-after"] == "7"
    assert crowd.ask("flood", "?status=429&retry=86400").headers["retry-after"] == "86400"  # a script's own, perhaps
    crowd.hang("flood", requests=ROOM)
    assert crowd.ask("flood").headers["retry-after"] == "7"
    told = crowd.refused_call("flood")
    assert told is not None
    assert (told["retry-after"], told["grpc-retry-pushback-ms"]) == ("7", "7000")
