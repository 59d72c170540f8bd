"""How the engine is set: each setting is an argument, and a variable where nobody writes arguments.

Supervisors use the variables too: an image's scoring process that is older than one ignores it.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Mapping, Optional

import msgspec

BATCHING = ("auto", "on", "off")


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``None`` leaves it to the engine; ``cache_max_bytes`` 0 is no response cache."""

    max_queue_wait_ms: int = 500
    batching: str = "auto"
    batch_max_rows: Optional[int] = None
    batch_max_bytes: Optional[int] = None
    cache_max_bytes: int = 0
    cache_ttl_s: Optional[int] = None


def add_engine_arguments(parser: argparse.ArgumentParser, variables: Mapping[str, str]) -> None:
    """Add an argument for each field of ``EngineSettings``, by default what its variable says."""
    defaults = EngineSettings()
    for name, least, text in (
        ("max_queue_wait_ms", 0, "how long a request waits that is more than --max-concurrent"),
        ("batching", None, f"run waiting requests together: {', '.join(BATCHING)}"),
        ("batch_max_rows", 1, "rows that run together"),
        ("batch_max_bytes", 1, "bytes of inputs that run together"),
        ("cache_max_bytes", 0, "bytes of answers that are remembered; 0 for none"),
        ("cache_ttl_s", 1, "seconds for which they are"),
    ):
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_batching if least is None else partial(_number, least),
            default=variables.get(f"SLIPWAY_{name.upper()}") or getattr(defaults, name),
            help=f"{text} (%(default)s)",
        )


def engine_settings(options: argparse.Namespace) -> EngineSettings:
    """Take the settings out of parsed arguments."""
    return EngineSettings(**{name: getattr(options, name) for name in EngineSettings.__struct_fields__})


def _batching(text: str) -> str:
    if text not in BATCHING:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(BATCHING)}")
    return text


def _number(least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return int(text)
