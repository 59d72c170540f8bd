"""Trace and log settings: there to be read, in the form clients parse. What would change one is refused, as is what
would change a loaded model or need shared memory. An edge answers so, too.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..errors import InvalidInput, NotFound, Unsupported

Settings = Dict[str, Any]

NO_SHARED_MEMORY = "shared memory is off here: send tensors' data with the request"

# Traces are what `traceparent` asks for; nothing is written to a file of the server's.
TRACE: Settings = {"trace_level": ["OFF"], "trace_rate": "1000", "trace_count": "-1", "log_frequency": "0"}
LOG: Settings = {
    "log_file": "",
    "log_info": True,
    "log_warning": True,
    "log_error": True,
    "log_verbose_level": 0,
    "log_format": "default",
}


def refuse_changes(settings: Settings, asked: Mapping[str, Any]) -> None:
    """Let pass what is so already, and None, which clears a setting.

    Raises:
        InvalidInput: there is no such setting.
        Unsupported: it would be changed.
    """
    for name, value in asked.items():
        if name not in settings:
            raise InvalidInput(f"unknown setting '{name}': there are {', '.join(settings)}")
        if value is not None and _alike(value) != _alike(settings[name]):
            raise Unsupported(f"'{name}' cannot be changed here: it is {settings[name]!r}")


def refuse_contents(name: str, parameters: Mapping[str, Any]) -> None:
    """Raise Unsupported for what a model should be loaded with: it is loaded already, with what its image has."""
    if parameters:
        raise Unsupported(
            f"failed to load '{name}' with {', '.join(sorted(parameters))}: files and configuration are those of"
            " its image; `slipway image build` makes another"
        )


def no_region(name: str) -> NotFound:
    """Say that a region of shared memory is not there: none ever is."""
    return NotFound(f"there is no shared memory region '{name}': {NO_SHARED_MEMORY}")


def _alike(value: Any) -> Any:
    """Trace settings come as a number, a string or a list of strings, whatever they mean."""
    values = value if isinstance(value, list) else [value]
    return values if isinstance(value, bool) else [str(each) for each in values]
