"""How the engine of a deployment's scoring processes is set, besides Azure ML's ``request_settings``."""

from typing import Annotated

import msgspec

from registry.core.sizes import Size, size_bytes

# What a scoring process is told by variables, and the deployment's key that says it.
ENGINE_VARIABLES = {
    "SLIPWAY_MAX_QUEUE_WAIT_MS": "request_settings.max_queue_wait_ms",
    "SLIPWAY_BATCHING": "batching.enabled",
    "SLIPWAY_BATCH_MAX_ROWS": "batching.max_rows",
    "SLIPWAY_BATCH_MAX_BYTES": "batching.max_bytes",
    "SLIPWAY_CACHE_MAX_BYTES": "response_cache.max_bytes",
    "SLIPWAY_CACHE_TTL_S": "response_cache.ttl_s",
}


class Batching(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which requests run together. What is absent is automatic."""

    enabled: bool | None = None
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    max_bytes: Size | None = None

    @property
    def most_bytes(self) -> int | None:
        """The bytes that ``max_bytes`` stands for. Raises InvalidInput if it stands for none."""
        return None if self.max_bytes is None else size_bytes(self.max_bytes, "$.batching.max_bytes", "1Ki")


class ResponseCache(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much each instance remembers of what it answered, and for how long; without ``ttl_s`` while there is room."""

    max_bytes: Size
    ttl_s: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] | None = None

    @property
    def most_bytes(self) -> int:
        """The bytes that ``max_bytes`` stands for. Raises InvalidInput if it stands for none."""
        return size_bytes(self.max_bytes, "$.response_cache.max_bytes", "64Ki")


def check_engine_settings(batching: Batching, cache: ResponseCache | None) -> None:
    """Raise InvalidInput if a size is none."""
    _ = batching.most_bytes
    _ = cache.most_bytes if cache else None
