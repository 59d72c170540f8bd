"""A workspace with two models of 5 ms, reached as clients reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from loadtest.bench.client import Request
from loadtest.bench.subject import NotReady, Subject, wait_until_answered
from loadtest.bench.workspace import document, started_workspace
from loadtest.demo.command import Slipway

MODELS = {
    "sleeps": """
import time

def init():
    pass

def run(data):
    time.sleep(0.005)
    return [0]
""",
    "computes": """
import time

def init():
    pass

def run(data):
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        sum(range(200))
    return [0]
""",
}
LATE = "slipway_executed_after_deadline_total"


class Model(NamedTuple):
    """A deployed model; ``keys`` are its endpoint's two."""

    name: str
    host: str
    port: int
    keys: tuple[str, str]
    metrics_url: str

    def request(self, key: str, **headers: str) -> Request:
        """Make the request that is sent with a key; underscores in names stand for dashes."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        own["authorization"] = f"Bearer {key}"
        return Request(self.host, self.port, f"/endpoints/{self.name}/score", b'{"data": [[1]]}', own)

    def executed_late(self) -> int:
        """Return how many requests of this model were begun after their deadline.

        Raises:
            NotReady: the controller does not count them.
        """
        lines = httpx.get(self.metrics_url, trust_env=False).text.splitlines()
        counts = [float(line.split()[-1]) for line in lines if line.startswith(LATE) and f'"{self.name}"' in line]
        if not counts:
            raise NotReady(f"the controller's /metrics has no {LATE} of {self.name}")
        return int(sum(counts))


@contextmanager
def overload_workspace() -> Iterator[list[Model]]:
    """Run a workspace that serves the models, one instance of each, while the context lasts."""
    with started_workspace() as (slipway, folder, ports):
        (folder / "model.txt").write_text("5 ms")
        slipway.run("model", "import", "overload", str(folder / "model.txt"))
        models = [_deploy(slipway, folder, ports, one) for one in MODELS]
        for model in models:
            wait_until_answered(Subject(model.name, model.request(model.keys[0]), list))
        yield models


def _deploy(slipway: Slipway, folder: Path, ports: dict[str, int], name: str) -> Model:
    (folder / name).mkdir()
    (folder / name / "score.py").write_text(MODELS[name])
    code = {"code": name, "scoring_script": "score.py"}
    image = {"name": name, "model": "overload:1", "code_configuration": code}
    slipway.run("image", "build", "-f", document(folder, f"image-{name}", image))
    endpoint = {"name": name, "auth_mode": "key"}
    keys = slipway.json("endpoint", "create", "-f", document(folder, f"endpoint-{name}", endpoint))["keys"]
    deployment = {"name": "blue", "endpoint_name": name, "environment": {"image": name}, "instance_count": 1}
    slipway.run("deployment", "create", "-f", document(folder, f"deployment-{name}", deployment))
    slipway.run("endpoint", "update", "--name", name, "--traffic", "blue=100")
    metrics_url = f"http://127.0.0.1:{ports['controller']}/metrics"
    return Model(name, "127.0.0.1", ports["http"], (keys["primary"], keys["secondary"]), metrics_url)
