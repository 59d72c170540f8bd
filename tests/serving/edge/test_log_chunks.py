from pathlib import Path

from serving.edge.log_receiver import tidy
from serving.edge.ring_file import lines_in

LINE = b"sw2\tboot\thttp\t%d\t-\t-\t-\t<NOSRV>\t200\t+1\t-1\t--\t-\t-\n"


def test_nothing_is_written_as_nothing() -> None:
    assert tidy(LINE % 1 + LINE % 2) == b"".join(
        b"sw2\tboot\thttp\t%d\t\t\t\t\t200\t1\t-1\t--\t\t\n" % number for number in (1, 2)
    )


def test_what_is_no_request_line_is_dropped() -> None:
    notice = b"Proxy http stopped (cumulated conns: FE: 0, BE: 0).\n"
    assert tidy(notice + LINE % 1 + notice) == tidy(LINE % 1)
    assert tidy(notice) == tidy(b"") == b""


def test_lines_of_the_version_before_are_kept() -> None:
    old = LINE.replace(b"sw2", b"sw1") % 1
    assert tidy(LINE % 1 + old) == tidy(LINE % 1) + tidy(old) != tidy(LINE % 1)


def ring(tmp_path: Path, messages: list[bytes], *, head: int, size: int = 8192) -> Path:
    """Write a ring file as HAProxy 2.8 lays it out."""
    content = b"\0"
    for message in messages:
        length, encoded = len(message), b""
        if length < 240:
            encoded = bytes([length])
        else:
            encoded, rest = bytes([length & 15 | 240]), (length - 240) >> 4
            while rest >= 128:
                encoded, rest = encoded + bytes([rest & 127 | 128]), (rest - 128) >> 7
            encoded += bytes([rest])
        content += encoded + message + b"\0"
    buffer = bytearray(size)
    for offset, byte in enumerate(content):
        buffer[(head + offset) % size] = byte
    start = 128
    fields = (size, 0x7F0000000000 + start, len(content), head)
    header = b"".join(field.to_bytes(8, "little") for field in fields)
    path = tmp_path / "x.ring"
    path.write_bytes(header.ljust(start, b"\0") + bytes(buffer))
    return path


def test_a_dead_processs_lines_are_read_from_its_ring_across_the_end(tmp_path: Path) -> None:
    messages = [b"one", b"x" * 239, b"y" * 240, b"z" * 5000, b"last"]
    for head in (0, 4000, 8190):
        assert lines_in(ring(tmp_path, messages, head=head)) == b"".join(m + b"\n" for m in messages)


def test_lines_that_were_received_are_left_out(tmp_path: Path) -> None:
    path = ring(tmp_path, [b"one", b"two", b"three"], head=0)
    assert lines_in(path, b"two") == b"three\n"
    assert lines_in(path, b"three") == b""
    assert lines_in(path, b"other") == b"one\ntwo\nthree\n"


def test_no_ring_gives_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.ring"
    assert lines_in(path) == b""
    for content in (b"", b"\0" * 100, b"\xff" * 5000, b"\0" * 5000):
        path.write_bytes(content)
        assert lines_in(path) == b""
