"""What a real scoring process hands over of the requests that its edge wants copied."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

from serving.scoring.mirror import LENGTH, Answered, Dropped, Message, targets
from serving.scoring.oip.grpc_messages import message_classes
from tests.serving.edge.edge import eventually

SECRET = "the-edges-secret"
BODY = b'{"data": [[1, 2, 3]]}'
BLUE = "linear.blue.1"


class Taker:
    """A mirror process that keeps what it is given; ``awake`` is cleared while it takes nothing."""

    def __init__(self, path: Path) -> None:
        self.messages: list[Message] = []
        self.awake = threading.Event()
        self.awake.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while self.awake.wait(20) and len(head := stream.read(LENGTH.size)) == LENGTH.size:
                    content = stream.read(LENGTH.unpack(head)[0])
                    self.messages.append(msgspec.msgpack.decode(content, type=Message))

    @property
    def answered(self) -> list[Answered]:
        return [one for one in self.messages if isinstance(one, Answered)]

    @property
    def dropped(self) -> int:
        return sum(sum(one.counts.values()) for one in self.messages if isinstance(one, Dropped))

    def close(self) -> None:
        self.awake.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def address(tmp_path: Path) -> Path:
    return tmp_path / "m.sock"


@pytest.fixture
def taker(address: Path) -> Iterator[Taker]:
    one = Taker(address)
    yield one
    one.close()


@pytest.fixture
def process(start: Callable[..., Any], linear: bytes) -> Any:
    environment = {"SLIPWAY_EDGE_SECRET": SECRET}
    return start("--backend", BLUE, "--serve-as", "linear", environment=environment, model=linear)


def headers(address: Path, drawn: str = "5,10000,green") -> dict[str, str]:
    return {"x-slipway-edge": SECRET, "x-slipway-mirror": f"{address} {drawn}", "x-request-id": "r-1"}


def post(process: Any, path: str, sent: dict[str, str], content: bytes = BODY) -> httpx.Response:
    return httpx.post(f"http://{process.http}{path}", content=content, headers=sent)


def test_a_request_is_handed_over_with_its_answer(process: Any, taker: Taker, address: Path) -> None:
    answer = post(process, "/score?a=1", headers(address) | {"accept": "application/json"})
    (one,) = eventually(lambda: taker.answered)
    assert (one.backend, one.targets, one.request_id, one.path) == (BLUE, ["green"], "r-1", b"/score?a=1")
    assert (one.body, one.status, one.answer) == (BODY, 200, answer.content)
    assert one.answer_headers[b"content-type"] == b"application/json"
    assert one.headers[b"accept"] == b"application/json"
    assert not any(name.startswith(b"x-slipway-") for name in one.headers)


def test_what_was_compressed_on_its_way_is_handed_over_plain(process: Any, taker: Taker, address: Path) -> None:
    answer = post(process, "/score", headers(address) | {"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    (one,) = eventually(lambda: taker.answered)
    assert one.answer == answer.content  # httpx has decoded it
    assert b"content-encoding" not in one.answer_headers


def test_every_door_of_predictions_hands_over_and_no_other(process: Any, taker: Taker, address: Path) -> None:
    marked = headers(address)
    tensor = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}'
    post(process, "/v2/models/linear/infer", marked, tensor)
    post(process, "/invocations", marked, b'{"inputs": [[1, 2, 3]]}')
    post(process, "/v1/models/linear:predict", marked, b'{"instances": [[1, 2, 3]]}')
    post(process, "/v2/repository/index", marked, b"{}")
    post(process, "/score", marked, b"{broken")  # the client's mistake
    assert httpx.get(f"http://{process.http}/v2/models/linear", headers=marked).status_code == 200
    post(process, "/score", marked)
    paths = eventually(lambda: [one.path for one in taker.answered][3:] and [one.path for one in taker.answered])
    assert paths == [b"/v2/models/linear/infer", b"/invocations", b"/v1/models/linear:predict", b"/score"]


def test_a_call_over_grpc_is_handed_over_as_it_came(process: Any, taker: Taker, address: Path) -> None:
    one_input = tritonclient.grpc.InferInput("x", [1, 3], "FP32")
    one_input.set_data_from_numpy(np.array([[1, 2, 3]], np.float32))
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        client.infer("linear", [one_input], headers=headers(address))
    (one,) = eventually(lambda: taker.answered)
    assert (one.path, one.request_id, one.targets) == (b"", "r-1", ["green"])
    assert message_classes()["ModelInferRequest"].FromString(one.body).model_name == "linear"
    assert message_classes()["ModelInferResponse"].FromString(one.answer).outputs[0].name == "y"


def test_a_model_that_fails_is_handed_over(start: Callable[..., Any], taker: Taker, address: Path) -> None:
    script = "def init(): ...\ndef run(data): raise ValueError('no')\n"
    failing = start("--backend", BLUE, environment={"SLIPWAY_EDGE_SECRET": SECRET}, script=script)
    assert post(failing, "/score", headers(address)).status_code == 500
    (one,) = eventually(lambda: taker.answered)
    assert one.status == 500


def test_without_an_edge_nobody_says_where_to(
    start: Callable[..., Any], linear: bytes, taker: Taker, address: Path
) -> None:
    alone = start("--backend", BLUE, model=linear)
    assert post(alone, "/score", headers(address)).status_code == 200
    assert taker.messages == []


def test_who_is_away_misses_copies_and_is_told_how_many(process: Any, address: Path) -> None:
    for _ in range(3):
        assert post(process, "/score", headers(address, "5,10000,green,6,red")).status_code == 200
    taker = Taker(address)
    try:
        assert eventually(lambda: taker.dropped) == 6
        assert taker.messages == [Dropped(BLUE, {"green": 3, "red": 3})]
    finally:
        taker.close()


def test_who_takes_nothing_costs_no_answer_and_what_does_not_fit_is_counted(
    process: Any, taker: Taker, address: Path
) -> None:
    taker.awake.clear()
    rows = b'{"data": [' + b",".join([b"[1, 2, 3]"] * 100_000) + b"]}"
    with httpx.Client() as client:
        for _ in range(30):
            url, marked = f"http://{process.http}/score", headers(address)
            assert client.post(url, content=rows, headers=marked).status_code == 200
    taker.awake.set()
    eventually(lambda: len(taker.answered) + taker.dropped == 30)
    assert taker.dropped > 5
    assert all(one.body == rows for one in taker.answered)


@pytest.mark.parametrize(
    ("drawn", "names"),
    [
        ("0,10000,green,1,red", ["green", "red"]),
        ("1,10000,green,1,red", ["green"]),
        ("5,5,green", []),
        ("5,10000,blue,9,green", ["green"]),
    ],
)
def test_who_gets_a_copy_is_whose_bound_is_over_what_was_drawn(drawn: str, names: list[str]) -> None:
    assert targets(drawn, "blue") == names


def test_another_word_of_the_edge_harms_nothing(process: Any, taker: Taker, address: Path) -> None:
    for word in (str(address), f"{address} x,y", f"{address} 5,10000", ""):
        assert post(process, "/score", headers(address) | {"x-slipway-mirror": word}).status_code == 200
    post(process, "/score", headers(address))
    eventually(lambda: taker.answered)
    assert len(taker.messages) == 1
