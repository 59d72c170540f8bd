import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest


@pytest.mark.e2e
def test_locust_sends_the_key_and_a_traffic_key_to_the_endpoint_s_score_door() -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    class Edge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.path, self.headers["authorization"], self.headers["x-user-id"]))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Edge)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        command = [sys.executable, "-m", "loadtest.load", "--users", "2", "--seconds", "5", "--endpoint", "bench"]
        command += ["--host", f"http://127.0.0.1:{server.server_port}", "--key", "k1"]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=60, check=False)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert "score" in done.stdout + done.stderr
    path, authorization, user = seen[0]
    assert (path, authorization) == ("/endpoints/bench/score", "Bearer k1")
    assert user is not None
    assert user.startswith("user-")


def test_without_a_key_it_says_where_to_get_one() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SLIPWAY_KEY"}
    command = [sys.executable, "-m", "loadtest.load"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 2
    assert "set SLIPWAY_KEY" in done.stderr
