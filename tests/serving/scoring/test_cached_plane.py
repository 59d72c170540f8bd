"""What was answered before is answered from memory, through every door, and nothing else is."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from serving.scoring.cached_plane import LARGE_BYTES, CachedPlane
from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.settings import EngineSettings
from serving.scoring.engine.workers import Workers
from serving.scoring.errors import DeadlineExceeded, ModelFailed, ScriptFailed
from serving.scoring.formats.raw_tensors import to_raw
from serving.scoring.runtimes.base import Call, HttpRequest, Scripted, ScriptedPieces
from serving.scoring.tensors import Signature, Tensors, TensorSpec
from tests.serving.scoring.conftest import Ask, asking
from tests.serving.scoring.models import linear_model

ROWS = [[1.0, 2.0, 3.0]]
INPUT = {"name": "x", "datatype": "FP32", "shape": [1, 3]}
JSON = "application/json"
REMEMBERING = EngineSettings(cache_max_bytes=1 << 20)

COUNTING = """
def init():
    global count
    count = 0

def run(data):
    global count
    count += 1
    return {"count": count}
"""


class Script:
    """A script that answers with how often it was called, or as the body says."""

    platform, threads, inline, signature = "script", 1, False, None
    raw_http = sees_requests = False

    def __init__(self) -> None:
        self.count = 0

    def run(self, request: HttpRequest, call: Call) -> Scripted | ScriptedPieces:
        self.count += 1
        answer = Scripted(b'{"count": %d}' % self.count)
        if b"fail" in request.body:
            raise ScriptFailed("as it was told to")
        if b"yield" in request.body:
            return ScriptedPieces(answer, iter([b"1"]))
        answer.own = b"own" in request.body
        return answer

    def results(self, data: str, call: Call) -> Iterator[bytes]:
        self.count += 1
        yield b'{"count": %d}' % self.count


@pytest.fixture
def remembering(make_plane: Callable[..., DataPlane]) -> Callable[..., CachedPlane]:
    def make(**parts: Any) -> CachedPlane:
        plane = make_plane(kind=CachedPlane, settings=REMEMBERING, **parts)
        assert isinstance(plane, CachedPlane)
        return plane

    return make


def made(runtime: Any) -> CachedPlane:
    return CachedPlane(runtime, Workers(), 64, 5.0, REMEMBERING)


def told(answer: Any) -> str:
    """Say what the header says, or nothing."""
    assert answer.status == 200, answer.body
    headers: dict[bytes, bytes] = dict(answer.headers)
    return headers.get(b"x-slipway-cache", b"").decode()


def test_every_door_of_a_model_shares_one_entry(remembering: Callable[..., CachedPlane]) -> None:
    plane = remembering(model=linear_model())
    ask = asking(plane)
    head = json.dumps({"inputs": [{**INPUT, "parameters": {"binary_data_size": 12}}]}).encode()
    binary = head + to_raw(np.array(ROWS, np.float32))
    infer = "/v2/models/linear/infer"
    asked = {
        "the first": ask("POST", "/score", {"data": ROWS}),
        "score": ask("POST", "/score", {"data": ROWS}),
        "score by name": ask("POST", "/score", {"data": {"x": [[1, 2, 3.0]]}}),
        "invocations": ask("POST", "/invocations", {"inputs": ROWS}, content_type=JSON),
        "split": ask("POST", "/invocations", {"dataframe_split": {"columns": list("abc"), "data": ROWS}}),
        "csv": ask("POST", "/invocations", b"a,b,c\n1,2,3\n", content_type="text/csv"),
        "v1": ask("POST", "/v1/models/linear:predict", {"instances": ROWS}),
        "OIP": ask("POST", infer, {"inputs": [{**INPUT, "data": ROWS}]}),
        "OIP, an output as bytes": ask(
            "POST", infer, {"id": "9", "inputs": [{**INPUT, "data": ROWS}], "parameters": {"binary_data_output": True}}
        ),
        "OIP, bytes": ask("POST", infer, binary, inference_header_content_length=str(len(head))),
        "OIP, with a time-out": ask(
            "POST", infer, {"inputs": [{**INPUT, "data": ROWS}], "parameters": {"timeout": 1_000_000}}
        ),
        "generate": ask("POST", "/v2/models/linear/generate", {"x": ROWS}),
        "generate_stream": ask("POST", "/v2/models/linear/generate_stream", {"x": ROWS}),
    }
    assert {door: told(answer) for door, answer in asked.items()} == {
        door: "miss" if door == "the first" else "hit" for door in asked
    }
    assert plane.executed == 1
    assert asked["the first"].body == asked["score"].body == b"[[-6.5]]"
    assert json.loads(asked["v1"].body) == json.loads(asked["csv"].body) == {"predictions": [[-6.5]]}
    assert json.loads(asked["OIP"].body)["outputs"][0]["data"] == [-6.5]
    assert asked["OIP, an output as bytes"].body.endswith(to_raw(np.array([[-6.5]], np.float32)))
    assert (plane.statistics.cache_hits, plane.statistics.cache_misses) == (12, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": [{**INPUT, "data": [1, 2, 3.5]}]},
        {"inputs": [{**INPUT, "data": [1, 2, float("nan")]}]},
        {"inputs": [{**INPUT, "shape": [2, 3], "data": [1, 2, 3, 1, 2, 3]}]},
        {"inputs": [{**INPUT, "data": [1, 2, 3]}], "parameters": {"mine": 1}},
    ],
)
def test_anything_else_is_run(remembering: Callable[..., CachedPlane], other: dict[str, Any]) -> None:
    ask = asking(remembering(model=linear_model()))
    infer = "/v2/models/linear/infer"
    assert told(ask("POST", infer, {"inputs": [{**INPUT, "data": [1, 2, 3]}]})) == "miss"
    assert told(ask("POST", infer, other)) == "miss"
    assert told(ask("POST", infer, other)) == "hit"


def test_a_script_is_asked_once_for_equal_bodies_at_every_door() -> None:
    plane = made(Script())
    ask = asking(plane)
    first = ask("POST", "/invocations", b'{"a": 1}', content_type=JSON)
    again = ask("POST", "/invocations", b'{"a": 1}', content_type=JSON)
    score = ask("POST", "/score", b'{"a": 1}', content_type=JSON)
    v1 = ask("POST", "/v1/models/linear:predict", b'{"a": 1}', content_type=JSON)
    assert [told(answer) for answer in (first, again, score, v1)] == ["miss", "hit", "hit", "hit"]
    assert json.loads(score.body) == {"count": 1}
    assert first.body == again.body == v1.body == b'{"predictions": {"count": 1}}'


def test_another_method_query_or_type_is_another_request() -> None:
    ask = asking(made(Script()))
    asked = [
        ask("POST", "/score", b"{}", content_type=JSON),
        ask("POST", "/score", b"{}", content_type="text/plain"),
        ask("POST", "/score?a=1", b"{}", content_type=JSON),
        ask("GET", "/score"),
        ask("GET", "/score?a=1"),
        ask("POST", "/score", b"{} ", content_type=JSON),
    ]
    assert [(told(one), json.loads(one.body)["count"]) for one in asked] == [("miss", n) for n in range(1, 7)]


@pytest.mark.parametrize("word", ["fail", "own", "yield"])
def test_errors_and_answers_that_a_script_shaped_itself_are_not_remembered(word: str) -> None:
    plane = made(Script())
    ask = asking(plane)
    for door in ("/score", "/invocations", "/v1/models/linear:predict") * 2:
        ask("POST", door, word.encode(), content_type=JSON)
    assert plane.executed >= 6
    assert plane.statistics.cache_hits == 0


@pytest.mark.parametrize(
    "run",
    [
        "def run(data, request_headers): ...",
        "from azureml_inference_server_http.api.aml_request import rawhttp\n@rawhttp\ndef run(request): ...",
        "import flask\ndef run(data): ...",
    ],
)
def test_a_script_that_may_see_headers_is_not_served_with_a_cache(start: Callable[..., Any], run: str) -> None:
    process = start("--cache-max-bytes", "65536", script=f"def init(): ...\n{run}\n")
    assert process.news["error"].startswith("response_cache cannot be used with this scoring script")


def test_a_large_input_is_hashed_beside_the_event_loop_and_found_again(
    remembering: Callable[..., CachedPlane],
) -> None:
    ask = asking(remembering(model=linear_model()))
    rows = {"data": [[float(n), 2.0, 3.0] for n in range(30_000)]}
    assert [told(ask("POST", "/score", rows)) for _ in range(2)] == ["miss", "hit"]


class Text(str):
    """One that knows on which threads it was encoded."""

    threads: set[str]

    def encode(self, *arguments: Any) -> bytes:
        self.threads.add(threading.current_thread().name)
        return super().encode(*arguments)


@pytest.mark.parametrize(("length", "beside"), [(100, False), (LARGE_BYTES, True)])
def test_a_tensor_of_texts_is_as_large_as_they_are(length: int, beside: bool) -> None:
    text = Text("y" * length)
    text.threads = set()
    runtime = Gate()
    texts = [TensorSpec("x", "BYTES", [-1])]
    runtime.signature = Signature(texts, texts)
    runtime.open.set()
    plane = made(runtime)
    asyncio.run(plane.infer({"x": np.array([text], dtype=object)}, plane.call("r", {})))
    assert (threading.current_thread().name not in text.threads) == beside


class Gate:
    """A runtime whose runs wait until they are let through, or told to fail."""

    platform, threads, inline = "gate", 1, False

    def __init__(self) -> None:
        self.signature: Signature | None = Signature([TensorSpec("x", "FP32", [-1])], [TensorSpec("x", "FP32", [-1])])
        self.open = threading.Event()
        self.runs = 0
        self.fails: list[int] = []

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        self.runs += 1
        run = self.runs
        self.open.wait(20)
        if run in self.fails:
            raise ModelFailed("as it was told to")
        return {"x": np.full(1, run, np.float32)}


@pytest.fixture
def gate() -> tuple[CachedPlane, Gate]:
    runtime = Gate()
    plane = made(runtime)
    return plane, runtime


async def asked(plane: CachedPlane, count: int, timeout_s: float = 5.0) -> list["asyncio.Task[Tensors]"]:
    tensors = {"x": np.ones(1, np.float32)}
    tasks = [asyncio.ensure_future(plane.infer(tensors, plane.call("r", {}, timeout_s))) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


def test_of_equal_requests_at_the_same_time_one_runs(gate: tuple[CachedPlane, Gate]) -> None:
    plane, runtime = gate

    async def run() -> None:
        tasks = await asked(plane, 8)
        runtime.open.set()
        answers = await asyncio.gather(*tasks)
        assert [answer["x"].tolist() for answer in answers] == [[1.0]] * 8
        assert (runtime.runs, plane.statistics.cache_hits, plane.statistics.cache_misses) == (1, 7, 1)

    asyncio.run(run())


def test_the_failure_of_one_is_not_that_of_those_who_asked_the_same(gate: tuple[CachedPlane, Gate]) -> None:
    plane, runtime = gate
    runtime.fails = [1]

    async def run() -> None:
        tasks = await asked(plane, 3)
        runtime.open.set()
        first, *others = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(first, ModelFailed)
        assert all(isinstance(one, dict) for one in others)

    asyncio.run(run())


def test_one_who_waits_for_anothers_answer_keeps_its_own_deadline(gate: tuple[CachedPlane, Gate]) -> None:
    plane, runtime = gate

    async def run() -> None:
        (first,) = await asked(plane, 1)
        (second,) = await asked(plane, 1, timeout_s=0.02)
        with pytest.raises(DeadlineExceeded):
            await second
        runtime.open.set()
        assert (await first)["x"].tolist() == [1.0]

    asyncio.run(run())


def test_who_leaves_does_not_take_the_answer_along(gate: tuple[CachedPlane, Gate]) -> None:
    plane, runtime = gate

    async def run() -> None:
        first, second = await asked(plane, 2)
        first.cancel()
        runtime.open.set()
        assert (await second)["x"].tolist() == [float(runtime.runs)]

    asyncio.run(run())


def test_a_hit_waits_for_no_thread(gate: tuple[CachedPlane, Gate]) -> None:
    plane, runtime = gate

    async def run() -> None:
        runtime.open.set()
        await asyncio.gather(*await asked(plane, 1))
        runtime.open.clear()
        busy = asyncio.ensure_future(plane.infer({"x": np.zeros(1, np.float32)}, plane.call("r", {})))
        (hit,) = await asked(plane, 1)
        assert hit.done()
        runtime.open.set()
        await busy

    asyncio.run(run())


def test_a_process_remembers_when_it_is_told_to(start: Callable[..., Any], tmp_path: Path) -> None:
    process = start(script=COUNTING, environment={"SLIPWAY_CACHE_MAX_BYTES": "65536"})
    with httpx.Client(base_url=f"http://{process.http}", trust_env=False) as http:
        answers = [http.post("/score", content=b"{}") for _ in range(3)]
        status = http.get("/-/status").json()
    assert [answer.headers["x-slipway-cache"] for answer in answers] == ["miss", "hit", "hit"]
    assert (status["cache_hits"], status["cache_misses"], status["executed"]) == (2, 1, 1)


def test_a_process_without_a_cache_says_nothing_of_one(ask_onnx: Ask) -> None:
    assert told(ask_onnx("POST", "/score", {"data": ROWS})) == ""
