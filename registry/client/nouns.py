"""Endpoints, deployments and activities as the SDK has them: each method is one call."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from registry.client.door import V1, Door
from registry.core import rest
from registry.core.activities import Activity
from registry.core.deploying.access_tokens import AccessToken
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument
from registry.core.deploying.endpoints import Deployment, Endpoint, RevisionState
from registry.core.deploying.history import EndpointHistory
from registry.core.deploying.keys import KeyRules
from registry.core.deploying.plans import Plan
from registry.core.deploying.routes import KeysToRoute, RoutedKeys
from registry.core.deploying.undo import UndoAnswer, UndoOrder, UndoPlan


class Endpoints:
    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self) -> list[Endpoint]:
        return self._door.ask("GET", "/endpoints", rest.EndpointList).endpoints

    def get(self, name: str) -> Endpoint:
        return self._door.ask("GET", f"/endpoints/{_part(name)}", Endpoint)

    def create(self, name: str, document: EndpointDocument) -> rest.EndpointAnswer:
        """Make an endpoint; the answer has its keys. Raises Conflict if there is one of that name."""
        return self._put(name, document, exists=False)

    def update(self, name: str, document: EndpointDocument) -> rest.EndpointAnswer:
        """Change an endpoint; the answer has what became another, and keys that are new.

        Raises NotFound if there is none of that name.
        """
        return self._put(name, document, exists=True)

    def plan(self, name: str, values: Mapping[str, Any]) -> Plan:
        """Return what creating or updating from a file's plain values would do."""
        return self._door.ask("POST", f"/endpoints/{_part(name)}/plan", Plan, values)

    def _put(self, name: str, document: EndpointDocument, *, exists: bool) -> rest.EndpointAnswer:
        params = {"exists": str(exists).lower()}
        return self._door.ask("PUT", f"/endpoints/{_part(name)}", rest.EndpointAnswer, document, params)

    def delete(self, name: str, *, live_too: bool = False) -> None:
        """Delete an endpoint with its deployments. Raises Conflict if one is live or starting, unless ``live_too``."""
        self._door.send("DELETE", f"{V1}/endpoints/{_part(name)}", params={"live_too": str(live_too).lower()})

    def set_traffic(self, name: str, traffic: dict[str, float]) -> Endpoint:
        """Replace the whole split."""
        change = rest.TrafficChange(traffic=traffic)
        return self._door.ask("PATCH", f"/endpoints/{_part(name)}/traffic", Endpoint, change)

    def set_mirror_traffic(self, name: str, mirror_traffic: dict[str, float]) -> Endpoint:
        """Replace all that is mirrored."""
        change = rest.MirrorChange(mirror_traffic=mirror_traffic)
        return self._door.ask("PATCH", f"/endpoints/{_part(name)}/mirror-traffic", Endpoint, change)

    def route(self, name: str, keys: Sequence[str], traffic: Mapping[str, float] | None = None) -> RoutedKeys:
        """Return which deployments at most 10,000 traffic keys meet, under the split that is or under ``traffic``."""
        asked = KeysToRoute(keys=[*keys], traffic=None if traffic is None else dict(traffic))
        return self._door.ask("POST", f"/endpoints/{_part(name)}/route", RoutedKeys, asked)

    def create_key(self, name: str, key: str, rules: KeyRules) -> str:
        """Add a key and return it. Raises Conflict if there is one of that name."""
        wanted = rest.WantedKey(key=key, rules=rules)
        return self._door.ask("POST", f"/endpoints/{_part(name)}/keys", rest.NewKey, wanted).key

    def change_key(self, name: str, key: str, rules: KeyRules) -> Endpoint:
        """Replace the rules of a key."""
        return self._door.ask("PUT", f"/endpoints/{_part(name)}/keys/{_part(key)}", Endpoint, rules)

    def delete_key(self, name: str, key: str) -> None:
        self._door.send("DELETE", f"{V1}/endpoints/{_part(name)}/keys/{_part(key)}")

    def issue_token(self, name: str, key: str = "primary") -> AccessToken:
        """Return a token in the name of a key. Raises Conflict if the endpoint takes keys."""
        return self._door.ask("POST", f"/endpoints/{_part(name)}/token", AccessToken, rest.TokenChoice(key=key))

    def rotate_token_key(self) -> None:
        """Sign tokens with a new key; those of before cease, of every endpoint."""
        self._door.send("POST", f"{V1}/endpoint-token-key/rotate")

    def regenerate_key(self, name: str, key: str, overlap_s: int = 0) -> str:
        """Replace a key and return the new one; the one before is valid for ``overlap_s`` yet."""
        choice = rest.KeyChoice(key=key, overlap_s=overlap_s)
        return self._door.ask("POST", f"/endpoints/{_part(name)}/keys/regenerate", rest.NewKey, choice).key

    def set_ttl(self, name: str, ttl_s: int | None) -> Endpoint:
        """Let it be deleted by itself in so many seconds from now; with None it stays."""
        return self._door.ask("PATCH", f"/endpoints/{_part(name)}/ttl", Endpoint, rest.TtlChange(ttl_s=ttl_s))

    def history(self, name: str, at_ms: int | None = None, limit: int = 100) -> EndpointHistory:
        """Return the newest changes; with ``at_ms``, the one that held then. Raises NotFound if there never was one."""
        params = {"limit": limit} if at_ms is None else {"at_ms": at_ms}
        return self._door.ask("GET", f"/endpoints/{_part(name)}/history", EndpointHistory, params=params)

    def preview_undo(self, name: str, to: int | None = None) -> UndoPlan:
        """Say what ``undo`` would do. Raises as that."""
        params = {} if to is None else {"to": to}
        return self._door.ask("GET", f"/endpoints/{_part(name)}/undo", UndoPlan, params=params)

    def undo(self, name: str, to: int | None = None, seen: int | None = None) -> UndoAnswer:
        """Go back to the release before, or to another; follow the answer's activity.

        Raises Conflict if there is none, something of it is gone, or ``seen`` no longer is the current release.
        """
        return self._door.ask("POST", f"/endpoints/{_part(name)}/undo", UndoAnswer, UndoOrder(to=to, seen=seen))


class Deployments:
    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self, endpoint: str) -> list[Deployment]:
        path = f"/endpoints/{_part(endpoint)}/deployments"
        return self._door.ask("GET", path, rest.DeploymentList).deployments

    def get(self, endpoint: str, name: str) -> Deployment:
        return self._door.ask("GET", _deployment(endpoint, name), Deployment)

    def create(self, endpoint: str, name: str, document: DeploymentDocument) -> rest.DeploymentAnswer:
        """Make a deployment, or a new revision of the one that is there; follow the answer's activity."""
        return self._door.ask("PUT", _deployment(endpoint, name), rest.DeploymentAnswer, document)

    def plan(self, endpoint: str, name: str, values: Mapping[str, Any]) -> Plan:
        """Return what ``create`` would do with a file's plain values."""
        return self._door.ask("POST", f"{_deployment(endpoint, name)}/plan", Plan, values)

    def delete(self, endpoint: str, name: str) -> None:
        self._door.send("DELETE", V1 + _deployment(endpoint, name))

    def set_ttl(self, endpoint: str, name: str, ttl_s: int | None) -> Deployment:
        """Let it be deleted by itself in so many seconds from now; with None it stays."""
        change = rest.TtlChange(ttl_s=ttl_s)
        return self._door.ask("PATCH", f"{_deployment(endpoint, name)}/ttl", Deployment, change)

    def report_state(
        self, endpoint: str, name: str, revision: int, state: RevisionState, message: str = ""
    ) -> Deployment:
        """Report a starting revision live or failed; the controller's call."""
        path = f"{_deployment(endpoint, name)}/revisions/{revision}/state"
        return self._door.ask("POST", path, Deployment, {"state": state, "message": message})


class Activities:
    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self) -> list[Activity]:
        """Return the newest, newest first."""
        return self._door.ask("GET", "/activities", rest.ActivityList).activities

    def get(self, activity_id: str, after: int = -1, wait_s: float = 0.0) -> Activity:
        """Return an activity with its whole log, once it has more than ``after`` lines, has ended, or ``wait_s`` is
        over."""
        params = {"after": after, "wait_s": wait_s}
        return self._door.ask("GET", f"/activities/{_part(activity_id)}", Activity, params=params)

    def report_progress(self, activity_id: str, progress: float, message: str = "") -> Activity:
        report = rest.ProgressReport(progress=progress, message=message)
        return self._door.ask("POST", f"/activities/{_part(activity_id)}/progress", Activity, report)


def _part(name: str) -> str:
    return quote(name, safe="")


def _deployment(endpoint: str, name: str) -> str:
    return f"/endpoints/{_part(endpoint)}/deployments/{_part(name)}"
