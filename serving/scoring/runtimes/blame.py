"""Bodies that end processes: a table in a file that all scoring processes of one revision on a node have mapped.

Before a process lets a model work on a request it writes the request's digest into its own slot, and takes it away
afterwards. A slot whose owner has died with a digest in it is a *kill* of that body; with two it is refused. Who comes
to the end of all work on it, of the last piece where it is answered in pieces, acquits it. Nobody has to notice a death
first: the kernel lets go of the owner's lock on its slot before it closes the owner's connections, so whoever the
request is given to next finds the lock free. Until a body has come to an end once, at most two processes work on it at
the same moment.

Who runs models without code of the user's marks nothing (a mark takes longer than some of them do), until the
supervisor of one such process notes that it has died, and then for an hour.

The file: MAGIC; how many slots were ever taken and how many places of them; when a process died last, and whether that
is less than an hour ago; the first place of every slot, the second of every slot and so on, so that what is not used is
not looked at; each slot's process, and the beginning and request of what it is at. Locks lie on single bytes: byte 0 is
the table's, byte 1 + n that of slot n.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import mmap
import os
import struct
import threading
import time
from heapq import heappop, heappush
from typing import Callable, ContextManager, Dict, Iterator, List, Sequence, Tuple, Union

from ..errors import BodyRefused
from ..tensors import Tensors

MAGIC = b"slipway blame 1\n"
MOST_KILLS = 2
KEPT_S = 300.0  # a kill is forgotten after that
WATCHED_S = 3600.0  # so long after a death everybody marks
WAIT_S = 0.25  # for what others make of the same body
SLOTS, DIGESTS, BYTES = 256, 64, 16  # in the table; places in each of them; in each of those
COUNTS, DEATH, MARK = struct.Struct("<II"), struct.Struct("<d?"), struct.Struct("<Id64s")
COUNTS_AT, DEATH_AT, DIGESTS_AT = len(MAGIC), 32, 64
WATCHED_AT = DEATH_AT + 8  # the byte that says whether the death was less than an hour ago
MARKS_AT = DIGESTS_AT + SLOTS * DIGESTS * BYTES
SIZE = MARKS_AT + SLOTS * MARK.size
_NOTHING, _NO_MARK = bytes(BYTES), bytes(MARK.size)
_NOTHINGS = [_NOTHING] * DIGESTS
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

    table = bytes(WATCHED_AT + 1)

    def watches(self) -> bool:
        return False

    def of(self, digests: Sequence[bytes], request_id: str) -> ContextManager[None]:
        return contextlib.nullcontext()

    mark = of

    def acquit(self, digests: Sequence[bytes]) -> None: ...

    def is_suspect(self, digest: bytes) -> bool:
        return False


class BlameTable:
    """Whom to blame when this process dies: its slot, and its view of the others'. ``table[WATCHED_AT]`` may be read by
    whoever must not wait for ``watches``: where it is 0, that says no."""

    def __init__(self, descriptor: int, table: mmap.mmap, logs: str, clock: Callable[[], float]) -> None:
        self.table = table
        self._descriptor = descriptor
        self._logs = logs
        self._clock = clock
        self._slot = -1
        self._guard = threading.Lock()  # of what follows
        self._free = list(range(DIGESTS))  # places of the slot, a heap
        self._widest = 1  # of all slots, as far as was seen here
        self._at_work: Dict[int, bytes] = {}  # what the slot is marked with, by its first place
        self._patience_s: Dict[bytes, float] = {}  # what is left of WAIT_S; nothing of a body that came to its end
        self._kills: Dict[bytes, List[int]] = {}  # where the dead have what is worked on here
        self._alone = threading.Lock()  # a process' own threads do not keep each other from its locks on the file

    def watches(self) -> bool:
        """Say whether a process of the revision has died within the last hour."""
        died, watched = DEATH.unpack_from(self.table, DEATH_AT)
        if watched and not 0 <= self._clock() - died <= WATCHED_S:  # the clock begins anew with the machine
            self.table[WATCHED_AT] = 0
            return False
        return bool(watched)

    def take_slot(self) -> bool:
        """Take a slot that nobody has, at last the longest dead one's; say whether there was one."""
        with self._whole_table():
            free = [slot for slot in range(SLOTS) if self._lock(1 + slot)]
            if free:
                self._slot = min(free, key=self._kept_since)
                used, widest = self._counts()
                COUNTS.pack_into(self.table, COUNTS_AT, max(used, self._slot + 1), max(widest, 1))
                self._write(range(DIGESTS), _NOTHINGS)
            for slot in free:
                if slot != self._slot:
                    self._unlock(1 + slot)
        return bool(free)

    def mark(self, digests: Sequence[bytes], request_id: str) -> ContextManager[None]:
        """Let what this surrounds be blamed on these, whatever they have ended before."""
        return _Marked(self, digests, request_id)

    def of(self, digests: Sequence[bytes], request_id: str) -> ContextManager[None]:
        """Do as ``mark``; one of several is neither refused nor waited for.

        Raises, when it is entered:
            BodyRefused: the only one has ended two processes.
        """
        return _Judged(self, digests, request_id)

    def enter(self, digests: Sequence[bytes], request_id: str) -> Sequence[int]:
        """Mark, and return the places that the marks have, as far as there were any."""
        mark = MARK.pack(os.getpid(), self._clock(), request_id.encode("ascii", "replace"))
        with self._guard:
            places = [heappop(self._free) for _ in digests[: len(self._free)]]
            if places:
                self._at_work[places[0]] = mark
                self._show(mark)
                if places[-1] >= self._widest:
                    self._widen(places[-1] + 1)
        self._write(places, digests)
        return places

    def judge(self, digest: bytes, places: Sequence[int]) -> None:
        """Refuse, or wait for others, where a body was marked alone."""
        if self._known(digest, 1):  # after the mark: of two, one sees the other's
            self._write(places, _NOTHINGS)
            self._wait_for_others(digest, places)

    def leave(self, places: Sequence[int]) -> None:
        """Take the marks away."""
        self._write(places, _NOTHINGS)
        with self._guard:
            for place in places:
                heappush(self._free, place)
            if places:
                del self._at_work[places[0]]
                self._show(list(self._at_work.values())[-1] if self._at_work else _NO_MARK)

    def acquit(self, digests: Sequence[bytes]) -> None:
        """Forget what was blamed on these when their work was begun here: it has come to its end."""
        for digest in digests:
            self._patience_s[digest] = 0.0
            for at in self._kills.pop(digest, ()):
                if self.table[at : at + BYTES] == digest:
                    self.table[at : at + BYTES] = _NOTHING
        while len(self._patience_s) > _REMEMBERED:
            with self._guard:
                self._patience_s.pop(next(iter(self._patience_s)), None)

    def is_suspect(self, digest: bytes) -> bool:
        """Say whether this body is to be worked on alone: it has ended a process, or is new here and others have it."""
        if not self._known(digest, 0):
            return False
        if self._patience_s.get(digest, WAIT_S) > 0:
            return True
        with self._whole_table():
            return bool(self._others(digest)[0])

    def _counts(self) -> Sequence[int]:
        return COUNTS.unpack_from(self.table, COUNTS_AT)

    def _kept_since(self, slot: int) -> float:
        began: float = MARK.unpack_from(self.table, MARKS_AT + slot * MARK.size)[1]
        return began if 0 <= self._clock() - began <= KEPT_S else 0.0  # the clock begins anew with the machine

    def _all(self) -> bytes:
        used, widest = self._counts()
        return self.table[DIGESTS_AT : DIGESTS_AT + (used if widest == 1 else widest * SLOTS) * BYTES]

    def _known(self, digest: bytes, besides: int) -> bool:
        return self._all().count(digest) > besides

    def _show(self, mark: bytes) -> None:
        """Mark the slot with the last of what is under way."""
        at = MARKS_AT + self._slot * MARK.size
        self.table[at : at + MARK.size] = mark

    def _widen(self, places: int) -> None:
        with self._whole_table():
            used, self._widest = self._counts()
            self._widest = max(self._widest, places)
            COUNTS.pack_into(self.table, COUNTS_AT, used, self._widest)

    def _write(self, places: Sequence[int], digests: Sequence[bytes]) -> None:
        for place, digest in zip(places, digests):
            at = DIGESTS_AT + (self._slot + place * SLOTS) * BYTES
            self.table[at : at + BYTES] = digest

    def _wait_for_others(self, digest: bytes, places: Sequence[int]) -> None:
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
                    self._write(places, [digest])
                    break
            time.sleep(0.001)
        self._patience_s[digest] = max(patience_s - waited_s, 0.0)  # each piece of an answer may have to wait
        self._kills[digest] = kills

    def _others(self, digest: bytes) -> Tuple[List[int], int]:
        """Return where the dead have a body, and how many of the living do; what is old is taken away."""
        kills, living, found = [], 0, -1
        while (found := self._all().find(digest, found + 1)) >= 0:
            slot, at = found // BYTES % SLOTS, DIGESTS_AT + found
            if slot == self._slot or not self._lock(1 + slot):
                living += 1
                continue
            self._unlock(1 + slot)
            if self._kept_since(slot):
                kills.append(at)
            else:
                self.table[at : at + BYTES] = _NOTHING
        return kills, living

    @contextlib.contextmanager
    def _whole_table(self) -> Iterator[None]:
        """Have it alone; whoever was stopped with it in hand holds up nobody for longer than 50 ms."""
        with self._alone:
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


class _Marked:
    """While it lasts, bodies are marked."""

    __slots__ = ("_digests", "_places", "_request_id", "_table")

    def __init__(self, table: BlameTable, digests: Sequence[bytes], request_id: str) -> None:
        self._table = table
        self._digests = digests
        self._request_id = request_id

    def __enter__(self) -> None:
        self._places = self._table.enter(self._digests, self._request_id)

    def __exit__(self, *_: object) -> None:
        self._table.leave(self._places)


class _Judged(_Marked):
    __slots__ = ()

    def __enter__(self) -> None:
        super().__enter__()
        if len(self._digests) == 1:
            try:
                self._table.judge(self._digests[0], self._places)
            except BaseException:
                self._table.leave(self._places)
                raise


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
