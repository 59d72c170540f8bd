"""Bodies that are right but for a few bytes, which find what random ones never reach."""

from typing import Any

from hypothesis import strategies as st

_JSON = b'"|[|]|{|}|NaN|-Infinity|null|true|1e999|-1|0,|1099511627776,|"a":NaN,|inputs|instances|\\ud800'.split(b"|")
_CSV = b',|\n|\r|;|""|\xef\xbb\xbf|nan|1_0'.split(b"|")
_PIECES = st.binary(max_size=4) | st.sampled_from(
    [*_JSON, *_CSV, b"1" * 400, b"[" * 70, b"1," * 70, b"," * 300, b"\0", b"\xff", b"\xed\xa0\x80"]
)
SPLICES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), _PIECES), min_size=1, max_size=3)


def spliced(body: bytes, changes: Any) -> bytes:
    """Cut some bytes out at each place, a fraction of the length, and put others in."""
    for place, cut, piece in changes:
        at = int(place * len(body))
        body = body[:at] + piece + body[at + cut :]
    return body
