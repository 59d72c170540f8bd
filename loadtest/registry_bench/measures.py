"""Figures with their bars: the table for a person, and ``build/bench-registry.json``."""

from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.bench.report import Host, Row, this_host


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure and what it must be: at least the bar, or at most."""

    case: str
    value: float
    unit: str
    bar: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def at_most(case: str, value: float, unit: str, bar: float) -> Measure:
    """Make a figure that must not exceed its bar."""
    return Measure(case=case, value=value, unit=unit, bar=bar, at_least=False)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    host: Host
    rows: list[Row]
    measures: list[Measure]


def print_measures(console: Console, measures: list[Measure]) -> None:
    table = Table("", "figure", "bar", "", header_style="bold")
    for one in measures:
        sign = "≥" if one.at_least else "≤"
        verdict = "met" if one.met else "[red]not met[/]"
        table.add_row(one.case, f"{one.value:.2f} {one.unit}", f"{sign} {one.bar:g}", verdict)
    console.print(table)


def write_report(path: Path, rows: list[Row], measures: list[Measure]) -> None:
    report = Report(host=this_host(), rows=rows, measures=measures)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
