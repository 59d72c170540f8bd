"""A tar of somebody else's as ``tarfile`` reads it: seeks over contents, and headers in bounded memory."""

import io
import tarfile

MAX_HEADER_BYTES = 16 << 20  # of all files together, which tarfile keeps; a plain file's is 512, a long name's 1536


class TarHeaders(io.FileIO):
    """Raises tarfile.ReadError where the headers claim more memory than they may have."""

    _left = MAX_HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MAX_HEADER_BYTES + 1 if size is None or size < 0 else size  # below nothing is all that there is
        self._left -= wanted
        if self._left < 0:
            raise tarfile.ReadError(f"it has more than {MAX_HEADER_BYTES:,} bytes of headers")
        return super().read(size)
