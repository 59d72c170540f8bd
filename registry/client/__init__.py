"""The SDK: ``Client(url)`` with the workspace's nouns as attributes.

Blocking, safe to use from many threads; from asyncio, call it through ``asyncio.to_thread``. Answers are records of
``registry.core``; failures are errors of ``registry.core.errors``, ``Unavailable`` when the registry cannot be reached.
"""

from types import TracebackType
from typing import Self

import httpx
import msgspec

from registry.client.access import Access
from registry.client.blobs import Blobs
from registry.client.datasets import Datasets
from registry.client.door import Door
from registry.client.environments import Environments
from registry.client.images import Images
from registry.client.models import Models
from registry.client.nouns import Activities, Deployments, Endpoints
from registry.client.requests import Requests
from registry.client.runs import Runs
from registry.client.secrets import Secrets
from registry.client.services import Services
from registry.client.trust import TrustedKeys
from registry.core.activities import Activity
from registry.core.deploying.desired import DesiredState, DesiredVersion, Obedience
from registry.core.purge import PurgeOrder, PurgePlan
from registry.core.workspace_deletion import DeletionOrder, DeletionPlan

__all__ = ["Client"]


class Client:
    """A workspace, by its registry's URL. ``transport`` is httpx's seam for tests.

    ``token`` is what the registry knows the caller by; without it, what ``SLIPWAY_TOKEN`` holds.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None, token: str | None = None) -> None:
        self._door = Door(url, transport, token)
        self.url = self._door.url
        self.endpoints = Endpoints(self._door)
        self.deployments = Deployments(self._door)
        self.activities = Activities(self._door)
        self.services = Services(self._door)
        self.requests = Requests(self.services)
        self.blobs = Blobs(self._door)
        self.runs = Runs(self._door, self.blobs)
        self.datasets = Datasets(self._door, self.blobs)
        self.models = Models(self._door, self.blobs)
        self.images = Images(self._door, self.blobs)
        self.environments = Environments(self._door)
        self.access = Access(self._door)
        self.secrets = Secrets(self._door)
        self.trust = TrustedKeys(self._door)

    def desired_state(self, after: int = -1, wait_s: float = 0.0) -> DesiredState:
        """Return what is to be made real, once its version is past ``after`` or ``wait_s`` is over."""
        params = {"after": after, "wait_s": wait_s}
        return self._door.ask("GET", "/desired-state", DesiredState, params=params)

    def obeyed(self, wait_s: float = 0.0) -> Obedience:
        """Return whether every edge obeys what the registry holds now, once it is so or ``wait_s`` is over.

        Raises:
            Unavailable: the controller, which knows, has not announced itself, or does not answer.
        """
        version = self._door.ask("GET", "/desired-version", DesiredVersion).version
        asked: dict[str, str | int | None] = {"version": version, "wait_s": str(wait_s)}
        answer = self.services.ask("controller", "/v1/obeyed", asked)
        return msgspec.json.decode(answer.content, type=Obedience)

    def preview_purge(self, older_than_days: float = 0.0) -> PurgePlan:
        """Return what would be deleted for good, and what refuses to."""
        return self._door.ask("GET", "/purge", PurgePlan, params={"older_than_days": older_than_days})

    def purge(self, older_than_days: float = 0.0) -> PurgePlan:
        """Delete for good what was deleted at least so many days ago."""
        return self._door.ask("POST", "/purge", PurgePlan, PurgeOrder(older_than_days=older_than_days))

    def preview_deletion(self) -> DeletionPlan:
        """Return what would go with the whole workspace, its name, and what refuses to."""
        return self._door.ask("GET", "/workspace/deletion", DeletionPlan)

    def delete_workspace(self, confirm: str) -> Activity:
        """Delete everything in the workspace called ``confirm``; follow the activity. It can be repeated.

        Raises:
            InvalidInput: the workspace has another name.
            Conflict: a deployment is live or starting, or something is being built or deleted.
        """
        return self._door.ask("POST", "/workspace/deletion", Activity, DeletionOrder(confirm=confirm))

    def close(self) -> None:
        self._door.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
