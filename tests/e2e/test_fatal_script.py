"""A script that ends its process on one body, deployed with four replicas: the whole workspace, as people use it."""

import os
import threading
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.e2e.town import Town, eventually

pytestmark = pytest.mark.e2e

FATAL = """
import ctypes, json, os

def init(): ...

def run(data):
    if "poison" in json.loads(data):
        ctypes.string_at(0)
    return os.getpid()
"""
TO_FATAL = {"azureml-model-deployment": "fatal"}


def test_a_body_sent_ten_times_ends_two_of_four_processes_and_is_told_of(town: Town) -> None:
    town.build("town-fatal", "azureml:town:1", FATAL)
    town.deploy("fatal", "town-fatal", instance_count=4)
    try:
        eventually(lambda: len(town.replicas("fatal")) == 4, within_s=60.0)
        before = {replica["pid"] for replica in town.replicas("fatal")}
        others: Counter[int] = Counter()
        over = threading.Event()
        threads = [threading.Thread(target=_ask, args=(town, others, over)) for _ in range(4)]
        for one in threads:
            one.start()
        with town.client() as client:
            for number in range(10):
                answer = client.post(
                    "/endpoints/town/score",
                    json={"poison": 1},
                    headers={**TO_FATAL, "x-request-id": f"poison-{number}"},
                )
                assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
                assert "slipway logs town/fatal" in answer.json()["message"]
        eventually(lambda: len({replica["pid"] for replica in town.replicas("fatal")} - before) == 2, within_s=30.0)
        eventually(lambda: sum(others.values()) > 20, within_s=30.0)
        over.set()
        for one in threads:
            one.join()
        assert set(others) == {200}
        assert len(before - {replica["pid"] for replica in town.replicas("fatal")}) == 2
        ended = "the scoring process was killed by SIGSEGV while it worked on request poison-0"
        assert town.slipway("status").stdout.count(ended) == 2
        assert town.slipway("logs", "town/fatal").stdout.count(ended) == 2
    finally:
        town.slipway("deployment", "delete", "town/fatal", check=False)


def _ask(town: Town, answers: Counter[int], over: threading.Event) -> None:
    with town.client() as client:
        while not over.wait(0.2):  # four of them: 20 a second
            answers[_status(client)] += 1


def _status(client: httpx.Client) -> int:
    """Return the status of an answer, 0 for none at all."""
    body: dict[str, Any] = {"number": os.urandom(4).hex()}
    try:
        return client.post("/endpoints/town/score", json=body, headers=TO_FATAL).status_code
    except httpx.TransportError:
        return 0
