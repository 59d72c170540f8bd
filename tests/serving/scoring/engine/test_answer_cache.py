"""Two different inputs never share a key, and what is remembered never takes more memory than it may."""

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.scoring.engine.answer_cache import ENTRY_BYTES, AnswerCache, body_key, kept, tensors_key
from serving.scoring.tensors import Tensors
from tests.effort import effort

# Few values, so that inputs differ in one thing only as often as not.
NAMES = st.sampled_from(["", "a", "aa", "1:a", "ü", "\udc80"])
SHAPES = st.sampled_from([(), (0,), (1,), (2,), (1, 2), (2, 1), (0, 3), (3, 0)])
NUMBERS = st.sampled_from(["<f4", ">f4", "<i4", "<u4", "<f2", "|i1", "|u1", "|b1", "<f8"])
TEXTS = st.sampled_from(["", "a", "aa", "t1:a", "\udc80", "\0", b"", b"a", b"1:a", b"\0"])
PARAMETERS = st.dictionaries(
    st.sampled_from(["p", "q"]), st.sampled_from([0, 1, True, 1.0, 0.0, -0.0, "1", "", None, [1], {"p": 1}]), max_size=2
)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    shape = draw(SHAPES)
    size = int(np.prod(shape))
    if draw(st.booleans()):
        array = np.empty(size, dtype=object)
        array[:] = draw(st.lists(TEXTS, min_size=size, max_size=size))
        return array.reshape(shape)
    dtype = np.dtype(draw(NUMBERS))
    bits = draw(st.lists(st.sampled_from([0, 1]), min_size=size * dtype.itemsize, max_size=size * dtype.itemsize))
    return np.frombuffer(bytes(bits), dtype).reshape(shape)


INPUTS = st.tuples(st.dictionaries(NAMES, arrays(), max_size=2), PARAMETERS)


def told_apart(tensors: Tensors, parameters: dict[str, Any]) -> Any:
    """All that makes an input another."""
    described = {
        name: (
            array.dtype.str,
            array.shape,
            [(type(one), one) for one in array.ravel()] if array.dtype == object else array.tobytes(),
        )
        for name, array in tensors.items()
    }
    return described, {name: repr(value) for name, value in parameters.items()}


@effort(600)
@given(one=INPUTS, other=INPUTS)
def test_inputs_have_one_key_exactly_if_they_are_the_same(
    one: tuple[Tensors, dict[str, Any]], other: tuple[Tensors, dict[str, Any]]
) -> None:
    assert (tensors_key(*one) == tensors_key(*other)) == (told_apart(*one) == told_apart(*other))


def bits(*numbers: int) -> Tensors:
    return {"x": np.array(numbers, np.uint32)}


DIFFERENT: list[tuple[Tensors, dict[str, Any]]] = [
    (bits(0x7FC00000), {}),
    ({"x": bits(0x7FC00000)["x"].view(np.float32)}, {}),
    ({"x": bits(0x7FC00001)["x"].view(np.float32)}, {}),  # NaN too, of another payload
    ({"x": np.array([0.0], np.float32)}, {}),
    ({"x": np.array([-0.0], np.float32)}, {}),
    ({"x": np.array([[0.0]], np.float32)}, {}),
    ({"y": np.array([0.0], np.float32)}, {}),
    ({"x": np.array([0.0], np.float32)}, {"p": 1}),
    ({"x": np.array([0.0], np.float32)}, {"p": True}),
    ({"x": np.array([0.0], np.float32), "y": np.array([0.0], np.float32)}, {}),
    ({"x": np.array(["0"], dtype=object)}, {}),
    ({"x": np.array([b"0"], dtype=object)}, {}),
    ({"x": np.array(["ab", "c"], dtype=object)}, {}),
    ({"x": np.array(["a", "bc"], dtype=object)}, {}),
]


def test_what_looks_alike_is_told_apart() -> None:
    keys = [tensors_key(*one) for one in DIFFERENT]
    assert None not in keys
    assert len(set(keys)) == len(DIFFERENT)


def test_neither_the_order_of_inputs_nor_their_layout_in_memory_counts() -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1])
    turned = np.asfortranarray(x)
    assert tensors_key({"x": x, "y": y}, {"a": 1, "b": 2}) == tensors_key({"y": y, "x": turned}, {"b": 2, "a": 1})


def test_an_element_that_is_neither_text_nor_bytes_has_no_key() -> None:
    assert tensors_key({"x": np.array(["a", 1], dtype=object)}, {}) is None


@given(st.lists(st.binary(max_size=3), max_size=3), st.lists(st.binary(max_size=3), max_size=3))
@example([b"", b"a"], [b"a", b""])
@example([b"1:a"], [b"a", b""])
def test_bodies_have_one_key_exactly_if_all_their_parts_are_the_same(one: list[bytes], other: list[bytes]) -> None:
    assert (body_key(*one or [b""]) == body_key(*other or [b""])) == ((one or [b""]) == (other or [b""]))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cache(
    max_bytes: int = 10 * (ENTRY_BYTES + 100), ttl_s: float | None = None, clock: Any = lambda: 0.0
) -> AnswerCache:
    return AnswerCache(max_bytes, ttl_s, clock)


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    some = cache()
    for number in range(10):
        some.put(b"%d" % number, number, 100)
    assert some.get(b"0") == 0
    some.put(b"new", "new", 100)
    assert some.get(b"1") is None
    assert [some.get(key) for key in (b"0", b"2", b"new")] == [0, 2, "new"]


def test_an_answer_that_is_larger_than_all_together_may_be_drives_nothing_out() -> None:
    some = cache()
    some.put(b"small", 1, 100)
    some.put(b"large", 2, 10 * (ENTRY_BYTES + 100))
    assert (some.get(b"small"), some.get(b"large")) == (1, None)


def test_an_answer_counts_for_its_time_and_is_then_forgotten() -> None:
    clock = Clock()
    some = cache(ttl_s=10, clock=clock)
    some.put(b"a", 1, 100)
    clock.now = 9.9
    assert some.get(b"a") == 1
    clock.now = 10.0
    assert some.get(b"a") is None
    assert some.size_bytes == 0


def test_the_same_key_again_counts_once() -> None:
    some = cache()
    for _ in range(100):
        some.put(b"a", 1, 100)
    assert some.size_bytes == ENTRY_BYTES + 100


def test_what_is_kept_is_nobodys_to_change_and_no_view_of_more() -> None:
    batch = np.zeros((1000, 4), dtype=np.float32)
    answer, size_bytes = kept({"y": batch[:1]})
    batch[:] = 7
    assert answer["y"].tolist() == [[0.0] * 4]
    assert answer["y"].base is None
    assert size_bytes < 1000
    with pytest.raises(ValueError, match="read-only"):
        answer["y"][0] = 1


def outputs(number: int, kind: str) -> Tensors:
    if kind == "texts":
        texts = np.empty(4, dtype=object)
        texts[:] = [f"text {number} {'ü' * place * 50}" for place in range(4)]
        return {"y": texts}
    return {"label": np.full(1, number), "scores": np.full((1, 3 if kind == "small" else 3000), number, np.float32)}


@pytest.mark.parametrize("kind", ["small", "large", "texts", "body"])
def test_a_full_cache_takes_no_more_memory_than_it_may(kind: str) -> None:
    max_bytes = 2 << 20
    some = cache(max_bytes)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in itertools.count():
            if kind == "body":
                body = b"%d" % number * 100
                some.put(body_key(b"body", body), body, len(body))
            else:
                answer, size_bytes = kept(outputs(number, kind))
                key = tensors_key(answer, {})
                assert key is not None
                some.put(key, answer, size_bytes)
            if number * 200 > max_bytes:
                break
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert some.size_bytes <= max_bytes
    assert max_bytes * 0.5 < after - before <= max_bytes
