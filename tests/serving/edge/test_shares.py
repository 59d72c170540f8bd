"""The split at the edge and its offline twin."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from serving.policy.split import bucket_of

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
        route = make.endpoint("Cancer", header="x-user-id", green=bound, blue=10000)
        controller.publish(make.table(generation, [route], backends))

    split(1, 1000)
    before, first = edge.life, answers(edge, users)
    assert answers(edge, users) == first
    buckets = {user: bucket_of("cancer", user) for user in users}
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
    route = make.endpoint("Cancer", header="x-user-id", **{n: 1250 * (i + 1) for i, n in enumerate(names)})
    controller.publish(make.table(1, [route], backends))
    users = [f"user-{n}" for n in range(120)]
    assert answers(edge, users) == {user: names[bucket_of("cancer", user) // 1250] for user in users}
