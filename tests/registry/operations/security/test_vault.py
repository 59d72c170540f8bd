import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, NotFound, Unavailable
from registry.core.security.secrets import MAX_BYTES, SecretValue
from registry.operations.security.vault import delete_secret, list_secrets, put_within, read_secret, set_secret
from registry.operations.workspace import Workspace, open_workspace
from registry.store.security.sealing import MasterKey


def test_a_secret_is_kept_changed_and_forgotten(workspace: Workspace) -> None:
    made = set_secret(workspace, "warehouse-password", "hunter2")
    changed = set_secret(workspace, "warehouse-password", "hunter3 ✓")

    assert read_secret(workspace, "warehouse-password") == "hunter3 ✓"
    assert list_secrets(workspace) == [changed]
    assert changed.created_ms == made.created_ms < changed.updated_ms
    delete_secret(workspace, "warehouse-password")
    assert list_secrets(workspace) == []
    with pytest.raises(NotFound, match="there is no secret 'warehouse-password'"):
        read_secret(workspace, "warehouse-password")
    with pytest.raises(NotFound):
        delete_secret(workspace, "warehouse-password")


@pytest.mark.parametrize("name", ["", "-a", "a-", "a/b", "a.b", "a" * 128, "ä"])
def test_a_name_that_is_none_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidInput, match="invalid secret name"):
        set_secret(workspace, name, "x")


@pytest.mark.parametrize("value", ["", "x" * (MAX_BYTES + 1)])
def test_a_value_that_is_refused_is_not_in_the_message(workspace: Workspace, value: str) -> None:
    with pytest.raises(InvalidInput, match=rf"it must have 1 to {MAX_BYTES:,}") as refusal:
        set_secret(workspace, "a", value)
    assert "xx" not in refusal.value.message


def test_what_the_registry_keeps_for_itself_is_not_listed(workspace: Workspace) -> None:
    with workspace.metadata.write() as tx:
        put_within(tx, workspace, "signing-key/one", b"seed")
    set_secret(workspace, "mine", "x")

    assert [secret.name for secret in list_secrets(workspace)] == ["mine"]


def test_a_value_is_nowhere_in_the_clear(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    workspace = open_workspace(f"sqlite:///{file}", "memory://", tmp_path / "vault.key")
    set_secret(workspace, "a", "correct horse battery staple")
    workspace.close()

    assert all(b"battery" not in path.read_bytes() for path in tmp_path.iterdir())
    [(sealed,)] = sqlite3.connect(file).execute("SELECT sealed FROM secrets").fetchall()
    assert len(sealed) == 24 + len("correct horse battery staple") + 16
    assert "horse" not in repr(SecretValue(value="correct horse"))


def test_a_lost_key_is_never_made_anew_where_it_sealed_something(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "vault.key"
    kept = replace(workspace, vault_key=MasterKey(file))
    set_secret(kept, "a", "x")
    key = file.read_bytes()
    file.unlink()

    for ask in (lambda: set_secret(kept, "b", "y"), lambda: read_secret(kept, "a")):
        with pytest.raises(Unavailable, match=r"vault\.key is missing: bring it back"):
            ask()
    assert not file.exists()
    assert [secret.name for secret in list_secrets(kept)] == ["a"]

    file.touch(0o600)
    file.write_bytes(key)
    assert read_secret(kept, "a") == "x"
