"""Bodies that end processes: a table in a file that all scoring processes of one revision on a node have mapped.

Before a process lets a model work on a request it writes the request's digest into its own slot, and takes it away
afterwards. A slot whose owner has died with a digest in it is a *kill* of that body; with two it is refused. Who comes
to the end of all work on it, of the last piece where it is answered in pieces, acquits it. Nobody has to notice a death
first: the kernel lets go of the owner's lock on its slot before it closes the owner's connections, so whoever the
request is given to next finds the lock free. Until a body has come to an end once, at most two processes work on it at
the same moment.

The file: MAGIC; how many slots were ever taken and how many digests a mark ever had; the first digest of every slot,
the second of every slot and so on, so that what is not used is not looked at; each one's process, beginning, request.
Locks lie on single bytes: byte 0 is the table's, byte 1 + n that of slot n.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import mmap
import os
import struct
import time
from typing import Callable, ContextManager, Dict, Iterator, List, Sequence, Tuple, Union

from ..errors import BodyRefused
from ..tensors import Tensors

MAGIC = b"slipway blame 1\n"
MOST_KILLS = 2
KEPT_S = 300.0  # a kill is forgotten after that
WAIT_S = 0.25  # for what others make of the same body
SLOTS, DIGESTS, BYTES = 256, 64, 16  # in the table; in each of them; in each of those
COUNTS, MARK = struct.Struct("<II"), struct.Struct("<Id64s")
COUNTS_AT, DIGESTS_AT = len(MAGIC), 64
MARKS_AT = DIGESTS_AT + SLOTS * DIGESTS * BYTES
SIZE = MARKS_AT + SLOTS * MARK.size
_NOTHING = bytes(BYTES)
_REMEMBERED = 1024  # bodies that came to their end here

_log = logging.getLogger("slipway.scoring")


def digest_of(*parts: bytes) -> bytes:
    """Name what a model is given, so that it can be known again."""
    name = hashlib.blake2b(digest_size=BYTES)
    for part in parts:
        name.update(b"%d:" % len(part))
        name.update(part)
    return name.digest()


def digest_of_tensors(tensors: Tensors) -> bytes:
    """Name tensors."""
    parts = []
    for name, array in tensors.items():
        values = array.tobytes() if array.dtype != object else repr(array.tolist()).encode("utf-8", "surrogatepass")
        parts += [repr((name, array.dtype, array.shape)).encode("utf-8", "surrogatepass"), values]
    return digest_of(*parts)


class NoBlame:
    """Where nobody shares a table."""

    def of(self, digests: Sequence[bytes], request_id: str) -> ContextManager[None]:
        return contextlib.nullcontext()

    mark = of

    def acquit(self, digests: Sequence[bytes]) -> None: ...

    def is_suspect(self, digest: bytes) -> bool:
        return False


class BlameTable:
    """Whom to blame when this process dies: its slot, and its view of the others'. One thread's at a time."""

    def __init__(self, descriptor: int, table: mmap.mmap, logs: str, clock: Callable[[], float]) -> None:
        self._descriptor = descriptor
        self._table = table
        self._logs = logs
        self._clock = clock
        self._slot = -1
        self._patience_s: Dict[bytes, float] = {}  # what is left of WAIT_S; nothing of a body that came to its end
        self._kills: Dict[bytes, List[int]] = {}  # where the dead have what is worked on here

    def take_slot(self) -> bool:
        """Take a slot that nobody has, at last the longest dead one's; say whether there was one."""
        with self._whole_table():
            free = [slot for slot in range(SLOTS) if self._lock(1 + slot)]
            if free:
                self._slot = min(free, key=self._kept_since)
                used, widest = self._counts()
                COUNTS.pack_into(self._table, COUNTS_AT, max(used, self._slot + 1), max(widest, 1))
                self._write([_NOTHING] * DIGESTS)
            for slot in free:
                if slot != self._slot:
                    self._unlock(1 + slot)
        return bool(free)

    @contextlib.contextmanager
    def mark(self, digests: Sequence[bytes], request_id: str) -> Iterator[None]:
        """Let what this surrounds be blamed on these, whatever they have ended before."""
        mark_at = MARKS_AT + self._slot * MARK.size
        MARK.pack_into(self._table, mark_at, os.getpid(), self._clock(), request_id.encode("ascii", "replace"))
        self._write(digests)
        try:
            yield
        finally:
            self._write([_NOTHING] * len(digests))
            MARK.pack_into(self._table, mark_at, 0, 0.0, b"")

    @contextlib.contextmanager
    def of(self, digests: Sequence[bytes], request_id: str) -> Iterator[None]:
        """Do as ``mark``; one of several is neither refused nor waited for.

        Raises:
            BodyRefused: the only one has ended two processes.
        """
        with self.mark(digests, request_id):
            if len(digests) == 1 and self._known(digests[0], 1):  # after the mark: of two, one sees the other's
                self._write([_NOTHING])
                self._wait_for_others(digests[0])
            yield

    def acquit(self, digests: Sequence[bytes]) -> None:
        """Forget what was blamed on these when their work was begun here: it has come to its end."""
        for digest in digests:
            self._patience_s[digest] = 0.0
            for at in self._kills.pop(digest, ()):
                if self._table[at : at + BYTES] == digest:
                    self._table[at : at + BYTES] = _NOTHING
        while len(self._patience_s) > _REMEMBERED:
            del self._patience_s[next(iter(self._patience_s))]

    def is_suspect(self, digest: bytes) -> bool:
        """Say whether this body is to be worked on alone: it has ended a process, or is new here and others have it."""
        if not self._known(digest, 0):
            return False
        if self._patience_s.get(digest, WAIT_S) > 0:
            return True
        with self._whole_table():
            return bool(self._others(digest)[0])

    def _counts(self) -> Sequence[int]:
        return COUNTS.unpack_from(self._table, COUNTS_AT)

    def _kept_since(self, slot: int) -> float:
        began: float = MARK.unpack_from(self._table, MARKS_AT + slot * MARK.size)[1]
        return began if 0 <= self._clock() - began <= KEPT_S else 0.0  # the clock begins anew with the machine

    def _all(self) -> bytes:
        used, widest = self._counts()
        return self._table[DIGESTS_AT : DIGESTS_AT + (used if widest == 1 else widest * SLOTS) * BYTES]

    def _known(self, digest: bytes, besides: int) -> bool:
        return self._all().count(digest) > besides

    def _write(self, digests: Sequence[bytes]) -> None:
        first = DIGESTS_AT + self._slot * BYTES
        self._table[first : first + BYTES] = digests[0]
        if len(digests) == 1:
            return
        used, widest = self._counts()
        if len(digests) > widest and digests[0] != _NOTHING:
            COUNTS.pack_into(self._table, COUNTS_AT, used, min(len(digests), DIGESTS))
        for at, digest in zip(range(first, MARKS_AT, SLOTS * BYTES), digests):
            self._table[at : at + BYTES] = digest

    def _wait_for_others(self, digest: bytes) -> None:
        """Mark the slot when it is due; where the dead have this body is kept in mind."""
        began, patience_s = self._clock(), self._patience_s.get(digest, WAIT_S)
        while True:
            with self._whole_table():
                kills, others = self._others(digest)
                count = len({at % (SLOTS * BYTES) for at in kills})  # a batch may have had it twice
                if count >= MOST_KILLS:
                    self._kills.pop(digest, None)
                    raise BodyRefused(self._logs, int(KEPT_S))
                waited_s = self._clock() - began
                if count + others < MOST_KILLS or waited_s >= (WAIT_S if kills else patience_s):
                    self._write([digest])
                    break
            time.sleep(0.001)
        self._patience_s[digest] = max(patience_s - waited_s, 0.0)  # each piece of an answer may have to wait
        self._kills[digest] = kills

    def _others(self, digest: bytes) -> Tuple[List[int], int]:
        """Return where the dead have a body, and how many of the living do; what is old is taken away."""
        kills, living, found = [], 0, -1
        while (found := self._all().find(digest, found + 1)) >= 0:
            slot, at = found // BYTES % SLOTS, DIGESTS_AT + found
            if not self._lock(1 + slot):
                living += 1
                continue
            self._unlock(1 + slot)
            if self._kept_since(slot):
                kills.append(at)
            else:
                self._table[at : at + BYTES] = _NOTHING
        return kills, living

    @contextlib.contextmanager
    def _whole_table(self) -> Iterator[None]:
        """Have it alone; whoever was stopped with it in hand holds up nobody for longer than 50 ms."""
        for _ in range(50):
            if self._lock(0):
                break
            time.sleep(0.001)
        try:
            yield
        finally:
            self._unlock(0)

    def _lock(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:
            return False
        return True

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, byte)


Blame = Union[BlameTable, NoBlame]
NO_BLAME = NoBlame()


def open_blame(path: str, logs: str, clock: Callable[[], float] = time.monotonic) -> Blame:
    """Take part in the table at ``path``, which the supervisor has made; ``logs`` is the command that shows logs."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        table = mmap.mmap(descriptor, SIZE)
    except (OSError, ValueError) as error:
        _log.warning("bodies that end processes are not known again: %s", error)
        return NO_BLAME
    mine = BlameTable(descriptor, table, logs, clock)
    if table[:COUNTS_AT] != MAGIC or not mine.take_slot():
        _log.warning("bodies that end processes are not known again: no place in %s", path)
        return NO_BLAME
    return mine
