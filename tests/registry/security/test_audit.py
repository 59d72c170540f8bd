"""Who did what, when and from where; and never a secret."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from registry.core.audit import AuditEntry, is_audited
from registry.operations import audit
from registry.operations.caller import who
from registry.operations.workspace import Workspace

Ask = Callable[..., httpx.Response]


def entry(number: int, at_ms: int = 1000) -> AuditEntry:
    return AuditEntry(
        at_ms=at_ms, who="ada", address="::1", method="PUT", path=f"/{number}", status=200, request_id=str(number)
    )


def rows(ask: Ask, **query: str) -> list[dict[str, object]]:
    time.sleep(0.3)
    found: list[dict[str, object]] = ask("owner", "GET", "/api/v1/audit", params=query).json()["entries"]
    return found


def test_changes_and_refusals_are_rows(ask: Ask) -> None:
    before_ms = time.time_ns() // 1_000_000
    made = ask("contributor", "PUT", "/api/v1/endpoints/cancer", json={})
    ask("reader", "GET", "/api/v1/endpoints/cancer")
    ask("reader", "DELETE", "/api/v1/endpoints/cancer")
    ask("", "GET", "/api/v1/models?secret=x")
    ask("owner", "DELETE", "/api/v1/endpoints/nothing%0a%00here")
    found = rows(ask)
    shown = [(row["who"], row["method"], row["path"], row["status"]) for row in reversed(found)]
    assert shown == [
        ("the-contributor", "PUT", "/api/v1/endpoints/cancer", made.status_code),
        ("the-reader", "DELETE", "/api/v1/endpoints/cancer", 403),
        ("", "GET", "/api/v1/models", 401),
        ("the-owner", "DELETE", "/api/v1/endpoints/nothing%0a%00here", 404),
    ]
    assert found[-1]["request_id"] == made.headers["x-request-id"]
    assert {row["address"] for row in found} == {"127.0.0.1"}
    assert all(before_ms <= int(str(row["at_ms"])) <= time.time_ns() // 1_000_000 for row in found)
    assert [row["who"] for row in rows(ask, who="the-reader")] == ["the-reader"]
    assert rows(ask, since_ms=str(2**50)) == []
    assert len(rows(ask, limit="1")) == 1


def test_what_a_script_logs_is_no_row(ask: Ask) -> None:
    created = ask("contributor", "POST", "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).json()
    run_id = created["run"]["info"]["run_id"]
    metric = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
    assert ask("contributor", "POST", "/api/2.0/mlflow/runs/log-metric", json=metric).is_success
    assert ask("contributor", "POST", "/ajax-api/2.0/mlflow/runs/search", json={"experiment_ids": []}).is_success
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a.txt"
    assert ask("contributor", "PUT", path, content=b"x").is_success
    for _ in range(2):
        said = {"url": "http://127.0.0.1:5002"}
        assert ask("contributor", "PUT", "/api/v1/services/telemetry", json=said).is_success
    assert ask("reader", "POST", "/api/2.0/mlflow/runs/log-metric", json=metric).status_code == 403
    assert [(row["path"], row["status"]) for row in reversed(rows(ask))] == [
        ("/api/2.0/mlflow/runs/create", 200),
        ("/api/v1/services/telemetry", 200),  # once: the second said the same
        ("/api/2.0/mlflow/runs/log-metric", 403),
    ]


@pytest.mark.parametrize(
    ("method", "pattern", "status", "audited"),
    [
        ("GET", "/api/v1/models", 200, False),
        ("GET", "/api/v1/models", 403, True),
        ("POST", "/api/2.0/mlflow/runs/log-batch", 200, False),
        ("POST", "/api/2.0/mlflow/runs/log-batch", 401, True),
        ("POST", "/api/2.0/mlflow/runs/delete", 200, True),
        ("POST", "", 404, True),
    ],
)
def test_what_is_a_row(method: str, pattern: str, status: int, audited: bool) -> None:
    assert is_audited(method, pattern, status) is audited


def test_no_secret_is_in_the_store_or_the_log(
    ask: Ask,
    secrets: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    made = ask("owner", "POST", "/api/v1/tokens", json={"name": "bob", "role": "reader"}).json()["secret"]
    key = ask("contributor", "PUT", "/api/v1/endpoints/cancer", json={}).json()["keys"]["primary"]
    bad = "slipway_guessed-by-somebody"
    url = str(ask("", "GET", "/health").request.url).removesuffix("/health")
    for secret in (*secrets.values(), made, bad):
        httpx.get(f"{url}/api/v1/models", headers={"authorization": f"Bearer {secret}"})
        httpx.post(f"{url}/api/v1/tokens", content=secret, headers={"authorization": f"Bearer {secret}"})
        httpx.get(f"{url}/api/v1/models", auth=("ada", secret))
    rows(ask)
    with sqlite3.connect(tmp_path / "guarded.db") as database:
        dump = "\n".join(database.iterdump())
    out, err = capfd.readouterr()
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (*secrets.values(), made, bad, key):
        assert secret not in dump
        assert secret.encode() not in files
        assert secret not in caplog.text + out + err


def test_old_rows_go(workspace: Workspace) -> None:
    now = 200 * 86_400_000
    old = Workspace(metadata=workspace.metadata, blobs=workspace.blobs, now_ms=lambda: now)
    for number, at_ms in enumerate((1, now - 181 * 86_400_000, now - 179 * 86_400_000)):
        audit.note_at_once(old, entry(number, at_ms))
    audit.prune_audit(old)
    assert [row.path for row in audit.list_entries(old, 0, None, 10)] == ["/2"]


def test_a_flood_is_bounded(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit, "MOST_WAITING", 1200)
    monkeypatch.setattr(audit, "PRUNE_EVERY", 600)
    monkeypatch.setattr(audit, "KEPT_ROWS", 1000)

    async def flood() -> None:
        log = audit.AuditLog(workspace)
        for number in range(1500):
            log.note(entry(number, at_ms=10**15))
        await log.close()

    asyncio.run(flood())
    assert len(audit.list_entries(workspace, 0, None, 10_000)) <= 1200
    assert "300 rows of the audit were dropped" in caplog.text
    audit.prune_audit(workspace)
    assert len(audit.list_entries(workspace, 0, None, 10_000)) == 1000


def test_outside_a_request_nobody_is_named() -> None:
    assert who() == ""
