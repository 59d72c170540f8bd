"""MLflow's search language, read into records: filters, orders and page tokens. Knows nothing of tables.

A filter is comparisons joined by AND. On the left stands ``kind.key`` or a bare attribute, whose parts may be quoted
with ` or "; on the right a number, a text in ' or ", a list of texts, or nothing (IS NULL). Inside a quoted text the
quote is written twice.
"""

import base64
import binascii
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from registry.core.errors import InvalidInput
from registry.core.tracking.search_tokens import PART, SHOWN, Tokens, unquote

MAX_COMPARISONS = 100
MAX_ORDERS = 20
MAX_LISTED = 10_000  # of all lists together: SQLite takes 32,766 parameters
MAX_TEXT = 10_000  # characters of one value: SQLite refuses patterns of more than 50,000 bytes
MAX_NUMBER = 400


class Kind(StrEnum):
    METRIC = "metric"
    PARAM = "param"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    DATASET = "dataset"


Value: TypeAlias = str | int | float | tuple[str, ...] | None


class Comparison(msgspec.Struct, frozen=True):
    """``operator`` is in capitals; ``value`` is a tuple for IN and NOT IN, None for IS NULL and IS NOT NULL.

    The key of an attribute is its canonical name; that of a dataset is ``name``, ``digest`` or ``context``.
    """

    kind: Kind
    key: str
    operator: str
    value: Value


class Order(msgspec.Struct, frozen=True):
    kind: Kind
    key: str
    ascending: bool


EQUALITY = ("=", "!=", "LIKE", "ILIKE")
NUMBER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
STRING_OPERATORS = (*EQUALITY, "IN", "NOT IN")
LOGGED_OPERATORS = (*EQUALITY, "IS NULL", "IS NOT NULL")


class Grammar(msgspec.Struct, frozen=True, kw_only=True):
    noun: str
    strings: frozenset[str]
    numbers: frozenset[str]
    aliases: dict[str, str] = {}
    kinds: frozenset[Kind] = frozenset({Kind.ATTRIBUTE, Kind.TAG})
    logged: tuple[str, ...] = LOGGED_OPERATORS  # of params and tags


DATASET_KEYS = frozenset({"name", "digest", "context"})
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("metric", "metrics"), Kind.METRIC),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), Kind.PARAM),
    **dict.fromkeys(("tag", "tags"), Kind.TAG),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), Kind.ATTRIBUTE),
    **dict.fromkeys(("dataset", "datasets"), Kind.DATASET),
}

RUNS = Grammar(
    noun="runs",
    strings=frozenset({"run_id", "run_name", "status", "user_id", "artifact_uri"}),
    numbers=frozenset({"start_time", "end_time"}),
    aliases={
        **dict.fromkeys(("created", "Created"), "start_time"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
    },
    kinds=frozenset(Kind),
)
EXPERIMENTS = Grammar(
    noun="experiments",
    strings=frozenset({"name", "experiment_id"}),
    numbers=frozenset({"creation_time", "last_update_time"}),
)
MODELS = Grammar(
    noun="registered models",
    strings=frozenset({"name"}),
    numbers=frozenset({"creation_timestamp", "last_updated_timestamp"}),
    aliases={"timestamp": "last_updated_timestamp"},
)
MODEL_VERSIONS = Grammar(
    noun="model versions",
    strings=frozenset({"name", "run_id", "source_path"}),
    numbers=frozenset({"version_number", "creation_timestamp", "last_updated_timestamp"}),
)
LOGGED_MODELS = Grammar(
    noun="logged models",
    strings=frozenset({"name", "model_id", "model_type", "status", "source_run_id"}),
    numbers=frozenset({"creation_timestamp", "last_updated_timestamp"}),
    aliases={"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
    kinds=frozenset({Kind.ATTRIBUTE, Kind.TAG, Kind.PARAM, Kind.METRIC}),
    logged=(*LOGGED_OPERATORS, "IN", "NOT IN"),
)


def parse_filter(text: str, grammar: Grammar) -> list[Comparison]:
    """Return the comparisons, all of which must hold; none for a blank text.

    Raises:
        InvalidInput: the text is not a filter over this noun; the message names the fault and what is allowed.
    """
    tokens = Tokens(text, "filter")
    comparisons: list[Comparison] = []
    while not tokens.at_end:
        if comparisons:
            tokens.expect("AND")
        comparisons.append(_comparison(tokens, grammar))
        if len(comparisons) > MAX_COMPARISONS:
            raise tokens.fault(f"more than {MAX_COMPARISONS} comparisons")
    if sum(len(one.value) for one in comparisons if isinstance(one.value, tuple)) > MAX_LISTED:
        raise tokens.fault(f"more than {MAX_LISTED} texts in lists")
    return comparisons


def parse_orders(clauses: Iterable[str], grammar: Grammar) -> list[Order]:
    """Return the orders, the first being the most significant. Raises InvalidInput."""
    orders = [_order(Tokens(clause, "order_by"), grammar) for clause in clauses]
    if len(orders) > MAX_ORDERS:
        raise InvalidInput(f"Invalid order_by: at most {MAX_ORDERS} clauses, not {len(orders)}")
    return orders


class _PageToken(msgspec.Struct, frozen=True):
    offset: int


def encode_page_token(offset: int) -> str:
    """Return the token of the page that begins after ``offset`` entries."""
    return base64.b64encode(msgspec.json.encode(_PageToken(offset))).decode()


def decode_page_token(token: str) -> int:
    """Return how many entries lie before a page; "" is the first. Raises InvalidInput."""
    if not token:
        return 0
    try:
        offset = msgspec.json.decode(base64.b64decode(token, validate=True), type=_PageToken).offset
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("Invalid page token: pass the one of the page before, unchanged") from error
    if not 0 <= offset < 2**53:
        raise InvalidInput("Invalid page token: its offset is out of range")
    return offset


def _comparison(tokens: Tokens, grammar: Grammar) -> Comparison:
    kind, key = _identifier(tokens, grammar)
    operator = _operator(tokens)
    number = kind is Kind.METRIC or (kind is Kind.ATTRIBUTE and key in grammar.numbers)
    allowed: tuple[str, ...] = NUMBER_OPERATORS if number else STRING_OPERATORS
    if kind in (Kind.TAG, Kind.PARAM):
        allowed = grammar.logged
    if operator not in allowed:
        raise tokens.fault(f"{operator[:SHOWN]!r} cannot compare {kind} {key!r}; use {', '.join(allowed)}")
    match operator:
        case "IS NULL" | "IS NOT NULL":
            return Comparison(kind, key, operator, None)
        case "IN" | "NOT IN":
            return Comparison(kind, key, operator, _list(tokens, key))
        case _:
            return Comparison(kind, key, operator, _number(tokens, key) if number else _string(tokens, key))


def _order(tokens: Tokens, grammar: Grammar) -> Order:
    kind, key = _identifier(tokens, grammar)
    direction = "ASC" if tokens.at_end else tokens.word("ASC or DESC")
    if kind is Kind.DATASET:
        raise tokens.fault("datasets cannot order; use attributes, metrics, params or tags")
    if direction not in ("ASC", "DESC") or not tokens.at_end:
        raise tokens.fault("after the key stands ASC, DESC or nothing; each key is a clause of its own")
    return Order(kind, key, direction == "ASC")


def _identifier(tokens: Tokens, grammar: Grammar) -> tuple[Kind, str]:
    token = tokens.take("a key")
    if token.shape != "name":
        raise tokens.fault(f"{token.text[:SHOWN]!r} stands where a key should, such as {_known(grammar)}")
    first = PART.match(token.text)
    assert first is not None
    rest = token.text[first.end() + 1 :]
    if not rest:
        return Kind.ATTRIBUTE, _attribute(tokens, unquote(first[0]), grammar)
    kind = KINDS.get(unquote(first[0]))
    if kind is None or kind not in grammar.kinds:
        kinds = ", ".join(sorted(f"{kind}s" for kind in grammar.kinds))
        raise tokens.fault(f"{grammar.noun} have no {first[0][:SHOWN]!r}; they have {kinds}")
    key = unquote(rest) if PART.fullmatch(rest) else ".".join(unquote(part) for part in PART.findall(rest))
    if kind is Kind.ATTRIBUTE:
        return kind, _attribute(tokens, key, grammar)
    if kind is Kind.DATASET and key not in DATASET_KEYS:
        raise tokens.fault(f"datasets have no {key[:SHOWN]!r}; they have {', '.join(sorted(DATASET_KEYS))}")
    return kind, key


def _attribute(tokens: Tokens, name: str, grammar: Grammar) -> str:
    name = grammar.aliases.get(name, name)
    if name not in grammar.strings and name not in grammar.numbers:
        raise tokens.fault(f"{grammar.noun} have no attribute {name[:SHOWN]!r}; they have {_known(grammar)}")
    return name


def _operator(tokens: Tokens) -> str:
    first = tokens.word("an operator")
    if first == "NOT":
        return f"NOT {tokens.word('IN')}"
    if first != "IS":
        return first
    second = tokens.word("NULL")
    return f"IS NOT {tokens.word('NULL')}" if second == "NOT" else f"IS {second}"


def _number(tokens: Tokens, key: str) -> int | float:
    token = tokens.take("a number")
    if token.shape != "number" or len(token.text) > MAX_NUMBER:
        raise tokens.fault(f"{key[:SHOWN]!r} is compared with a number, not with {token.text[:SHOWN]}")
    value = float(token.text)
    whole = token.text.lstrip("+-").isdecimal() and abs(value) < 2**63
    return int(token.text) if whole else value


def _string(tokens: Tokens, key: str) -> str:
    token = tokens.take("a text")
    quoted = token.shape == "text" or (token.shape == "name" and token.text[0] == '"' and PART.fullmatch(token.text))
    if not quoted:
        raise tokens.fault(f"{key[:SHOWN]!r} is compared with a text in quotes, not with {token.text[:SHOWN]}")
    if len(token.text) > MAX_TEXT:
        raise tokens.fault(f"a text of more than {MAX_TEXT} characters")
    return unquote(token.text)


def _list(tokens: Tokens, key: str) -> tuple[str, ...]:
    tokens.expect("(")
    values: list[str] = []
    mark = ","
    while mark == ",":
        values.append(_string(tokens, key))
        mark = tokens.word("')'")
    if mark != ")":
        raise tokens.fault("a list is texts between parentheses, with commas between them")
    return tuple(values)


def _known(grammar: Grammar) -> str:
    return ", ".join(sorted(grammar.strings | grammar.numbers))
