"""An endpoint with blue, which answers everybody, and deployments to mirror to: one that differs, and bad ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.bench.client import Request
from loadtest.bench.subject import Subject, wait_until_answered
from loadtest.bench.workspace import document, started_workspace
from loadtest.demo.command import Slipway

ENDPOINT = "mirrored"
PLANTED = 7  # of a hundred requests, which green answers otherwise

_SCRIPT = """
import json, os, time

def init():
    pass

def run(data):
    number = json.loads(data)["data"][0][0]
    {body}
    return [number % 2]
"""
BODIES = {
    "blue": "",
    "green": f"number += number % 100 < {PLANTED}",
    "hangs": "time.sleep(3600)",
    "dies": "os._exit(1)",
    "fails": "raise ValueError('no')",
}


class Mirrored(NamedTuple):
    """The endpoint, all of whose traffic is blue's."""

    slipway: Slipway
    host: str
    port: int
    key: str

    def request(self, number: int) -> Request:
        headers = {"authorization": f"Bearer {self.key}"}
        body = b'{"data": [[%d]]}' % number
        return Request(self.host, self.port, f"/endpoints/{ENDPOINT}/score", body, headers)

    def mirror_to(self, target: str | None) -> None:
        """Copy every request to a deployment, or none."""
        shares = f"{target}=100" if target else "green=0"
        self.slipway.run("endpoint", "update", "--name", ENDPOINT, "--mirror-traffic", shares)

    def report(self, minutes: float) -> dict[str, list[dict[str, Any]]]:
        """Return the mirror report of the last minutes."""
        found: dict[str, list[dict[str, Any]]] = self.slipway.json(
            "mirror", "report", ENDPOINT, "--since", str(minutes)
        )
        return found


@contextmanager
def mirrored_workspace(targets: list[str]) -> Iterator[Mirrored]:
    """Run a workspace with blue and these targets while the context lasts."""
    with started_workspace() as (slipway, folder, ports):
        (folder / "model.txt").write_text("none")
        slipway.run("model", "import", ENDPOINT, str(folder / "model.txt"))
        endpoint = {"name": ENDPOINT, "auth_mode": "key"}
        key = slipway.json("endpoint", "create", "-f", document(folder, "endpoint", endpoint))["keys"]["primary"]
        for name in ("blue", *targets):
            _deploy(slipway, folder, name)
        slipway.run("endpoint", "update", "--name", ENDPOINT, "--traffic", "blue=100")
        mirrored = Mirrored(slipway, "127.0.0.1", ports["http"], str(key))
        wait_until_answered(Subject(ENDPOINT, mirrored.request(0), list))
        yield mirrored


def _deploy(slipway: Slipway, folder: Path, name: str) -> None:
    (folder / name).mkdir()
    (folder / name / "score.py").write_text(_SCRIPT.format(body=BODIES[name] or "pass"))
    code = {"code": name, "scoring_script": "score.py"}
    image = {"name": name, "model": f"{ENDPOINT}:1", "code_configuration": code}
    slipway.run("image", "build", "-f", document(folder, f"image-{name}", image))
    deployment = {"name": name, "endpoint_name": ENDPOINT, "environment": {"image": name}, "instance_count": 1}
    slipway.run("deployment", "create", "-f", document(folder, f"deployment-{name}", deployment))
