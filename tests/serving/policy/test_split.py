from hypothesis import given
from hypothesis import strategies as st

from serving.policy.split import bucket_of, intervals_of, xxh32


def test_the_hash_is_xxhash() -> None:
    known = {
        b"": 0x02CC5D05,
        b"a": 0x550D7456,
        b"abc": 0x32D153FF,
        b"Nobody inspects the spammish repetition": 0xE2293B2F,
    }
    assert {data: xxh32(data) for data in known} == known


def test_a_bucket_depends_on_the_endpoint_without_regard_to_case() -> None:
    assert bucket_of("Cancer", "alice") == bucket_of("cancer", "alice") == xxh32(b"cancer/alice") % 10_000
    assert bucket_of("cancer", "alice") != bucket_of("other", "alice")


def test_nothing_weighs_nothing() -> None:
    assert intervals_of({}) == []


def test_the_canary_grows_from_bucket_0_and_never_moves_a_user_back() -> None:
    bounds = [intervals_of({"blue": 100 - percent, "green": percent}) for percent in (0.01, 10, 20, 50, 99.99)]
    assert [b[0] for b in bounds] == [(n, "green") for n in (1, 1000, 2000, 5000, 9999)]
    assert {b[1] for b in bounds} == {(10_000, "blue")}
    assert intervals_of({"blue": 0, "green": 100}) == [(10_000, "green")]


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 10_000), min_size=1, max_size=8))
def test_intervals_cover_every_bucket_by_weight(weights: dict[str, int]) -> None:
    total = sum(weights.values())
    bounds = intervals_of({name: 100 * weight / total for name, weight in weights.items()})
    assert bounds[-1][0] == 10_000
    low = 0
    for bound, name in bounds:
        assert abs(bound - low - 10_000 * weights[name] / total) <= 1
        low = bound
