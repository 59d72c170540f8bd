"""A replica of several workers: processes that share its CPUs and its requests."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.town import Steady, Town, eventually

pytestmark = pytest.mark.e2e

WHO = """
import os
import time

def init():
    pass

def run(data):
    time.sleep(0.02)
    return [os.getpid(), os.environ["OMP_NUM_THREADS"]]
"""
CROWD = 12  # clients that ask at once: two workers run two and ten wait


@pytest.fixture(scope="module")
def pair(town: Town) -> Iterator[str]:
    """A deployment of one replica, whose image has two CPUs for a script."""
    town.build("town-who", "azureml:town:1", WHO, resources={"cpu": 2})
    town.deploy("pair", "town-who")
    yield "pair"
    town.slipway("deployment", "delete", "town/pair")


def pids(town: Town, deployment: str) -> set[int]:
    return {int(replica["pid"]) for replica in town.replicas(deployment)}


def answering(town: Town, deployment: str, requests: int = 20) -> list[list[object]]:
    with town.client() as client:
        headers = {"azureml-model-deployment": deployment}
        answers = [client.post("/endpoints/town/score", json={}, headers=headers) for _ in range(requests)]
    return [list(answer.json()) for answer in answers]


def test_a_script_has_a_worker_for_each_cpu_and_each_gets_requests(town: Town, pair: str) -> None:
    both = pids(town, pair)
    assert len(both) == 2
    assert {tuple(answer) for answer in answering(town, pair)} == {(pid, "1") for pid in both}
    assert "1 replica of 2 workers" in town.slipway("deployment", "show", f"town/{pair}").stdout
    assert f"town/{pair} revision 1, one of 2 workers" in town.slipway("status").stdout


def test_a_killed_worker_costs_no_request_and_is_restarted_alone(town: Town, pair: str) -> None:
    victim, sibling = sorted(pids(town, pair))
    with Steady(town, deployment=pair) as load:
        load.wait_for(10)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: victim not in pids(town, pair))
        eventually(lambda: len(pids(town, pair)) == 2)
        load.wait_for(20)
    assert set(load.statuses) == {200}
    assert sibling in pids(town, pair)


def test_another_number_of_workers_is_another_revision_and_all_that_waits_at_the_one_before_is_answered(
    town: Town, pair: str
) -> None:
    before = pids(town, pair)
    with ExitStack() as stack:
        crowd = [stack.enter_context(Steady(town, per_s=1000, deployment=pair)) for _ in range(CROWD)]
        town.deploy(pair, "town-who", environment_variables={"WORKER_COUNT": 3}, keep_warm_s=0)
        eventually(lambda: len(pids(town, pair)) == 3)
        eventually(lambda: not before & pids(town, pair))
        crowd[0].wait_for(20)
    assert {status for load in crowd for status in load.statuses} == {200}
    assert not before & pids(town, pair)
    assert {answer[0] for answer in answering(town, pair, 40)} == pids(town, pair)
