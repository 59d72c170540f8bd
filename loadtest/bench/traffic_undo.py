"""Undo under load: nobody is failed, and how long the release that was undone is still asked."""

import statistics
import threading
import time
from typing import Any

import httpx

from loadtest.bench.engine_workspace import Bench, Served
from loadtest.bench.subject import NotReady
from loadtest.bench.workspace import document
from loadtest.registry_bench.measures import Measure

SCRIPT = """
import os

def init():
    pass

def run(data):
    return os.environ["VERSION"]
"""
NAME, DEPLOYMENT = "undone", "blue"
UNDOS = 9
CLIENTS, PAUSE_S = 4, 0.01  # together some 300 requests a second
CALM_S, WITHIN_S = 1.0, 30.0
SWITCHED_S = 1.0


class Answers:
    """What clients get who do not stop asking: when each asked, the status, and which version answered."""

    def __init__(self, served: Served) -> None:
        self.got: list[tuple[float, int, str]] = []
        self._served = served
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Answers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        url = f"http://{self._served.host}:{self._served.port}/endpoints/{self._served.name}/score"
        with httpx.Client(headers=dict(self._served.headers), timeout=30.0, trust_env=False) as client:
            while not self._stop.wait(PAUSE_S):
                asked_s = time.monotonic()
                try:
                    answer = client.post(url, json={})
                    self.got.append((asked_s, answer.status_code, answer.text.strip('"')))
                except httpx.HTTPError as error:
                    self.got.append((asked_s, 0, repr(error)))


def undo(bench: Bench) -> list[Measure]:
    """Go back and forth between two releases under load, and see what the clients saw.

    Raises:
        NotReady: an undo did not end, or took no effect.
    """
    served = bench.serve_script(NAME, SCRIPT, **{DEPLOYMENT: _settings(1)})
    content = {"name": DEPLOYMENT, "endpoint_name": NAME, "environment": {"image": f"{NAME}:latest"}, **_settings(2)}
    bench.slipway.json("deployment", "create", "-f", document(bench.folder, "second", content))
    bench.say(f"going back and forth {UNDOS} times under load")
    release = _newest(bench)["release"]
    releases = {"1": release - 1, "2": release}
    took_s = []
    with Answers(served) as answers:
        time.sleep(CALM_S)
        for number in range(UNDOS):
            version = "12"[number % 2]
            took_s.append(_go_back(bench, answers, version, releases[version]))
            time.sleep(CALM_S)
    failed = sum(status != 200 for _, status, _ in answers.got)
    asked = f"of {len(answers.got):,} requests, {UNDOS} undos"
    return [
        Measure(case=f"undo under load: failed {asked}", value=failed, unit="requests", bar=0, at_least=False),
        Measure(
            case="undo under load: until the last request met the release that was undone, longest",
            value=max(took_s),
            unit="s",
            bar=SWITCHED_S,
            at_least=False,
        ),
        Measure(
            case="undo under load: the same, median",
            value=statistics.median(took_s),
            unit="s",
            bar=SWITCHED_S,
            at_least=False,
        ),
    ]


def _go_back(bench: Bench, answers: Answers, version: str, release: int) -> float:
    """Undo to a release; return the seconds from the order to the last request that another one answered."""
    ordered_s, seen = time.monotonic(), len(answers.got)
    _registry(bench, "POST", f"/endpoints/{NAME}/undo", json={"to": release})
    deadline = ordered_s + WITHIN_S
    while _newest(bench)["kind"] != "undo" or not answers.got or answers.got[-1][2] != version:
        if time.monotonic() > deadline:
            raise NotReady(f"the undo to release {release} took no effect in {WITHIN_S:g} s")
        time.sleep(0.05)
    time.sleep(CALM_S)
    late = [asked_s for asked_s, status, answered in answers.got[seen:] if status == 200 and answered != version]
    return max(late, default=ordered_s) - ordered_s


def _newest(bench: Bench) -> Any:
    return _registry(bench, "GET", f"/endpoints/{NAME}/history", params={"limit": 1})["changes"][0]


def _registry(bench: Bench, method: str, path: str, **more: Any) -> Any:
    url = f"http://127.0.0.1:{bench.ports['registry']}/api/v1{path}"
    return httpx.request(method, url, timeout=10.0, trust_env=False, **more).raise_for_status().json()


def _settings(version: int) -> dict[str, Any]:
    return {"environment_variables": {"VERSION": version}, "keep_warm_s": 600}
