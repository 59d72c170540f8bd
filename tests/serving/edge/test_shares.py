"""The split at the edge and its offline twin."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from msgspec.structs import replace

from loadtest.bench.client import Request
from loadtest.traffic_bench.crowd import ask_all
from registry.core.deploying.split import bucket_of, deployment_of, lay_out
from tests.serving.edge.tables import SALT

BLUE, GREEN = "cancer.blue.1", "cancer.green.1"


def answers(edge: Any, users: list[str]) -> dict[str, str]:
    return {
        user: edge.score(headers={"x-user-id": user.encode()}).headers["azureml-model-deployment"] for user in users
    }


def test_the_split_is_sticky_as_computed_offline_and_changes_without_a_reload(
    edge: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    backends = [make.backend(BLUE, replica("b0").server), make.backend(GREEN, replica("g0", GREEN).server)]
    users = [f"user-{n}" for n in range(300)] + ["ünïcode", "a,b", "x" * 4000]

    def split(generation: int, bound: int) -> None:
        route = make.endpoint("Cancer", source="header:x-user-id", green=bound, blue=10000)
        controller.publish(make.table(generation, [route], backends))

    split(1, 1000)
    before, first = edge.life, answers(edge, users)
    assert answers(edge, users) == first
    buckets = {user: bucket_of(SALT, user) for user in users}
    assert first == {user: "green" if buckets[user] < 1000 else "blue" for user in users}
    split(2, 5000)
    second = answers(edge, users)
    assert second == {user: "green" if buckets[user] < 5000 else "blue" for user in users}
    assert all(second[user] == "green" for user in users if first[user] == "green")
    assert edge.life == before


def test_without_a_traffic_key_the_shares_are_random(
    edge: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    backends = [make.backend(BLUE, replica("b0").server), make.backend(GREEN, replica("g0", GREEN).server)]
    controller.publish(make.table(1, [make.endpoint("Cancer", green=3000, blue=10000)], backends))
    shares = Counter(edge.score().headers["azureml-model-deployment"] for _ in range(1000))
    assert 230 < shares["green"] < 370


def test_eight_intervals_all_get_their_share(
    edge: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    names = [f"dep{n}" for n in range(8)]
    backends = [make.backend(f"cancer.{n}.1", replica(n, f"cancer.{n}.1").server) for n in names]
    route = make.endpoint("Cancer", source="header:x-user-id", **{n: 1250 * (i + 1) for i, n in enumerate(names)})
    controller.publish(make.table(1, [route], backends))
    users = [f"user-{n}" for n in range(120)]
    assert answers(edge, users) == {user: names[bucket_of(SALT, user) // 1250] for user in users}


class Sources:
    """An endpoint for each source of traffic keys, half green and half blue, behind one edge."""

    def __init__(self, edge: Any, controller: Any, telemetry: Any, replica: Callable[..., Any], make: Any) -> None:
        self._edge, self._telemetry = edge, telemetry
        routes, backends = [], []
        for name, source in (("h", "header:x-user"), ("c", "cookie:uid"), ("q", "query:user"), ("j", "json:a[1].id")):
            routes.append(make.endpoint(name, source=source, green=5000, blue=10000))
            names = [f"{name}.{deployment}.1" for deployment in ("blue", "green")]
            backends += [make.backend(backend, replica(backend, backend).server) for backend in names]
        controller.publish(make.table(1, routes, backends))

    def ask(self, name: str, query: str = "", **request: Any) -> tuple[str, str, int]:
        """Return who answered, how it was chosen, and the bucket, as the line has them."""
        answer = self._edge.score(f"/endpoints/{name}/score{query}", **request)
        assert answer.status_code == 200, answer.text
        operation = answer.headers["x-request-id"]
        found = self._edge.eventually(
            lambda: next((row for row in self._telemetry.rows() if row["operation_id"] == operation), None)
        )
        assert found["deployment"] == answer.headers["azureml-model-deployment"]
        return found["deployment"], found["choice"], int(found["bucket"])

    def is_sticky(self, key: str, name: str, query: str = "", **request: Any) -> bool:
        bucket = bucket_of(SALT, key)
        return self.ask(name, query, **request) == ("green" if bucket < 5000 else "blue", "key", bucket)


@pytest.fixture
def sources(edge: Any, controller: Any, telemetry: Any, replica: Callable[..., Any], make: Any) -> Sources:
    return Sources(edge, controller, telemetry, replica, make)


def test_a_traffic_key_is_read_where_the_endpoint_says(sources: Sources) -> None:
    for user in ("alice", "bob", "a b", "ü€", "x" * 3000, "a,b"):
        assert sources.is_sticky(user, "h", headers={"x-user": user.encode()})
        cookie = user.replace(",", ".")  # a comma ends a cookie
        assert sources.is_sticky(cookie, "c", headers={"cookie": b"a=b; uid=" + cookie.encode() + b"; c=d"})
        assert sources.is_sticky(user, "q", "?x=1&user=" + quote(user))
        assert sources.is_sticky(user, "q", "?user=" + quote_plus(user))
        assert sources.is_sticky(user, "j", content=f'{{"x": [[1]], "a": [{{"id": 0}}, {{"id": "{user}"}}]}}'.encode())
    for number in (7, -12, 9007199254740991, 9007199254740990):
        assert sources.is_sticky(str(number), "j", content=b'{"a": [0, {"id": %d}]}' % number)
    assert sources.is_sticky('a"b\n\tc', "j", content=b'{"a": [0, {"id": "a\\"b\\n\\tc"}]}')


UNREADABLE = [
    b"",
    b"{}",
    b"no JSON",
    b'{"a": [{"id": "only one"}]}',
    b'{"a": [0, {"id": null}]}',
    b'{"a": [0, {"id": ""}]}',
    b'{"a": [0, {"id": ["list"]}]}',
    b'{"a": [0, {"id": 12345678901234567890123}]}',
    b'{"a": [0, {"id": "\\u20ac"}]}',
    b'{"a": [0, {"id": "\\u00e9"}]}',
    b'{"a": [0, {"id": "too large a body"}], "data": "' + b"x" * 40_000 + b'"}',
    b'{"data": "' + b"x" * 30_550 + b'", "a": [0, {"id": 123456789012345678}]}',
    b"[" * 5000,
    b"\xff\xfe" * 100,
]


def test_what_cannot_be_read_is_random_and_said_to_be(sources: Sources) -> None:
    for body in UNREADABLE:
        assert sources.ask("j", content=body)[1] == "unread", body[:60]
    for name, query, headers in (
        ("h", "", {}), ("h", "", {"x-user": ""}), ("c", "", {"cookie": "UID=a; uid="}), ("c", "", {}),
        ("q", "?User=a&user=", {}), ("q", "?user=%zz", {}), ("q", "", {}),
    ):  # fmt: skip
        assert sources.ask(name, query, headers=headers)[1] == "unread"


def test_the_line_says_how_a_deployment_was_chosen(sources: Sources, edge: Any, telemetry: Any) -> None:
    override = {"azureml-model-deployment": "blue", "x-user": "alice", "x-request-id": 'mi"ne'}
    assert edge.score("/endpoints/h/score", headers=override).headers["azureml-model-deployment"] == "blue"
    edge.score("/v2/models/h/versions/2/infer", headers={"x-user": "alice"})
    edge.score("/endpoints/h/score", headers={"x-user": "alice", "authorization": "Bearer wrong"})
    rows = edge.eventually(
        lambda: len(rows := [row for row in telemetry.rows() if row["endpoint"] == "h"]) == 3 and rows
    )
    told = [(row["choice"], row["deployment"], row["bucket"], row["request_id"]) for row in rows]
    assert told == [
        ("override", "blue", "-1", r"mi\"ne"),
        ("version", "green", "-1", ""),
        ("", "", "-1", ""),
    ]


def test_a_ramp_moves_nobody_back_and_every_user_is_where_it_was_computed(
    edge: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    replicas = {BLUE: replica("b0"), GREEN: replica("g0", GREEN)}
    backends = [make.backend(name, one.server, timeout_ms=60_000) for name, one in replicas.items()]
    users = [f"user-{number}" for number in range(5000)]
    request = Request("127.0.0.1", edge.http_port, "/endpoints/cancer/score", b"{}", edge.headers)
    route = make.endpoint("Cancer", source="header:x-user-id", green=0, blue=10000)
    canaries: set[str] = set()
    for generation, percent in enumerate((10, 20, 50), 1):
        weights = {"green": float(percent), "blue": 100.0 - percent}
        route = replace(route, intervals=lay_out(route.intervals, weights))
        controller.publish(make.table(generation, [route], backends))
        answered = ask_all(request, "x-user-id", users)
        assert answered == {user: deployment_of(route.intervals, bucket_of(SALT, user)) for user in users}
        now = {user for user, deployment in answered.items() if deployment == "green"}
        assert canaries < now
        assert abs(len(now) / 50 - percent) < 2
        canaries = now
