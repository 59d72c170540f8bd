"""End Python code that runs for too long on a thread of the model's, from another thread.

An exception is raised in it between two of its instructions, so a loop ends and a call into C does not. Where Azure
ML's server sends itself SIGALRM: it runs scripts on its main thread, which here is the event loop's.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from typing import Iterator, List

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc


class Interruption:
    """Of one thread that runs one thing at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: List[object] = []
        self._thread = 0
        self._raised = False

    @contextlib.contextmanager
    def of(self, *work: object) -> Iterator[None]:
        """Let ``end`` of each ``work`` end what this surrounds. What it raises is raised in here, or not at all."""
        with self._lock:
            self._running, self._thread = list(work), threading.get_ident()
        try:
            yield
        finally:
            with self._lock:
                self._running = []
                if self._raised:
                    self._raised = False
                    _raise_in(ctypes.c_ulong(self._thread), None)  # unless it was raised already

    def end(self, work: object) -> None:
        """Raise TimeoutError in what runs, if it runs for ``work`` and for nothing else that has not ended."""
        with self._lock:
            if work not in self._running:
                return
            self._running.remove(work)
            if not self._running:
                self._raised = True
                _raise_in(ctypes.c_ulong(self._thread), ctypes.py_object(TimeoutError))
