"""Tokens for endpoints with ``auth_mode: aml_token``, and the workspace's key that signs them, sealed in the vault."""

from registry.core.deploying.access_tokens import AccessToken, issue
from registry.core.deploying.endpoints import AuthMode
from registry.core.errors import Conflict
from registry.core.security.rs256 import generate
from registry.operations.deploying.endpoints import get_within
from registry.operations.deploying.keys import find_key
from registry.operations.deploying.token_key import private_key_within, put_within
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import counters


def issue_token(workspace: Workspace, name: str, key_name: str) -> AccessToken:
    """Give who asks a token that opens an endpoint, as one of its keys would.

    Raises:
        NotFound: no such endpoint, or no such key of it.
        Conflict: the endpoint takes keys, which nobody can be shown again.
        Unavailable: the vault cannot be used.
    """
    with workspace.metadata.read() as tx:
        endpoint = get_within(tx, name)
        key = find_key(endpoint, key_name)
        if endpoint.auth_mode is AuthMode.KEY:
            raise Conflict(
                f"endpoint {name!r} takes keys, of which only hashes are kept: `slipway endpoint regenerate-key {name} "
                f"--key {key_name} --overlap 1h` makes a new one, and keeps the old one valid for an hour. Tokens are "
                "for endpoints with auth_mode: aml_token",
                endpoint=name,
            )
        signing = private_key_within(tx, workspace)
    now_s = workspace.now_ms() // 1000
    return issue(signing, endpoint.name, key, to=who() or "anybody", token_id=workspace.new_id(), now_s=now_s)


def rotate_token_key(workspace: Workspace) -> None:
    """Sign with a new key from now on; every token of before ceases. Raises Unavailable if the vault cannot be used."""
    made = generate()
    with workspace.metadata.write() as tx:
        put_within(tx, workspace, made)
        counters.increment(tx, counters.DESIRED_STATE)
    workspace.signal.notify()
