import gzip
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from registry.images.deflate import gzip_bytes

TEXTS = st.lists(st.sampled_from([b"def ", b"return ", b"\xff", b"x" * 300, b"\0"]), max_size=60).map(b"".join)


@given(st.binary(max_size=2000) | TEXTS)
def test_any_gzip_reads_what_was_compressed(data: bytes) -> None:
    assert gzip.decompress(gzip_bytes(data)) == data


def test_matches_reach_as_far_and_are_as_long_as_deflate_allows() -> None:
    for gap in (1, 2, 3, 4, 5, 24_576, 24_577, 32_760, 32_768, 32_769):
        filler = bytes(number * 7 % 251 for number in range(gap))
        data = b"abcdefgh" * 40 + filler + b"abcdefgh" * 40
        assert gzip.decompress(gzip_bytes(data)) == data


def test_source_takes_a_third() -> None:
    source = "\n".join(f"def function_{n}(value: int) -> int:\n    return value + {n}" for n in range(200)).encode()

    assert len(gzip_bytes(source)) < len(source) / 3


def test_the_bytes_are_the_same_for_ever() -> None:
    compressed = gzip_bytes(b"the same, the same, and the same again")

    assert hashlib.sha256(compressed).hexdigest() == "ef571154a630ce714ff78ba0d5fadb75070574ca73980dda13ad7be2b4750046"
