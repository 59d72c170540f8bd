"""The workspace's vault: values by name, sealed in the database. They go to who uses them, and to no door.

A name with a slash is the registry's own and never a person's: ``signing-key/…``.
"""

from registry.core.errors import NotFound
from registry.core.security.secrets import Secret, check_secret_name, check_secret_value
from registry.operations.security.caller import caller
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.security import secrets as rows

_OWN = "/"


def set_secret(workspace: Workspace, name: str, value: str) -> Secret:
    """Keep a value under a name, in place of the one before.

    Raises:
        InvalidInput: the name is not legal, or the value is empty or too long.
        Unavailable: the vault's key file cannot be used.
    """
    check_secret_name(name)
    content = check_secret_value(value)
    with workspace.metadata.write() as tx:
        return put_within(tx, workspace, name, content)


def list_secrets(workspace: Workspace) -> list[Secret]:
    """Return what is known of every secret but its value, by name."""
    with workspace.metadata.read() as tx:
        return [secret for secret in rows.all_secrets(tx) if _OWN not in secret.name]


def delete_secret(workspace: Workspace, name: str) -> None:
    """Forget a secret.

    Raises:
        InvalidInput: the name is not legal.
        NotFound: there is none of that name.
    """
    check_secret_name(name)
    with workspace.metadata.write() as tx:
        if not rows.delete(tx, name):
            raise NotFound(f"there is no secret {name!r}", name=name)


def read_secret(workspace: Workspace, name: str) -> str:
    """Return a value, for who uses it in its owner's name.

    Raises:
        NotFound: there is none of that name.
        Unavailable: the vault's key file cannot be used.
    """
    with workspace.metadata.read() as tx:
        return read_within(tx, workspace, check_secret_name(name)).decode(errors="surrogatepass")


def put_within(tx: Connection, workspace: Workspace, name: str, value: bytes) -> Secret:
    """Keep a value inside the caller's transaction. The first makes the vault's key. Raises Unavailable."""
    if rows.is_empty(tx):  # a key that is missing where it sealed something must come back, not be made anew
        workspace.vault_key.make()
    return rows.put(tx, name, workspace.vault_key.seal(name, value), workspace.now_ms(), caller().name)


def read_within(tx: Connection, workspace: Workspace, name: str) -> bytes:
    """Return a value inside the caller's transaction. Raises NotFound or Unavailable."""
    sealed = rows.sealed_of(tx, name)
    if sealed is None:
        raise NotFound(f"there is no secret {name!r}", name=name)
    return workspace.vault_key.open(name, sealed)
