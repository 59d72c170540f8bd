import asyncio
import errno
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from serving.telemetry.app import MAX_BODY_BYTES, Kept, build_app
from serving.telemetry.ingest import GroupCommit, WriteAhead
from serving.telemetry.layout import Layout
from serving.telemetry.mirror_report import ComparisonsTable
from serving.telemetry.query import RequestsTable

Line = Callable[..., bytes]


def app_over(layout: Layout, append: Callable[[bytes], None]) -> Starlette:
    mirrors = Layout(layout.data_dir / "mirrors", "comparisons")
    requests = Kept(GroupCommit(append), RequestsTable(layout))
    return build_app(requests, Kept(GroupCommit(WriteAhead(mirrors).append), ComparisonsTable(mirrors)))


@pytest.fixture
def client(layout: Layout) -> TestClient:
    return TestClient(app_over(layout, WriteAhead(layout).append))


def test_lines_posted_are_rows_at_once(client: TestClient, line: Line) -> None:
    assert client.post("/v1/requests", content=line(counter=0) + line(counter=1)).status_code == 204
    rows = client.get("/v1/requests", params={"endpoint": "cancer", "limit": "1"}).json()["rows"]
    assert [(row["counter"], row["path"]) for row in rows] == [(1, "/endpoints/cancer/score")]
    assert client.get("/v1/summary").json()["rows"][0]["requests"] == 2
    assert client.get("/v1/integrity").json() == {"stored": 2, "missing": 0, "unparsable": 0, "torn": 0}
    assert client.get("/health").json() == {"status": "ok"}


def test_a_body_that_ends_within_a_line_is_refused_whole(client: TestClient, line: Line) -> None:
    answer = client.post("/v1/requests", content=line() + b"sw1\tboot")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_input"
    assert client.get("/v1/integrity").json()["stored"] == 0


def test_an_empty_body_and_a_huge_one(client: TestClient) -> None:
    assert client.post("/v1/requests", content=b"").status_code == 204
    assert client.post("/v1/requests", content=b"x" * MAX_BODY_BYTES + b"\n").status_code == 400


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "Expected `int` >= 1 - at `$.limit`"),
        ("limit=10001", "Expected `int` <= 10000 - at `$.limit`"),
        ("since_ms=yesterday", "Expected `int`, got `str` - at `$.since_ms`"),
        ("end_point=cancer", "Object contains unknown field `end_point`"),
    ],
)
def test_a_query_that_makes_no_sense_says_where(client: TestClient, query: str, message: str) -> None:
    answer = client.get(f"/v1/requests?{query}", headers={"x-request-id": "r1"})
    assert answer.status_code == 400
    assert answer.json() == {"error": {"code": "invalid_input", "message": message, "details": {}, "request_id": "r1"}}


def test_a_full_disk_is_503_and_the_sender_is_to_try_again(layout: Layout, line: Line) -> None:
    def refuse(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    client = TestClient(app_over(layout, refuse))
    answer = client.post("/v1/requests", content=line())
    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "the telemetry disk refuses to write: No space left on device"


def test_an_unknown_path_is_told_in_the_same_shape(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"


def test_an_agent_that_goes_away_within_its_post_is_no_error_and_nothing_is_stored(layout: Layout, line: Line) -> None:
    app = app_over(layout, WriteAhead(layout).append)
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": line(), "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": "/v1/requests", "headers": []}, receive, send))
    assert sent[0]["status"] == 499
    assert RequestsTable(layout).integrity().stored == 0
