"""Which of onnxruntime's execution providers runs a model: the first of the image's list that starts on this node.

That onnxruntime was built with a provider does not mean that it works here: one whose libraries or device are missing
is replaced by the CPU without an error. So a provider counts when the session it was asked for has it.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Sequence, Tuple

import msgspec

from ..errors import LoadFailed

CPU = "CPUExecutionProvider"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One choice: onnxruntime's name for it, and the options it is started with."""

    name: str
    options: Dict[str, str] = {}


class Acceleration(msgspec.Struct, frozen=True, kw_only=True):
    """What an accelerated image says of providers. ``require`` names those that alone may serve it; empty, any may."""

    providers: List[Provider] = []
    require: List[str] = []


PLAIN = Acceleration()  # of an image that says nothing: the CPU

# Makes a session with a provider and returns the names of those that it has.
Start = Callable[[Provider], Sequence[str]]


def choose_provider(wanted: Acceleration, available: Sequence[str], start: Start) -> Provider:
    """Start the first provider of the list that works here; the CPU when none does and nothing is required.

    Raises:
        LoadFailed: none works here, or only such as ``require`` does not name; the message has those of this node.
    """
    tried: List[Tuple[str, str]] = []
    choices = list(wanted.providers) or [Provider(name=CPU)]
    if not wanted.require and all(choice.name != CPU for choice in choices):
        choices.append(Provider(name=CPU))
    for choice in choices:
        if wanted.require and choice.name not in wanted.require:
            tried.append((choice.name, "not among those that are required"))
        elif choice.name not in available:
            tried.append((choice.name, "not in this node's onnxruntime"))
        elif choice.name not in start(choice):
            tried.append((choice.name, "did not start: its libraries or its device are missing"))
        else:
            return choice
    needs = f"the image requires {' or '.join(wanted.require)}" if wanted.require else "no execution provider works"
    reasons = "; ".join(f"{name}: {reason}" for name, reason in tried)
    raise LoadFailed(f"{needs}, and this node has {', '.join(available)} ({reasons})")
