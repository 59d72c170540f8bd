"""A replica that tells what it got."""

import json
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc

from serving.wire.routing import Server, ServerState
from tests.serving.edge.local_http import Answering, LocalHttp

SECRET = "the-secret-of-the-tests"


class Replica:
    """Answers with what it got; the query tells it to behave otherwise: ``status=500``, ``hang=1``, ``die=1``,
    ``late=1`` (says in its header that the time was over), ``retry=7`` (says when to come again), ``stream=1`` (a line
    at once, another when it is released), ``stream=busy`` (lines until the client is gone). A call with ``fail`` in its
    message fails, one with ``hang`` waits until it is released.

    While ``awake`` is cleared nothing is answered, not even a check: so is a process whose interpreter is held.
    """

    def __init__(self, name: str, backend: str) -> None:
        self.name, self.backend = name, backend
        self.requests: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.release = threading.Event()
        self.left = threading.Event()  # the peer of a streamed answer, or of one that hangs, went away
        self.awake = threading.Event()
        self.awake.set()
        replica = self

        class Door(Answering):
            def do_GET(self) -> None:  # noqa: N802
                replica.awake.wait(30)
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                if parts.path == "/-/ready":
                    secret_is_right = self.headers.get("x-slipway-edge") == SECRET
                    self.answer(200 if secret_is_right and query.get("backend") == replica.backend else 503, b"{}")
                    return
                body = self.body()
                seen = {
                    "replica": replica.name,
                    "path": self.path,
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "body": body.decode("latin-1"),
                }
                replica.requests.append(seen)
                if "hang" in query:
                    self.hang()
                if "die" in query:
                    self.close_connection = True
                    return
                if "stream" in query:
                    self.stream(busy=query["stream"] == "busy")
                    return
                own = {"x-slipway-error": "deadline_exceeded"} if "late" in query else {}
                own |= {"retry-after": query["retry"]} if "retry" in query else {}
                self.answer(int(query.get("status", 200)), json.dumps(seen).encode(), own)

            do_POST = do_OPTIONS = do_GET  # noqa: N815

            def hang(self) -> None:
                deadline = time.monotonic() + 20
                while not replica.release.wait(0.02) and time.monotonic() < deadline:
                    if select.select([self.connection], [], [], 0)[0]:  # a request is one at a time: it is the end
                        replica.left.set()
                        return

            def stream(self, busy: bool) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"6\r\nfirst\n\r\n")
                try:
                    while busy:
                        self.wfile.write(b"5\r\nmore\n\r\n")
                        time.sleep(0.02)
                except OSError:
                    replica.left.set()
                    raise
                replica.release.wait(20)
                self.wfile.write(b"5\r\nlast\n\r\n0\r\n\r\n")

        self._http = LocalHttp(Door)
        self._grpc = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        handler = grpc.unary_unary_rpc_method_handler(self._call)
        self._grpc.add_generic_rpc_handlers((_AnyMethod(handler),))
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.server = Server(
            id=name, http_address=self._http.address, grpc_address=f"127.0.0.1:{port}", state=ServerState.READY
        )

    def _call(self, request: bytes, context: Any) -> bytes:
        self.calls.append(dict(context.invocation_metadata()))
        if b"hang" in request:
            context.add_callback(self.left.set)
            self.release.wait(20)
        if b"fail" in request:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such input")
        return self.name.encode()

    def close(self) -> None:
        self.release.set()
        self.awake.set()
        self._http.close()
        self._grpc.stop(None).wait()


class _AnyMethod(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def service(self, details: Any) -> Any:
        return self._handler
