"""``slipway logs`` and ``slipway requests``."""

import math
import time

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.names import DEPLOYMENT_ARGUMENT, split_deployment
from registry.cli.output import OUTPUT_OPTION, OutputFormat, clock, print_json, print_rows, when
from registry.client import Client
from registry.client.requests import AT_ONCE
from registry.core.errors import InvalidInput, NotFound
from registry.core.names import parse_model_reference

DAY = 24 * 60.0  # minutes
OPERATION_DIGITS = 8  # of 32, which JSON has


def logs(
    deployment: str = DEPLOYMENT_ARGUMENT,
    lines: int = typer.Option(100, "--lines", "-n", min=1, max=10_000, help="Lines of each replica."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show the last lines that a deployment's scoring processes wrote.

    Example: slipway logs cancer/green -n 20
    """
    endpoint, name = split_deployment(deployment)
    client = connect(url)
    try:
        answer = client.services.ask("controller", f"/v1/logs/{endpoint}/{name}", {"lines": lines})
    except NotFound:
        client.deployments.get(endpoint, name)  # a deleted one's logs are shown; one that never was is said not to be
        raise
    if output is OutputFormat.JSON:
        print_json(answer.text.splitlines())
    else:
        typer.echo(answer.text, nl=False)


def requests(
    endpoint: str | None = typer.Argument(None, help="Only this endpoint's."),
    deployment: str | None = typer.Option(None, help="Only this deployment's."),
    model: str | None = typer.Option(None, help="Only what this version answered: NAME:VERSION or NAME@ALIAS."),
    since_minutes: float = typer.Option(60.0, "--since", help="Minutes to look back."),
    limit: int = typer.Option(20, min=1, max=10_000),
    summary: bool = typer.Option(False, "--summary", help="One row per deployment: counts, failures, percentiles."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show the requests table: what was asked, who answered, how long it took.

    Example: slipway requests --model cancer:3 --summary
    """
    if not 0 < since_minutes < math.inf:
        raise InvalidInput(f"--since {since_minutes:g}: write minutes, more than 0")
    since_ms = max(0, int((time.time() - since_minutes * 60) * 1000))
    client = connect(url)
    asked: dict[str, str | int | None] = {"endpoint": endpoint, "deployment": deployment, "since_ms": since_ms}
    if model is not None:
        asked["backends"] = _backends_of(client, model)
    if summary:
        rows = client.services.ask("telemetry", "/v1/summary", asked).json()["rows"]
        columns = {
            "deployment": lambda r: f"{r['endpoint']}/{r['deployment'] or '-'}",
            "revision": lambda r: r["backend"].rpartition(".")[2],
            "requests": lambda r: r["requests"],
            "failures": lambda r: r["failures"],
            "p50": lambda r: _milliseconds(r["p50_ms"]),
            "p99": lambda r: _milliseconds(r["p99_ms"]),
        }
    else:
        asked["limit"] = limit
        rows = client.services.ask("telemetry", "/v1/requests", asked).json()["rows"]
        columns = {
            "time": lambda r: (clock if since_minutes <= DAY else when)(r["timestamp_ms"]),
            "status": lambda r: r["status"],
            "request": lambda r: f"{r['method']} {r['path']}",
            "answered by": lambda r: r["backend"] or "-",
            "took": lambda r: _milliseconds(r["duration_ms"]),
            "operation": lambda r: r["operation_id"][:OPERATION_DIGITS],
        }
    if not rows and endpoint is not None:
        client.endpoints.get(endpoint)  # a deleted one's requests are shown; one that never was is said not to be
    print_rows(rows, columns, output, empty="no requests in that time", whole=("time", "took", "operation"))


def _milliseconds(taken: float) -> str:
    return f"{taken:.0f} ms" if taken >= 0 else "-"  # -1: it never came to an end


def _backends_of(client: Client, model: str) -> str:
    """Return the revisions that serve or served a version, as telemetry is asked for them: the newest hundred.

    Raises:
        NotFound: there is no such version, or no deployment ever served it.
    """
    reference = parse_model_reference(model)
    version = client.models.version(reference.name, reference.version or reference.alias or "latest").version
    found = next((one for one in client.models.lineage(reference.name).versions if one.version == version), None)
    backends = [use.backend for use in found.deployments] if found else []
    if not backends:
        raise NotFound(f"no deployment has served {reference.name}:{version} yet", model=reference.name)
    return ",".join(backends[-AT_ONCE:])
