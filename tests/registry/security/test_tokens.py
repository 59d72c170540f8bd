"""Who may call, with which token, and for how long."""

import asyncio
import base64
import contextlib
import re
import time
from collections.abc import Callable

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException

from registry.api.app import FOREIGN, ROUTES
from registry.api.route import ApiRoute
from registry.client import Client
from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from registry.core.names import parse_image_reference
from registry.core.security.access import Role, needed_role
from registry.core.security.tokens import WantedToken
from registry.core.times import DAY_MS
from registry.operations.deploying.services import list_services
from registry.operations.security.tokens import FRESH_S, create_token, list_tokens, revoke_token
from registry.operations.workspace import Workspace
from serving.node.errors import PullFailed
from serving.node.keeping.pull import Puller
from serving.node.running.service import announce

Ask = Callable[..., httpx.Response]
REGENERATE = "/api/v1/endpoints/cancer/keys/regenerate"
CLOSED = [route for route in (*ROUTES, *FOREIGN) if needed_role(route.method, route.path) is not None]


def test_every_route_but_three_is_closed_without_a_token(ask: Ask) -> None:
    for route in CLOSED:
        answer = ask("", route.method, re.sub(r"{[^}]*}", "x", route.path))
        assert answer.status_code == 401, route.path
    for path in ("/", "/health", "/version"):
        assert ask("", "GET", path).status_code == 200
    assert ask("", "GET", "/nothing").status_code == 401  # and says nothing about what there is


@pytest.mark.parametrize("role", [Role.READER, Role.CONTRIBUTOR])
def test_every_route_above_a_role_is_forbidden_to_it(ask: Ask, role: Role) -> None:
    def is_above(route: ApiRoute) -> bool:
        needed = needed_role(route.method, route.path)
        return needed is not None and needed.rank > role.rank

    for route in filter(is_above, CLOSED):
        answer = ask(role, route.method, re.sub(r"{[^}]*}", "x", route.path))
        assert answer.status_code == 403, route.path


def test_roles_by_example(ask: Ask) -> None:
    assert ask("reader", "PUT", "/api/v1/endpoints/cancer", json={}).status_code == 403
    assert ask("contributor", "PUT", "/api/v1/endpoints/cancer", json={}).is_success
    assert ask("reader", "GET", "/api/v1/endpoints/cancer").json()["name"] == "cancer"
    assert ask("contributor", "POST", REGENERATE, json={"key": "primary"}).status_code == 403
    assert ask("owner", "POST", REGENERATE, json={"key": "primary"}).is_success
    assert ask("contributor", "DELETE", "/api/v1/endpoints/cancer").status_code == 403
    assert ask("reader", "POST", "/api/2.0/mlflow/runs/search", json={"experiment_ids": ["0"]}).is_success


def test_refusals_speak_each_protocol(ask: Ask) -> None:
    ours = ask("", "GET", "/api/v1/models")
    assert (ours.json()["error"]["code"], ours.headers["www-authenticate"]) == (
        "unauthenticated",
        'Bearer realm="slipway"',
    )
    assert "SLIPWAY_TOKEN" in ours.json()["error"]["message"]
    mlflow = ask("", "POST", "/api/2.0/mlflow/runs/create", json={})
    assert (mlflow.json()["error_code"], mlflow.status_code) == ("UNAUTHENTICATED", 401)
    assert "MLFLOW_TRACKING_TOKEN" in mlflow.json()["message"]
    oci = ask("", "GET", "/v2/")
    assert (oci.json()["errors"][0]["code"], oci.headers["www-authenticate"]) == (
        "UNAUTHORIZED",
        'Basic realm="slipway"',
    )
    denied = ask("reader", "POST", "/api/2.0/mlflow/runs/create", json={})
    assert (denied.json()["error_code"], denied.status_code) == ("PERMISSION_DENIED", 403)


def test_basic_sends_the_token_as_password(guarded_url: str, secrets: dict[str, str]) -> None:
    answer = httpx.get(f"{guarded_url}/api/v1/models", auth=("whoever", secrets["reader"]))
    assert answer.status_code == 200
    assert httpx.get(f"{guarded_url}/api/v1/models", auth=(secrets["reader"], "")).status_code == 401


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer",
        "Bearer wrong",
        "Bearer \xe9\xff",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Digest username=x",
        "x" * 5000,
        "Bearer " + "x" * 5000,
    ],
)
def test_what_is_no_token_is_refused(guarded_url: str, secrets: dict[str, str], credentials: str) -> None:
    answer = httpx.get(f"{guarded_url}/api/v1/models", headers=[(b"authorization", credentials.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"
    headers = [(b"authorization", credentials.encode("latin-1"))]
    assert httpx.get(f"{guarded_url}/health", headers=headers).status_code == 200  # which asks for none


def test_mlflow_raises_at_once(guarded_url: str, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "wrong")
    began_s = time.monotonic()
    with pytest.raises(RestException, match="does not know this token"):
        MlflowClient(guarded_url).create_experiment("trees")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", secrets["reader"])
    with pytest.raises(RestException, match="PERMISSION_DENIED"):
        MlflowClient(guarded_url).create_experiment("trees")
    assert time.monotonic() - began_s < 3


@pytest.mark.parametrize("way", ["token", "password"])
def test_mlflow_logs_with_a_token(
    guarded_url: str, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str], way: str
) -> None:
    if way == "token":
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", secrets["contributor"])
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secrets["contributor"])
    client = MlflowClient(guarded_url)
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "loss", 0.5)
    client.log_text(run_id, "hello", "notes/hello.txt")
    assert client.get_run(run_id).data.metrics == {"loss": 0.5}


def test_the_sdk_sends_its_token_or_the_environments(
    guarded_url: str, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]
) -> None:
    with Client(guarded_url) as client, pytest.raises(Unauthenticated, match="SLIPWAY_TOKEN"):
        client.models.list()
    monkeypatch.setenv("SLIPWAY_TOKEN", secrets["reader"])
    with Client(guarded_url) as client:
        assert client.models.list() == []
        with pytest.raises(Forbidden, match="the-reader is a reader, and this takes the role owner"):
            client.access.tokens()
    with Client(guarded_url, token=secrets["owner"]) as client:
        made = client.access.create_token("bob", Role.READER, days=1)
        assert made.token.expires_ms == made.token.created_ms + DAY_MS
        with Client(guarded_url, token=made.secret) as bobs:
            assert bobs.models.list() == []
            client.access.revoke_token("bob")
            with pytest.raises(Unauthenticated, match="'bob' is revoked"):
                bobs.models.list()
    with pytest.raises(InvalidInput, match="printable"):
        Client(guarded_url, token="with a space")


def test_a_token_made_and_revoked_on_the_store_itself_counts_soon(
    guarded_url: str, guarded_workspace: Workspace, secrets: dict[str, str]
) -> None:
    with Client(guarded_url, token=secrets["owner"]) as client:
        client.models.list()  # the table is read
    made = create_token(guarded_workspace, WantedToken(name="cleo", role=Role.READER))
    time.sleep(0.6)
    with Client(guarded_url, token=made.secret) as client:
        client.models.list()
        revoke_token(guarded_workspace, "cleo")
        time.sleep(FRESH_S + 0.2)
        with pytest.raises(Unauthenticated):
            client.models.list()


def test_an_expired_token_opens_nothing(workspace: Workspace) -> None:
    create_token(workspace, WantedToken(name="ada", role=Role.OWNER, days=1))
    (token,) = list_tokens(workspace)
    assert token.expires_ms is not None
    assert (token.state(token.expires_ms - 1), token.state(token.expires_ms)) == ("live", "expired")


def test_tokens_are_named_once_and_the_last_owner_stays(workspace: Workspace) -> None:
    create_token(workspace, WantedToken(name="ada", role=Role.OWNER))
    with pytest.raises(Conflict, match="already"):
        create_token(workspace, WantedToken(name="ada", role=Role.READER))
    with pytest.raises(Conflict, match="last owner"):
        revoke_token(workspace, "ada")
    create_token(workspace, WantedToken(name="bob", role=Role.OWNER))
    revoke_token(workspace, "ada")
    with pytest.raises(NotFound):
        revoke_token(workspace, "ada")
    create_token(workspace, WantedToken(name="ada", role=Role.READER))  # her next one
    assert [(one.name, one.role) for one in list_tokens(workspace)] == [("ada", "reader"), ("bob", "owner")]
    for name in ("", "a b", "-a", "a/b", "x" * 129, "é"):
        with pytest.raises(InvalidInput):
            create_token(workspace, WantedToken(name=name, role=Role.READER))


@pytest.mark.parametrize(
    "body", [{"name": "x", "role": "king"}, {"name": "x"}, {"name": "x", "role": "reader", "days": 0}, [], {"role": 1}]
)
def test_a_token_that_cannot_be_is_the_callers_mistake(ask: Ask, body: object) -> None:
    assert ask("owner", "POST", "/api/v1/tokens", json=body).status_code == 400


def test_a_node_pulls_with_its_token(
    guarded_url: str, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]
) -> None:
    image = parse_image_reference("cancer-onnx:1")
    with Puller(guarded_url) as puller, pytest.raises(PullFailed, match="set SLIPWAY_TOKEN on this node"):
        puller.resolve(image)
    monkeypatch.setenv("SLIPWAY_TOKEN", secrets["reader"])
    with Puller(guarded_url) as puller, pytest.raises(PullFailed, match="has no cancer-onnx:1"):
        puller.resolve(image)


def test_a_service_announces_itself_with_its_token(
    guarded_url: str,
    guarded_workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    secrets: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def announce_for(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(announce(guarded_url, "edge", {"url": "http://127.0.0.1:8000"}), seconds)

    asyncio.run(announce_for(0.5))
    assert "set SLIPWAY_TOKEN to a contributor's token" in caplog.text
    monkeypatch.setenv("SLIPWAY_TOKEN", secrets["contributor"])
    asyncio.run(announce_for(0.5))
    assert [service.name for service in list_services(guarded_workspace)] == ["edge"]
