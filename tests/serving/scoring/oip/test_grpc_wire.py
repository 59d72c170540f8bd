"""gRPC messages as bytes: compressed ones are read within bounds."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.errors import InvalidInput, TooLarge
from serving.scoring.oip.grpc_messages import message_classes
from serving.scoring.oip.grpc_wire import decompressed, received, short

REQUEST = message_classes()["ModelInferRequest"]
LIMIT = 1 << 20
COMPRESS: list[Any] = [gzip.compress, zlib.compress]


@pytest.mark.parametrize("compress", COMPRESS)
def test_a_compressed_message_is_read(compress: Callable[[bytes], bytes]) -> None:
    message = REQUEST(model_name="m", raw_input_contents=[bytes(100_000)])
    assert asyncio.run(received(compress(message.SerializeToString()), REQUEST, LIMIT)) == message


@pytest.mark.parametrize("compress", COMPRESS)
def test_the_limit_holds_for_what_comes_out(compress: Callable[[bytes], bytes]) -> None:
    assert decompressed(compress(bytes(LIMIT)), LIMIT) == bytes(LIMIT)
    with pytest.raises(TooLarge):
        decompressed(compress(bytes(LIMIT + 1)), LIMIT)


def test_what_breaks_off_or_is_damaged_is_refused() -> None:
    whole = gzip.compress(bytes(1000))
    with pytest.raises(InvalidInput, match="breaks off"):
        decompressed(whole[:-1], LIMIT)
    with pytest.raises(InvalidInput, match="cannot be decompressed"):
        decompressed(whole[:2] + b"\xff" * 20, LIMIT)


def test_what_only_begins_like_a_compressed_message_is_left_alone() -> None:
    assert decompressed(b"\x78\x05", LIMIT) == b"\x78\x05"  # field 15, an integer
    assert decompressed(b"", LIMIT) == b""


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(message: bytes) -> None:
    try:
        asyncio.run(received(message, REQUEST, LIMIT))
    except InvalidInput as error:
        assert error.message


@given(st.text())
def test_a_message_for_trailers_is_cut_between_characters(text: str) -> None:
    assert text.startswith(short(text))
    assert len(short(text).encode()) <= 2000
