"""The keys that an endpoint has by its document: those it had, and those that the document names for the first time."""

from collections.abc import Callable

from msgspec.structs import replace

from registry.core.deploying.documents import EndpointDocument
from registry.core.deploying.endpoints import Endpoint
from registry.core.deploying.key_documents import rules_of
from registry.core.deploying.keys import PAIR, KeyHash, check_count, hash_key


def keys_of_document(
    document: EndpointDocument, before: Endpoint | None, new_key: Callable[[], str]
) -> tuple[list[KeyHash], dict[str, str]]:
    """Return an endpoint's keys, and those of them that are new in the clear.

    Raises InvalidInput: a key's name or rule is not legal, or there are too many.
    """
    keys = {key.name: key for key in before.keys} if before else {}
    wanted = {name: rules_of(name, key) for name, key in (document.keys or {}).items()}
    made = {name: new_key() for name in (*PAIR, *wanted) if name not in keys}
    keys |= {name: KeyHash(name=name, sha256=hash_key(key)) for name, key in made.items()}
    keys |= {name: replace(keys[name], rules=rules) for name, rules in wanted.items()}
    return check_count(sorted(keys.values(), key=lambda key: key.name)), made
