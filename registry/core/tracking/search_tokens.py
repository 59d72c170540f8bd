"""The words of MLflow's search language. What they mean is said in ``search``."""

import re
from typing import NamedTuple

from registry.core.errors import InvalidInput


class Token(NamedTuple):
    shape: str  # name, text, number or mark
    text: str


_QUOTED = r"`[^`]*`|\"(?:[^\"]|\"\")*\""
_TOKEN = re.compile(
    rf"""(?P<name>(?:{_QUOTED}|[^\W\d]\w*)(?:\.(?:{_QUOTED}|\w+))*)
    |(?P<text>'(?:[^']|'')*')
    |(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))
    |(?P<mark><=|>=|!=|[=<>(),])""",
    re.VERBOSE,
)
PART = re.compile(rf"{_QUOTED}|\w+")
_SPACE = re.compile(r"\s*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SHOWN = 60


class Tokens:
    """The tokens of one text, taken one after the other."""

    def __init__(self, text: str, what: str) -> None:
        self._text, self._what = text, what
        self._tokens: list[Token] = []
        self._next = 0
        if _UNSTORABLE.search(text):
            raise self.fault("it holds a character that no database can keep")
        at = _behind_space(text, 0)
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self.fault(
                    f"cannot read {text[at : at + SHOWN]!r}; texts stand in quotes, and so do keys with other "
                    "characters than letters, digits, '_' and '.', as in metrics.`my key`"
                )
            self._tokens.append(Token(match.lastgroup, match[0]))
            at = _behind_space(text, match.end())

    @property
    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def take(self, wanted: str) -> Token:
        if self.at_end:
            raise self.fault(f"it ends where {wanted} should stand")
        self._next += 1
        return self._tokens[self._next - 1]

    def word(self, wanted: str) -> str:
        """Take a keyword, or a mark, in capitals."""
        return self.take(wanted).text.upper()

    def expect(self, wanted: str) -> None:
        found = self.word(wanted)
        if found != wanted:
            raise self.fault(f"{found[:SHOWN]!r} stands where {wanted} should; only AND joins comparisons")

    def fault(self, message: str) -> InvalidInput:
        shown = self._text if len(self._text) <= SHOWN else f"{self._text[:SHOWN]}…"
        return InvalidInput(f"Invalid {self._what} {shown!r}: {message}")


def unquote(text: str) -> str:
    """Return what a quoted text holds; any other is itself."""
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote) if quote in "'\"`" else text


def _behind_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # no space is a match too
    return match.end()
