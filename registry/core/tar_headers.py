"""A tar of somebody else's as ``tarfile`` reads it, in memory that does not grow with what its headers say.

One header may be followed by others of the same file, each read at once, and ``tarfile`` calls itself for each and
keeps all that it found. So what one file's headers take is bounded, and nothing is kept.
"""

import os
import tarfile
from typing import IO

MAX_HEADER_BYTES = 5 << 10  # of one file; a plain one's take 512, a long name and a long link of GNU tar 4608
MAX_RECORDS = 16  # of a PAX header: there are a dozen keywords


class BoundedTar(tarfile.TarFile):
    """An uncompressed tar, read. Give it to ``for``; members are forgotten when the next one is read.

    Raises tarfile.ReadError, also while it is iterated, where a file's headers claim more than they may have.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._source = _Source(file)
        super().__init__(fileobj=self._source)  # type: ignore[arg-type]  # what is read needs no write

    def next(self) -> tarfile.TarInfo | None:
        """Return the next member, or None at the end."""
        self._source.left = MAX_HEADER_BYTES
        try:
            member = super().next()
        finally:
            self._source.left = None
        self.members.clear()  # type: ignore[attr-defined]  # it is public, and missing in typeshed
        if self.pax_headers:
            raise tarfile.ReadError("it has a header for all files that follow")
        if member is not None:
            if len(member.pax_headers) > MAX_RECORDS:
                raise tarfile.ReadError(f"the header of {member.name[:100]!r} has more than {MAX_RECORDS} records")
            member.pax_headers = {}  # they are applied already
        return member


class _Source:
    """The file below; ``left`` is how much may be read of it, None where contents are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.left: int | None = None

    def read(self, size: int = -1) -> bytes:
        if self.left is not None:
            if not 0 <= size <= self.left:
                raise tarfile.ReadError(f"one of its files has more than {MAX_HEADER_BYTES:,} bytes of headers")
            self.left -= size
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
