"""A crew's process as the Serve replica sees it: started, given orders, told to end. Imports neither Ray nor httpx."""

import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec

from registry.core.imaging.signatures import Trust
from serving.wire.replica import ReplicaSpec


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a crew is to look after from now on: a line of JSON on its stdin, never its arguments, which all may read.

    ``trust`` counts for supervisors that start from now on.
    """

    name: str  # of the crew; its supervisors' names begin with it
    spec: ReplicaSpec
    supervisors: int  # each looks after one worker of a replica
    trust: Trust


class CrewProcess:
    """One crew, which ends when this process does: its supervisors then drain their replicas.

    ``on_loss`` is called, in a thread, if it ends without being told to.
    """

    def __init__(self, on_loss: Callable[[], None]) -> None:
        self._stopping = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "serving.cluster.crew"],
            stdin=subprocess.PIPE,
            start_new_session=True,  # whoever cleans up after this process leaves the draining to the crew
        )
        threading.Thread(target=self._watch, args=(on_loss,), name="crew", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, orders: Orders) -> None:
        """Replace the orders.

        Raises:
            BrokenPipeError: the crew has ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(orders) + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Have every replica drained; return when they are gone."""
        self._stopping = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _watch(self, on_loss: Callable[[], None]) -> None:
        self._process.wait()
        if not self._stopping:
            on_loss()
