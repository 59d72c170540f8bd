"""Why a request was answered by whom it was."""

from typing import Any

import pytest
from msgspec.structs import replace

from registry.core.deploying.endpoints import Endpoint
from registry.core.deploying.history import ChangeKind, EndpointChange, LiveRevision
from registry.core.deploying.traffic_keys import TrafficKey
from serving.policy.why import Choice, explain

ROW = {
    "timestamp_ms": 1000,
    "operation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "request_id": "",
    "endpoint": "Cancer",
    "deployment": "green",
    "backend": "cancer.green.2",
    "server": "r7",
    "status": 200,
    "retries": 0,
    "bucket": 300,
    "choice": "key",
    "key_name": "primary",
    "method": "POST",
    "path": "/endpoints/cancer/score",
}


def live(deployment: str, revision: int) -> LiveRevision:
    return LiveRevision(
        deployment=deployment,
        revision=revision,
        image=f"cancer-{deployment}:1",
        image_digest="sha256:" + "1" * 64,
        models={},
        instance_count=1,
    )


def change(number: int, green: int) -> EndpointChange:
    """A change that gave ``green`` percent to green, revision 2; the rest is blue's."""
    endpoint = Endpoint(
        name="Cancer",
        traffic={"green": green, "blue": 100 - green},
        intervals=[(100 * green, "green"), (10_000, "blue")],
        traffic_key=TrafficKey(header="x-user"),
        salt="s",
        created_ms=1,
        updated_ms=1,
    )
    return EndpointChange(
        number=number,
        release=number,
        before=None,
        kind=ChangeKind.TRAFFIC,
        message="",
        who="ada",
        at_ms=number,
        endpoint=endpoint,
        live=[live("blue", 1), live("green", 2)],
    )


def test_a_sticky_request_is_explained_by_its_bucket_and_the_split_of_that_time() -> None:
    reason = explain(ROW, [change(5, 10)])
    assert (reason.choice, reason.bucket, reason.low, reason.bound) == (Choice.KEY, 300, 0, 1000)
    assert (reason.deployment, reason.revision, reason.replica) == ("green", 2, "r7")
    assert (reason.source, reason.traffic, reason.who) == ("header:x-user", {"green": 10, "blue": 90}, "ada")
    assert (reason.image, reason.since_ms, reason.request_id) == ("cancer-green:1", 5, ROW["operation_id"])
    assert "header:x-user" in reason.sentence


@pytest.mark.parametrize(
    ("line", "choice"),
    [
        ({"choice": "override", "bucket": -1}, Choice.OVERRIDE),
        ({"choice": "version", "bucket": -1}, Choice.VERSION),
        ({"choice": "unread"}, Choice.UNREAD),
        ({"choice": ""}, Choice.RANDOM),
        ({"choice": "", "bucket": -1, "deployment": "", "backend": "", "status": 401}, Choice.NONE),
    ],
)
def test_every_way_to_a_deployment_has_its_words(line: dict[str, Any], choice: Choice) -> None:
    reason = explain(ROW | line, [change(5, 10)])
    assert reason.choice is choice
    assert (reason.bound is None) == (reason.bucket is None)
    assert reason.sentence


def test_an_edge_that_had_not_learnt_of_a_change_obeyed_the_one_before() -> None:
    reason = explain(ROW, [change(6, 1), change(5, 10)])
    assert (reason.since_ms, reason.bound) == (5, 1000)


def test_who_stood_in_for_a_deployment_that_was_not_live_is_explained_too() -> None:
    alone = replace(change(5, 10), live=[live("green", 2)])
    reason = explain(ROW | {"bucket": 9000}, [alone])
    assert (reason.low, reason.bound, reason.deployment) == (0, 10_000, "green")


def test_what_the_history_does_not_know_is_left_open() -> None:
    for history in ([], [change(6, 1)], [replace(change(5, 10), endpoint=None)]):
        reason = explain(ROW, history)
        assert (reason.bucket, reason.bound, reason.image, reason.traffic) == (300, None, None, None)
        assert (reason.deployment, reason.revision) == ("green", 2)
