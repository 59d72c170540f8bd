"""Tokens of endpoints: who gets one, what is in it, and when it ceases."""

import base64
import dataclasses
import json
from typing import Any

import pytest

from registry.core.deploying.access_tokens import SKEW_S, AccessToken, read_token
from registry.core.deploying.documents import load_endpoint
from registry.core.deploying.keys import KeyRules
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.operations.deploying.access_tokens import issue_token, rotate_token_key
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import get_endpoint, put_endpoint
from registry.operations.deploying.keys import create_key, regenerate_key
from registry.operations.security.vault import list_secrets
from registry.operations.workspace import Workspace

NOW_S = 1_800_000_000


@pytest.fixture
def cancer(workspace: Workspace) -> Workspace:
    """A workspace with an endpoint that takes tokens."""
    workspace = dataclasses.replace(workspace, now_ms=lambda: NOW_S * 1000)
    put_endpoint(workspace, "Cancer", load_endpoint({"name": "Cancer", "auth_mode": "aml_token"}))
    return workspace


def claims_of(token: AccessToken) -> dict[str, Any]:
    payload = token.access_token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "==")))


def test_a_token_says_for_whom_and_until_when(cancer: Workspace) -> None:
    token = issue_token(cancer, "Cancer", "primary")
    claims = claims_of(token)
    assert (claims["aud"], claims["sub"], claims["iat"], claims["exp"]) == ("cancer", "anybody", NOW_S, NOW_S + 3600)
    assert get_endpoint(cancer, "Cancer").keys[0].sha256.startswith(claims["key"])
    assert (token.expiry_time_utc, token.refresh_after_time_utc) == (NOW_S + 3600, NOW_S + 1800)
    assert claims["jti"] != claims_of(issue_token(cancer, "Cancer", "primary"))["jti"]


def test_a_token_ends_with_its_key(cancer: Workspace) -> None:
    create_key(cancer, "Cancer", "partner", KeyRules(expires_ms=(NOW_S + 60) * 1000))
    assert issue_token(cancer, "Cancer", "partner").expiry_time_utc == NOW_S + 60


def test_a_token_holds_until_its_end_and_the_skew_of_two_clocks(cancer: Workspace) -> None:
    public, token = get_desired_state(cancer).token_key, issue_token(cancer, "Cancer", "primary").access_token
    for now_s, holds in ((-SKEW_S - 1, False), (-SKEW_S, True), (3600 + SKEW_S - 1, True), (3600 + SKEW_S, False)):
        assert (read_token(public, token, (NOW_S + now_s) * 1000) is not None) is holds


def test_what_is_no_token_of_ours_is_none(cancer: Workspace) -> None:
    public, token = get_desired_state(cancer).token_key, issue_token(cancer, "Cancer", "primary").access_token
    header, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    wrong = ["", ".", "..", "a.b.c", f"{header}.{payload}.", f"{none}.{payload}.{signature}", f"{none}.{payload}."]
    wrong += [f"{header}.{payload[:-4]}.{signature}", f"{token}.{signature}", token[:-1], f" {token}", token + "="]
    for one in wrong:
        assert read_token(public, one, NOW_S * 1000) is None
    assert read_token("", token, NOW_S * 1000) is None


def test_a_new_signing_key_ends_every_token(cancer: Workspace) -> None:
    token, before = issue_token(cancer, "Cancer", "primary").access_token, get_desired_state(cancer)
    rotate_token_key(cancer)
    after = get_desired_state(cancer)
    assert after.version > before.version
    assert read_token(before.token_key, token, NOW_S * 1000) is not None
    assert read_token(after.token_key, token, NOW_S * 1000) is None
    fresh = issue_token(cancer, "Cancer", "primary").access_token
    assert read_token(after.token_key, fresh, NOW_S * 1000) is not None


def test_a_regenerated_key_names_its_tokens_anew(cancer: Workspace) -> None:
    before = claims_of(issue_token(cancer, "Cancer", "primary"))["key"]
    regenerate_key(cancer, "Cancer", "primary")
    assert claims_of(issue_token(cancer, "Cancer", "primary"))["key"] != before


def test_an_endpoint_with_keys_gives_no_token_and_says_what_to_do(cancer: Workspace) -> None:
    put_endpoint(cancer, "tumour", load_endpoint({"name": "tumour"}))
    with pytest.raises(Conflict, match="only hashes are kept: `slipway endpoint regenerate-key tumour --key secondary"):
        issue_token(cancer, "tumour", "secondary")
    with pytest.raises(NotFound, match="no key 'nobody'"):
        issue_token(cancer, "Cancer", "nobody")
    with pytest.raises(InvalidInput, match="Microsoft Entra's: write aml_token"):
        load_endpoint({"name": "tumour", "auth_mode": "aad_token"})


def test_the_signing_key_is_in_the_vault_and_in_no_list(cancer: Workspace) -> None:
    assert list_secrets(cancer) == []
    with cancer.metadata.read() as tx:
        stored = str(tx.exec_driver_sql("SELECT * FROM secrets").all()) + str(
            tx.exec_driver_sql("SELECT * FROM settings").all()
        )
    assert "token-key/signing" in stored
    assert '"d":' not in stored
