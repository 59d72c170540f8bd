"""Keys of endpoints: made, renewed with an overlap, changed, deleted."""

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from registry.core.deploying.documents import EndpointDocument, load_endpoint
from registry.core.deploying.key_documents import KeyDocument
from registry.core.deploying.keys import (
    MAX_KEYS,
    MAX_OVERLAP_S,
    MAX_REPLACED,
    KeyHash,
    KeyRules,
    RateLimit,
    ReplacedKey,
    hash_key,
)
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.core.security.access import ANYBODY, Caller, Role
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import get_endpoint, put_endpoint
from registry.operations.deploying.keys import change_key, create_key, delete_key, regenerate_key
from registry.operations.security.caller import set_caller
from registry.operations.workspace import Workspace

RULES = KeyRules(deployments=["blue"], rate_limit=RateLimit(requests=100, burst=20), expires_ms=9_000)


@pytest.fixture
def cancer(workspace: Workspace) -> Workspace:
    put_endpoint(workspace, "cancer", EndpointDocument())
    return workspace


def key(workspace: Workspace, name: str) -> KeyHash:
    return next(one for one in get_endpoint(workspace, "cancer").keys if one.name == name)


def test_a_renewed_key_takes_the_place_of_the_old_one(cancer: Workspace) -> None:
    before = key(cancer, "primary")
    fresh = regenerate_key(cancer, "cancer", "secondary")
    assert key(cancer, "secondary") == KeyHash("secondary", hash_key(fresh))
    assert key(cancer, "primary") == before


def test_the_one_before_is_valid_until_its_overlap_is_over(cancer: Workspace) -> None:
    now_ms = [1_000]
    cancer = dataclasses.replace(cancer, now_ms=lambda: now_ms[0])
    first = key(cancer, "primary").sha256
    second = hash_key(regenerate_key(cancer, "cancer", "primary", 600))
    now_ms[0] += 300_000
    regenerate_key(cancer, "cancer", "primary", 600)
    assert key(cancer, "primary").replaced == [ReplacedKey(first, 601_000), ReplacedKey(second, 901_000)]
    now_ms[0] = 700_000
    third = key(cancer, "primary").sha256
    regenerate_key(cancer, "cancer", "primary", 60)
    assert [old.sha256 for old in key(cancer, "primary").replaced] == [second, third]


def test_a_key_that_is_replaced_at_once_takes_all_before_it_along(cancer: Workspace) -> None:
    regenerate_key(cancer, "cancer", "primary", 600)
    regenerate_key(cancer, "cancer", "primary")
    assert key(cancer, "primary").replaced == []


def test_an_overlap_has_its_bounds(cancer: Workspace) -> None:
    for wrong in (-1, MAX_OVERLAP_S + 1):
        with pytest.raises(InvalidInput, match="30 days"):
            regenerate_key(cancer, "cancer", "primary", wrong)
    for _ in range(MAX_REPLACED):
        regenerate_key(cancer, "cancer", "primary", 600)
    before = key(cancer, "primary")
    with pytest.raises(Conflict, match="leave out the overlap"):
        regenerate_key(cancer, "cancer", "primary", 600)
    assert key(cancer, "primary") == before


def test_a_further_key_is_made_changed_and_deleted(cancer: Workspace) -> None:
    made = create_key(cancer, "cancer", "partner", RULES)
    assert key(cancer, "partner") == KeyHash("partner", hash_key(made), RULES)
    assert get_desired_state(cancer).endpoints[0].keys == get_endpoint(cancer, "cancer").keys
    changed = replace(RULES, deployments=["green", "Blue", "blue"], allow_override=False)
    change_key(cancer, "cancer", "partner", changed)
    kept = replace(changed, deployments=["blue", "green"])
    assert key(cancer, "partner") == KeyHash("partner", hash_key(made), kept)
    regenerate_key(cancer, "cancer", "partner")
    assert key(cancer, "partner").rules == kept
    delete_key(cancer, "cancer", "partner")
    assert [one.name for one in get_endpoint(cancer, "cancer").keys] == ["primary", "secondary"]


def test_what_cannot_be_done_to_a_key_is_told(cancer: Workspace) -> None:
    with pytest.raises(Conflict, match="regenerate-key"):
        create_key(cancer, "cancer", "primary", KeyRules())
    with pytest.raises(InvalidInput, match="every endpoint has a primary key"):
        delete_key(cancer, "cancer", "primary")
    for call in (regenerate_key, delete_key):
        with pytest.raises(NotFound, match="has no key 'nobody'; it has primary, secondary"):
            call(cancer, "cancer", "nobody")
    with pytest.raises(NotFound, match="has no key 'nobody'"):
        change_key(cancer, "cancer", "nobody", KeyRules())
    for name in ("", "Partner", "a b", "-x", "x" * 33, "a/b", "a,b", "a;b", "a\n"):
        with pytest.raises(InvalidInput, match="no name of a key"):
            create_key(cancer, "cancer", name, KeyRules())
    for number in range(MAX_KEYS - 2):
        create_key(cancer, "cancer", f"key-{number}", KeyRules())
    with pytest.raises(InvalidInput, match="at most 100 keys"):
        create_key(cancer, "cancer", "one-more", KeyRules())


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"deployments": ["b"]}, "invalid deployment name 'b'"),
        ({"deployments": [f"blue-{number}" for number in range(9)]}, r"\$\.keys\.partner\.deployments: at most 8"),
        ({"rate_limit": {"requests": 0}}, r"rate_limit\.requests: expected `int` >= 1"),
        ({"rate_limit": {"requests": 10_001}}, "at most 10000 a second"),
        ({"rate_limit": {"requests": 600_001, "per": "minute"}}, "at most 10000 a second"),
        ({"rate_limit": {"requests": 1, "per": "minute", "burst": 11}}, "burst: at most 10 at 1 a minute"),
        ({"rate_limit": {"requests": 1, "per": "hour"}}, "per: unknown value 'hour'"),
        ({"rate_limit": {"requests": 1, "berst": 2}}, "did you mean 'burst'"),
        ({"expires": "tomorrow"}, r"\$\.keys\.partner\.expires 'tomorrow' is not a time"),
        ({"allow_override": "perhaps"}, "expected `bool`"),
    ],
)
def test_a_rule_that_cannot_be_held_is_refused_by_its_path(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load_endpoint({"name": "cancer", "keys": {"partner": rules}})


def test_a_document_makes_the_keys_that_it_names_and_leaves_others_alone(cancer: Workspace) -> None:
    create_key(cancer, "cancer", "other", RULES)
    limited = KeyDocument(rate_limit=RateLimit(requests=5), expires="2027-03-01")
    document = EndpointDocument(keys={"primary": KeyDocument(allow_override=False), "partner": limited})
    secondary, other = key(cancer, "secondary"), key(cancer, "other")
    made = put_endpoint(cancer, "cancer", document)
    assert made.keys is not None
    assert list(made.keys) == ["partner"]
    rules = KeyRules(rate_limit=RateLimit(requests=5), expires_ms=1_803_859_200_000)
    assert key(cancer, "partner") == KeyHash("partner", hash_key(made.keys["partner"]), rules)
    assert key(cancer, "primary").rules == KeyRules(allow_override=False)
    assert (key(cancer, "secondary"), key(cancer, "other")) == (secondary, other)
    assert put_endpoint(cancer, "cancer", document).keys is None
    assert put_endpoint(cancer, "cancer", EndpointDocument()).endpoint.keys == get_endpoint(cancer, "cancer").keys


def test_only_an_owner_changes_the_keys_of_an_endpoint_that_is_there(cancer: Workspace) -> None:
    document = EndpointDocument(keys={"partner": KeyDocument()})
    set_caller(Caller(name="ada", role=Role.CONTRIBUTOR))
    try:
        with pytest.raises(Forbidden, match="takes the role owner"):
            put_endpoint(cancer, "cancer", document)
        assert put_endpoint(cancer, "tumour", document).keys is not None
        assert put_endpoint(cancer, "tumour", document).keys is None  # what changes no key is no affair of an owner's
    finally:
        set_caller(ANYBODY)


@pytest.mark.parametrize(
    ("limit", "step_us", "burst"),
    [
        (RateLimit(requests=100), 10_000, 10),
        (RateLimit(requests=5), 200_000, 5),
        (RateLimit(requests=1, per="minute"), 60_000_000, 1),
        (RateLimit(requests=60, per="minute"), 1_000_000, 6),
        (RateLimit(requests=7000), 143, 700),
        (RateLimit(requests=100, burst=1), 10_000, 1),
    ],
)
def test_a_limit_is_a_step_and_a_burst_of_steps(limit: RateLimit, step_us: int, burst: int) -> None:
    assert (limit.step_us, limit.room_us) == (step_us, burst * step_us)
