"""31 good requests and a bad one in flight together, over HTTP and gRPC, at real processes: only the bad one fails.

``make bench-engine`` does the same a thousand times, through the edge.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc.aio
from tritonclient.utils import InferenceServerException

from loadtest.bench.engine_poison import BAD, ITEMS, SCRIPT, TOGETHER, looked_up
from tests.serving.scoring.models import write_image
from tests.serving.scoring.process import Process

ROUNDS = 5
Ask = Callable[[int], Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, list[list[float]]]]:
    content, expected = looked_up()
    process = Process(write_image(tmp_path_factory.mktemp("poisoned") / "image", model=content))
    yield process, expected
    process.close()


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Process]:
    process = Process(write_image(tmp_path / "image", script=SCRIPT))
    yield process
    process.close()


async def rounds(ask: Ask, expected: Callable[[int], Any], refused: Any) -> None:
    choose = random.Random(7)
    for _ in range(ROUNDS):
        items = [choose.randrange(ITEMS) for _ in range(TOGETHER)]
        items[choose.randrange(TOGETHER)] = BAD
        answers = await asyncio.gather(*(ask(item) for item in items))
        assert answers == [refused if item == BAD else expected(item) for item in items]


def over_http(process: Process, expected: Callable[[int], Any], refused: int) -> tuple[int, int]:
    """Return how many requests were answered, in how many runs."""

    async def run() -> tuple[int, int]:
        async with httpx.AsyncClient(base_url=f"http://{process.http}", trust_env=False, timeout=20) as client:

            async def ask(item: int) -> Any:
                answer = await client.post("/score", json={"data": [item]})
                return answer.json() if answer.status_code == 200 else answer.status_code

            await rounds(ask, expected, refused)
            stats = (await client.get("/v2/models/linear/stats")).json()["model_stats"][0]
            return stats["inference_stats"]["success"]["count"], stats["execution_count"]

    return asyncio.run(run())


def test_only_the_bad_row_of_a_batch_is_refused_over_http(model: tuple[Process, list[list[float]]]) -> None:
    process, expected = model
    answered, runs = over_http(process, lambda item: [expected[item]], 400)
    assert (answered, runs < answered) == (ROUNDS * (TOGETHER - 1), True)


def test_only_the_request_that_a_script_raises_for_fails_over_http(script: Process) -> None:
    answered, runs = over_http(script, lambda item: [item * item], 500)
    assert (answered, runs < answered) == (ROUNDS * (TOGETHER - 1), True)
    assert script.log_text().count("run_batch() raised IndexError: no such item (score.py:") == ROUNDS


def test_only_the_bad_row_of_a_batch_is_refused_over_grpc(model: tuple[Process, list[list[float]]]) -> None:
    process, expected = model

    async def run() -> None:
        async with tritonclient.grpc.aio.InferenceServerClient(process.grpc) as client:

            async def ask(item: int) -> Any:
                tensor = tritonclient.grpc.InferInput("item", [1], "INT64")
                tensor.set_data_from_numpy(np.array([item]))
                try:
                    answer = await client.infer("linear", [tensor])
                except InferenceServerException as error:
                    return error.status()
                output = answer.as_numpy("answer")
                assert output is not None
                return output.tolist()

            await rounds(ask, lambda item: [expected[item]], "StatusCode.INVALID_ARGUMENT")

    asyncio.run(run())
