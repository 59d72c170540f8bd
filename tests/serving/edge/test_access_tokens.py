"""Tokens at a real edge: it verifies them by itself, and knows nothing that could sign one."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from registry.core.deploying.access_tokens import SKEW_S, issue
from registry.core.deploying.endpoints import AuthMode
from registry.core.deploying.keys import KeyHash, KeyRules, ReplacedKey, hash_key
from registry.core.security.rs256 import PrivateKey, encode, generate, public_pem
from tests.serving.edge.edge import Edge
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import Replica
from tests.serving.edge.tables import KEY, backend, endpoint, table

NOW_MS = time.time_ns() // 1_000_000
PRIMARY = KeyHash("primary", hash_key("one"), replaced=[ReplacedKey(hash_key("zero"), NOW_MS + 3_600_000)])
BOUND = KeyHash("bound", hash_key("two"), KeyRules(allow_override=False))
GONE = KeyHash("gone", hash_key("three"))
INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture(scope="module")
def signing() -> PrivateKey:
    return generate()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, signing: PrivateKey) -> Iterator[Edge]:
    """An edge with endpoint Cancer, which takes tokens, and keyed, which takes keys."""
    with ExitStack() as stack:
        controller, telemetry, blue = Controller(), Telemetry(), Replica("b0", "cancer.blue.1")
        for close in (controller.close, telemetry.close, blue.close):
            stack.callback(close)
        edge = Edge(tmp_path_factory.mktemp("guarded"), controller, telemetry)
        stack.callback(edge.close)
        edge.start()
        routes = [
            replace(endpoint("Cancer", blue=10_000), keys=[PRIMARY, BOUND], auth_mode=AuthMode.AML_TOKEN),
            endpoint("keyed", blue=0),
        ]
        controller.publish(table(1, routes, [backend("cancer.blue.1", blue.server)], token_key=signing.public))
        edge.controller, edge.routes = controller, routes  # type: ignore[attr-defined]
        edge.eventually(lambda: ask(edge, token(signing)) == 200)
        yield edge


def token(
    signing: PrivateKey, key: KeyHash = PRIMARY, *, for_: str = "cancer", age_s: int = 0, for_s: int = 3600
) -> str:
    now_s = time.time_ns() // 1_000_000_000 - age_s
    return issue(signing, for_, key, to="ada", token_id="t1", now_s=now_s).access_token


def ask(edge: Any, bearer: str, **headers: str) -> int:
    return int(edge.score(headers={"authorization": f"Bearer {bearer}", **headers}).status_code)


def test_a_token_opens_its_endpoint_at_every_door(guarded: Any, signing: PrivateKey) -> None:
    headers = {"authorization": f"Bearer {token(signing)}"}
    for path in ("/endpoints/cancer/score", "/v2/models/CANCER/infer", "/endpoints/cancer/invocations"):
        answer = guarded.score(path, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["headers"]["x-slipway-key"] == "primary"
        assert "authorization" not in answer.json()["headers"]
    with grpc.insecure_channel(f"127.0.0.1:{guarded.grpc_port}") as channel:
        call = channel.unary_unary(INFER)
        assert call(b"\x0a\x06cancer", metadata=list(headers.items()), timeout=10) == b"b0"


def test_a_token_holds_for_its_time_and_the_skew_of_two_clocks(guarded: Any, signing: PrivateKey) -> None:
    assert ask(guarded, token(signing, age_s=3600 + SKEW_S - 10)) == 200
    assert ask(guarded, token(signing, age_s=3600 + SKEW_S + 1)) == 401
    assert ask(guarded, token(signing, age_s=-SKEW_S + 10)) == 200
    assert ask(guarded, token(signing, age_s=-SKEW_S - 60)) == 401


def test_a_token_is_for_one_endpoint_and_one_key(guarded: Any, signing: PrivateKey) -> None:
    assert ask(guarded, token(signing, for_="keyed")) == 401
    elsewhere = {"authorization": f"Bearer {token(signing)}"}
    assert guarded.score("/endpoints/keyed/score", headers=elsewhere).status_code == 401
    assert ask(guarded, token(signing, GONE)) == 401
    assert ask(guarded, token(signing, KeyHash("primary", hash_key("zero")))) == 200  # replaced, in its overlap
    assert ask(guarded, token(signing, BOUND)) == 200
    assert ask(guarded, token(signing, BOUND), **{"azureml-model-deployment": "blue"}) == 403


def test_a_key_opens_no_endpoint_that_takes_tokens(guarded: Any) -> None:
    for key in ("one", "zero", KEY, PRIMARY.sha256, PRIMARY.sha256[:32]):
        assert ask(guarded, key) == 401


def forged(header: dict[str, str], claims: dict[str, Any], secret: bytes | None = None) -> str:
    text = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()) if secret is not None else ''}"


def test_what_nobody_signed_opens_nothing(guarded: Any, signing: PrivateKey) -> None:
    good = token(signing)
    header, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    pem = public_pem(signing.public).encode()
    tries = [
        forged({"alg": "none"}, claims),
        forged({"alg": "HS256"}, claims, pem),  # the public key, taken for a shared secret
        forged({"alg": "HS256"}, claims, b""),
        f"{encode(json.dumps({'alg': 'none'}).encode())}.{payload}.{signature}",
        f"{header}.{encode(json.dumps(claims | {'exp': claims['exp'] + 9999}).encode())}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}..{signature}",
        "eyJ",
        "eyJ..",
        f"{good}.{signature}",
        good[:-2],
        token(generate()),
    ]
    for one in tries:
        assert ask(guarded, one) == 401
    for missing in ("exp", "iat", "aud", "key"):
        kept = {name: value for name, value in claims.items() if name != missing}
        text = f"{header}.{encode(json.dumps(kept).encode())}"
        assert ask(guarded, f"{text}.{encode(signing.sign(text.encode()))}") == 401
    assert ask(guarded, good) == 200


def test_no_secret_is_in_the_edges_files(guarded: Any, signing: PrivateKey) -> None:
    written = b"".join(path.read_bytes() for path in guarded.folder.rglob("*") if path.is_file())
    assert public_pem(signing.public).encode() in written
    assert signing.d.encode() not in written


def test_another_signing_key_ends_every_token(guarded: Any, signing: PrivateKey) -> None:
    other, before = generate(), guarded.controller.table
    guarded.controller.publish(replace(before, generation=before.generation + 1, token_key=other.public))
    guarded.reconnect()
    assert (ask(guarded, token(signing)), ask(guarded, token(other))) == (401, 200)
    guarded.controller.publish(replace(before, generation=before.generation + 2))
    guarded.reconnect()
    assert ask(guarded, token(signing)) == 200
