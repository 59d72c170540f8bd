"""What a server needs before it may bind an address: said before anything listens."""

from sqlalchemy.engine import make_url

from registry.api.security.access import Protection
from registry.core.addresses import is_loopback
from registry.core.errors import InvalidInput
from registry.operations.security.tokens import has_owner
from registry.operations.workspace import Workspace

OFF, TOKENS = "off", "tokens"


def protection_of(host: str, access: str | None, names: list[str]) -> Protection:
    """Return how a server on ``host`` is protected; without a choice, by tokens wherever others can reach it.

    Raises:
        InvalidInput: it would be open to others.
    """
    chosen = access or (OFF if is_loopback(host) else TOKENS)
    if chosen == OFF and not is_loopback(host):
        raise InvalidInput(
            f"{host} is not a loopback address: without tokens the registry binds loopback only; leave out --access off"
        )
    return Protection(tokens=chosen == TOKENS, hosts=frozenset(name.lower() for name in names))


def check_owner(workspace: Workspace, protection: Protection, database_url: str) -> None:
    """Raise InvalidInput if tokens are wanted and nobody has an owner's, with the remedy."""
    if not protection.tokens or has_owner(workspace):
        return
    shown = make_url(database_url).render_as_string(hide_password=True)
    raise InvalidInput(
        "there is no owner's token yet, and nobody could make one from outside: first run "
        f"`slipway token create NAME --role owner --database {shown}` on this machine"
    )
