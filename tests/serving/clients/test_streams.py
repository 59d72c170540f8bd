"""ModelStreamInfer with Triton's own clients, at the scoring process' port and through an edge."""

import asyncio
import os
import queue
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from tests.serving.clients.places import Place, through_edge
from tests.serving.edge.edge import eventually
from tests.serving.scoring.models import linear_model

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
ROWS = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)


def tensor(values: Any, name: str = "x") -> Any:
    array = np.array(values, dtype=np.float32)
    built = tritonclient.grpc.InferInput(name, list(array.shape), "FP32")
    built.set_data_from_numpy(array)
    return built


def request(values: Any, request_id: str = "", /, **parameters: bool) -> service_pb2.ModelInferRequest:
    array = np.array(values, dtype=np.float32)
    built = service_pb2.ModelInferRequest(model_name="linear", id=request_id, raw_input_contents=[array.tobytes()])
    built.inputs.add(name="x", datatype="FP32", shape=array.shape)
    for name, value in parameters.items():
        built.parameters[name].bool_param = value
    return built


class Streamed:
    """A stream of the synchronous client, and what its callback was given."""

    def __init__(self, place: Place) -> None:
        self.answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self.client = tritonclient.grpc.InferenceServerClient(place.grpc)
        self.client.start_stream(lambda result, error: self.answers.put((result, error)), headers=place.headers)

    def next(self) -> Any:
        result, error = self.answers.get(timeout=20)
        return result if error is None else error


@pytest.fixture
def streamed() -> Iterator[Callable[[Place], Streamed]]:
    opened: list[Streamed] = []

    def open_one(place: Place) -> Streamed:
        opened.append(Streamed(place))
        return opened[-1]

    yield open_one
    for one in opened:
        one.client.stop_stream(cancel_requests=True)
        one.client.close()


class RawStream:
    """A stream as grpc gives it."""

    def __init__(self, place: Place, metadata: tuple[tuple[str, str], ...] = ()) -> None:
        self.requests: queue.Queue[Any] = queue.Queue()
        self._channel = grpc.insecure_channel(place.grpc, options=[("grpc.max_receive_message_length", -1)])
        self.call = self._channel.stream_stream(
            STREAM, service_pb2.ModelInferRequest.SerializeToString, service_pb2.ModelStreamInferResponse.FromString
        )(iter(self.requests.get, None), metadata=metadata or place.metadata, timeout=60)

    def ask(self, values: Any, request_id: str = "", /, **parameters: bool) -> None:
        self.requests.put(request(values, request_id, **parameters))

    def done(self) -> None:
        self.requests.put(None)

    def close(self) -> None:
        self.done()
        self.call.cancel()
        self._channel.close()


@pytest.fixture
def raw() -> Iterator[Callable[..., RawStream]]:
    opened: list[RawStream] = []

    def open_one(place: Place, *metadata: tuple[str, str]) -> RawStream:
        opened.append(RawStream(place, metadata))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_requests_are_answered_in_their_order_and_an_error_ends_only_its_own(
    linear_at: Place, streamed: Callable[[Place], Streamed]
) -> None:
    stream = streamed(linear_at)
    for number in range(20):
        name, model = ("z", "linear") if number == 5 else ("x", "other" if number == 7 else "linear")
        stream.client.async_stream_infer(model, [tensor(ROWS * number, name)], request_id=str(number))
    for number in range(20):
        answer = stream.next()
        if number == 5:
            assert answer.message() == "unknown input 'z': the model has 'x'"
        elif number == 7:
            assert answer.message().startswith("Request for unknown model: 'other' is not found")
        else:
            assert answer.get_response().id == str(number)
            assert answer.get_response().parameters["triton_final_response"].bool_param
            assert answer.as_numpy("y").tolist() == [[-7.0 * number + 0.5]]


def test_a_request_that_cannot_be_answered_is_named_by_its_id(linear_at: Place, raw: Callable[..., RawStream]) -> None:
    stream = raw(linear_at)
    stream.ask([[1.0]], "mine")
    answer = next(stream.call)
    assert (answer.infer_response.id, answer.error_message[:9]) == ("mine", "input 'x'")
    stream.ask(ROWS, "again")
    assert next(stream.call).infer_response.id == "again"
    stream.done()
    assert list(stream.call) == []
    assert stream.call.code() is grpc.StatusCode.OK


def test_answers_come_before_the_client_has_sent_all(linear_at: Place, raw: Callable[..., RawStream]) -> None:
    stream = raw(linear_at)
    for number in range(3):
        stream.ask(ROWS, str(number))
        assert next(stream.call).infer_response.id == str(number)


def test_sequence_parameters_are_accepted(linear_at: Place, streamed: Callable[[Place], Streamed]) -> None:
    stream = streamed(linear_at)
    stream.client.async_stream_infer(
        "linear", [tensor(ROWS)], sequence_id=9, sequence_start=True, sequence_end=True, priority=1, timeout=5_000_000
    )
    assert stream.next().as_numpy("y").tolist() == [[-6.5]]


def test_a_script_that_yields_gives_several_answers(counting_at: Place, raw: Callable[..., RawStream]) -> None:
    stream = raw(counting_at)
    stream.ask([[3, 1]], "a")
    stream.ask([[-1, 1]], "b")
    stream.ask([[0, 1]], "c")
    stream.ask([[2, 1]], "d", triton_enable_empty_final_response=True)
    stream.done()
    seen = [
        (
            answer.infer_response.id,
            [np.frombuffer(raw, "<f8").tolist() for raw in answer.infer_response.raw_output_contents],
            answer.infer_response.parameters["triton_final_response"].bool_param,
            answer.error_message,
        )
        for answer in stream.call
    ]
    failed = seen[3][3]
    assert "ValueError: there are no fewer than none" in failed
    assert seen == [
        ("a", [[0.0]], False, ""),
        ("a", [[1.0]], False, ""),
        ("a", [[2.0]], False, ""),
        ("b", [], True, failed),
        ("d", [[0.0]], False, ""),
        ("d", [[1.0]], False, ""),
        ("d", [], True, ""),
    ]


def test_the_asyncio_client_streams(counting_at: Place) -> None:
    async def ask() -> list[tuple[str, Any]]:
        async def requests() -> AsyncIterator[dict[str, Any]]:
            for name in ("a", "b"):
                yield {"model_name": "linear", "inputs": [tensor([[2, 1]])], "request_id": name}

        async with tritonclient.grpc.aio.InferenceServerClient(counting_at.grpc) as client:
            answers = client.stream_infer(requests(), headers=counting_at.headers)
            seen = []
            async for result, error in answers:
                assert error is None
                seen.append((result.get_response().id, result.as_numpy("output_0").tolist()))
            return seen

    assert asyncio.run(ask()) == [(name, [[number]]) for name in ("a", "b") for number in (0.0, 1.0)]


def test_a_unary_call_takes_no_more_than_one_answer(counting_at: Place) -> None:
    with tritonclient.grpc.InferenceServerClient(counting_at.grpc) as client:
        assert client.infer("linear", [tensor([[1, 1]])], headers=counting_at.headers).as_numpy("output_0").size == 1
        with pytest.raises(InferenceServerException) as raised:
            client.infer("linear", [tensor([[2, 1]])], headers=counting_at.headers)
    assert raised.value.status() == "StatusCode.UNIMPLEMENTED"


def code_of(place: Place) -> Path:
    return Path(str(place.process.log.name)).parent / "var/azureml-app"


def test_leaving_a_stream_ends_what_the_script_was_doing(counting_at: Place, raw: Callable[..., RawStream]) -> None:
    ended = code_of(counting_at) / "ended-1000001.0"
    stream = raw(counting_at)
    stream.ask([[1_000_001, 1]])
    next(stream.call)
    stream.call.cancel()
    eventually(ended.exists)


def test_what_is_not_read_is_not_asked_of_the_script(counting_at: Place, raw: Callable[..., RawStream]) -> None:
    given = code_of(counting_at) / "given-4000.0"
    stream = raw(counting_at)
    stream.ask([[4000, 20_000]])  # 640 MB in all
    next(stream.call)
    counts = [-1, -2]

    def stands_still() -> bool:
        counts.append(given.stat().st_size)
        return len(counts) > 50 and counts[-50] == counts[-1]

    eventually(stands_still)
    assert counts[-1] < 200  # 32 MB
    for _ in range(counts[-1]):
        next(stream.call)
    assert given.stat().st_size > counts[-1]


def test_a_drain_ends_idle_streams_at_once_and_others_after_their_answer(
    own_place: Callable[..., Place], raw: Callable[..., RawStream]
) -> None:
    script = "import time\ndef init(): pass\ndef run(data):\n    time.sleep(1)\n    return [[1.0]]\n"
    place = own_place(script=script)
    idle, busy = raw(place), raw(place)
    idle.ask(ROWS)
    next(idle.call)
    busy.ask(ROWS, "begun")
    eventually(lambda: '"in_flight":1' in status(place))
    place.process.child.terminate()
    with pytest.raises(grpc.RpcError):
        next(idle.call)
    assert (idle.call.code(), "draining" in idle.call.details()) == (grpc.StatusCode.UNAVAILABLE, True)
    assert next(busy.call).infer_response.id == "begun"
    with pytest.raises(grpc.RpcError):
        next(busy.call)
    assert busy.call.code() is grpc.StatusCode.UNAVAILABLE
    assert place.process.child.wait(10) == 0


def status(place: Place) -> str:
    headers = {"x-slipway-edge": "the-secret-of-the-tests"}
    return httpx.get(f"http://{place.process.http}/-/status", headers=headers, trust_env=False).text


def test_a_killed_process_ends_its_streams(own_place: Callable[..., Place], raw: Callable[..., RawStream]) -> None:
    place = own_place(model=linear_model())
    stream = raw(place)
    stream.ask(ROWS)
    next(stream.call)
    os.kill(place.process.child.pid, signal.SIGKILL)
    with pytest.raises(grpc.RpcError):
        next(stream.call)
    # An edge has sent its head already: all that HTTP/2 leaves it to say is that the stream is cancelled.
    at_edge, at_port = grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE
    assert stream.call.code() is (at_edge if place.edge else at_port)


def test_a_stream_that_is_not_read_holds_up_nobody_else(counting_at: Place, raw: Callable[..., RawStream]) -> None:
    given = code_of(counting_at) / "given-4001.0"
    stream = raw(counting_at)
    stream.ask([[4001, 20_000]])
    eventually(lambda: given.exists() and given.stat().st_size > 3)
    with tritonclient.grpc.InferenceServerClient(counting_at.grpc) as client:
        for _ in range(10):
            assert (
                client.infer("linear", [tensor([[1, 1]])], headers=counting_at.headers).as_numpy("output_0").size == 1
            )


def test_each_stream_is_one_line_of_the_edges(tmp_path: Path, raw: Callable[..., RawStream]) -> None:
    with through_edge(tmp_path, model=linear_model()) as place:
        assert place.edge is not None
        assert place.telemetry is not None
        whole, left, broken = raw(place), raw(place), raw(place)
        for number in range(3):
            for stream in (whole, left, broken):
                stream.ask(ROWS, str(number))
                next(stream.call)
        whole.done()
        assert list(whole.call) == []
        left.call.cancel()
        lines = place.telemetry.rows

        def rows() -> list[dict[str, str]]:
            return [row for row in lines() if row["frontend"] == "grpc"]

        eventually(lambda: len(rows()) == 2)
        os.kill(place.process.child.pid, signal.SIGKILL)
        eventually(lambda: len(rows()) == 3)
        assert [(row["termination"], row["endpoint"], row["server"], row["status"]) for row in rows()] == [
            ("--", "linear", "r0", "200"),
            ("CD", "linear", "r0", "200"),
            ("SD", "linear", "r0", "200"),
        ]
