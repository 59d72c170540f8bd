"""Who did what, when and from where; and never a secret."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from registry.core.security.audit import AuditEntry, is_audited
from registry.core.services import Service
from registry.operations.deploying import services
from registry.operations.security import audit
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import schema

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
        ("the-owner", "DELETE", "/api/v1/endpoints/nothing%0a%00here", 400),
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
    guarded_workspace: Workspace,
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
    with guarded_workspace.metadata.read() as tx:
        dump = "\n".join(str(row) for table in schema.metadata.sorted_tables for row in tx.execute(sa.select(table)))
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


def test_a_flood_is_bounded_and_pushes_nothing_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit, "MOST_WAITING", 1200)
    monkeypatch.setattr(audit, "KEPT_REFUSALS", 100)
    knock = msgspec.structs.replace(entry(0, at_ms=10**15), who="", status=401)

    async def flood() -> None:
        log = audit.AuditLog(workspace)
        for _ in range(1500):
            log.note(knock)
        log.note(entry(7, at_ms=10**15))  # there is room for what is done
        await log.close()

    asyncio.run(flood())
    assert "900 rows of the audit were dropped" in caplog.text
    assert len(audit.list_entries(workspace, 0, None, 10_000)) == 601
    audit.prune_audit(workspace)
    kept = audit.list_entries(workspace, 0, None, 10_000)
    assert (len(kept), [row.path for row in kept if row.who]) == (101, ["/7"])


def test_a_flood_is_pruned_while_it_goes_on(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PRUNE_EVERY", 600)
    monkeypatch.setattr(audit, "KEPT_REFUSALS", 100)
    knock = msgspec.structs.replace(entry(0, at_ms=10**15), who="", status=401)

    async def flood() -> None:
        log = audit.AuditLog(workspace)
        for _ in range(1500):
            log.note(knock)
        await log.close()

    asyncio.run(flood())
    assert len(audit.list_entries(workspace, 0, None, 10_000)) == 600


def test_operations_know_who_asks(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def list_services(workspace: Workspace) -> list[Service]:
        names.append(who())
        return []

    monkeypatch.setattr(services, "list_services", list_services)
    for role in ("reader", "owner"):
        ask(role, "GET", "/api/v1/services")
    assert names == ["the-reader", "the-owner"]


def test_requests_in_one_packet_are_each_asked_who_they_are(
    ask: Ask, guarded_url: str, secrets: dict[str, str]
) -> None:
    address = urlsplit(guarded_url)
    head = "DELETE /api/v1/endpoints/{} HTTP/1.1\r\nhost: 127.0.0.1\r\n{}\r\n"
    named = [f"authorization: Bearer {secrets[role]}\r\n" for role in ("owner", "reader")]
    sent = "".join(head.format(f"e{number}x", line) for number, line in enumerate([named[0], "", named[1], ""]))
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent.encode())
        said = b""
        while said.count(b"HTTP/1.1 ") < 4:
            said += connection.recv(65536)
    found = [(row["path"], row["who"], row["status"]) for row in reversed(rows(ask))]
    assert found == [
        ("/api/v1/endpoints/e0x", "the-owner", 404),
        ("/api/v1/endpoints/e1x", "", 401),
        ("/api/v1/endpoints/e2x", "the-reader", 403),
        ("/api/v1/endpoints/e3x", "", 401),
    ]


def test_outside_a_request_nobody_is_named() -> None:
    assert who() == ""


def test_the_ledger_of_a_model_names_who_moved_an_alias(ask: Ask) -> None:
    created = ask("contributor", "POST", "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).json()
    run_id = created["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/model/m.bin"
    assert ask("contributor", "PUT", path, content=b"m").is_success
    new = {"run_id": run_id, "path": "model"}
    assert ask("contributor", "POST", "/api/v1/models/cancer/versions", json=new).is_success
    assert ask("owner", "PUT", "/api/v1/models/cancer/aliases/champion", json={"version": "1"}).is_success
    history = ask("reader", "GET", "/api/v1/models/cancer/history").json()
    assert [move["who"] for move in history["moves"] if move["label"] == "champion"] == ["the-owner"]
