"""What the errors of the disk below the images mean."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from registry.core.errors import Unavailable


@contextmanager
def disk_told() -> Iterator[None]:
    """Raise Unavailable for every error of the disk but a file that is not there."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        said = "is full" if full else f"refuses: {error.strerror or error}"
        raise Unavailable(f"the images' disk {said}") from error
