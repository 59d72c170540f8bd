"""The workspace's key that signs endpoints' tokens: the private half in the vault, the public one for every edge."""

import msgspec

from registry.core.security.rs256 import PrivateKey, generate
from registry.operations.security import vault
from registry.operations.workspace import Workspace
from registry.store import settings
from registry.store.metadata import Connection

_SECRET = "token-key/signing"  # noqa: S105 - a name


def ensure_token_key(workspace: Workspace) -> None:
    """Make the key if there is none, before the transaction of whoever needs it: it takes a second.

    Raises Unavailable if the vault cannot be used.
    """
    with workspace.metadata.read() as tx:
        if public_key_within(tx):
            return
    made = generate()
    with workspace.metadata.write() as tx:
        if not public_key_within(tx):
            put_within(tx, workspace, made)


def put_within(tx: Connection, workspace: Workspace, key: PrivateKey) -> None:
    """Sign with this key from now on. Raises Unavailable."""
    vault.put_within(tx, workspace, _SECRET, msgspec.json.encode(key))
    settings.write(tx, settings.TOKEN_KEY, key.public)


def private_key_within(tx: Connection, workspace: Workspace) -> PrivateKey:
    """Return the key that signs. Raises NotFound or Unavailable."""
    return msgspec.json.decode(vault.read_within(tx, workspace, _SECRET), type=PrivateKey)


def public_key_within(tx: Connection) -> str:
    """Return what verifies, as ``rs256`` has it; "" as long as no endpoint takes tokens."""
    return settings.read(tx, settings.TOKEN_KEY) or ""
