"""Ten replicas that start together in a cluster, on a node that has nothing of their image, beside one.

Taken twice: as a person sees it, from the command to the deployment that is live, with what Ray takes to place them;
and on the node alone, from the first replica that is heard of to the last that is ready.
"""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import httpx

from loadtest.bench.subject import NotReady, free_port
from loadtest.bench.workspace import PORTS
from loadtest.demo.command import Slipway
from loadtest.images_bench.registry import ONNX, Bench
from loadtest.registry_bench.measures import Measure

TOGETHER = 10
GONE_WITHIN_S = 60.0
READY_WITHIN_S = 180.0
LOOK_S = 0.05


class _Seconds(NamedTuple):
    deployed: float  # from the command to its end
    on_node: float  # from the first replica that is heard of to the last that is ready


def replicas(bench: Bench) -> list[Measure]:
    """Deploy one replica and ten in turn, each time with the image to be pulled and the environment to be made.

    Raises:
        NotReady: replicas of before did not go.
    """
    with _workspace(bench) as (slipway, controller_url):

        def deploy(count: int) -> _Seconds:
            return _deploy(slipway, controller_url, bench, count)

        deploy(1)  # the wheels are in uv's cache from now on
        rounds = [(deploy(TOGETHER), deploy(1)) for _ in range(bench.rounds)]
    deployed = median(ten.deployed / one.deployed for ten, one in rounds)
    on_node = median(ten.on_node / one.on_node for ten, one in rounds)
    return [
        Measure(case="ten replicas deployed, nothing cached ÷ one", value=deployed, unit="×", bar=2, at_least=False),
        Measure(
            case="the same on the node, from the first word to the last ready ÷ one",
            value=on_node,
            unit="×",
            bar=2,
            at_least=False,
        ),
    ]


@contextmanager
def _workspace(bench: Bench) -> Iterator[tuple[Slipway, str]]:
    slipway = Slipway(bench.folder / "replicas", dict(os.environ))
    ports = {name: free_port() for name in PORTS}
    try:
        slipway.run("up", "--detach", *(f"--{name}-port={port}" for name, port in ports.items()))
        slipway.run("model", "import", ONNX, str(bench.folder / "model.onnx"))
        slipway.run("image", "build", "-f", _written(bench, "image", {"name": ONNX, "model": f"{ONNX}:1"}))
        slipway.run("endpoint", "create", "-f", _written(bench, "endpoint", {"name": ONNX, "auth_mode": "key"}))
        yield slipway, f"http://127.0.0.1:{ports['controller']}"
    finally:
        slipway.run("down")


def _deploy(slipway: Slipway, controller_url: str, bench: Bench, count: int) -> _Seconds:
    """Deploy so many replicas and return what it took; afterwards they are gone, and what they used."""
    document = {"name": "blue", "endpoint_name": ONNX, "environment": {"image": ONNX}, "instance_count": count}
    written = _written(bench, "deployment", document)
    with ThreadPoolExecutor(1) as pool:
        on_node = pool.submit(_until_ready, controller_url, count)
        began = time.monotonic()
        slipway.run("deployment", "create", "-f", written)
        seconds = _Seconds(time.monotonic() - began, on_node.result())
    slipway.run("deployment", "delete", f"{ONNX}/blue")
    deadline = time.monotonic() + GONE_WITHIN_S
    while slipway.json("status")["replicas"]:
        if time.monotonic() > deadline:
            raise NotReady(f"replicas were still there {GONE_WITHIN_S:.0f} s after their deployment was deleted")
        time.sleep(0.5)
    slipway.run("node", "prune", "--yes")
    return seconds


def _until_ready(controller_url: str, count: int) -> float:
    """Return the seconds between the first word of a replica and the moment when so many are ready."""
    deadline = time.monotonic() + READY_WITHIN_S
    first: float | None = None
    with httpx.Client(base_url=controller_url, trust_env=False) as http:
        while (now := time.monotonic()) < deadline:
            replicas = http.get("/v1/replicas").json()["replicas"]
            first = now if replicas and first is None else first
            if first is not None and sum(one["state"] == "ready" for one in replicas) >= count:
                return now - first
            time.sleep(LOOK_S)
    raise NotReady(f"{count} replicas were not ready after {READY_WITHIN_S:.0f} s")


def _written(bench: Bench, name: str, document: object) -> str:
    path = bench.folder / f"{name}.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return str(path)
