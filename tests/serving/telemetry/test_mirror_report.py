"""Comparisons on their way to a report."""

from typing import Any

import msgspec
import pytest

from registry.core.deploying.split import TRAFFIC_SCALE
from serving.telemetry.compact import compact
from serving.telemetry.comparisons import parse_comparisons
from serving.telemetry.ingest import WriteAhead
from serving.telemetry.layout import Layout
from serving.telemetry.metrics import CopyCounts
from serving.telemetry.mirror_report import WORST, ComparisonsTable, ReportQuery
from serving.wire.comparison import Comparison, Difference, Outcome, OutputPair

NOON = 1_795_466_997_878
BLUE, GREEN = "cancer.blue.1", "cancer.green.2"


def line(number: int, *outputs: OutputPair, outcome: Outcome = Outcome.COMPARED, **more: Any) -> bytes:
    usual: dict[str, Any] = {
        "boot": "m1",
        "timestamp_ms": NOON + number,
        "endpoint": "cancer",
        "primary": BLUE,
        "target": GREEN,
        "request_id": f"r-{number}" if outcome is Outcome.COMPARED else "",
        "took_ms": 2.0,
    }
    one = Comparison(number=number, outcome=outcome, outputs=list(outputs), **(usual | more))
    return msgspec.json.encode(one) + b"\n"


def delta(value: float, name: str = "p") -> OutputPair:
    return OutputPair(name=name, elements=1, max_abs=value, mean_abs=value, scaled=value)


@pytest.fixture
def mirrors(layout: Layout) -> Layout:
    return Layout(layout.data_dir / "mirrors", "comparisons")


def report(mirrors: Layout, *lines: bytes, **query: Any) -> dict[str, list[dict[str, Any]]]:
    write_ahead = WriteAhead(mirrors)
    write_ahead.append(b"".join(lines))
    write_ahead.close()
    return ComparisonsTable(mirrors).report(ReportQuery(endpoint="Cancer", **query))


def test_a_request_agrees_when_every_output_does(mirrors: Layout) -> None:
    label = OutputPair(name="label", elements=1)
    other = OutputPair(name="label", difference=Difference.VALUE, elements=1)
    lines = [line(number, delta(0.0), other if number < 7 else label) for number in range(100)]
    found = report(mirrors, *lines)
    (pair,) = found["pairs"]
    assert (pair["primary_revision"], pair["target_revision"]) == (BLUE, GREEN)
    assert (pair["compared"], pair["agreed"], pair["agreement"]) == (100, 93, 0.93)
    assert [(row["output"], row["agreement"], row["other_value"]) for row in found["outputs"]] == [
        ("label", 0.93, 7),
        ("p", 1.0, 0),
    ]
    assert {row["request_id"] for row in found["worst"]} == {f"r-{number}" for number in range(7)}


@pytest.mark.parametrize(("tolerance", "agreed"), [(0, 1), (1e-5, 2), (0.1, 3), (2, 4)])
def test_the_reader_says_by_how_much_numbers_may_differ(mirrors: Layout, tolerance: float, agreed: int) -> None:
    lines = [line(number, delta(value)) for number, value in enumerate([0.0, 1e-6, 0.05, 1.0])]
    (pair,) = report(mirrors, *lines, tolerance=tolerance)["pairs"]
    assert (pair["compared"], pair["agreed"]) == (4, agreed)


def test_deltas_are_told_and_drawn_by_powers_of_ten(mirrors: Layout) -> None:
    shape = OutputPair(name="p", difference=Difference.SHAPE)
    found = report(mirrors, line(0, delta(0.0)), line(1, delta(0.25)), line(2, delta(0.75)), line(3, shape))
    (output,) = found["outputs"]
    assert (output["max_abs"], output["mean_abs"], output["other_shape"]) == (0.75, 0.25, 1)
    assert [(row["exponent"], row["requests"]) for row in found["histogram"]] == [(None, 1), (-1, 2)]


def test_the_worst_come_first_and_each_request_once(mirrors: Layout) -> None:
    lines = [line(number, delta(number / 100), delta(number / 200, "q")) for number in range(40)]
    lines.append(line(40, OutputPair(name="(status)", difference=Difference.STATUS), target_status=500))
    worst = report(mirrors, *lines)["worst"]
    assert len(worst) == WORST
    assert [row["request_id"] for row in worst[:3]] == ["r-40", "r-39", "r-38"]
    assert (worst[0]["target_status"], worst[0]["difference"]) == (500, "status")
    assert (worst[1]["output"], worst[1]["max_abs"]) == ("p", 0.39)


def test_what_was_not_compared_is_counted(mirrors: Layout) -> None:
    counts = {Outcome.DROPPED: 12, Outcome.LATE: 3, Outcome.REFUSED: 2, Outcome.FAILED: 1}
    lines = [line(number, outcome=outcome, count=count) for number, (outcome, count) in enumerate(counts.items())]
    (pair,) = report(mirrors, *lines)["pairs"]
    assert (pair["compared"], pair["agreement"]) == (0, None)
    assert [pair[outcome.value] for outcome in counts] == [12, 3, 2, 1]


def test_revisions_times_and_endpoints_are_kept_apart(mirrors: Layout) -> None:
    lines = [
        line(0, delta(0.0), timestamp_ms=NOON - 1),
        line(1, delta(0.0), timestamp_ms=NOON),
        line(2, delta(0.0), timestamp_ms=NOON + 5),
        line(3, delta(0.0), endpoint="tumour", timestamp_ms=NOON),
        line(4, delta(0.0), target="cancer.green.3", timestamp_ms=NOON),
    ]
    pairs = report(mirrors, *lines, since_ms=NOON, until_ms=NOON + 5)["pairs"]
    assert [(pair["target_revision"], pair["compared"]) for pair in pairs] == [(GREEN, 1), ("cancer.green.3", 1)]


def test_a_line_that_comes_twice_counts_once_and_the_report_outlives_the_process(mirrors: Layout) -> None:
    twice = line(0, delta(0.5), delta(0.0, "q"))
    before = report(mirrors, twice, twice)
    assert before["pairs"][0]["compared"] == 1
    compact(mirrors, 1, parse_comparisons)
    WriteAhead(mirrors).append(twice + line(1, delta(0.0)))
    after = ComparisonsTable(mirrors).report(ReportQuery(endpoint="cancer"))
    assert (after["pairs"][0]["compared"], after["pairs"][0]["agreed"]) == (2, 1)
    assert after["worst"] == before["worst"]


def test_lines_that_are_none_are_told_apart(mirrors: Layout) -> None:
    parsed = parse_comparisons(line(0, delta(1.0)) + b"{}\nno json\n" + line(1)[:20])
    assert parsed.rows.num_rows == 1
    assert parsed.rejected == [b"{}", b"no json"]


def test_nothing_mirrored_is_an_empty_report(mirrors: Layout) -> None:
    assert ComparisonsTable(mirrors).report(ReportQuery(endpoint="cancer")) == {
        "pairs": [],
        "outputs": [],
        "histogram": [],
        "worst": [],
    }


def test_prometheus_sees_what_became_of_copies() -> None:
    counts = CopyCounts()
    counts.count(line(0, delta(0.0)) + line(1, outcome=Outcome.DROPPED, count=TRAFFIC_SCALE) + b"nonsense\n")
    labels = f'endpoint="cancer",outcome="{{}}",primary="{BLUE}",target="{GREEN}"'
    text = counts.exposition().decode()
    assert f"slipway_mirror_copies_total{{{labels.format('compared')}}} 1.0" in text
    assert f"slipway_mirror_copies_total{{{labels.format('dropped')}}} 10000.0" in text
