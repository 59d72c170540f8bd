"""Keys of endpoints: make, renew, change what they may do, delete. A key is in the clear in one answer only."""

from msgspec.structs import replace

from registry.core.deploying.endpoints import Endpoint
from registry.core.deploying.history import ChangeKind
from registry.core.deploying.keys import (
    MAX_OVERLAP_S,
    MAX_REPLACED,
    PAIR,
    KeyHash,
    KeyRules,
    ReplacedKey,
    check_count,
    check_key_name,
    check_rules,
    hash_key,
)
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.operations.deploying.endpoints import get_within, store_within
from registry.operations.deploying.history import note_within
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection


def create_key(workspace: Workspace, name: str, key_name: str, rules: KeyRules) -> str:
    """Add a key to an endpoint and return it in the clear.

    Raises:
        NotFound: no such endpoint.
        Conflict: it has a key of that name, or no room for more.
        InvalidInput: the name or a rule is not legal.
    """
    check_key_name(key_name)
    made, rules = workspace.new_key(), check_rules(rules)
    with workspace.metadata.write() as tx:
        endpoint = get_within(tx, name)
        if any(key.name == key_name for key in endpoint.keys):
            raise Conflict(
                f"endpoint {endpoint.name!r} has a key {key_name!r}: `slipway endpoint regenerate-key` makes it anew, "
                "`slipway endpoint change-key` changes what it may do",
                key=key_name,
            )
        keys = [*endpoint.keys, KeyHash(name=key_name, sha256=hash_key(made), rules=rules)]
        _store(tx, workspace, endpoint, keys, f"the {key_name} key was created")
    workspace.signal.notify()
    return made


def regenerate_key(workspace: Workspace, name: str, key_name: str, overlap_s: int = 0) -> str:
    """Replace a key and return the new one in the clear.

    The one before is valid for ``overlap_s`` seconds yet. Without an overlap every earlier one ceases at once, also
    those whose overlap is not over.

    Raises:
        NotFound: no such endpoint, or no such key of it.
        InvalidInput: the overlap is too long.
        Conflict: too many earlier ones are valid yet.
    """
    if not 0 <= overlap_s <= MAX_OVERLAP_S:
        raise InvalidInput(f"the overlap is {overlap_s} s: it lies between 0 and {MAX_OVERLAP_S} (30 days)")
    made, now_ms = workspace.new_key(), workspace.now_ms()
    with workspace.metadata.write() as tx:
        endpoint = get_within(tx, name)
        before = find_key(endpoint, key_name)
        replaced: list[ReplacedKey] = []
        if overlap_s:
            replaced = [*before.replaced, ReplacedKey(before.sha256, now_ms + overlap_s * 1000)]
            replaced = [old for old in replaced if old.until_ms > now_ms]
        if len(replaced) > MAX_REPLACED:
            raise Conflict(
                f"{MAX_REPLACED} earlier keys are valid beside {key_name!r} yet: wait until one's overlap is over, or "
                "leave out the overlap, which ends all of them",
                key=key_name,
            )
        after = replace(before, sha256=hash_key(made), replaced=replaced)
        _store(tx, workspace, endpoint, _with(endpoint, after), f"the {key_name} key was regenerated")
    workspace.signal.notify()
    return made


def change_key(workspace: Workspace, name: str, key_name: str, rules: KeyRules) -> Endpoint:
    """Change what a key may do, from now on; the key itself stays.

    Raises:
        NotFound: no such endpoint, or no such key of it.
        InvalidInput: a rule is not legal.
    """
    rules = check_rules(rules)
    with workspace.metadata.write() as tx:
        endpoint = get_within(tx, name)
        keys = _with(endpoint, replace(find_key(endpoint, key_name), rules=rules))
        changed = _store(tx, workspace, endpoint, keys, f"what the {key_name} key may do was changed")
    workspace.signal.notify()
    return changed


def delete_key(workspace: Workspace, name: str, key_name: str) -> None:
    """Delete a key, and what it has replaced.

    Raises:
        NotFound: no such endpoint, or no such key of it.
        InvalidInput: it is one of the pair that every endpoint has.
    """
    if key_name in PAIR:
        raise InvalidInput(f"every endpoint has a {key_name} key: replace it with `slipway endpoint regenerate-key`")
    with workspace.metadata.write() as tx:
        endpoint = get_within(tx, name)
        gone = find_key(endpoint, key_name)
        left = [key for key in endpoint.keys if key is not gone]
        _store(tx, workspace, endpoint, left, f"the {key_name} key was deleted")
    workspace.signal.notify()


def find_key(endpoint: Endpoint, key_name: str) -> KeyHash:
    """Return one of an endpoint's keys. Raises NotFound."""
    found = next((key for key in endpoint.keys if key.name == key_name), None)
    if found is None:
        known = ", ".join(key.name for key in endpoint.keys)
        raise NotFound(f"endpoint {endpoint.name!r} has no key {key_name!r}; it has {known}", key=key_name)
    return found


def _with(endpoint: Endpoint, changed: KeyHash) -> list[KeyHash]:
    return [changed if key.name == changed.name else key for key in endpoint.keys]


def _store(tx: Connection, workspace: Workspace, endpoint: Endpoint, keys: list[KeyHash], message: str) -> Endpoint:
    after = replace(endpoint, keys=check_count(keys), updated_ms=workspace.now_ms())
    store_within(tx, after)
    note_within(tx, workspace, endpoint.name, ChangeKind.KEY, message)
    return after
