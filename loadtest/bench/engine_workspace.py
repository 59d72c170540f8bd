"""A workspace for the engine's cases: models and scripts made on the spot, each deployed as an endpoint of its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from loadtest.bench.client import Request
from loadtest.bench.workspace import document, started_workspace
from loadtest.demo.command import Slipway

REQUIREMENTS = "numpy\n"
_PLAIN: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Served:
    """An endpoint behind the edge. ``host`` and ``port`` are the edge's."""

    name: str
    host: str
    port: int
    headers: Mapping[str, str]

    def url(self, path: str) -> str:
        """Return an address below the endpoint's own."""
        return f"http://{self.host}:{self.port}/endpoints/{self.name}{path}"

    def request(self, path: str, body: bytes, **headers: str) -> Request:
        """Make a request below the endpoint's own address."""
        return Request(self.host, self.port, f"/endpoints/{self.name}{path}", body, {**self.headers, **headers})

    def runs(self) -> tuple[int, int]:
        """Return how many requests were answered so far, and in how many runs of the model."""
        answer = httpx.get(
            self.url(f"/v2/models/{self.name}/stats"), headers=dict(self.headers), trust_env=False
        ).raise_for_status()
        stats = answer.json()["model_stats"][0]
        return stats["inference_stats"]["success"]["count"], stats["execution_count"]


@dataclass(frozen=True)
class Bench:
    """``say`` tells who waits what is being done; ``pids`` are the workspace's processes."""

    slipway: Slipway
    folder: Path
    ports: Mapping[str, int]
    say: Callable[[str], None]

    def serve_model(
        self, name: str, model: bytes, image: Mapping[str, Any] = _PLAIN, /, **deployments: Mapping[str, Any]
    ) -> Served:
        """Serve an ONNX model; each deployment is named by its keyword, the first has the traffic.

        ``image`` has further keys of its image.yaml.
        """
        return self._serve(name, model, image, deployments)

    def serve_script(self, name: str, script: str, **deployments: Mapping[str, Any]) -> Served:
        """Serve a scoring script; as with ``serve_model``."""
        code = self.folder / name
        code.mkdir()
        (code / "score.py").write_text(script)
        (self.folder / "requirements.txt").write_text(REQUIREMENTS)
        parts = {
            "code_configuration": {"code": name, "scoring_script": "score.py"},
            "environment": {"requirements": "requirements.txt"},
        }
        return self._serve(name, b"none", parts, deployments)

    def pids(self) -> list[int]:
        return [int(pid) for pid in self.slipway.json("status")["pids"]]

    def _serve(
        self, name: str, model: bytes, parts: Mapping[str, Any], deployments: Mapping[str, Mapping[str, Any]]
    ) -> Served:
        self.say(f"deploying {name}")
        (self.folder / "model.onnx").write_bytes(model)
        self.slipway.run("model", "import", name, str(self.folder / "model.onnx"))
        image = {"name": name, "model": f"azureml:{name}:1", **parts}
        self.slipway.json("image", "build", "-f", document(self.folder, "image", image))
        endpoint = {"name": name, "auth_mode": "key"}
        created = self.slipway.json("endpoint", "create", "-f", document(self.folder, "endpoint", endpoint))
        for deployment, settings in deployments.items():
            of_image = {"endpoint_name": name, "environment": {"image": f"{name}:latest"}, "instance_count": 1}
            wanted = {"name": deployment, **of_image, **settings}
            self.slipway.json("deployment", "create", "-f", document(self.folder, "deployment", wanted))
        self.slipway.run("endpoint", "update", "--name", name, "--traffic", f"{next(iter(deployments))}=100")
        headers = {"authorization": f"Bearer {created['keys']['primary']}"}
        return Served(name, "127.0.0.1", self.ports["http"], headers)


@contextmanager
def bench_workspace(say: Callable[[str], None]) -> Iterator[Bench]:
    """Run a workspace of its own while the context lasts."""
    with started_workspace() as started:
        yield Bench(*started, say)
