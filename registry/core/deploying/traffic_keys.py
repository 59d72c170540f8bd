"""Traffic keys: where the edge reads the value by which a split is sticky, and what can be written there."""

import re

import msgspec

from registry.core.errors import InvalidInput

MAX_TRAFFIC_SOURCES = 32  # different ones in a workspace: each is a rule of the edge's own

# Narrower than RFC 9110's token: it is written into the edge's configuration.
_NAME = r"[A-Za-z0-9_][-_A-Za-z0-9]{0,63}"
_PATTERNS = {
    "header": (re.compile(r"[A-Za-z0-9][-_A-Za-z0-9]{0,63}\Z"), "a header's name", "beginning with a letter or digit"),
    "cookie": (re.compile(rf"{_NAME}\Z"), "a cookie's name", "not beginning with '-'"),
    "query": (re.compile(rf"{_NAME}\Z"), "a query parameter's name", "not beginning with '-'"),
}
_JSON = re.compile(rf"{_NAME}(?:\.{_NAME}|\[[0-9]{{1,4}}\])*\Z")
MAX_JSON_PATH = 100


class TrafficKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of: a header (over gRPC, metadata), a cookie, a parameter of the query, or a field of the JSON body.

    ``json`` is a path of names and positions, ``user.id`` or ``inputs[0].name``. Without a key the split is random.
    """

    header: str | None = None
    cookie: str | None = None
    query: str | None = None
    json: str | None = None

    @property
    def source(self) -> str:
        """The kind and the name, as edges and people are told: ``header:x-user-id``."""
        return next(f"{kind}:{name}" for kind, name in msgspec.structs.asdict(self).items() if name is not None)


def from_source(source: str) -> TrafficKey:
    """Return the key whose ``source`` this is."""
    kind, _, name = source.partition(":")
    return TrafficKey(**{kind: name})


def check_traffic_key(key: TrafficKey) -> TrafficKey:
    """Return a key as it is kept: a header in lower case, since headers know no other.

    Raises:
        InvalidInput: it names none or several sources, or one by what cannot be its name.
    """
    given = {kind: name for kind, name in msgspec.structs.asdict(key).items() if name is not None}
    if len(given) != 1:
        raise InvalidInput(
            f"$.traffic_key: names {' and '.join(given) or 'nothing'}: write one of header, cookie, query and json",
            path="$.traffic_key",
        )
    ((kind, name),) = given.items()
    path = f"$.traffic_key.{kind}"
    if kind == "json":
        if not _JSON.match(name) or len(name) > MAX_JSON_PATH:
            rule = f"names with positions, as user.id or inputs[0].name, at most {MAX_JSON_PATH} characters"
            raise InvalidInput(f"{path}: {name!r} is not a path within a body: use {rule}", path=path)
        return key
    pattern, what, beginning = _PATTERNS[kind]
    if not pattern.match(name):
        rule = f"1 to 64 letters, digits, '-' and '_', {beginning}"
        raise InvalidInput(f"{path}: {name!r} is not {what}: use {rule}", path=path)
    return TrafficKey(header=name.lower()) if kind == "header" else key
