"""What a layer of an image may hold: the one rule, for who takes layers in and for who unpacks them.

Plain files, folders, and symbolic links that stay inside the image. A link may climb from its own folder only before it
goes anywhere, so no other link can change where it leads; nothing may be put below a link.
"""

import io
import tarfile
import zlib
from itertools import dropwhile
from pathlib import PurePosixPath
from typing import IO

from registry.core.errors import InvalidInput
from registry.core.imaging.images import (
    GZIP_LAYER_TYPE,
    LAYER_ANNOTATION,
    LAYER_TYPE,
    LOCK_PATH,
    MAX_LOCK_BYTES,
    Descriptor,
    LayerKind,
)
from registry.core.paths import check_archive_path

MAX_INFLATED_BYTES = 16 << 20  # of the compressed layer, which is held in memory
_GZIP = 16 + zlib.MAX_WBITS


def plain_tar(blob: IO[bytes], layer: Descriptor) -> IO[bytes]:
    """Return the tar that a layer's blob is: the blob itself, or what the scoring process' layer inflates to.

    Raises:
        InvalidInput: it has another media type than layers of ours, or it is no gzip, or inflates to more than it may.
    """
    if layer.media_type == LAYER_TYPE:
        return blob
    if layer.media_type != GZIP_LAYER_TYPE or layer.annotations.get(LAYER_ANNOTATION) != LayerKind.SCORING:
        raise InvalidInput(
            f"it is {layer.media_type}, and nodes read {LAYER_TYPE} only: push the image as it was built, with "
            "`skopeo copy --preserve-digests` or `oras cp`"
        )
    unzip = zlib.decompressobj(_GZIP)
    try:
        content = unzip.decompress(blob.read(MAX_INFLATED_BYTES), MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise InvalidInput(f"it is no gzip: {error}") from error
    if len(content) > MAX_INFLATED_BYTES:
        raise InvalidInput(f"it inflates to more than {MAX_INFLATED_BYTES:,} bytes")
    if not unzip.eof:
        raise InvalidInput("its gzip is cut short")
    return io.BytesIO(content)


def check_member(member: tarfile.TarInfo) -> str:
    """Return the path of a layer's member.

    Raises:
        InvalidInput: its path is not plain and relative, or it is no file, no folder and no link that stays inside.
    """
    path = check_archive_path(member.name)
    match member.type:
        case tarfile.DIRTYPE:
            return path
        case tarfile.REGTYPE | tarfile.AREGTYPE if not member.issparse():
            return path
        case tarfile.SYMTYPE:
            check_link(path, member.linkname)
            return path
    raise InvalidInput(f"{path!r} is neither a file nor a folder", path=path)


def read_lock(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """Return the text of an image's lock. Raises InvalidInput if it is no file, too large, or not UTF-8."""
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise InvalidInput(f"{LOCK_PATH} is no file")
    if member.size > MAX_LOCK_BYTES:
        raise InvalidInput(f"{LOCK_PATH} has {member.size:,} bytes: {MAX_LOCK_BYTES:,} are the most")
    try:
        return content.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{LOCK_PATH} is not UTF-8: {error}") from error


def check_link(path: str, target: str) -> None:
    """Raise InvalidInput if a symbolic link at ``path`` in an image could lead out of it."""
    parts = target.split("/")
    inside = list(dropwhile(lambda part: part == "..", parts))
    climbs = len(parts) - len(inside)
    if climbs >= len(PurePosixPath(path).parts) or (inside and not _is_plain("/".join(inside))):
        raise InvalidInput(f"{path!r} is a link to {target!r}, which may lead out of the image", path=path)


def _is_plain(target: str) -> bool:
    try:
        check_archive_path(target)
    except InvalidInput:
        return False
    return True
