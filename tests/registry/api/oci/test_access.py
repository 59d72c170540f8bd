"""Who may pull, push and delete, as docker's clients authenticate: by Basic, with the token as the password."""

import base64

import httpx
import pytest

from registry.core.security.access import Role
from registry.core.security.audit import is_audited
from tests.registry.api.oci.conftest import digest_of
from tests.registry.conftest import Ask

NOWHERE = digest_of(b"nowhere")
READS = [("GET", "/v2/"), ("GET", "/v2/a/b/tags/list"), ("HEAD", f"/v2/a/b/blobs/{NOWHERE}")]
WRITES = [
    ("POST", "/v2/a/b/blobs/uploads/"),
    ("PATCH", f"/v2/a/b/blobs/uploads/{'0' * 32}"),
    ("PUT", f"/v2/a/b/blobs/uploads/{'0' * 32}?digest={NOWHERE}"),
    ("DELETE", f"/v2/a/b/blobs/uploads/{'0' * 32}"),
    ("PUT", "/v2/a/b/manifests/one"),
]
DELETES = [("DELETE", "/v2/a/b/manifests/one"), ("DELETE", f"/v2/a/b/blobs/{NOWHERE}")]
LEAST = {
    **dict.fromkeys(READS, Role.READER),
    **dict.fromkeys(WRITES, Role.CONTRIBUTOR),
    **dict.fromkeys(DELETES, Role.OWNER),
}


@pytest.mark.parametrize("call", LEAST)
def test_each_call_takes_its_role(ask: Ask, call: tuple[str, str]) -> None:
    for role in Role:
        answer = ask(role, *call)
        allowed = role.rank >= LEAST[call].rank
        assert (answer.status_code != 403) is allowed, (role, answer.text)
        if not allowed:
            assert answer.json()["errors"][0]["code"] == "DENIED"
    nobody = ask("", *call)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Basic realm="slipway"')


def test_a_client_that_was_asked_sends_name_and_token(guarded_url: str, secrets: dict[str, str]) -> None:
    with httpx.Client(base_url=guarded_url) as http:
        refused = http.get("/v2/", auth=("the-reader", "a guess"))
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")
        assert http.get("/v2/", auth=("the-reader", secrets["reader"])).status_code == 200
        pair = base64.b64encode(f"the-contributor:{secrets['contributor']}".encode()).decode()
        begun = http.post("/v2/a/blobs/uploads/", headers={"authorization": f"Basic {pair}"})
        assert begun.status_code == 202


def test_manifests_are_in_the_audit_and_the_pieces_of_blobs_are_not() -> None:
    assert is_audited("PUT", "/v2/{name:path}/manifests/{reference}", 201)
    assert is_audited("DELETE", "/v2/{name:path}/manifests/{reference}", 202)
    assert is_audited("DELETE", "/v2/{name:path}/blobs/{digest}", 202)
    for method in ("PATCH", "PUT", "DELETE"):
        assert not is_audited(method, "/v2/{name:path}/blobs/uploads/{upload}", 201)
    assert not is_audited("POST", "/v2/{name:path}/blobs/uploads/", 202)
