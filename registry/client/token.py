"""The token that a process sends to the registry."""

import os
import re

from registry.core.errors import InvalidInput

TOKEN_VARIABLE = "SLIPWAY_TOKEN"  # noqa: S105 (the variable's name)
_TOKEN = re.compile(r"[!-~]+\Z")


def authorization(token: str | None = None) -> dict[str, str]:
    """Return the header that carries a token, by default that of ``SLIPWAY_TOKEN``; nothing if there is none.

    Raises:
        InvalidInput: no token can look so.
    """
    sent = os.environ.get(TOKEN_VARIABLE, "").strip() if token is None else token
    if not sent:
        return {}
    if not _TOKEN.match(sent):
        raise InvalidInput(f"a token is printable ASCII without spaces: look at {TOKEN_VARIABLE}")
    return {"authorization": f"Bearer {sent}"}
