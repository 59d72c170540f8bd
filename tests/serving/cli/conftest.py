"""A registry, a controller and a telemetry process in one: it answers what a test puts into it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


class House:
    """``answers`` maps paths to a status and a body; ``asked`` lists the paths and parameters that came."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                house.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        services = [{"name": name, "url": self.url, "updated_ms": 1} for name in ("controller", "telemetry")]
        self.answers["/api/v1/services"] = (200, {"services": services})
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(request.path)
        self.asked.append((asked.path, parse_qs(asked.query)))
        status, body = self.answers[asked.path]
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        request.send_response(status)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def house() -> Iterator[House]:
    serving = House()
    yield serving
    serving.close()
