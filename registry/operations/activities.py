"""Long-running operations: begin, report, end, look, follow."""

import time

import anyio.to_thread
from msgspec.structs import replace

from registry.core.activities import Activity, ActivityKind, ActivityState, check_open
from registry.core.errors import InvalidInput, NotFound, Unavailable
from registry.operations.workspace import Workspace
from registry.store import activities as rows
from registry.store.metadata import Connection

MAX_LISTED = 200
MAX_RUNNING = 32  # of one kind that the registry works off itself: each has a thread, though few are at work at once
MAX_LINE = 4000


def begin_activity(workspace: Workspace, kind: ActivityKind, subject: str, message: str) -> Activity:
    """Start an activity that the registry works off itself, with a first line of log.

    Raises:
        Unavailable: as many of its kind are running or waiting as may be.
    """
    with workspace.metadata.write() as tx:
        if rows.count_running(tx, kind) >= MAX_RUNNING:
            raise Unavailable(f"{MAX_RUNNING} activities of kind {kind} are running or waiting: let one end first")
        activity = begin_within(tx, workspace, kind, subject, message)
    workspace.signal.notify()
    return activity


def begin_within(tx: Connection, workspace: Workspace, kind: ActivityKind, subject: str, message: str) -> Activity:
    """Start an activity inside the caller's transaction; the caller notifies."""
    activity = Activity(
        id=workspace.new_id(),
        kind=kind,
        subject=subject,
        state=ActivityState.RUNNING,
        progress=0.0,
        message=message,
        log=[message],
        created_ms=workspace.now_ms(),
    )
    rows.insert(tx, activity)
    return activity


def report_progress(workspace: Workspace, activity_id: str, progress: float, message: str) -> Activity:
    """Note how far it is. Progress never runs backwards; a message equal to the latest adds no line.

    Raises:
        InvalidInput: progress is outside 0.0 to 1.0.
        NotFound: no such activity.
        Conflict: it has ended.
    """
    if not 0 <= progress <= 1:
        raise InvalidInput(f"progress is {progress}: it lies between 0.0 and 1.0", path="$.progress")
    with workspace.metadata.write() as tx:
        before = get_within(tx, activity_id)
        check_open(before)
        message = message[:MAX_LINE] or before.message
        if message != before.message:
            rows.add_line(tx, activity_id, message)
        rows.update(tx, replace(before, progress=max(progress, before.progress), message=message))
        after = get_within(tx, activity_id)
    workspace.signal.notify()
    return after


def end_activity(
    workspace: Workspace, activity_id: str, state: ActivityState, message: str, result: dict[str, str] | None = None
) -> Activity:
    """End an activity for good.

    Raises:
        NotFound: no such activity.
        Conflict: it has ended already.
    """
    with workspace.metadata.write() as tx:
        after = end_within(tx, workspace, activity_id, state=state, message=message, result=result)
    workspace.signal.notify()
    return after


def end_within(
    tx: Connection,
    workspace: Workspace,
    activity_id: str,
    *,
    state: ActivityState,
    message: str,
    result: dict[str, str] | None = None,
) -> Activity:
    """End an activity inside the caller's transaction; the caller notifies. Raises as ``end_activity``."""
    before = get_within(tx, activity_id)
    check_open(before)
    if message and message != before.message:
        rows.add_line(tx, activity_id, message[:MAX_LINE])
    after = replace(
        before,
        state=state,
        progress=1.0 if state is ActivityState.SUCCEEDED else before.progress,
        message=message[:MAX_LINE] or before.message,
        result=result or before.result,
        ended_ms=workspace.now_ms(),
    )
    rows.update(tx, after)
    return get_within(tx, activity_id)


INTERRUPTED = {
    ActivityKind.BUILD: "the registry stopped during this build: start it again",
    ActivityKind.VERIFY: "the registry stopped during this verification: start it again",
    ActivityKind.DELETE: "the registry stopped during this deletion: what is left of it can be deleted the same way",
}


def fail_interrupted(workspace: Workspace) -> None:
    """End what a registry was at work on itself when it stopped: nobody is any more."""
    with workspace.metadata.write() as tx:
        for kind, message in INTERRUPTED.items():
            for activity in rows.running(tx, kind):
                end_within(tx, workspace, activity.id, state=ActivityState.FAILED, message=message)


def get_activity(workspace: Workspace, activity_id: str) -> Activity:
    """Return one activity with its whole log. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return get_within(tx, activity_id)


def list_activities(workspace: Workspace) -> list[Activity]:
    """Return the newest activities, newest first."""
    with workspace.metadata.read() as tx:
        return rows.newest(tx, MAX_LISTED)


async def follow_activity(workspace: Workspace, activity_id: str, after: int, wait_s: float) -> Activity:
    """Return the activity, with its whole log, once it has more than ``after`` lines, has ended, or the wait is over.

    Raises:
        NotFound: no such activity.
    """
    end = time.monotonic() + wait_s
    while True:
        ticket = workspace.signal.ticket()
        activity = await anyio.to_thread.run_sync(get_activity, workspace, activity_id)
        left_s = end - time.monotonic()
        if len(activity.log) > after or activity.state.ended or left_s <= 0 or workspace.signal.closed:
            return activity
        await workspace.signal.wait(ticket, left_s)


def get_within(tx: Connection, activity_id: str) -> Activity:
    """Return one activity inside the caller's transaction. Raises NotFound."""
    activity = rows.find(tx, activity_id)
    if activity is None:
        raise NotFound(f"there is no activity {activity_id!r}", activity=activity_id)
    return activity
