"""The model repository that a key sees."""

from typing import Any

import msgspec

from registry.core.deploying.access_tokens import issue
from registry.core.deploying.endpoints import AuthMode
from registry.core.deploying.keys import KeyHash, KeyRules, ReplacedKey, hash_key
from registry.core.security.rs256 import generate
from serving.policy.repository import index, opened_by
from serving.wire.routing import DeploymentRoute, RoutingTable, Server, ServerState
from tests.serving.edge.tables import KEY, backend, endpoint


def server(state: ServerState = ServerState.READY) -> Server:
    return Server(id="r0", http_address="127.0.0.1:1", grpc_address="127.0.0.1:2", state=state)


def shown(**states: ServerState | None) -> Any:
    """The index of endpoint cancer with a deployment of each name, which serves 7; None is one without a replica."""
    deployments = [DeploymentRoute(name=d, backend=f"cancer.{d}.1", model_versions=["7"]) for d in states]
    route = msgspec.structs.replace(endpoint("cancer"), deployments=deployments)
    backends = [backend(f"cancer.{d}.1", *([server(state)] if state else [])) for d, state in states.items()]
    return msgspec.to_builtins(index([route], RoutingTable(generation=1, endpoints=[route], backends=backends)))


def test_a_version_is_ready_where_a_replica_of_any_deployment_is() -> None:
    ready = [{"name": "cancer", "version": "7", "state": "READY"}]
    assert shown(blue=ServerState.READY) == ready
    assert shown(blue=None, green=ServerState.READY) == ready
    assert shown(green=ServerState.READY, zebra=ServerState.DRAINING) == ready


def test_what_cannot_be_asked_says_why() -> None:
    away = {"name": "cancer", "version": "7", "state": "UNAVAILABLE", "reason": "no replica is ready"}
    assert shown(blue=None) == [away]
    assert shown(blue=ServerState.DRAINING) == [away]
    assert shown() == [{"name": "cancer", "state": "UNAVAILABLE", "reason": "no deployment is live"}]


def test_a_key_opens_the_endpoints_that_have_it() -> None:
    mine, other = endpoint("mine"), msgspec.structs.replace(endpoint("other"), keys=[])
    table = RoutingTable(generation=1, endpoints=[mine, other])
    assert opened_by(KEY, table, 1) == [mine]
    assert opened_by("", table, 1) == opened_by("nonsense", table, 1) == []


def test_a_token_opens_the_endpoint_that_it_is_for() -> None:
    signing, key = generate(), KeyHash("primary", hash_key("one"))
    mine, other = (
        msgspec.structs.replace(endpoint(name), keys=[key], auth_mode=AuthMode.AML_TOKEN) for name in ("Mine", "other")
    )
    table = RoutingTable(generation=1, endpoints=[mine, other], token_key=signing.public)
    token = issue(signing, "mine", key, to="ada", token_id="t", now_s=1_000).access_token
    assert opened_by(token, table, 1_000_000) == [mine]
    assert opened_by(token, table, 5_000_000) == opened_by("one", table, 1_000_000) == opened_by("", table, 1) == []


def test_a_key_opens_until_its_end_and_a_replaced_one_until_its_overlaps() -> None:
    old = ReplacedKey(hash_key("old"), 9_000)
    key = KeyHash("partner", hash_key(KEY), KeyRules(expires_ms=5_000), [old])
    mine = msgspec.structs.replace(endpoint("mine"), keys=[key, KeyHash("other", hash_key("new"), replaced=[old])])
    table = RoutingTable(generation=1, endpoints=[mine])
    assert [opened_by(KEY, table, now_ms) for now_ms in (4_999, 5_000)] == [[mine], []]
    assert [opened_by("old", table, now_ms) for now_ms in (8_999, 9_000)] == [[mine], []]
