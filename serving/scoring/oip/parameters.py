"""A request's own parameters: what the protocol reserves, and what is left for the model."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from ..errors import InvalidInput

_RESERVED = frozenset({"sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "headers"})
_LONGEST_US = (1 << 64) - 1  # as Triton's: 64 bits


def timeout_of(parameters: Mapping[str, Any]) -> Optional[float]:
    """Return the seconds that ``timeout``, in microseconds, allows; 0 is no limit.

    Raises:
        InvalidInput: it is no such number.
    """
    allowed_us = parameters.get("timeout", 0)
    if isinstance(allowed_us, bool) or not isinstance(allowed_us, int) or allowed_us < 0:
        raise InvalidInput(f"parameters: timeout must be a whole number of microseconds, got {allowed_us!r}")
    if allowed_us > _LONGEST_US:
        raise InvalidInput(f"parameters: timeout must be at most {_LONGEST_US} microseconds, and is more")
    return allowed_us / 1e6 if allowed_us else None


def for_model(parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what the protocol does not reserve."""
    return {
        name: value
        for name, value in parameters.items()
        if name not in _RESERVED and not name.startswith(("triton_", "binary_data"))
    }
