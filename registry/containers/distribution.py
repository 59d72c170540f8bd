"""The OCI distribution API (specification 1.1) as a client: any registry, Bearer and Basic, streamed both ways."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urljoin

import httpx
import msgspec

from registry.containers.credentials import Login
from registry.containers.sources import ACCEPTED, MAX_DOCUMENT_BYTES, decode
from registry.core.errors import Forbidden, InvalidInput, NotFound, SlipwayError, Unauthenticated, Unavailable
from registry.core.imaging.container_locations import RegistryLocation
from registry.core.imaging.images import Descriptor

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
MAX_TOKEN_BYTES, MAX_SAID_BYTES = 64 << 10, 300
_REDIRECTS = 3  # blobs often lie elsewhere, where our login is not sent


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


class Distribution:
    """One repository of one registry."""

    def __init__(self, location: RegistryLocation, login: Login | None) -> None:
        self._location = location
        self._login = login
        far = location.url.startswith("https:")  # a proxy of the environment's is for hosts elsewhere
        self._http = httpx.Client(timeout=_TIMEOUT, headers={"accept-encoding": "identity"}, trust_env=far)
        self._authorization: dict[str, str] | None = None  # not asked yet

    def close(self) -> None:
        self._http.close()

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """Return a manifest or index and its media type.

        Raises:
            NotFound: there is none.
            Unauthenticated, Forbidden: the registry wants another login.
            Unavailable: it does not answer, or not as the specification says.
        """
        headers = {"accept": ", ".join(ACCEPTED)}
        with self._stream("GET", f"manifests/{reference}", headers=headers) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_DOCUMENT_BYTES:
                    raise InvalidInput(f"the manifest of {self._location} is longer than {MAX_DOCUMENT_BYTES:,} bytes")
            return bytes(content), response.headers.get("content-type", "").partition(";")[0].strip()

    @contextmanager
    def blob(self, digest: str) -> Iterator[Iterator[bytes]]:
        """Give a blob's chunks, as they are stored. Raises as ``manifest``."""
        with self._stream("GET", f"blobs/{digest}") as response:
            yield response.iter_raw(1 << 20)

    def has(self, digest: str) -> bool:
        """Say whether the repository has a blob."""
        try:
            with self._stream("HEAD", f"blobs/{digest}"):
                return True
        except NotFound:
            return False

    def mount(self, digest: str, repository: str) -> bool:
        """Have the registry take a blob from another of its repositories; say whether it did."""
        with self._stream("POST", "blobs/uploads/", params={"mount": digest, "from": repository}) as response:
            if response.status_code == 201:
                return True
            upload = self._upload_url(response)
        with self._stream("DELETE", upload):  # it began an upload instead
            return False

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Upload a blob in one piece. Raises as ``manifest``."""
        with self._stream("POST", "blobs/uploads/") as response:
            upload = self._upload_url(response)
        headers = {"content-length": str(descriptor.size), "content-type": "application/octet-stream"}
        with self._stream("PUT", upload, params={"digest": descriptor.digest}, headers=headers, content=chunks):
            pass

    def push_manifest(self, content: bytes, media_type: str) -> None:
        """Put a manifest under the location's reference. Raises as ``manifest``."""
        path = f"manifests/{self._location.reference}"
        with self._stream("PUT", path, headers={"content-type": media_type}, content=content):
            pass

    @contextmanager
    def _stream(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
    ) -> Iterator[httpx.Response]:
        url = path if path.startswith("http") else f"{self._location.url}/v2/{self._location.repository}/{path}"
        target = httpx.URL(url)
        target = target.copy_merge_params(params) if params else target
        try:
            if self._authorization is None:
                self._authorization = self._sign_in()
            sent = {**(headers or {}), **self._authorization}
            with ExitStack() as stack:
                response = stack.enter_context(self._http.stream(method, target, headers=sent, content=content))
                for _ in range(_REDIRECTS):
                    if method != "GET" or not response.is_redirect:
                        break
                    elsewhere = urljoin(str(response.url), response.headers["location"])
                    response = stack.enter_context(self._http.stream("GET", elsewhere))
                self._check(response, path)
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"the registry at {self._location.host} does not answer: {reason}") from error

    def _sign_in(self) -> dict[str, str]:
        """Ask what the registry wants, once, before a body is sent that could not be sent twice."""
        response = self._http.get(f"{self._location.url}/v2/")
        if response.status_code != 401:
            return {}
        challenge = response.headers.get("www-authenticate", "")
        scheme, parameters = challenge.partition(" ")[0].lower(), dict(_PARAMETER.findall(challenge))
        basic = httpx.BasicAuth(*self._login) if self._login else None
        if scheme == "bearer" and "realm" in parameters:
            asked = {"service": parameters.get("service", ""), "scope": self._scope()}
            said = self._token(parameters["realm"], asked, basic)
            return {"authorization": f"Bearer {said.token or said.access_token}"}
        if basic is None:
            raise self._unwelcome(401)
        request = next(basic.auth_flow(httpx.Request("GET", self._location.url)))
        return {"authorization": request.headers["authorization"]}

    def _token(self, realm: str, asked: dict[str, str], basic: httpx.BasicAuth | None) -> _Token:
        if realm.startswith("http:") and self._location.url.startswith("https:"):
            raise Unavailable(f"the registry at {self._location.host} wants the login sent unencrypted, to {realm}")
        with self._http.stream("GET", realm, params=asked, auth=basic) as answer:
            if answer.status_code != 200:
                raise self._unwelcome(answer.status_code)
            return decode(_beginning(answer, MAX_TOKEN_BYTES), _Token, f"what {realm} answers")

    def _scope(self) -> str:
        actions = "pull,push" if self._login else "pull"
        return f"repository:{self._location.repository}:{actions}"

    def _upload_url(self, response: httpx.Response) -> str:
        if "location" not in response.headers:
            raise Unavailable(f"the registry at {self._location.host} began an upload without saying where")
        return urljoin(str(response.url), response.headers["location"])

    def _check(self, response: httpx.Response, path: str) -> None:
        if response.is_success:
            return
        if response.status_code in (401, 403):
            raise self._unwelcome(response.status_code)
        if response.status_code == 404:
            raise NotFound(f"the registry at {self._location.host} has no {self._location.repository}/{path}")
        content = b"" if response.request.method == "HEAD" else _beginning(response, MAX_SAID_BYTES)
        said = f": {content.decode(errors='replace')}" if content else ""
        kind = InvalidInput if response.status_code < 500 else Unavailable
        raise kind(f"the registry at {self._location.host} answered {response.status_code}{said}")

    def _unwelcome(self, status: int) -> SlipwayError:
        who = f"{self._login.user!r}" if self._login else "who has no login"
        kind = Unauthenticated if status == 401 else Forbidden
        return kind(
            f"the registry at {self._location.host} refuses {who} for {self._location.repository}: log in with "
            "`skopeo login` or `docker login`; to the workspace's own registry SLIPWAY_TOKEN is sent"
        )


def _beginning(response: httpx.Response, size: int) -> bytes:
    """Read so many bytes of an answer at most."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) >= size:
            break
    return bytes(content[:size])
