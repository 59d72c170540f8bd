"""Going back to the release before, and what ends by itself, with real processes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.e2e.town import SCALED, Town, eventually

pytestmark = pytest.mark.e2e

PATH = "/endpoints/flip/score"
ROWS = {"data": [[1.0]]}
SLOW = """
import json
import time

def init():
    pass

def run(data):
    time.sleep(json.loads(data)["data"])
    return "done"
"""


class Answers:
    """What a client gets that never pauses: the status and the answer's number, with the time at which it asked."""

    def __init__(self, town: Town, key: str) -> None:
        self.got: list[tuple[float, int, Any]] = []
        self._client = town.client(key)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Answers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _ask(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                answer = self._client.post(PATH, json=ROWS)
                self.got.append((began, answer.status_code, answer.json()))
            except httpx.HTTPError as error:
                self.got.append((began, 0, str(error)))


@contextmanager
def endpoint(town: Town, *options: str) -> Iterator[str]:
    document = town.document("endpoint-flip", {"name": "flip"})
    try:
        yield town.json("endpoint", "create", "-f", document, *options)["keys"]["primary"]
    finally:
        town.slipway("endpoint", "delete", "flip", "--yes", check=False)
        eventually(lambda: not replicas(town))


def replicas(town: Town) -> list[dict[str, Any]]:
    return [one for one in town.status()["replicas"] if one["endpoint"] == "flip"]


def deploy(town: Town, scale: int, **settings: Any) -> None:
    variables = {"SCALE": scale}
    town.deploy("scaled", "town-flip", endpoint_name="flip", environment_variables=variables, **settings)


def test_an_undo_fails_no_request_and_takes_less_than_the_old_revisions_start(town: Town) -> None:
    town.build("town-flip", "azureml:town:1", SCALED)
    with endpoint(town) as key:
        deploy(town, 1)
        town.slipway("endpoint", "update", "--name", "flip", "--traffic", "scaled=100")
        deploy(town, 2)
        assert sorted((one["revision"], one["role"]) for one in replicas(town)) == [(1, "warm"), (2, "live")]
        with Answers(town, key) as answers:
            eventually(lambda: answers.got and answers.got[-1][2] == [2.0])
            done = town.slipway("endpoint", "undo", "flip")
            eventually(lambda: answers.got[-1][2] == [1.0])
        assert {status for _, status, _ in answers.got} == {200}
        assert [value for _, _, value in answers.got] == sorted((value for _, _, value in answers.got), reverse=True)
        assert "deployment scaled" in done.stdout
        assert "warm" in done.stdout
        history = town.json("endpoint", "history", "flip")
        assert history[-1]["message"] == "went back to release 3"

        deploy(town, 3, keep_warm_s=0)  # revision 1 is gone at once
        eventually(lambda: {one["revision"] for one in replicas(town)} == {3})
        with Answers(town, key) as answers:
            done = town.slipway("endpoint", "undo", "flip")
            eventually(lambda: answers.got[-1][2] == [1.0])
        assert {status for _, status, _ in answers.got} == {200}
        assert "scaled:1 no longer runs: nothing changes until it is ready" in done.stdout


def test_an_endpoint_that_is_deleted_while_it_answers_finishes_what_it_has_begun(town: Town) -> None:
    town.build("town-slow", "azureml:town:1", SLOW)
    with endpoint(town) as key, town.client(key) as client:
        town.deploy("slow", "town-slow", endpoint_name="flip")
        town.slipway("endpoint", "update", "--name", "flip", "--traffic", "slow=100")
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(client.post(PATH, json={"data": 4}).status_code))
        asking.start()
        eventually(lambda: [one["in_flight"] for one in replicas(town)] == [1])
        assert town.slipway("endpoint", "delete", "flip", check=False).returncode == 1  # in use
        town.slipway("endpoint", "delete", "flip", "--yes")
        again = town.slipway("endpoint", "delete", "flip", "--yes", check=False)
        assert (again.returncode, "there is no endpoint 'flip'" in again.stderr) == (1, True)
        eventually(lambda: client.post(PATH, json={"data": 0}).status_code == 404)
        asking.join()
        assert answers == [200]
        eventually(lambda: not replicas(town))


def test_what_was_forgotten_is_deleted_by_itself_with_its_processes(town: Town) -> None:
    with endpoint(town, "--ttl", "1h") as key, town.client(key) as client:
        town.deploy("slow", "town-slow", endpoint_name="flip")
        town.slipway("endpoint", "update", "--name", "flip", "--traffic", "slow=100", "--ttl", "2s")
        assert client.post(PATH, json={"data": 0}).status_code == 200
        eventually(lambda: client.post(PATH, json={"data": 0}).status_code == 404)
        eventually(lambda: not replicas(town))
        assert town.json("endpoint", "history", "flip")[-1]["message"] == "the endpoint expired after 2s"
