from collections.abc import Callable
from pathlib import Path

import pytest

from serving.telemetry.layout import Layout
from serving.wire.request_line import COLUMNS, MARK

Line = Callable[..., bytes]

USUAL: dict[str, object] = {
    "boot": "boot1",
    "frontend": "http",
    "counter": 0,
    "timestamp_ms": 1_795_466_997_878,  # 2026-11-23 20:49:57 UTC
    "operation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "endpoint": "cancer",
    "deployment": "blue",
    "backend": "cancer.blue.1",
    "server": "cancer.blue.1-0",
    "status": 200,
    "model_status": 200,
    "grpc_status": -1,
    "termination": "--",
    "duration_ms": 3,
    "queue_ms": 0,
    "connect_ms": 0,
    "response_ms": 2,
    "retries": 0,
    "request_bytes": 412,
    "response_bytes": 230,
    "bucket": 17,
    "choice": "key",
    "key_name": "primary",
    "method": "POST",
    "path": r"\/endpoints\/cancer\/score",
    "request_id": "",
    "client_request_id": "",
    "user_agent": "curl",
}


@pytest.fixture
def line() -> Line:
    """Return a function that makes one raw line from the usual one and what differs."""

    def make(**different: object) -> bytes:
        fields = USUAL | different
        return "\t".join([MARK, *(str(fields[name]) for name in COLUMNS)]).encode() + b"\n"

    return make


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)
