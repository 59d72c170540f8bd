"""Answers that are remembered by what was asked: all of its hash, and all of the input in the hash.

A process serves one image for one revision, and its cache lives as long as it does: so no key needs the image's digest,
and what another revision answers is never among it.
"""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, Union

import numpy as np

from ..tensors import Tensors

Piece = Union[bytes, memoryview]

# What an answer takes in memory besides its content: key, entry and places in the tables; an array's own objects.
ENTRY_BYTES, TENSOR_BYTES = 600, 250


class AnswerCache:
    """Holds answers of ``max_bytes`` together; those go first that were asked for longest ago. One event loop's.

    ``ttl_s`` is for how long one counts, None for ever; ``clock`` is monotonic, in seconds.
    """

    def __init__(self, max_bytes: int, ttl_s: Optional[float], clock: Callable[[], float]) -> None:
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._ttl_s = float("inf") if ttl_s is None else ttl_s
        self._clock = clock
        self._entries: OrderedDict[bytes, Tuple[float, int, Any]] = OrderedDict()

    def get(self, key: bytes) -> Any:
        """Return what is remembered for a key, None if nothing is."""
        found = self._entries.get(key)
        if found is None:
            return None
        until, size_bytes, answer = found
        if self._clock() >= until:
            self._drop(key, size_bytes)
            return None
        self._entries.move_to_end(key)
        return answer

    def put(self, key: bytes, answer: Any, size_bytes: int) -> None:
        """Remember an answer whose content takes ``size_bytes``, unless it is larger than all may be together."""
        size_bytes += ENTRY_BYTES
        if size_bytes > self._max_bytes:
            return
        before = self._entries.get(key)
        if before is not None:
            self._drop(key, before[1])
        self._entries[key] = (self._clock() + self._ttl_s, size_bytes, answer)
        self.size_bytes += size_bytes
        while self.size_bytes > self._max_bytes:
            oldest = next(iter(self._entries))
            self._drop(oldest, self._entries[oldest][1])

    def _drop(self, key: bytes, size_bytes: int) -> None:
        del self._entries[key]
        self.size_bytes -= size_bytes


def tensors_key(tensors: Tensors, parameters: Mapping[str, Any]) -> Optional[bytes]:
    """Hash named tensors, in any order, with the request's parameters for the model.

    Equal keys mean equal names, dtypes, shapes and bits. None for what cannot be told apart: an element that is neither
    text nor bytes.
    """
    pieces: List[Piece] = [b"tensors", _texts(ascii(sorted(parameters.items())))]
    for name in sorted(tensors):
        array = tensors[name]
        pieces.append(_texts(name, array.dtype.str, ascii(array.shape)))
        if array.dtype != object:
            pieces.append(np.ascontiguousarray(array).data)
            continue
        for element in array.ravel().tolist():
            if isinstance(element, str):
                pieces.append(b"t%b" % _texts(element))
            elif isinstance(element, bytes):
                pieces.append(b"b%d:%b" % (len(element), element))
            else:
                return None
    return _hash(pieces)


def body_key(*parts: bytes) -> bytes:
    """Hash a request that is no tensors. The first part tells apart what reads such parts differently."""
    return _hash(piece for part in parts for piece in (b"%d:" % len(part), part))


def kept(outputs: Tensors) -> Tuple[Tensors, int]:
    """Copy outputs, so that nobody can change them and no larger array stays behind them; say how much they take."""
    copies: Tensors = {}
    size_bytes = 0
    for name, array in outputs.items():
        copies[name] = copy = array.copy()
        copy.flags.writeable = False
        size_bytes += copy.nbytes + TENSOR_BYTES + len(name)
        if copy.dtype == object:
            size_bytes += sum(map(sys.getsizeof, copy.ravel().tolist()))
    return copies, size_bytes


def _texts(*texts: str) -> bytes:
    """Lay texts out so that no others give the same bytes, whatever follows: each behind its length."""
    encoded = (text.encode("utf-8", "surrogatepass") for text in texts)
    return b"".join(b"%d:%b" % (len(text), text) for text in encoded)


def _hash(pieces: Iterable[Piece]) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
