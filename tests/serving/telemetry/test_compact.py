from collections.abc import Callable

import pyarrow.parquet as pq

from serving.telemetry.compact import compact
from serving.telemetry.layout import HOUR_MS, Layout
from serving.telemetry.query import RequestsTable

Line = Callable[..., bytes]

AT = 1_795_466_997_878


def test_a_segment_becomes_one_file_for_each_hour_it_touches(layout: Layout, line: Line) -> None:
    layout.segment(1).write_bytes(line(counter=0) + line(counter=1, timestamp_ms=AT + HOUR_MS))
    assert compact(layout, 1) == 2
    assert [str(path.relative_to(layout.rows)) for path in layout.parquet_files(set())] == [
        "date=2026-11-23/hour=20/00000001.parquet",
        "date=2026-11-23/hour=21/00000001.parquet",
    ]
    assert layout.segments() == []


def test_killed_before_the_segment_is_deleted_nothing_is_lost_or_doubled(layout: Layout, line: Line) -> None:
    raw = b"".join(line(counter=n) for n in range(10)) + b"junk\n"
    layout.segment(1).write_bytes(raw)
    compact(layout, 1)
    layout.segment(1).write_bytes(raw)  # as if killed just before the deletion
    table = RequestsTable(layout)
    assert (table.integrity().stored, table.integrity().missing) == (10, 0)
    compact(layout, 1)
    assert table.integrity().stored == 10
    assert table.integrity().unparsable == 1
    assert sum(pq.read_metadata(path).num_rows for path in layout.parquet_files(set())) == 10


def test_killed_while_a_file_is_written_leaves_only_what_is_written_over(layout: Layout, line: Line) -> None:
    layout.segment(1).write_bytes(line())
    half = layout.parquet(AT - AT % HOUR_MS, 1)
    half.parent.mkdir(parents=True)
    half.with_name(half.name + ".tmp").write_bytes(b"PAR1 half")
    assert RequestsTable(layout).integrity().stored == 1
    compact(layout, 1)
    assert RequestsTable(layout).integrity().stored == 1
    assert [path.name for path in half.parent.iterdir()] == [half.name]


def test_lines_of_another_schema_are_kept_in_quarantine(layout: Layout, line: Line) -> None:
    layout.segment(3).write_bytes(line() + b"sw9\tfrom the future\n")
    compact(layout, 3)
    assert layout.quarantined(3).read_bytes() == b"sw9\tfrom the future\n"


def test_a_number_is_not_used_again_when_only_parquet_is_left(layout: Layout, line: Line) -> None:
    layout.segment(7).write_bytes(line())
    compact(layout, 7)
    assert layout.next_number() == 8
