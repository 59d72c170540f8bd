"""Large JSON arrays are read piece by piece, to the same values and by the same rules as small ones."""

import json
import random
from typing import Any

import numpy as np
import pytest

from serving.scoring.errors import InvalidInput
from serving.scoring.formats.json_arrays import LARGE, decode_array

SPACE = " " * LARGE  # makes any text a large one


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", ": ")])
@pytest.mark.parametrize("shape", [(40_000,), (20_000, 3), (50_000, 0), (9_000, 2, 2), (1_500, 2, 1, 5), (2, 20_000)])
def test_a_large_array_of_any_depth_is_the_one_that_was_written(
    shape: tuple[int, ...], separators: tuple[str, str]
) -> None:
    array = np.random.default_rng(1).integers(0, 1 << 40, size=shape)
    values = array.tolist()
    text = json.dumps(values, separators=separators).encode()
    assert len(text) > LARGE or not array.size
    read = decode_array(text, "INT64", "input 'x'")
    assert read.dtype == np.int64
    assert read.tolist() == values


def test_bare_tokens_are_read_wherever_they_stand() -> None:
    values: list[Any] = [[float(number), 0.5] for number in range(30_000)]
    values[29_999][1] = float("nan")
    values[3][0] = float("-inf")
    read = decode_array(json.dumps(values).encode(), "FP32", "input 'x'")
    assert np.isnan(read[29_999, 1])
    assert read[3, 0] == -np.inf
    assert read[29_998].tolist() == [29_998.0, 0.5]


def numbers(count: int) -> str:
    return ",".join("[1,2]" for _ in range(count))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[{numbers(60_000)},]", "malformed"),
        (f"[{numbers(60_000)}, ]", "malformed"),
        (f"[,{numbers(60_000)}]", "malformed"),
        (f"[{numbers(30_000)},,{numbers(30_000)}]", "malformed"),
        (f"[{numbers(60_000)}", "truncated"),
        (f"[{numbers(60_000)}]]", "malformed"),
        (f"[{numbers(60_000)},[1,2,3]]", "rows are not of equal length"),
        (f"[[1,2,3],{numbers(60_000)}]", "rows are not of equal length"),
        (f"[{numbers(60_000)},[1,[2]]]", "counted from element"),
        (f'[{numbers(60_000)},[1,"2"]]', "Expected `float`, got `str`"),
        (f"[{numbers(60_000)},[1,1e300]]", "counted from element"),
        (f"[1,2,{SPACE}]", "malformed"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        decode_array(text.encode(), "FP32", "input 'x'")


def test_where_a_wrong_element_stands_can_be_found() -> None:
    values: list[Any] = [[1, 2]] * 60_000
    values[50_000] = [1, "no"]
    with pytest.raises(InvalidInput) as refused:
        decode_array(json.dumps(values, separators=(",", ":")).encode(), "FP32", "input 'x'")
    counted = int(refused.value.message.split("counted from element ")[1].split(" ")[0])
    assert counted <= 50_000 <= counted + LARGE


@pytest.mark.parametrize("text", [f"[{SPACE}]", f"{SPACE}[[]]", f"[[],{SPACE}[]]"])
def test_space_is_no_element(text: str) -> None:
    assert decode_array(text.encode(), "FP32", "input 'x'").size == 0


def test_strings_are_never_parted() -> None:
    words = [random.Random(number).choice(["],", "[", '"', ",", "\\"]) * 9 for number in range(40_000)]
    read = decode_array(json.dumps(words).encode(), "BYTES", "input 'x'")
    assert read.tolist() == words
