"""Undo under load: nobody is failed, and how long the release that was undone is still asked."""

import statistics
import time
from typing import Any

import httpx

from loadtest.bench.engine_workspace import Bench
from loadtest.bench.subject import NotReady
from loadtest.bench.workspace import document
from loadtest.registry_bench.measures import Measure, at_most
from loadtest.traffic_bench.clients import Asking

SCRIPT = """
import os

def init():
    pass

def run(data):
    return os.environ["VERSION"]
"""
NAME, DEPLOYMENT = "undone", "blue"
UNDOS = 9
CALM_S, WITHIN_S = 1.0, 30.0
SWITCHED_S = 1.0


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
    with Asking(served) as asking:
        time.sleep(CALM_S)
        for number in range(UNDOS):
            version = "12"[number % 2]
            took_s.append(_go_back(bench, asking, version, releases[version]))
            time.sleep(CALM_S)
    asked = f"of {len(asking.got):,} requests, {UNDOS} undos"
    until = "undo under load: until the last request met the release that was undone"
    return [
        at_most(f"undo under load: failed {asked}", asking.failed, "requests", 0),
        at_most(f"{until}, longest", max(took_s), "s", SWITCHED_S),
        at_most(f"{until}, median", statistics.median(took_s), "s", SWITCHED_S),
    ]


def _go_back(bench: Bench, asking: Asking, version: str, release: int) -> float:
    """Undo to a release; return the seconds from the order to the last request that another one answered."""
    ordered_s, seen, said = time.monotonic(), len(asking.got), f'"{version}"'
    _registry(bench, "POST", f"/endpoints/{NAME}/undo", json={"to": release})
    deadline = ordered_s + WITHIN_S
    while _newest(bench)["kind"] != "undo" or not asking.got or asking.got[-1].text != said:
        if time.monotonic() > deadline:
            raise NotReady(f"the undo to release {release} took no effect in {WITHIN_S:g} s")
        time.sleep(0.05)
    time.sleep(CALM_S)
    late = [one.asked_s for one in asking.got[seen:] if one.status == 200 and one.text != said]
    return max(late, default=ordered_s) - ordered_s


def _newest(bench: Bench) -> Any:
    return _registry(bench, "GET", f"/endpoints/{NAME}/history", params={"limit": 1})["changes"][0]


def _registry(bench: Bench, method: str, path: str, **more: Any) -> Any:
    url = f"http://127.0.0.1:{bench.ports['registry']}/api/v1{path}"
    return httpx.request(method, url, timeout=10.0, trust_env=False, **more).raise_for_status().json()


def _settings(version: int) -> dict[str, Any]:
    return {"environment_variables": {"VERSION": version}, "keep_warm_s": 600}
