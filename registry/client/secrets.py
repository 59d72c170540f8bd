"""The vault as the SDK has it: values go in, and never come out. Each call takes an owner's token."""

from urllib.parse import quote

from registry.client.door import V1, Door
from registry.core.security.secrets import Secret, SecretList, SecretValue


class Secrets:
    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self) -> list[Secret]:
        return self._door.ask("GET", "/secrets", SecretList).secrets

    def set(self, name: str, value: str) -> Secret:
        """Keep a value under a name, in place of the one before."""
        return self._door.ask("PUT", f"/secrets/{quote(name, safe='')}", Secret, SecretValue(value=value))

    def delete(self, name: str) -> None:
        self._door.send("DELETE", f"{V1}/secrets/{quote(name, safe='')}")
