"""``slipway request why``."""

from collections.abc import Iterator
from typing import Any

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_record, short, when
from registry.client import Client
from registry.core.deploying.history import EndpointChange
from registry.core.deploying.traffic import split_text
from registry.core.errors import NotFound
from serving.policy.why import Reason, explain

MOST = 20  # requests of one id: a client may send it again and again


def why(
    request: str = typer.Argument(
        metavar="ID", help="The x-request-id that the answer had, or the operation's id or its first 8 digits."
    ),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Tell why a request was answered by whom it was: how its deployment was chosen, under which split, and its image.

    Example: slipway request why 4bf92f3577b34da6a3ce929d0e0e4736
    """
    client = connect(url)
    rows = client.services.ask("telemetry", "/v1/requests", {"id": request, "limit": MOST}).json()["rows"]
    if not rows:
        raise NotFound(
            f"no request {request!r} is recorded: its line comes some two seconds after the answer", id=request
        )
    reasons = [explain(row, _history(client, row)) for row in rows]
    if output is OutputFormat.JSON:
        print_json(reasons)
        return
    for number, reason in enumerate(reasons):
        if number:
            console.print()
        print_record(reason, _fields(reason), output)


def _history(client: Client, row: dict[str, Any]) -> Iterator[EndpointChange]:
    """Walk back from what held when the request came, one change more."""
    at_ms = row["timestamp_ms"]
    for _ in range(2):
        try:
            held = client.endpoints.history(row["endpoint"], at_ms).changes if row["endpoint"] else []
        except NotFound:
            return
        yield from held
        if not held:
            return
        at_ms = held[0].at_ms - 1


def _fields(reason: Reason) -> dict[str, Any]:
    if reason.deployment:
        replica = f"{reason.replica}{f', after {reason.retries} retries' if reason.retries else ''}"
        image = f"{reason.image} ({short(reason.image_digest or '')})" if reason.image else "-"
        answered = f"{reason.deployment} revision {reason.revision}"
    else:
        replica, image, answered = "-", "-", "nobody"
    since = "-" if reason.since_ms is None else f"{when(reason.since_ms)}{f', by {reason.who}' if reason.who else ''}"
    return {
        "request": f"{reason.method} {reason.path}  {reason.status}",
        "at": when(reason.timestamp_ms),
        "id": reason.request_id,
        "endpoint": reason.endpoint or "-",
        "key": reason.key_name or "none that is valid",
        "why": reason.sentence,
        "bucket": "-" if reason.bucket is None else reason.bucket,
        "interval": "-" if reason.bound is None else f"{reason.low}–{reason.bound - 1}",
        "traffic then": "-" if reason.traffic is None else split_text(reason.traffic),
        "since": since,
        "answered by": answered,
        "image": image,
        "replica": replica,
    }
