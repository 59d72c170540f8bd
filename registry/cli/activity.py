"""Follow a long-running operation, with its progress and log, to its end."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from registry.client import Client
from registry.core.activities import Activity, ActivityState
from registry.core.errors import SlipwayError


class ActivityFailed(SlipwayError):
    """The operation was accepted and then failed; the message is the activity's own."""

    code = "activity_failed"


def follow(client: Client, activity: Activity, *, quiet: bool) -> Activity:
    """Wait for the end of ``activity``, showing a terminal its progress while it lasts, unless ``quiet``.

    Raises:
        ActivityFailed: it failed or was superseded.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[message]}", markup=False),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True, emoji=False)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(f"{activity.kind} {activity.subject}", total=1.0, message=activity.message)
        while not activity.state.ended:
            activity = client.activities.get(activity.id, after=len(activity.log), wait_s=10.0)
            progress.update(task, completed=activity.progress, message=activity.message)
    if activity.state is not ActivityState.SUCCEEDED:
        raise ActivityFailed(f"{activity.kind} of {activity.subject} {activity.state}: {activity.message}")
    return activity
