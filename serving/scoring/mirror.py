"""Hands what was answered to the node's mirror process, which sends copies elsewhere and compares: after the answer,
and never in its way. What that process does not take at once waits within bounds; the rest is dropped and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import Any, Deque, Dict, List, Tuple, Union

import msgspec

HEADER = "x-slipway-mirror"  # SOCKET DRAWN,BOUND,DEPLOYMENT,BOUND,DEPLOYMENT…: the edge's word on one request
COPIES = b"-mirror"  # the key of all copies that come here, and no client's: whoever is answered goes first
MOST, MOST_BYTES = 256, 16 << 20  # that wait
AGAIN_S = 1.0
PREDICTIONS = (b"/score", b"/invocations", b"/infer", b":predict", b"/generate")
LENGTH = struct.Struct("<I")  # before each message


class Answered(msgspec.Struct, array_like=True, tag="answered"):
    """A request and its answer. ``path`` is empty for a ModelInfer over gRPC, whose status is 0. Later fields come
    last, with a default: images bring their own version of this."""

    backend: str
    targets: List[str]
    request_id: str
    path: bytes
    headers: Dict[bytes, bytes]
    body: bytes
    status: int
    answer_headers: Dict[bytes, bytes]
    answer: bytes


class Dropped(msgspec.Struct, array_like=True, tag="dropped"):
    """How many copies were dropped for each deployment since this was last told."""

    backend: str
    counts: Dict[str, int]


Message = Union[Answered, Dropped]


def targets(drawn: str, answered_by: str) -> List[str]:
    """Return who gets a copy: each whose bound is over what was drawn, but not who answered.

    Raises:
        ValueError: the edge's word is another.
    """
    chance, *rest = drawn.split(",")
    bounds = zip(rest[::2], rest[1::2])
    return [name for bound, name in bounds if int(bound) > int(chance) and name != answered_by]


class Mirror:
    """One event loop's. ``backend`` is this process' endpoint.deployment.revision."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._deployment = backend.split(".")[1] if backend.count(".") == 2 else ""
        self._links: Dict[str, _Link] = {}

    def after(self, wanted: str, *answered: Any) -> None:
        """Hand a request and its answer (the fields of ``Answered`` from ``request_id`` on) over, once it is sent."""
        asyncio.get_running_loop().call_soon(self._hand_over, wanted, answered)

    def _hand_over(self, wanted: str, answered: Tuple[Any, ...]) -> None:
        path, _, drawn = wanted.rpartition(" ")
        with contextlib.suppress(ValueError):
            names = targets(drawn, self._deployment)
            if not names:
                return
            if path not in self._links:
                self._links[path] = _Link(path, self._backend)
            self._links[path].offer(Answered(self._backend, names, *answered))


class _Link:
    """To one mirror process, by its socket; found again by itself."""

    def __init__(self, path: str, backend: str) -> None:
        self._path = path
        self._backend = backend
        self._loop = asyncio.get_running_loop()
        self._socket: Any = None
        self._again = 0.0  # when to try again
        self._waiting: Deque[Tuple[memoryview, List[str]]] = deque()
        self._held = 0
        self._dropped: Dict[str, int] = {}
        self._telling = False

    def offer(self, one: Answered) -> None:
        size = len(one.body) + len(one.answer)
        if len(self._waiting) >= MOST or self._held + size > MOST_BYTES or not self._connected():
            self._drop(one.targets)
            return
        self._put(one, one.targets)

    def _put(self, message: Message, names: List[str]) -> None:
        content = msgspec.msgpack.encode(message)
        frame = memoryview(LENGTH.pack(len(content)) + content)
        self._waiting.append((frame, names))
        self._held += len(frame)
        if len(self._waiting) == 1:
            self._send()
            if self._waiting:
                self._loop.add_writer(self._socket, self._go_on)

    def _go_on(self) -> None:
        self._send()
        if not self._waiting and self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _send(self) -> None:
        try:
            while self._waiting:
                frame, names = self._waiting[0]
                sent = self._socket.send(frame)
                self._held -= sent
                if sent < len(frame):
                    self._waiting[0] = (frame[sent:], names)
                    return
                self._waiting.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._lose()

    def _connected(self) -> bool:
        if self._socket is not None:
            return True
        if self._loop.time() < self._again:
            return False
        link = socket.socket(socket.AF_UNIX)
        link.setblocking(False)
        try:
            link.connect(self._path)
        except OSError:
            link.close()
            self._again = self._loop.time() + AGAIN_S
            return False
        self._socket = link
        return True

    def _lose(self) -> None:
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None
        lost, self._held = list(self._waiting), 0
        self._waiting.clear()
        for _, names in lost:
            self._drop(names)

    def _drop(self, names: List[str]) -> None:
        for name in names:
            self._dropped[name] = self._dropped.get(name, 0) + 1
        if names and not self._telling:
            self._telling = True
            self._loop.call_later(AGAIN_S, self._tell)

    def _tell(self) -> None:
        if len(self._waiting) >= MOST or not self._connected():
            self._loop.call_later(AGAIN_S, self._tell)
            return
        self._telling = False
        counts, self._dropped = self._dropped, {}
        self._put(Dropped(self._backend, counts), [])
