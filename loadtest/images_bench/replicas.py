"""Ten replicas that start together in a cluster, on a node that has nothing of their image, beside one."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from loadtest.bench.subject import NotReady, free_port
from loadtest.bench.workspace import PORTS
from loadtest.demo.command import Slipway
from loadtest.images_bench.registry import ONNX, Bench
from loadtest.registry_bench.measures import Measure

TOGETHER = 10
GONE_WITHIN_S = 60.0


def replicas(bench: Bench) -> list[Measure]:
    """Deploy one replica and ten in turn, each time with the image to be pulled and the environment to be made.

    Raises:
        NotReady: replicas of before did not go.
    """
    with _workspace(bench) as slipway:
        _deploy(slipway, bench, 1)  # the wheels are in uv's cache from now on
        rounds = [(_deploy(slipway, bench, TOGETHER), _deploy(slipway, bench, 1)) for _ in range(bench.rounds)]
    ratio = median(ten / one for ten, one in rounds)
    return [Measure(case="ten replicas deployed, nothing cached ÷ one", value=ratio, unit="×", bar=2, at_least=False)]


@contextmanager
def _workspace(bench: Bench) -> Iterator[Slipway]:
    slipway = Slipway(bench.folder / "replicas", dict(os.environ))
    try:
        slipway.run("up", "--detach", *(f"--{name}-port={free_port()}" for name in PORTS))
        slipway.run("model", "import", ONNX, str(bench.folder / "model.onnx"))
        slipway.run("image", "build", "-f", _written(bench, "image", {"name": ONNX, "model": f"{ONNX}:1"}))
        slipway.run("endpoint", "create", "-f", _written(bench, "endpoint", {"name": ONNX, "auth_mode": "key"}))
        yield slipway
    finally:
        slipway.run("down")


def _deploy(slipway: Slipway, bench: Bench, count: int) -> float:
    """Return the seconds from the command to so many live replicas; afterwards they are gone, and what they used."""
    document = {"name": "blue", "endpoint_name": ONNX, "environment": {"image": ONNX}, "instance_count": count}
    written = _written(bench, "deployment", document)
    began = time.monotonic()
    slipway.run("deployment", "create", "-f", written)
    seconds = time.monotonic() - began
    slipway.run("deployment", "delete", f"{ONNX}/blue")
    deadline = time.monotonic() + GONE_WITHIN_S
    while slipway.json("status")["replicas"]:
        if time.monotonic() > deadline:
            raise NotReady(f"replicas were still there {GONE_WITHIN_S:.0f} s after their deployment was deleted")
        time.sleep(0.5)
    slipway.run("node", "prune", "--yes")
    return seconds


def _written(bench: Bench, name: str, document: object) -> str:
    path = bench.folder / f"{name}.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return str(path)
