"""Delete a whole workspace: look first, then do it, under its name. What is left is an empty one.

All rows go in one transaction, so nothing is ever half there. Then the files go, which nothing refers to any more; a
registry that is killed meanwhile has an empty workspace with files, and the same order deletes those.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from registry.core.activities import Activity, ActivityKind, ActivityState
from registry.core.errors import SlipwayError, WrongState
from registry.core.workspace_deletion import DeletionPlan, check_confirmed
from registry.images.keeping.layout import BlobFile, ImageLayout
from registry.images.keeping.links import links_of
from registry.operations.activities import begin_within, end_activity, report_progress
from registry.operations.deploying.desired import RUNNING
from registry.operations.upkeep import blob_claims
from registry.operations.workspace import Workspace
from registry.store import activities, counters
from registry.store.blobs import BlobEntry
from registry.store.deploying import deployments
from registry.store.imaging import manifests
from registry.store.metadata import Connection
from registry.store.upkeep import everything

REPORTS = 50  # of progress, at most
_log = logging.getLogger("slipway.registry.deletion")


def preview(workspace: Workspace, layout: ImageLayout) -> DeletionPlan:
    """Return what would go, and what refuses to."""
    with workspace.metadata.read() as tx:
        nouns, refused = list(everything.counts(tx)), _refusals(tx)
    sizes = [*(entry.size for entry in workspace.blobs.entries()), *(blob.size for blob in layout.entries())]
    return DeletionPlan(
        name=workspace.metadata.name, nouns=nouns, stored_files=len(sizes), stored_bytes=sum(sizes), refused=refused
    )


def start_deletion(workspace: Workspace, layout: ImageLayout, confirm: str, who: str) -> Activity:
    """Begin to delete everything, on a thread, and return its activity, which stays. The token of ``who`` stays too.

    Raises:
        InvalidInput: ``confirm`` is not the workspace's name.
        WrongState: a deployment is live or starting, or something is being built or deleted; the message names them.
    """
    check_confirmed(workspace.metadata.name, confirm)
    with workspace.metadata.write() as tx:
        _check_nothing_refuses(tx)
        activity = begin_within(tx, workspace, ActivityKind.DELETE, workspace.metadata.name, "deleting everything")
    workspace.signal.notify()
    arguments = (workspace, layout, activity.id, who)
    threading.Thread(target=run_deletion, args=arguments, name=f"delete-{activity.id}", daemon=True).start()
    return activity


def run_deletion(workspace: Workspace, layout: ImageLayout, activity_id: str, who: str) -> None:
    """Delete everything and end the activity, whatever happens."""

    def report(progress: float, line: str) -> None:
        report_progress(workspace, activity_id, progress, line)

    try:
        with workspace.metadata.write() as tx:
            _check_nothing_refuses(tx, but=activity_id)
            everything.delete_all(tx, activity_id=activity_id, token=who)
            counters.increment(tx, counters.DESIRED_STATE)
        workspace.signal.notify()
        report(0.1, "everything is out of the metadata; its files go now")
        files, size = _delete_files(workspace, layout, report)
        workspace.metadata.shrink()
        end_activity(workspace, activity_id, ActivityState.SUCCEEDED, f"deleted files: {files:,}, of {size:,} bytes")
    except SlipwayError as error:
        end_activity(workspace, activity_id, ActivityState.FAILED, error.message)
    except Exception:
        _log.exception("deletion %s broke off", activity_id)
        message = "the deletion broke off because of a fault of the registry's: its log says more; it can be repeated"
        end_activity(workspace, activity_id, ActivityState.FAILED, message)


def _delete_files(workspace: Workspace, layout: ImageLayout, report: Callable[[float, str], None]) -> tuple[int, int]:
    """Delete the files that are there now and that nothing refers to when their turn comes."""
    entries = list(workspace.blobs.entries())
    tasks = [(entry.size, partial(_remove_leftover, workspace, entry)) for entry in entries if entry.digest is None]
    tasks += [(blob.size, partial(_remove_of_image, workspace, layout, blob)) for blob in layout.entries()]
    layout.discard_uploads()
    layout.forget({manifest.digest for manifest in layout.index().manifests})
    files, freed = 0, 0
    for entry in blob_claims.remove_unreferenced(workspace, entries):
        files, freed = files + 1, freed + entry.size
        if files % max(1, len(entries) // REPORTS) == 0:
            report(0.1 + 0.5 * files / len(entries), f"{files:,} of {len(entries):,} files")
    for number, (size, remove) in enumerate(tasks):
        if number % max(1, len(tasks) // REPORTS) == 0:
            report(0.6 + 0.4 * number / len(tasks), f"{number:,} of {len(tasks):,} files of images")
        if remove():
            files, freed = files + 1, freed + size
    return files, freed


def _remove_leftover(workspace: Workspace, entry: BlobEntry) -> bool:
    """Delete what is left of an upload, unless it is under way."""
    if not workspace.blobs.is_unchanged(entry):
        return False
    workspace.blobs.remove(entry)
    return True


def _remove_of_image(workspace: Workspace, layout: ImageLayout, blob: BlobFile) -> bool:
    with workspace.metadata.write() as tx:
        kept = {row.digest for _, row, _ in manifests.all_manifests(tx)}
        needed = {needs for digest in kept for needs in links_of(layout, digest).blobs}
        if blob.digest in needed or not layout.is_unchanged(blob):
            return False
        layout.remove(blob.digest)
    return True


def _check_nothing_refuses(tx: Connection, but: str = "") -> None:
    refused = _refusals(tx, but)
    if refused:
        raise WrongState(f"the workspace cannot be deleted: {'; '.join(refused)}", refused=refused)


def _refusals(tx: Connection, but: str = "") -> list[str]:
    """Return why it cannot be deleted now; ``but`` is the activity that asks."""
    used = [
        f"{deployment.endpoint}/{deployment.name} revision {revision.number} is {revision.state}"
        for deployment in deployments.all_deployments(tx)
        for revision in deployment.revisions
        if revision.state in RUNNING
    ]
    busy = [
        f"{activity.kind} of {activity.subject} is running"
        for kind in (ActivityKind.BUILD, ActivityKind.DELETE)
        for activity in activities.running(tx, kind)
        if activity.id != but
    ]
    return [*used, *busy]
