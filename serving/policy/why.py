"""Why a request was answered by whom it was: its line, and what its endpoint was then. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from registry.core.deploying.history import EndpointChange, LiveRevision
from registry.core.deploying.split import among, deployment_of, interval_of


class Choice(StrEnum):
    """How the edge came to a deployment."""

    OVERRIDE = "override"
    VERSION = "version"
    KEY = "key"
    UNREAD = "unread"
    RANDOM = "random"
    MIRROR = "mirror"
    NONE = "none"


_SENTENCES = {
    Choice.OVERRIDE: "the request named the deployment, in azureml-model-deployment",
    Choice.VERSION: "the request named a model version, which this deployment serves",
    Choice.KEY: "its traffic key, {source}, has this bucket",
    Choice.UNREAD: "its traffic key, {source}, could not be read, so the bucket was drawn at random",
    Choice.RANDOM: "the endpoint has no traffic key, so the bucket was drawn at random",
    Choice.MIRROR: "it is a copy, made after another deployment had answered the request; nobody waited for it",
    Choice.NONE: "no deployment was chosen: the edge answered the request itself",
}


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one request. ``since_ms`` and ``who``: the change of the endpoint that made it so.

    ``low`` ≤ ``bucket`` < ``bound`` is the deployment's interval in the split of that time. What the history does not
    know, or what was not asked about, is null.
    """

    operation_id: str
    request_id: str
    timestamp_ms: int
    endpoint: str
    key_name: str
    method: str
    path: str
    status: int
    choice: Choice
    sentence: str
    bucket: int | None
    low: int | None = None
    bound: int | None = None
    deployment: str
    revision: int | None
    replica: str
    retries: int
    source: str | None = None
    traffic: dict[str, float] | None = None
    image: str | None = None
    image_digest: str | None = None
    since_ms: int | None = None
    who: str | None = None


def explain(row: Mapping[str, Any], history: Iterable[EndpointChange]) -> Reason:
    """Return the reason for a row of the requests table.

    ``history`` are changes of its endpoint, the one that held then first, and then those before: an edge that learnt of
    a change a moment later still obeyed the one before, so the first that agrees with the line is taken.
    """
    bucket = row["bucket"] if row["bucket"] >= 0 else None
    choice = _choice(row, bucket)
    held = next((change for change in history if _agrees(change, row, bucket)), None)
    endpoint = held.endpoint if held else None
    source = endpoint.traffic_key.source if endpoint and endpoint.traffic_key else None
    interval = interval_of(_intervals(held), bucket) if held and bucket is not None and row["deployment"] else None
    live = _live(held, row) if held else None
    return Reason(
        **{name: row[name] for name in ("operation_id", "timestamp_ms", "endpoint", "key_name", "method", "path")},
        request_id=row["request_id"] or row["operation_id"],
        status=row["status"],
        choice=choice,
        sentence=_SENTENCES[choice].format(source=source or "of which the history knows nothing"),
        bucket=bucket,
        low=interval[0] if interval else None,
        bound=interval[1] if interval else None,
        deployment=row["deployment"],
        revision=_revision(row),
        replica=row["server"] if row["deployment"] else "",
        retries=row["retries"],
        source=source,
        traffic=endpoint.traffic if endpoint else None,
        image=live.image if live else None,
        image_digest=live.image_digest if live else None,
        since_ms=held.at_ms if held else None,
        who=held.who if held else None,
    )


def _choice(row: Mapping[str, Any], bucket: int | None) -> Choice:
    if row["choice"]:
        return Choice(row["choice"])
    return Choice.NONE if bucket is None else Choice.RANDOM


def _agrees(change: EndpointChange, row: Mapping[str, Any], bucket: int | None) -> bool:
    """Say whether the endpoint, as it was after a change, would have answered so."""
    if change.endpoint is None:
        return False
    if not row["deployment"]:
        return True
    if bucket is not None and deployment_of(_intervals(change), bucket) != row["deployment"]:
        return False
    return _live(change, row) is not None


def _intervals(change: EndpointChange) -> list[tuple[int, str]]:
    assert change.endpoint is not None
    live = {one.deployment for one in change.live}
    return among(change.endpoint.intervals, change.endpoint.traffic, live)


def _live(change: EndpointChange, row: Mapping[str, Any]) -> LiveRevision | None:
    wanted = (row["deployment"], _revision(row))
    return next((one for one in change.live if (one.deployment, one.revision) == wanted), None)


def _revision(row: Mapping[str, Any]) -> int | None:
    number = row["backend"].rpartition(".")[2]
    return int(number) if number.isdigit() else None
