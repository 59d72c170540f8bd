"""Who may delete a workspace, and what it leaves of who he is."""

import time

from registry.operations.workspace import Workspace
from tests.registry.conftest import Ask

PATH = "/api/v1/workspace/deletion"


def test_only_an_owner_looks_and_deletes(ask: Ask) -> None:
    for role in ("", "reader", "contributor"):
        assert ask(role, "GET", PATH).status_code in (401, 403)
        assert ask(role, "POST", PATH, json={"confirm": "it"}).status_code in (401, 403)
    assert ask("owner", "GET", PATH).json()["refused"] == []


def test_the_owner_stays_others_tokens_go_and_the_audit_says_who(ask: Ask, guarded_workspace: Workspace) -> None:
    name = guarded_workspace.metadata.name
    begun = ask("owner", "POST", PATH, json={"confirm": name})
    assert begun.status_code == 202
    ended = ask("owner", "GET", f"/api/v1/activities/{begun.json()['id']}?after=99&wait_s=15").json()
    assert ended["state"] == "succeeded", ended["message"]
    assert [token["name"] for token in ask("owner", "GET", "/api/v1/tokens").json()["tokens"]] == ["the-owner"]
    assert {(row["who"], row["status"]) for row in audited(ask)} >= {("the-owner", 202)}

    deadline = time.monotonic() + 15  # within three seconds, but for a slow machine
    while ask("reader", "GET", "/api/v1/models").status_code != 401:
        assert time.monotonic() < deadline


def test_it_begins_again_with_nothing(ask: Ask, guarded_workspace: Workspace) -> None:
    ask("contributor", "POST", "/api/2.0/mlflow/registered-models/create", json={"name": "cancer"})
    assert ask("owner", "POST", PATH, json={"confirm": "other"}).status_code == 400
    assert ask("owner", "POST", PATH, json={}).status_code == 400
    begun = ask("owner", "POST", PATH, json={"confirm": guarded_workspace.metadata.name})
    ask("owner", "GET", f"/api/v1/activities/{begun.json()['id']}?after=99&wait_s=15")
    assert ask("owner", "GET", "/api/v1/models").json() == {"models": []}
    made = ask("owner", "POST", "/api/2.0/mlflow/registered-models/create", json={"name": "cancer"})
    assert made.status_code == 200


def audited(ask: Ask) -> list[dict[str, object]]:
    """Return the audit's rows of deletions; they are written a moment after the answer."""
    deadline = time.monotonic() + 15
    while True:
        rows = ask("owner", "GET", "/api/v1/audit").json()["entries"]
        found = [row for row in rows if row["path"] == PATH]
        if found or time.monotonic() > deadline:
            return found
