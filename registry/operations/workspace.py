"""What every operation is given: the stores, and the sources of time, ids and keys, so that tests can choose them."""

import asyncio
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from registry.store.blobs import Blobs, open_blobs
from registry.store.metadata import Metadata, open_metadata
from registry.store.security.sealing import MasterKey

LOOK_S = 0.5  # how late a registry learns what another one wrote to the same database
KEY_BYTES = 32  # 43 characters of URL-safe base64


class ChangeSignal:
    """Tells waiters that something changed; they look again for what they wait for.

    ``notify`` may be called from any thread. Take ``ticket()`` before looking and pass it to ``wait``: a change that
    happens between the two is not missed. Where other processes change things too, who tell nobody here, a wait ends
    after ``look_s``.
    """

    def __init__(self, look_s: float | None = None) -> None:
        self._look_s = look_s
        self._lock = threading.Lock()
        self._count = 0
        self._closed = False
        self._waiters: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def closed(self) -> bool:
        return self._closed

    def ticket(self) -> int:
        return self._count

    def notify(self) -> None:
        with self._lock:
            self._count += 1
            self._wake()

    def close(self) -> None:
        """Release everyone who waits, now and later: the process is stopping."""
        with self._lock:
            self._closed = True
            self._wake()

    async def wait(self, ticket: int, timeout_s: float) -> None:
        """Return when it is time to look again: since ``ticket`` something may have changed, or the time is over."""
        event = asyncio.Event()
        with self._lock:
            if self._closed or self._count != ticket:
                return
            self._waiters[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s if self._look_s is None else min(timeout_s, self._look_s)):
                await event.wait()
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiters.pop(event, None)

    def _wake(self) -> None:
        for event, loop in self._waiters.items():
            loop.call_soon_threadsafe(event.set)
        self._waiters.clear()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    return uuid.uuid4().hex


def new_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


@dataclass(frozen=True)
class Workspace:
    """Everything below the operations, and nothing of the doors above them."""

    metadata: Metadata
    blobs: Blobs
    now_ms: Callable[[], int] = now_ms
    new_id: Callable[[], str] = new_id
    new_key: Callable[[], str] = new_key
    signal: ChangeSignal = field(default_factory=ChangeSignal)
    vault_key: MasterKey = field(default_factory=lambda: MasterKey(None))

    def close(self) -> None:
        self.signal.close()
        self.metadata.close()


def open_workspace(database_url: str, artifacts_url: str, vault_key_file: Path | None = None) -> Workspace:
    """Open both stores, made when missing. Without a file for the vault's key, it is forgotten with the workspace.

    Raises:
        InvalidInput: a URL cannot be used.
        Unavailable: a store cannot be reached.
    """
    metadata = open_metadata(database_url)
    signal = ChangeSignal(LOOK_S if metadata.shared else None)
    vault_key = MasterKey(vault_key_file)
    return Workspace(metadata=metadata, blobs=open_blobs(artifacts_url), signal=signal, vault_key=vault_key)
