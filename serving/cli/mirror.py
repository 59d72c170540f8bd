"""``slipway mirror``: what copies of requests showed."""

import math
import time
from typing import Any

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.names import ENDPOINT_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, table, when
from registry.core.errors import InvalidInput

DAY_MINUTES = 24 * 60.0
BAR_CELLS = 40
DIFFERENCES = {  # how the report names them → what a person reads
    "other_value": "values",
    "other_shape": "shape",
    "other_dtype": "type",
    "missing": "missing",
    "other_status": "status",
}


def report(
    endpoint: str = ENDPOINT_ARGUMENT,
    tolerance: float = typer.Option(
        1e-5, help="By how much numbers may differ and agree: absolutely up to 1, as a part of the primary's above."
    ),
    since_minutes: float = typer.Option(DAY_MINUTES, "--since", help="Minutes to look back."),
    until_minutes: float = typer.Option(0.0, "--until", help="Minutes ago at which to end."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show how the predictions of mirrored deployments differ from those that clients got.

    Example: slipway mirror report cancer --tolerance 0.001 --since 60
    """
    if not 0 <= until_minutes < since_minutes < math.inf:
        raise InvalidInput(f"--since {since_minutes:g} --until {until_minutes:g}: write minutes ago, the longer first")
    if not 0 <= tolerance < math.inf:
        raise InvalidInput(f"--tolerance {tolerance:g}: write a number from 0 on")
    client, now = connect(url), time.time()
    asked: dict[str, str | int | None] = {
        "endpoint": endpoint,
        "tolerance": repr(tolerance),
        "since_ms": max(0, int((now - since_minutes * 60) * 1000)),
        "until_ms": int((now - until_minutes * 60) * 1000) + 1,
    }
    found = client.services.ask("telemetry", "/v1/mirror-report", asked).json()
    if not found["pairs"]:
        client.endpoints.get(endpoint)  # a deleted one's are shown; one that never was is said not to be
    if output is OutputFormat.JSON:
        print_json(found)
        return
    if not found["pairs"]:
        remedy = f"slipway endpoint update --name {endpoint} --mirror-traffic NAME=PERCENT"
        _say(f"nothing was mirrored in that time: {remedy}", "dim")
    for pair in found["pairs"]:
        _print_pair(pair, tolerance, {name: _of(pair, found[name]) for name in ("outputs", "histogram", "worst")})


def _of(pair: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    both = ("primary_revision", "target_revision")
    return [row for row in rows if all(row[name] == pair[name] for name in both)]


def _print_pair(pair: dict[str, Any], tolerance: float, rows: dict[str, list[dict[str, Any]]]) -> None:
    agreement = f"{_percent(pair['agreement'])} agree within {tolerance:g}" if pair["compared"] else "none to compare"
    _say(f"{pair['primary_revision']} → {pair['target_revision']}: {pair['compared']:,} compared, {agreement}", "bold")
    lost = ", ".join(f"{name} {pair[name]:,}" for name in ("dropped", "refused", "late", "failed"))
    took = f"; a copy took {pair['p50_ms']:.1f} ms (p50), {pair['p99_ms']:.1f} (p99)" if pair["compared"] else ""
    _say(f"{when(pair['first_ms'])} to {when(pair['last_ms'])}; not compared: {lost}{took}\n", "dim")
    if not rows["outputs"]:
        return
    headings = ("output", "agree", "compared", "max delta", "mean delta", "differ otherwise")
    console.print(table(headings, ([*_output_cells(row)] for row in rows["outputs"])))
    for name in dict.fromkeys(row["output"] for row in rows["histogram"]):
        _print_histogram(name, [row for row in rows["histogram"] if row["output"] == name])
    if rows["worst"]:
        _say("\nthe worst", "bold")
        worst = ("request", "time", "output", "delta", "statuses", "operation")
        console.print(table(worst, ([*_worst_cells(row)] for row in rows["worst"]), whole=("request", "time")))
    console.print()


def _output_cells(row: dict[str, Any]) -> tuple[str, ...]:
    others = ", ".join(f"{row[name]:,} {said}" for name, said in DIFFERENCES.items() if row[name]) or "-"
    deltas = (f"{row['max_abs']:.3g}", f"{row['mean_abs']:.3g}")
    return (row["output"], _percent(row["agreement"]), f"{row['compared']:,}", *deltas, others)


def _print_histogram(output: str, bins: list[dict[str, Any]]) -> None:
    """Draw how many requests have a greatest delta of which power of ten."""
    most = max(row["requests"] for row in bins)
    _say(f"\ngreatest delta of {output}, requests", "bold")
    for row in bins:
        exponent = row["exponent"]
        label = "none" if exponent is None else f"1e{exponent:+d} to 1e{exponent + 1:+d}"
        bar = "█" * max(1, round(BAR_CELLS * row["requests"] / most))
        _say(f"  {label:<14} {bar} {row['requests']:,}")


def _worst_cells(row: dict[str, Any]) -> tuple[str, ...]:
    delta = row["difference"] or f"{row['max_abs']:.3g}"
    statuses = f"{row['primary_status']} {row['target_status']}"
    return (row["request_id"], when(row["timestamp_ms"]), row["output"], delta, statuses, row["operation_id"][:8])


def _percent(part: float) -> str:
    return f"{100 * part:.2f} %"


def _say(text: str, style: str = "") -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
