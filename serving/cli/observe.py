"""``slipway logs`` and ``slipway requests``."""

import math
import time
from collections.abc import Mapping

import httpx
import typer

from registry.cli.context import URL_OPTION, connect, service_url
from registry.cli.names import DEPLOYMENT_ARGUMENT, split_deployment
from registry.cli.output import OUTPUT_OPTION, OutputFormat, clock, print_rows, when
from registry.client import Client
from registry.core.errors import ERROR_OF_CODE, InvalidInput, NotFound, SlipwayError, Unavailable

DAY = 24 * 60.0  # minutes
OPERATION_DIGITS = 8  # of 32, which JSON has


def logs(
    deployment: str = DEPLOYMENT_ARGUMENT,
    lines: int = typer.Option(100, "--lines", "-n", min=1, max=10_000, help="Lines of each replica."),
    url: str | None = URL_OPTION,
) -> None:
    """Show the last lines that a deployment's scoring processes wrote.

    Example: slipway logs cancer/green -n 20
    """
    endpoint, name = split_deployment(deployment)
    client = connect(url)
    try:
        answer = _ask(client, "controller", f"/v1/logs/{endpoint}/{name}", {"lines": lines})
    except NotFound:
        client.deployments.get(endpoint, name)  # a deleted one's logs are shown; one that never was is said not to be
        raise
    typer.echo(answer.text, nl=False)


def requests(
    endpoint: str | None = typer.Argument(None, help="Only this endpoint's."),
    deployment: str | None = typer.Option(None, help="Only this deployment's."),
    since_minutes: float = typer.Option(60.0, "--since", help="Minutes to look back."),
    limit: int = typer.Option(20, min=1, max=10_000),
    summary: bool = typer.Option(False, "--summary", help="One row per deployment: counts, failures, percentiles."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show the requests table: what was asked, who answered, how long it took.

    Example: slipway requests cancer --summary
    """
    if not 0 < since_minutes < math.inf:
        raise InvalidInput(f"--since {since_minutes:g}: write minutes, more than 0")
    since_ms = max(0, int((time.time() - since_minutes * 60) * 1000))
    client = connect(url)
    asked: dict[str, str | int | None] = {"endpoint": endpoint, "since_ms": since_ms}
    if summary:
        rows = _ask(client, "telemetry", "/v1/summary", asked).json()["rows"]
        rows = [row for row in rows if deployment in (None, row["deployment"])]
        columns = {
            "deployment": lambda r: f"{r['endpoint']}/{r['deployment'] or '-'}",
            "revision": lambda r: r["backend"].rpartition(".")[2],
            "requests": lambda r: r["requests"],
            "failures": lambda r: r["failures"],
            "p50": lambda r: _milliseconds(r["p50_ms"]),
            "p99": lambda r: _milliseconds(r["p99_ms"]),
        }
    else:
        asked |= {"deployment": deployment, "limit": limit}
        rows = _ask(client, "telemetry", "/v1/requests", asked).json()["rows"]
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


def _ask(client: Client, service: str, path: str, parameters: Mapping[str, str | int | None]) -> httpx.Response:
    address = service_url(client, service)
    try:
        answer = httpx.get(
            f"{address}{path}",
            params={k: v for k, v in parameters.items() if v is not None},
            timeout=30.0,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"the {service} at {address} does not answer: {error}") from error
    if answer.is_error:
        raise _error_of(answer, f"the {service} at {address}")
    return answer


def _error_of(answer: httpx.Response, who: str) -> SlipwayError:
    try:
        error = answer.json()["error"]
        return ERROR_OF_CODE.get(error["code"], SlipwayError)(str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"{who} answered {answer.status_code}: {answer.text[:300]}")
