"""Curated environments as the SDK has them."""

from urllib.parse import quote

from registry.client.door import Door
from registry.core.imaging.environments import CuratedEnvironment, CuratedEnvironmentList


class Environments:
    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self) -> list[CuratedEnvironment]:
        return self._door.ask("GET", "/environments", CuratedEnvironmentList).environments

    def get(self, reference: str) -> CuratedEnvironment:
        """Return the environment that ``sklearn:1``, ``sklearn@latest`` or ``sklearn`` means."""
        return self._door.ask("GET", f"/environments/{quote(reference, safe=':@')}", CuratedEnvironment)
