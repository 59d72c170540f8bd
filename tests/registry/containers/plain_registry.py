"""A registry of somebody else's: the distribution API over a dictionary, with Bearer tokens or Basic if it is told."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.registry.containers.bases import digest_of


class PlainRegistry:
    """``login`` is user:password; ``scheme`` is how it is proved. Blobs of ``elsewhere`` are answered by a redirect."""

    def __init__(self, login: str = "", scheme: str = "bearer") -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.elsewhere: set[str] = set()
        self.given_elsewhere: list[str | None] = []
        self.login, self.scheme = login, scheme
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.answer(self)

            do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, name: str, tag: str, layout: Path) -> None:
        """Hold the only image of a layout."""
        for file in (layout / "blobs" / "sha256").iterdir():
            self.blobs[f"sha256:{file.name}"] = file.read_bytes()
        entry = json.loads((layout / "index.json").read_text())["manifests"][0]
        for reference in (tag, entry["digest"]):
            self.manifests[name, reference] = (self.blobs[entry["digest"]], entry["mediaType"])

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        length = int(request.headers.get("content-length") or 0)
        body = request.rfile.read(length) if length else b""
        self.asked.append((request.command, request.path))
        if url.path == "/token":
            basic = base64.b64encode(self.login.encode()).decode()
            right = request.headers.get("authorization") == f"Basic {basic}"
            self._send(request, 200 if right else 401, b'{"token":"a-pass"}' if right else b"")
        elif url.path.startswith("/elsewhere/"):
            self.given_elsewhere.append(request.headers.get("authorization"))
            self._send(request, 200, self.blobs[url.path.rpartition("/")[2]])
        elif not self._is_welcome(request):
            challenge = (
                f'Bearer realm="http://{self.host}/token",service="plain"' if self.scheme == "bearer" else "Basic"
            )
            self._send(request, 401, b"", **{"www-authenticate": challenge})
        else:
            self._answer_v2(request, url.path.removeprefix("/v2/"), query, body)

    def _answer_v2(self, request: BaseHTTPRequestHandler, path: str, query: dict[str, str], body: bytes) -> None:
        name, _, last = path.rpartition("/")
        match request.command, name.rpartition("/")[2]:
            case "GET", "" if not path:
                self._send(request, 200, b"{}")
            case "GET", "manifests" if (name.removesuffix("/manifests"), last) in self.manifests:
                content, kind = self.manifests[name.removesuffix("/manifests"), last]
                self._send(request, 200, content, **{"content-type": kind})
            case "GET", "blobs" if last in self.elsewhere:
                self._send(request, 307, b"", location=f"http://{self.host}/elsewhere/{last}")
            case "GET" | "HEAD", "blobs" if last in self.blobs:
                self._send(request, 200, self.blobs[last])
            case "POST", "uploads":
                self._send(request, 202, b"", location=f"/v2/{name}/an-upload?state=1")
            case "PUT", "uploads" if digest_of(body) == query["digest"]:
                self.blobs[query["digest"]] = body
                self._send(request, 201, b"")
            case "PUT", "manifests":
                kind = request.headers["content-type"]
                self.manifests[name.removesuffix("/manifests"), last] = (body, kind)
                self._send(request, 201, b"")
            case "DELETE", _:
                self._send(request, 204, b"")
            case _:
                self._send(request, 404, b'{"errors":[]}')

    def _is_welcome(self, request: BaseHTTPRequestHandler) -> bool:
        if not self.login:
            return True
        basic = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        wanted = "Bearer a-pass" if self.scheme == "bearer" else basic
        return request.headers.get("authorization") == wanted

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
