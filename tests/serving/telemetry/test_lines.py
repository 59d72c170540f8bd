import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.telemetry import lines
from serving.telemetry.lines import parse_lines
from serving.wire.request_line import ADDED, COLUMNS, MARK

Line = Callable[..., bytes]


def test_a_line_becomes_a_row_with_the_types_of_the_record(line: Line) -> None:
    rows = parse_lines(line(counter=2**40, status=503, request_bytes=5_000_000_000)).rows.to_pylist()
    assert rows[0] | {"checksum": 0} == {
        "boot": "boot1", "frontend": "http", "counter": 2**40, "timestamp_ms": 1_795_466_997_878,
        "operation_id": "4bf92f3577b34da6a3ce929d0e0e4736", "endpoint": "cancer", "deployment": "blue",
        "backend": "cancer.blue.1", "server": "cancer.blue.1-0", "status": 503, "model_status": 200, "grpc_status": -1,
        "termination": "--", "duration_ms": 3, "queue_ms": 0, "connect_ms": 0, "response_ms": 2, "retries": 0,
        "request_bytes": 5_000_000_000, "response_bytes": 230, "bucket": 17, "choice": "key", "key_name": "primary",
        "method": "POST", "path": "/endpoints/cancer/score", "request_id": "", "client_request_id": "",
        "user_agent": "curl", "checksum": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"hello",
        MARK.encode(),
        b"\t" * len(COLUMNS),
        b"sw3" + b"\t1" * len(COLUMNS),
        b"\xff\xfe",
        b'"quoted',
    ],
)
def test_a_line_that_is_no_row_is_kept_as_it_came_and_harms_no_other(line: Line, bad: bytes) -> None:
    parsed = parse_lines(line(counter=1) + bad + b"\n" + line(counter=2))
    assert parsed.rows["counter"].to_pylist() == [1, 2]
    assert parsed.rejected == [bad]


def test_a_line_of_an_edge_from_before_an_update_is_a_row(line: Line) -> None:
    new = line(choice="", request_id="", client_request_id="mine").split(b"\t")
    old = [field for number, field in enumerate(new) if number - 1 not in map(COLUMNS.index, ADDED)]
    parsed = parse_lines(b"\t".join([b"sw1", *old[1:]]) + line(choice="version"))
    assert parsed.rejected == []
    assert parsed.rows["choice"].to_pylist() == ["", "version"]
    assert parsed.rows["client_request_id"].to_pylist() == ["mine", ""]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "two hundred"),
        ("status", ""),
        ("counter", "9" * 19),
        ("duration_ms", "9999999999"),
        ("timestamp_ms", "-1"),
        ("timestamp_ms", "99999999999999"),
        ("path", "a\rb"),
        ("path", "a\tb"),
    ],
)
def test_a_value_that_cannot_be_is_rejected(line: Line, column: str, value: str) -> None:
    bad = line(**{column: value})
    parsed = parse_lines(bad + line(counter=7))
    assert parsed.rows["counter"].to_pylist() == [7]
    assert parsed.rejected == [bad[:-1]]


def test_a_retry_on_another_server_is_counted_like_any(line: Line) -> None:
    parsed = parse_lines(line(retries="+1"))
    assert parsed.rows["retries"].to_pylist() == [1]
    assert parsed.rejected == []


def test_bytes_that_are_not_utf8_do_not_cost_the_row(line: Line) -> None:
    parsed = parse_lines(line(user_agent="@").replace(b"@", b"\xe9"))
    assert parsed.rows["user_agent"].to_pylist() == ["\ufffd"]
    assert parsed.rejected == []


def test_an_escape_that_was_cut_off_stays_as_it_is(line: Line) -> None:
    assert parse_lines(line(path=r"\/a\u00")).rows["path"].to_pylist() == [r"\/a\u00"]


def test_a_line_sent_twice_is_one_row_and_twins_with_one_counter_are_two(line: Line) -> None:
    parsed = parse_lines(line(counter=5) * 2 + line(counter=5, duration_ms=9))
    assert parsed.rows["duration_ms"].to_pylist() == [3, 9]
    assert len(set(parsed.rows["checksum"].to_pylist())) == 2


def test_what_follows_the_last_newline_is_not_parsed(line: Line) -> None:
    assert parse_lines(line() + line(counter=1)[:-5]).rows.num_rows == 1
    assert parse_lines(b"sw1").rows.num_rows == 0


def test_more_than_one_block_is_parsed_in_order(line: Line) -> None:
    count = 3 * lines.BLOCK_BYTES // len(line())
    raw = b"".join(line(counter=n) for n in range(count))
    assert parse_lines(raw).rows["counter"].to_pylist() == list(range(count))


@given(st.text(max_size=40))
def test_any_user_string_comes_back_as_it_was(text: str) -> None:
    values = ["x"] * 20 + [json.dumps(text)[1:-1].replace("/", r"\/")] * 2
    numbers = ["1"] * len(COLUMNS)
    row = dict(zip(COLUMNS, numbers, strict=True)) | {"path": values[-1], "user_agent": values[0]}
    raw = "\t".join([MARK, *row.values()]).encode() + b"\n"
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        return  # lone surrogates are no text
    assert parse_lines(raw).rows["path"].to_pylist() == [text]
