from collections.abc import Callable
from typing import Any

import pytest

from serving.telemetry.compact import compact
from serving.telemetry.layout import HOUR_MS, Layout
from serving.telemetry.query import RequestsTable, RowsQuery, SummaryQuery

Line = Callable[..., bytes]

AT = 1_795_466_997_878


def stored(layout: Layout, compacted: bytes = b"", raw: bytes = b"") -> RequestsTable:
    layout.segment(1).write_bytes(compacted)
    compact(layout, 1)
    layout.segment(2).write_bytes(raw)
    return RequestsTable(layout)


def test_rows_come_newest_first_from_parquet_and_the_open_segment(layout: Layout, line: Line) -> None:
    table = stored(
        layout,
        line(counter=0, timestamp_ms=AT) + line(counter=1, timestamp_ms=AT + 1),
        line(counter=2, timestamp_ms=AT + 2),
    )
    assert [row["counter"] for row in table.rows(RowsQuery())] == [2, 1, 0]
    assert [row["counter"] for row in table.rows(RowsQuery(limit=2))] == [2, 1]
    assert "checksum" not in table.rows(RowsQuery())[0]


def test_what_is_appended_later_is_seen_by_the_next_query(layout: Layout, line: Line) -> None:
    table = stored(layout)
    assert table.rows(RowsQuery()) == []
    with layout.segment(2).open("ab") as file:
        file.write(line(counter=0) + line(counter=1)[:30])
    assert [row["counter"] for row in table.rows(RowsQuery())] == [0]
    with layout.segment(2).open("ab") as file:
        file.write(line(counter=1)[30:])
    assert [row["counter"] for row in table.rows(RowsQuery())] == [1, 0]
    compact(layout, 2)
    assert [row["counter"] for row in table.rows(RowsQuery())] == [1, 0]


def test_a_line_sent_again_is_stored_once(layout: Layout, line: Line) -> None:
    table = stored(layout, line(counter=0), line(counter=0) + line(counter=1))
    assert len(table.rows(RowsQuery())) == 2
    assert table.summary(SummaryQuery())[0]["requests"] == 2
    assert table.integrity().stored == 2


@pytest.mark.parametrize(
    ("id", "counters"),
    [
        ("mine", [0]),
        ("cl-1", [1]),
        ("b" * 32, [2]),
        ("b" * 8, [2]),
        ("b" * 7, []),
        ("min", []),
        ("4bf92f3577b34da6a3ce929d0e0e4736", [1, 0]),
    ],
)
def test_a_request_is_found_by_any_id_that_its_client_knows(
    layout: Layout, line: Line, id: str, counters: list[int]
) -> None:
    lines = line(counter=0, request_id="mine"), line(counter=1, client_request_id="cl-1")
    table = stored(layout, b"".join(lines), line(counter=2, operation_id="b" * 32))
    assert [row["counter"] for row in table.rows(RowsQuery(id=id))] == counters


@pytest.mark.parametrize(
    ("query", "counters"),
    [
        (RowsQuery(endpoint="other"), [1]),
        (RowsQuery(deployment="green"), [2]),
        (RowsQuery(endpoint="cancer", deployment="blue"), [0]),
        (RowsQuery(since_ms=AT + HOUR_MS), [2]),
        (RowsQuery(backends="cancer.blue.1,cancer.green.7"), [1, 0]),
        (RowsQuery(backends="cancer.blue.10"), []),
        (RowsQuery(backends="') --"), []),
        (RowsQuery(endpoint="' OR 1=1 --"), []),
    ],
)
def test_rows_are_chosen_by_what_was_asked(layout: Layout, line: Line, query: RowsQuery, counters: list[int]) -> None:
    table = stored(
        layout,
        line(counter=0)
        + line(counter=1, endpoint="other")
        + line(counter=2, deployment="green", backend="Cancer.green.2", timestamp_ms=AT + HOUR_MS),
    )
    assert [row["counter"] for row in table.rows(query)] == counters


def test_the_summary_has_exact_percentiles_for_each_backend(layout: Layout, line: Line) -> None:
    lines = [line(counter=n, duration_ms=n + 1) for n in range(100)]
    lines.append(line(counter=100, deployment="green", backend="cancer.green.2", duration_ms=-1, timestamp_ms=AT + 7))
    table = stored(layout, b"".join(lines[:60]), b"".join(lines[60:]))
    assert table.summary(SummaryQuery(endpoint="cancer")) == [
        {"endpoint": "cancer", "deployment": "blue", "backend": "cancer.blue.1", "requests": 100, "failures": 0,
         "p50_ms": 50, "p99_ms": 99, "last_ms": AT},
        {"endpoint": "cancer", "deployment": "green", "backend": "cancer.green.2", "requests": 1, "failures": 0,
         "p50_ms": -1, "p99_ms": -1, "last_ms": AT + 7},
    ]  # fmt: skip


def test_the_summary_is_of_the_revisions_that_were_asked_for(layout: Layout, line: Line) -> None:
    table = stored(layout, line(counter=0) + line(counter=1, backend="Cancer.Blue.2"))
    found = table.summary(SummaryQuery(backends="cancer.blue.2,cancer.blue.3"))
    assert [(row["backend"], row["requests"]) for row in found] == [("Cancer.Blue.2", 1)]


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        ({"status": 200}, False),
        ({"status": 400, "model_status": 400}, False),
        ({"status": 401, "model_status": -1}, False),
        ({"status": 404, "model_status": -1}, False),
        ({"status": 429, "model_status": 429}, False),
        ({"status": -1, "model_status": -1}, False),  # the client went away
        ({"status": 408, "model_status": -1}, True),
        ({"status": 424, "model_status": 400}, False),
        ({"status": 424, "model_status": 413}, False),
        ({"status": 424, "model_status": 500}, True),
        ({"status": 408, "model_status": 504}, True),
        ({"status": 500, "model_status": 500}, True),
        ({"status": 503, "model_status": -1}, True),
        ({"status": 200, "grpc_status": 0}, False),
        ({"status": 200, "grpc_status": 3}, False),
        ({"status": 200, "grpc_status": 16}, False),
        ({"status": 200, "grpc_status": 4}, True),
        ({"status": 200, "grpc_status": 13}, True),
        ({"status": 200, "grpc_status": 14}, True),
        ({"status": 200, "grpc_status": 0, "termination": "SD"}, True),
        ({"status": 200, "grpc_status": 0, "termination": "CD"}, False),
    ],
)
def test_a_failure_is_our_side_s_and_never_the_client_s(
    layout: Layout, line: Line, outcome: dict[str, Any], failed: bool
) -> None:
    assert stored(layout, line(**outcome)).summary(SummaryQuery())[0]["failures"] == int(failed)


def test_gaps_are_counted_in_each_life_of_each_frontend(layout: Layout, line: Line) -> None:
    table = stored(
        layout,
        line(counter=0) + line(counter=3),  # 1 and 2 are missing
        line(boot="boot2", counter=1) + line(frontend="grpc", counter=0),  # boot2's 0 is missing
    )
    integrity = table.integrity()
    assert (integrity.stored, integrity.missing) == (4, 3)


def test_twins_that_share_a_counter_are_two_rows_and_no_gap(layout: Layout, line: Line) -> None:
    table = stored(layout, line(counter=0) + line(counter=0, duration_ms=7) + line(counter=2))
    integrity = table.integrity()
    assert (integrity.stored, integrity.missing) == (3, 0)


def test_an_empty_table_answers(layout: Layout) -> None:
    table = RequestsTable(layout)
    assert table.rows(RowsQuery()) == table.summary(SummaryQuery()) == []
    assert table.integrity().stored == 0


def test_unparsable_and_torn_lines_are_counted(layout: Layout, line: Line) -> None:
    table = stored(layout, line() + b"junk\n", b"more junk\n")
    layout.torn(1).write_bytes(b"sw1")
    integrity = table.integrity()
    assert (integrity.stored, integrity.unparsable, integrity.torn) == (1, 2, 1)
