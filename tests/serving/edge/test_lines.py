"""Request lines: every outcome has one, and no client can break one."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

BLUE = "cancer.blue.1"


@pytest.fixture
def routed(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Any:
    one = replica("r0")
    controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000)], [make.backend(BLUE, one.server)]))
    return edge


def row_of(edge: Any, telemetry: Any, path: str) -> dict[str, str]:
    escaped = path.replace("/", "\\/")
    row: dict[str, str] = edge.eventually(lambda: [row for row in telemetry.rows() if row["path"] == escaped])[-1]
    return row


def test_a_line_tells_everything_of_a_request(routed: Any, telemetry: Any) -> None:
    headers = {"x-ms-client-request-id": "mine", "user-agent": "tests/1"}
    routed.score("/endpoints/CANCER/score?status=500", headers=headers)
    row = row_of(routed, telemetry, "/endpoints/CANCER/score")
    expected = {
        "frontend": "http",
        "boot": routed.life["boot"],
        "endpoint": "Cancer",
        "deployment": "blue",
        "backend": BLUE,
        "server": "r0",
        "status": "424",
        "model_status": "500",
        "grpc_status": "-1",
        "termination": "--",
        "retries": "0",
        "key_name": "primary",
        "method": "POST",
        "client_request_id": "mine",
        "user_agent": "tests\\/1",
    }
    assert {name: row[name] for name in expected} == expected
    assert 0 <= int(row["bucket"]) < 10000
    assert len(row["operation_id"]) == 32


@pytest.mark.parametrize(
    ("path", "status", "endpoint"),
    [("/endpoints/nope/score", "404", ""), ("/endpoints/cancer/score?hang=1", "408", "Cancer"), ("/x", "404", "")],
)
def test_requests_that_reach_no_replica_have_lines(
    routed: Any, telemetry: Any, path: str, status: str, endpoint: str
) -> None:
    routed.score(path)
    row = row_of(routed, telemetry, path.partition("?")[0])
    assert (row["status"], row["endpoint"]) == (status, endpoint)
    assert (row["model_status"], row["server"]) == ("-1", "r0" if status == "408" else "")


def test_a_wrong_key_has_a_line_without_a_key(routed: Any, telemetry: Any) -> None:
    routed.client.post("/endpoints/cancer/score")
    row = row_of(routed, telemetry, "/endpoints/cancer/score")
    assert (row["status"], row["endpoint"], row["key_name"], row["bucket"]) == ("401", "Cancer", "", "-1")


HOSTILE = [
    b"tab\there",
    b'quote"backslash\\',
    b"semi;colon; disable frontend http",
    b"%0a%0d\\n",
    "ünïcode 😀 \u2028".encode(),
    b"\xff\xfe invalid",
    b"x" * 4000,
    b'"' * 4000,
    b"\x7f\x80\x81",
    b"-",
    b"sw1\tboot\thttp",
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_break_neither_the_line_nor_the_socket(routed: Any, telemetry: Any, value: bytes) -> None:
    headers = dict.fromkeys(("user-agent", "x-ms-client-request-id", "x-request-id", "traceparent"), value)
    override = {"azureml-model-deployment": value}
    assert routed.score("/endpoints/cancer/first", headers=headers).status_code == 200
    assert routed.score("/endpoints/cancer/second", headers=headers | override).status_code == 404
    assert routed.score("/endpoints/cancer/last").status_code == 200
    row_of(routed, telemetry, "/endpoints/cancer/last")
    rows = [row for row in telemetry.rows() if row["path"].startswith("\\/endpoints")]
    assert [row["status"] for row in rows] == ["200", "404", "200"]
    assert [int(row["counter"]) for row in rows] == list(range(int(rows[0]["counter"]), int(rows[0]["counter"]) + 3))


@pytest.mark.parametrize("target", [b"/a\tb", b"/\"'\\;%0a", b"/" + b"y" * 9000, "/ü".encode(), b"/%09%22?q=\\"])
def test_hostile_targets_break_neither_the_line_nor_the_socket(routed: Any, telemetry: Any, target: bytes) -> None:
    with socket.create_connection(("127.0.0.1", routed.http_port)) as raw:
        raw.sendall(b"GET " + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        status = raw.recv(1 << 16).split()[1]
    assert status in (b"400", b"404")
    routed.score("/endpoints/cancer/last")
    row_of(routed, telemetry, "/endpoints/cancer/last")
    rows = telemetry.rows()
    assert any(row["status"] == status.decode() for row in rows)
    assert all(len(row["path"]) <= 512 * 6 for row in rows)


def test_what_is_not_http_has_a_line_too(routed: Any, telemetry: Any) -> None:
    with socket.create_connection(("127.0.0.1", routed.http_port)) as raw:
        raw.sendall(b"GARBAGE\r\n\r\n")
        answer = raw.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 400 ")
    routed.eventually(lambda: [row for row in telemetry.rows() if row["status"] == "400"])


def test_lines_wait_while_telemetry_is_away(routed: Any, telemetry: Any) -> None:
    telemetry.away = True
    for _ in range(40):
        routed.score()
    telemetry.away = False
    routed.eventually(lambda: sum(row["endpoint"] == "Cancer" for row in telemetry.rows()) == 40)
