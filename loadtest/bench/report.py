"""The report: ``build/bench.json``, which later benchmarks share, and the table for a person."""

import os
import platform
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One subject in one case; of several rounds, the medians. ``failures`` and memory come on top of the format."""

    name: str
    case: str
    cpu_us_per_request: float
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failures: int
    pss_mb: float


class Host(msgspec.Struct, frozen=True, kw_only=True):
    cpus: int
    processor: str
    system: str
    python: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    host: Host
    rows: list[Row]


def this_host() -> Host:
    cpu_info = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in cpu_info if line.startswith("model name")]
    return Host(
        cpus=len(os.sched_getaffinity(0)),
        processor=names[0] if names else platform.machine(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def median_row(rounds: list[Row]) -> Row:
    """Return the medians of one subject's rounds; failures are added up."""
    return Row(
        name=rounds[0].name,
        case=rounds[0].case,
        cpu_us_per_request=round(median(row.cpu_us_per_request for row in rounds), 1),
        requests_per_s=round(median(row.requests_per_s for row in rounds), 1),
        p50_ms=round(median(row.p50_ms for row in rounds), 3),
        p99_ms=round(median(row.p99_ms for row in rounds), 3),
        failures=sum(row.failures for row in rounds),
        pss_mb=round(median(row.pss_mb for row in rounds), 1),
    )


def paired_ratio(rounds: list[Row], peers: list[Row]) -> float:
    """Return the median, over rounds, of CPU per request ÷ the peer's in the same round: drift cancels out."""
    return median(row.cpu_us_per_request / peer.cpu_us_per_request for row, peer in zip(rounds, peers, strict=True))


def write_report(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(Report(host=this_host(), rows=rows))) + b"\n")


def print_table(console: Console, rows: list[Row], peer: str) -> None:
    table = Table(header_style="bold", caption="CPU µs of all server processes per request")
    for heading in ("server", "case"):
        table.add_column(heading)
    for heading in ("CPU µs", f"÷ {peer}", "req/s", "p50 ms", "p99 ms", "MB", "failed"):
        table.add_column(heading, justify="right")
    base = next(row.cpu_us_per_request for row in rows if row.name == peer)
    for row in rows:
        table.add_row(
            row.name,
            row.case,
            f"{row.cpu_us_per_request:.0f}",
            f"{row.cpu_us_per_request / base:.2f}",
            f"{row.requests_per_s:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.pss_mb:.0f}",
            str(row.failures),
        )
    console.print(table)
