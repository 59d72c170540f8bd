"""The process that holds the Ray connection: one JSON request per line on stdin, one JSON answer per line on stdout.

It stands apart from the controller because Ray ends a driver whose cluster goes away, and that must not end the
controller: requests go on while a new driver is started.
"""

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import ray
from ray import serve

from serving.cluster.deploy import make_so, serve_client

HEAD_S = 60.0


class Request(msgspec.Struct, frozen=True):
    verb: str
    config: dict[str, Any] = {}


def apply(request: Request) -> dict[str, Any]:
    """Hand Serve the whole configuration; it works it off by itself afterwards."""
    make_so(request.config)
    return {}


def status(request: Request) -> dict[str, Any]:
    """Return each application's status, message, and the states of its replicas."""
    details = serve_client().get_serve_details()
    return {
        "applications": {
            name: {
                "status": str(application["status"]),
                "message": str(application.get("message", "")),
                "replicas": [
                    str(replica["state"])
                    for deployment in application.get("deployments", {}).values()
                    for replica in deployment.get("replicas", [])
                ],
            }
            for name, application in details.get("applications", {}).items()
        }
    }


def nodes(request: Request) -> dict[str, Any]:
    """Return how many nodes are alive."""
    return {"nodes": sum(node["Alive"] for node in ray.nodes())}


VERBS: dict[str, Callable[[Request], dict[str, Any]]] = {"apply": apply, "status": status, "nodes": nodes}


def _answer(line: bytes) -> bytes:
    try:
        request = msgspec.json.decode(line, type=Request)
        return msgspec.json.encode({"ok": VERBS[request.verb](request)})
    except Exception as error:  # any failure of Ray's becomes an answer, and the controller tries again
        return msgspec.json.encode({"error": f"{type(error).__name__}: {error}".splitlines()[0][:500]})


def _wait_for_head(host: str, port: int) -> None:
    """Return when the head listens, or after ``HEAD_S``: Ray then says itself what is wrong."""
    deadline = time.monotonic() + HEAD_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def main() -> int:
    """Connect, start Serve without its proxy, say so, then answer until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m serving.cluster.driver", description=__doc__)
    parser.add_argument("--address", required=True, help="host:port of the Ray head, for example 127.0.0.2:6379")
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever Ray prints goes to the log, not between the answers
    host, _, port = arguments.address.rpartition(":")
    _wait_for_head(host, int(port))
    ray.init(
        address=arguments.address,
        _node_ip_address=host,
        namespace="slipway",
        log_to_driver=False,
        configure_logging=False,
    )
    serve.start(proxy_location="Disabled")
    answers.write(b'{"ok":{"ready":true}}\n')
    for line in sys.stdin.buffer:
        answers.write(_answer(line) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
