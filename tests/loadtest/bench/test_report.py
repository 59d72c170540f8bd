import io
from pathlib import Path

import msgspec
from rich.console import Console

from loadtest.bench.report import Row, median_row, paired_ratio, print_table, write_report


def row(name: str, cpu_us: float, failures: int = 0) -> Row:
    return Row(
        name=name,
        case="json",
        cpu_us_per_request=cpu_us,
        requests_per_s=1000,
        p50_ms=1,
        p99_ms=2,
        failures=failures,
        pss_mb=50,
    )


def test_the_median_of_rounds_is_reported_and_failures_are_added_up() -> None:
    assert median_row([row("raw", 90), row("raw", 70, 1), row("raw", 80, 2)]) == row("raw", 80, 3)


def test_the_ratio_pairs_each_round_with_its_neighbour() -> None:
    slipway = [row("slipway", 200), row("slipway", 400), row("slipway", 230)]
    raw = [row("raw", 100), row("raw", 200), row("raw", 100)]  # in round 2 everything was twice as slow
    assert paired_ratio(slipway, raw) == 2.0


def test_the_file_has_the_format_every_benchmark_shares(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    write_report(path, [row("slipway", 150.0)])
    content = msgspec.json.decode(path.read_bytes())
    assert content["host"]["cpus"] > 0
    wanted = {"name", "case", "cpu_us_per_request", "requests_per_s", "p50_ms", "p99_ms"}
    assert wanted <= content["rows"][0].keys()


def test_the_table_shows_how_many_times_the_peer_s_cost() -> None:
    out = io.StringIO()
    print_table(Console(file=out, width=100), [row("slipway", 150), row("raw", 75)], "raw")
    assert "2.00" in out.getvalue()
