"""The other processes of a workspace: where they are, and asking one what it knows."""

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from registry.client.door import Door
from registry.core import rest
from registry.core.errors import ERROR_OF_CODE, SlipwayError, Unavailable
from registry.core.services import Service

WITHIN_S = 30.0


class Services:
    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self) -> list[Service]:
        return self._door.ask("GET", "/services", rest.ServiceList).services

    def announce(self, name: str, url: str, grpc: str = "") -> Service:
        said = rest.ServiceAnnouncement(url=url, grpc=grpc)
        return self._door.ask("PUT", f"/services/{quote(name, safe='')}", Service, said)

    def url(self, name: str) -> str:
        """Return where a process is, as it announced itself. Raises Unavailable if it has not."""
        for service in self.list():
            if service.name == name:
                return service.url
        raise Unavailable(f"the {name} has not announced itself to the registry: is it running? see `slipway status`")

    def ask(self, name: str, path: str, parameters: Mapping[str, str | int | None]) -> httpx.Response:
        """Ask another process; a parameter that is None is not sent.

        Raises:
            Unavailable: it has not announced itself, or does not answer.
            SlipwayError: the class that its error's code names.
        """
        address = self.url(name)
        params = {key: value for key, value in parameters.items() if value is not None}
        try:
            answer = httpx.get(f"{address}{path}", params=params, timeout=WITHIN_S, trust_env=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"the {name} at {address} does not answer: {error}") from error
        if answer.is_error:
            raise _error_of(answer, f"the {name} at {address}")
        return answer


def _error_of(answer: httpx.Response, who: str) -> SlipwayError:
    try:
        error = answer.json()["error"]
        return ERROR_OF_CODE.get(error["code"], SlipwayError)(str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"{who} answered {answer.status_code}: {answer.text[:300]}")
