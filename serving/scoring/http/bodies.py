"""What bodies may take of the process' memory: one of them, and all that are held at a time."""

from __future__ import annotations

from ..errors import Overloaded

SMALL_BYTES = 64 * 1024  # of a body that is not counted: connections are bounded too
LARGEST_AT_ONCE = 16


class Bodies:
    """``max_bytes`` bounds each body, as it came and decompressed; together they are as much as 16 such."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._most = self._left = LARGEST_AT_ONCE * max_bytes

    @property
    def held(self) -> int:
        """How many bytes are held now."""
        return self._most - self._left

    def take(self, size: int) -> None:
        """Count bytes of a large body before they are kept.

        Raises:
            Overloaded: too many are held.
        """
        if size > self._left:
            raise Overloaded(f"{self.held} bytes of large bodies are in memory, and {self._most} are allowed", 1)
        self._left -= size

    def give(self, size: int) -> None:
        """Uncount bytes whose request is answered or gone."""
        self._left += size
