import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.store.tracking.spans import after

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a", "b"),
        ("az", "a{"),
        ("\ud7ff", "\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
    ],
)
def test_behind_a_text_comes_the_next_that_does_not_begin_with_it(text: str, end: str | None) -> None:
    assert after(text) == end


@given(text=TEXTS, more=TEXTS, other=TEXTS)
def test_what_begins_with_a_text_lies_between_it_and_its_end(text: str, more: str, other: str) -> None:
    end = after(text)
    assert text <= text + more
    assert end is None or text + more < end
    if end is not None and text <= other < end:
        assert other.startswith(text)
