"""``slipway endpoint history``."""

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.moments import AT_OPTION, read_at
from registry.cli.names import ENDPOINT_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, print_json, print_record, print_rows, short, when
from registry.core.deploying.history import EndpointChange, LiveRevision
from registry.core.deploying.traffic import split_text
from registry.core.errors import NotFound


def history(
    name: str = ENDPOINT_ARGUMENT,
    at: str | None = AT_OPTION,
    limit: int = typer.Option(100, min=1, max=1000, help="How many of the newest changes."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Tell what was changed at an endpoint, when and by whom; with --at, what answered at that time.

    Example: slipway endpoint history cancer --at "2 hours ago"
    """
    at_ms = read_at(at)
    changes = connect(url).endpoints.history(name, at_ms, limit).changes
    if at_ms is None:
        columns = {
            "at": lambda change: when(change.at_ms),
            "release": lambda change: change.release,
            "change": lambda change: change.message,
            "traffic": lambda change: split_text(change.endpoint.traffic) if change.endpoint else "-",
            "live": lambda change: " ".join(f"{one.deployment}:{one.revision}" for one in change.live) or "none",
            "who": lambda change: change.who or "-",
        }
        print_rows(changes, columns, output, empty="", whole=("at", "release"))
        return
    if not changes:
        raise NotFound(f"there was no endpoint {name!r} at {when(at_ms)}", endpoint=name, at_ms=at_ms)
    if output is OutputFormat.JSON:
        print_json(changes[0])
        return
    _print_moment(changes[0], output)


def _print_moment(held: EndpointChange, output: OutputFormat) -> None:
    endpoint = held.endpoint
    assert endpoint is not None
    fields = {
        "endpoint": endpoint.name,
        "release": held.release,
        "since": f"{when(held.at_ms)}  {held.message}{_by(held.who)}",
        "traffic": split_text(endpoint.traffic),
        "sticky by": endpoint.traffic_key.source if endpoint.traffic_key else "-",
        "keys": ", ".join(f"{key.name} (sha256 {key.sha256[:8]}…)" for key in endpoint.keys),
        **{one.deployment: _revision(one) for one in held.live},
    }
    print_record(held, fields, output)


def _revision(one: LiveRevision) -> str:
    models = ", ".join(f"{name}:{version}" for name, version in sorted(one.models.items()))
    return f"revision {one.revision}  {one.image} ({short(one.image_digest)})  models {models or 'none'}"


def _by(who: str) -> str:
    return f", by {who}" if who else ""
