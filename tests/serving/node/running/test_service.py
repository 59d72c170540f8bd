import asyncio
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from serving.node.running.service import _guarded, announce, bind, url_of


def test_a_service_announces_itself_until_the_registry_has_heard() -> None:
    heard: list[tuple[str, object]] = []
    accepted = Event()

    class Registry(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            heard.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(503 if len(heard) == 1 else 200)
            self.end_headers()
            if len(heard) > 1:
                accepted.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    async def until_accepted(registry_url: str) -> None:
        task = asyncio.create_task(announce(registry_url, "telemetry", {"url": "http://127.0.0.1:5002"}, retry_s=0.01))
        await asyncio.to_thread(accepted.wait, 10)
        task.cancel()

    server = HTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        asyncio.run(until_accepted(f"http://127.0.0.1:{server.server_port}"))
    finally:
        server.shutdown()
        server.server_close()
    assert heard == [("/api/v1/services/telemetry", {"url": "http://127.0.0.1:5002"})] * 2


def test_a_service_without_tokens_binds_loopback_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bind("telemetry", "0.0.0.0", 0)
    assert ended.value.code == 2
    assert "127.0.0.1" in capsys.readouterr().err
    with bind("telemetry", "127.0.0.1", 0) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_a_page_of_another_site_is_refused() -> None:
    client = TestClient(_guarded(PlainTextResponse("inside")), base_url="http://127.0.0.1:5001")
    assert client.post("/v1/replicas/r").text == "inside"
    assert client.post("/v1/replicas/r", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 403
