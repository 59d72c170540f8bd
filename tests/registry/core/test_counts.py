import pytest

from registry.core.counts import count


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_000_000, "1,000,000 files")]
)
def test_a_noun_stands_in_the_number_of_its_count(number: int, said: str) -> None:
    assert count(number, "file") == said
