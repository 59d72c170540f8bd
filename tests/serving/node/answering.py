"""A scoring process of a few lines, as source: it serves HTTP, and ends with whoever started it."""

_SERVER = """
import json, os, random, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
asked = 0
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        global asked
        asked += 1
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps({answer}).encode()
        self.send_response({status})
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

server = HTTPServer(("127.0.0.1", 0), Handler)
with os.fdopen(int(arguments["--announce-fd"]), "w") as out:
    out.write(json.dumps(dict(protocol=1, state="ready", http_port=server.server_port)) + "\\n")
server.serve_forever()
"""


def answering(answer: str, status: int = 200) -> str:
    """Return a program that answers every request with a Python expression over ``body`` and ``asked``, as JSON."""
    return _SERVER.format(answer=answer, status=status)
