"""A command that changes how requests are answered returns when they are answered so."""

from rich.console import Console

from registry.client import Client
from registry.core.errors import Unavailable

WITHIN_S = 10.0


def await_edges(client: Client) -> None:
    """Return when every edge obeys what the registry holds now. Without a controller there is none.

    Raises:
        Unavailable: some do not yet. What was changed stays changed; the message names them.
    """
    if all(service.name != "controller" for service in client.services.list()):
        return
    console = Console(stderr=True, emoji=False)
    with console.status("waiting for every edge") if console.is_terminal else console:
        answer = client.obeyed(WITHIN_S)
    if not answer.by_all:
        who = f"not by {', '.join(answer.behind)}" if answer.behind else "the controller does not route it"
        raise Unavailable(
            f"it is stored, but not obeyed on every edge after {WITHIN_S:g} s: {who}. They follow when they can; see "
            "`slipway status`",
            behind=answer.behind,
        )
