import asyncio

import pytest

from registry.core.activities import ActivityKind, ActivityState
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.operations.activities import (
    begin_activity,
    end_activity,
    fail_interrupted,
    follow_activity,
    get_activity,
    list_activities,
    report_progress,
)
from registry.operations.workspace import Workspace


def begin(workspace: Workspace, kind: ActivityKind = ActivityKind.BUILD) -> str:
    return begin_activity(workspace, kind, "cancer-onnx", "locking").id


def test_an_activity_tells_how_far_it_is(workspace: Workspace) -> None:
    activity_id = begin(workspace)
    report_progress(workspace, activity_id, 0.4, "packing")
    activity = report_progress(workspace, activity_id, 0.3, "packing")
    assert (activity.progress, activity.message, activity.log) == (0.4, "packing", ["locking", "packing"])
    assert activity.ended_ms is None


def test_an_ended_activity_never_changes(workspace: Workspace) -> None:
    activity_id = begin(workspace)
    ended = end_activity(workspace, activity_id, ActivityState.SUCCEEDED, "built", {"reference": "cancer-onnx:1"})
    assert (ended.progress, ended.result) == (1.0, {"reference": "cancer-onnx:1"})
    assert ended.ended_ms is not None
    with pytest.raises(Conflict, match="already succeeded"):
        report_progress(workspace, activity_id, 1, "more")
    with pytest.raises(Conflict, match="already succeeded"):
        end_activity(workspace, activity_id, ActivityState.FAILED, "no")
    assert get_activity(workspace, activity_id) == ended


def test_progress_outside_its_range_is_refused(workspace: Workspace) -> None:
    activity_id = begin(workspace)
    for progress in (-0.1, 1.1, float("nan")):
        with pytest.raises(InvalidInput):
            report_progress(workspace, activity_id, progress, "")


def test_an_unknown_activity_is_not_found(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        get_activity(workspace, "nothing")


def test_the_newest_activity_is_listed_first(workspace: Workspace) -> None:
    first, second = begin(workspace), begin(workspace)
    assert [activity.id for activity in list_activities(workspace)] == [second, first]


def test_a_follower_sees_the_next_line_as_soon_as_it_is_written(workspace: Workspace) -> None:
    activity_id = begin(workspace)

    async def follow() -> list[str]:
        follower = asyncio.create_task(follow_activity(workspace, activity_id, after=1, wait_s=60))
        await asyncio.to_thread(report_progress, workspace, activity_id, 0.5, "packing")
        return (await follower).log

    assert asyncio.run(follow()) == ["locking", "packing"]


def test_a_follower_is_answered_when_the_wait_is_over_or_nothing_more_can_come(workspace: Workspace) -> None:
    activity_id = begin(workspace)
    assert asyncio.run(follow_activity(workspace, activity_id, after=1, wait_s=0)).log == ["locking"]
    end_activity(workspace, activity_id, ActivityState.FAILED, "")
    assert asyncio.run(follow_activity(workspace, activity_id, after=9, wait_s=60)).state is ActivityState.FAILED


def test_builds_that_a_stopped_registry_left_are_failed_and_deploys_go_on(workspace: Workspace) -> None:
    build, deploy = begin(workspace), begin(workspace, ActivityKind.DEPLOY)
    fail_interrupted(workspace)
    assert get_activity(workspace, build).state is ActivityState.FAILED
    assert get_activity(workspace, deploy).state is ActivityState.RUNNING
