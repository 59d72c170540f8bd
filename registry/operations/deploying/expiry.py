"""What ends by itself when its time is over: endpoints and deployments with a time to live, and warm revisions.

The deadlines are rows, so they hold however often the registry is killed; each is acted upon in one transaction, by
whichever registry looks first.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from registry.core.deploying.endpoints import Deployment, RevisionState
from registry.core.deploying.history import ChangeKind
from registry.core.deploying.split import lay_out
from registry.core.deploying.traffic import split_without
from registry.core.errors import SlipwayError
from registry.core.times import length_text
from registry.operations.deploying import deployments as deployment_verbs
from registry.operations.deploying import endpoints as endpoint_verbs
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.deploying import deployments, due, endpoints
from registry.store.metadata import Connection

log = logging.getLogger("slipway.registry")

LOOK_S = 1.0


@contextmanager
def expiring(workspace: Workspace) -> Iterator[None]:
    """End what is due, every ``LOOK_S`` seconds, for as long as the block lasts."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            try:
                expire_due(workspace)
            except SlipwayError as error:
                log.warning("what has expired is not deleted yet: %s", error)

    watcher = threading.Thread(target=watch, name="expiry", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def expire_due(workspace: Workspace) -> None:
    """Delete the endpoints and deployments, and let go of the warm revisions, whose time is over."""
    now_ms = workspace.now_ms()
    with workspace.metadata.read() as tx:
        if not due.is_anything_due(tx, now_ms):
            return
    with workspace.metadata.write() as tx:
        for endpoint in endpoints.expired(tx, now_ms):
            message = f"the endpoint expired after {length_text(endpoint.ttl_s or 0)}"
            endpoint_verbs.delete_within(tx, workspace, endpoint, ChangeKind.EXPIRE, message)
        for deployment in deployments.expired(tx, now_ms):
            _expire(tx, workspace, deployment)
        for deployment in deployments.with_cold_revisions(tx, now_ms):
            _let_go(tx, deployment, now_ms)
        counters.increment(tx, counters.DESIRED_STATE)
    workspace.signal.notify()


def _expire(tx: Connection, workspace: Workspace, deployment: Deployment) -> None:
    """Delete a deployment; the others of its endpoint get its traffic, if there are any that have some."""
    endpoint = endpoint_verbs.get_within(tx, deployment.endpoint)
    message = f"deployment {deployment.name} expired after {length_text(deployment.ttl_s or 0)}"
    if percent := endpoint.traffic.get(deployment.name):
        traffic = split_without(endpoint.traffic, deployment.name)
        intervals = lay_out(endpoint.intervals, traffic)
        endpoints.put(tx, replace(endpoint, traffic=traffic, intervals=intervals, updated_ms=workspace.now_ms()))
        message += f"; its {percent:g} % went to the others" if traffic else "; it had all the traffic"
    deployment_verbs.delete_within(tx, workspace, deployment, ChangeKind.EXPIRE, message)


def _let_go(tx: Connection, deployment: Deployment, now_ms: int) -> None:
    for revision in deployment.revisions:
        if revision.warm_until_ms is not None and revision.warm_until_ms <= now_ms:
            here = (tx, deployment.endpoint, deployment.name, revision.number)
            deployments.set_state(*here, state=RevisionState.RETIRED, message=revision.message)
