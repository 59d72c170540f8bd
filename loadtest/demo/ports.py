"""The demo's ports: Slipway's own where they are free, others where they are not."""

import socket

HOST = "127.0.0.1"
DEFAULTS = {"registry": 5000, "controller": 5001, "telemetry": 5002, "http": 8000, "grpc": 8001}


def choose_ports(defaults: dict[str, int] = DEFAULTS) -> dict[str, tuple[int, int]]:
    """Return the default port and the chosen one of every process: equal, unless somebody listens on the default."""
    held = {name: _bind(port) for name, port in defaults.items()}
    try:
        for name, listener in held.items():
            held[name] = listener or _bind(0)
        chosen = {name: listener.getsockname()[1] for name, listener in held.items() if listener}
    finally:
        for listener in held.values():
            if listener:
                listener.close()
    return {name: (port, chosen[name]) for name, port in defaults.items()}


def _bind(port: int) -> socket.socket | None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        return None
    return listener
