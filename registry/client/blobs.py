"""Blobs as the SDK has them: bytes named by their digest, streamed in and out."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from registry.client.door import V1, Door
from registry.core.errors import NotFound

CHUNK_BYTES = 1 << 20


class Blobs:
    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._door.send("PUT", f"{V1}/blobs/{digest}", data)
        return digest

    def put_file(self, path: Path, report: Callable[[int], None] = lambda _: None) -> str:
        """Store a file, a megabyte of it in memory at a time, and return its digest. One that is there is not sent.

        ``report`` gets the size of each piece, and of the whole when it is there already.
        """
        with path.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            if self.exists(digest):
                report(path.stat().st_size)
            else:
                file.seek(0)
                self._door.send("PUT", f"{V1}/blobs/{digest}", _pieces(file, report))
        return digest

    def get(self, digest: str) -> bytes:
        return self._door.send("GET", f"{V1}/blobs/{quote(digest, safe='')}").content

    def stream(self, digest: str) -> AbstractContextManager[Iterator[bytes]]:
        """Give a blob's chunks: ``with client.blobs.stream(digest) as chunks``."""
        return self._door.stream(f"{V1}/blobs/{quote(digest, safe='')}")

    def exists(self, digest: str) -> bool:
        try:
            self._door.send("HEAD", f"{V1}/blobs/{quote(digest, safe='')}")
        except NotFound:
            return False
        return True


def _address(digest: str) -> str:
    return f"{V1}/blobs/{quote(digest, safe='')}"


def _pieces(file: BinaryIO, report: Callable[[int], None]) -> Iterator[bytes]:
    while piece := file.read(CHUNK_BYTES):
        yield piece
        report(len(piece))
