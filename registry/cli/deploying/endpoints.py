"""``slipway endpoint``."""

import math
from pathlib import Path

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.deploying.keys import described, print_new_keys
from registry.cli.deploying.plans import note_changes
from registry.cli.deploying.settling import await_edges
from registry.cli.documents import FILE_OPTION, SET_OPTION, TTL_OPTION, load_file, of_file, with_ttl
from registry.cli.moments import read_ttl
from registry.cli.names import ENDPOINT_ARGUMENT, named_endpoint
from registry.cli.output import (
    OUTPUT_OPTION,
    OutputFormat,
    console,
    expiry,
    note,
    pairs,
    print_done,
    print_json,
    print_record,
    print_rows,
    warn,
    when,
)
from registry.core.deploying.documents import load_endpoint
from registry.core.deploying.endpoints import Endpoint
from registry.core.errors import InvalidInput
from registry.core.rest import EndpointAnswer


def create(
    file: Path = FILE_OPTION,
    overrides: list[str] | None = SET_OPTION,
    ttl: str | None = TTL_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Create an endpoint and print its keys: they are shown this once.

    Example: slipway endpoint create -f configs/endpoint.yaml
    """
    document = load_file(file, with_ttl(overrides, ttl), load_endpoint)
    client = connect(url)
    with of_file(file):
        created = client.endpoints.create(named_endpoint(document), document)
    if output is OutputFormat.JSON:
        print_json(created)
    else:
        console.print(f"endpoint {created.endpoint.name} created; its keys, shown this once:")
        print_new_keys(created.keys or {})
        if created.endpoint.expires_ms is not None:
            note(f"it is deleted by itself at {when(created.endpoint.expires_ms)}")
    await_edges(client)


def update(
    file: Path | None = typer.Option(None, "--file", "-f", help="The YAML file."),
    name: str | None = typer.Option(None, help="The endpoint, where no file names it."),
    traffic: str | None = typer.Option(None, help='The split, as "blue=90 green=10".'),
    ttl: str | None = typer.Option(None, help="Delete it by itself in 2h from now, or another time; or never."),
    mirror_traffic: str | None = typer.Option(
        None, help='Which deployments get copies of how many requests, as "green=10"; "green=0" ends it.'
    ),
    overrides: list[str] | None = SET_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Change an endpoint from a file, its traffic split, or what is mirrored. Every edge obeys it on return.

    Example: slipway endpoint update --name cancer --traffic "blue=50 green=50"
    """
    weights = None if traffic is None else read_weights(traffic)
    ttl_s = None if ttl is None else read_ttl(ttl)
    copies = None if mirror_traffic is None else read_weights(mirror_traffic, "--mirror-traffic")
    if overrides and file is None:
        raise InvalidInput("--set changes what a file says: give --file")
    client = connect(url)
    endpoints = client.endpoints
    changed, emptied, new_keys = None, weights is not None, {}
    if file is not None:
        document = load_file(file, overrides, load_endpoint)
        with of_file(file):
            name = name or named_endpoint(document)
            answer = endpoints.update(name, document)
        changed, new_keys = answer.endpoint, answer.keys or {}
        if output is OutputFormat.TABLE:
            note_changes(answer.changes)
        emptied = document.traffic is not None
    if name is None:
        raise InvalidInput("name the endpoint: --name NAME, or --file with a name in it")
    if weights is not None:
        changed = endpoints.set_traffic(name, weights)
    if ttl is not None:
        changed = endpoints.set_ttl(name, ttl_s)
    if copies is not None:
        changed = endpoints.set_mirror_traffic(name, copies)
    if changed is None:
        raise InvalidInput("nothing to change: give --traffic, --mirror-traffic, --ttl or --file")
    if emptied and not changed.traffic:
        warn(f"no deployment of {name} gets traffic now: requests that name none of them are refused")
    if output is OutputFormat.JSON and new_keys:
        print_json(EndpointAnswer(endpoint=changed, keys=new_keys))
    else:
        _print(changed, output)
    if output is OutputFormat.TABLE and new_keys:
        console.print(f"new keys of {name}, shown this once:")
        print_new_keys(new_keys)
    await_edges(client)


def list_endpoints(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """List the endpoints.

    Example: slipway endpoint list --output json
    """
    columns = {
        "endpoint": lambda endpoint: endpoint.name,
        "traffic": _traffic,
        "sticky by": lambda endpoint: endpoint.traffic_key.source if endpoint.traffic_key else "-",
        "expires": lambda endpoint: expiry(endpoint.expires_ms),
        "updated": lambda endpoint: when(endpoint.updated_ms),
    }
    print_rows(connect(url).endpoints.list(), columns, output, empty="no endpoints yet: slipway endpoint create")


def show(name: str = ENDPOINT_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Show an endpoint: its split, keys and tags.

    Example: slipway endpoint show cancer
    """
    _print(connect(url).endpoints.get(name), output)


def delete(
    name: str = ENDPOINT_ARGUMENT,
    yes: bool = typer.Option(False, "--yes", help="Also if deployments of it are live or starting."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Delete an endpoint with its keys and deployments. While one of them is live or starting, only with --yes.

    Example: slipway endpoint delete cancer
    """
    client = connect(url)
    client.endpoints.delete(name, live_too=yes)
    await_edges(client)
    print_done(f"endpoint {name} deleted", {"deleted": name}, output)


def read_weights(text: str, option: str = "--traffic") -> dict[str, float]:
    """Return a split, or what is mirrored, as it is written on the command line. Raises InvalidInput."""
    weights: dict[str, float] = {}
    for part in text.replace(",", " ").split():
        name, _, percent = part.partition("=")
        weight = _percent(percent)
        if not name or not math.isfinite(weight):
            raise InvalidInput(f'{option} {text!r}: write "NAME=PERCENT NAME=PERCENT"')
        if name in weights:
            raise InvalidInput(f"{option} {text!r}: {name} is there twice")
        weights[name] = weight
    if not weights:
        raise InvalidInput(f'{option} "": write "NAME=PERCENT NAME=PERCENT"; NAME=0 takes all away')
    return weights


def _percent(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _traffic(endpoint: Endpoint) -> str:
    return _shares(endpoint.traffic)


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {percent:g} %" for name, percent in sorted(shares.items())) or "none"


def _print(endpoint: Endpoint, output: OutputFormat) -> None:
    fields = {
        "endpoint": endpoint.name,
        "description": endpoint.description,
        "traffic": _traffic(endpoint),
        "mirrored": _shares(endpoint.mirror_traffic),
        "sticky by": endpoint.traffic_key.source if endpoint.traffic_key else "-",
        "keys": "\n".join(described(key) for key in endpoint.keys),
        "tags": pairs(endpoint.tags),
        **({"properties": pairs(endpoint.properties)} if endpoint.properties else {}),
        **({"location": endpoint.location} if endpoint.location else {}),
        "expires": expiry(endpoint.expires_ms),
        "updated": when(endpoint.updated_ms),
    }
    print_record(endpoint, fields, output)
