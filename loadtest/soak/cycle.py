"""One cycle: a deployment is made, answers requests and is deleted, beside another that stays."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from loadtest.bench.model import train
from loadtest.bench.subject import NotReady
from loadtest.bench.workspace import ENDPOINT, deploy_model, started_workspace
from loadtest.demo.command import Slipway

COMING = "coming-and-going"
REQUESTS = 20
LIVE_WITHIN_S = 120.0
GONE_WITHIN_S = 60.0
QUIET_WITHIN_S = 60.0
LOOK_S = 0.2


class Workspace:
    """A workspace that serves two deployments, and in which a third comes and goes."""

    def __init__(self, slipway: Slipway, ports: dict[str, int], key: str, body: bytes) -> None:
        self._slipway = slipway
        self._controller = f"http://127.0.0.1:{ports['controller']}"
        self._score = f"http://127.0.0.1:{ports['http']}/endpoints/{ENDPOINT}/score"
        self._deployment = f"/api/v1/endpoints/{ENDPOINT}/deployments/{COMING}"
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{ports['registry']}", timeout=30.0, trust_env=False)
        self._headers = {"authorization": f"Bearer {key}", "azureml-model-deployment": COMING}
        self._body = body

    def load_and_unload(self) -> None:
        """Make the deployment, have it answer, delete it; return when its replicas are gone.

        Raises:
            NotReady: it was not live, or not gone, in time, or a request failed.
        """
        document = {"name": COMING, "endpoint_name": ENDPOINT, "environment": {"image": f"{ENDPOINT}:latest"}}
        made = self._http.put(self._deployment, json=document).raise_for_status().json()
        self._wait_until_live(made["activity"]["id"])
        with httpx.Client(timeout=30.0, trust_env=False) as client:
            for _ in range(REQUESTS):
                answer = client.post(self._score, content=self._body, headers=self._headers)
                if answer.status_code != 200:
                    raise NotReady(f"the deployment answered {answer.status_code}: {answer.text[:200]}")
        self._http.delete(self._deployment).raise_for_status()
        self._wait_until_gone()

    @property
    def folder(self) -> Path:
        return self._slipway.folder

    def pids(self) -> list[int]:
        """Return every process of the workspace."""
        return [int(pid) for pid in self._slipway.json("status")["pids"]]

    def quiet_pids(self) -> list[int]:
        """Return every process, once there come and go none any more."""
        deadline, before = time.monotonic() + QUIET_WITHIN_S, self.pids()
        while time.monotonic() < deadline:
            time.sleep(2.0)
            now = self.pids()
            if now == before:
                return now
            before = now
        return before

    def _wait_until_live(self, activity: str) -> None:
        deadline = time.monotonic() + LIVE_WITHIN_S
        while time.monotonic() < deadline:
            seen: dict[str, Any] = self._http.get(f"/api/v1/activities/{activity}").json()
            if seen["state"] == "succeeded":
                return
            if seen["state"] != "running":
                raise NotReady(f"the deployment {seen['state']}: {seen['message']}")
            time.sleep(LOOK_S)
        raise NotReady(f"the deployment was not live within {LIVE_WITHIN_S:.0f} s")

    def _wait_until_gone(self) -> None:
        deadline = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < deadline:
            replicas = httpx.get(f"{self._controller}/v1/replicas", trust_env=False).json()["replicas"]
            if not any(replica["deployment"] == COMING for replica in replicas):
                return
            time.sleep(LOOK_S)
        raise NotReady(f"its replicas were not gone within {GONE_WITHIN_S:.0f} s")


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Run a workspace of its own, in a temporary folder, while the context lasts."""
    with started_workspace() as (slipway, folder, ports):
        body = train(folder / "model.onnx")
        yield Workspace(slipway, ports, deploy_model(slipway, folder / "model.onnx", folder), body)
