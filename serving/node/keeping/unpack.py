"""A layer's files, and nothing that leads elsewhere: what it may hold, ``registry/core/imaging/layers.py`` says."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from registry.core.errors import InvalidInput
from registry.core.imaging.images import Descriptor
from registry.core.imaging.layers import check_member, plain_tar
from registry.core.tar_headers import BoundedTar
from serving.node.errors import ImageRefused

_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
_NOT_A_LAYER = (tarfile.TarError, ValueError, EOFError, InvalidInput)


def unpack_layer(layer: Path, descriptor: Descriptor, folder: Path) -> None:
    """Unpack the blob ``layer`` below ``folder``.

    Raises:
        ImageRefused: it is no tar, or a member is a device, claims a path twice, lies below a link or leads elsewhere.
    """
    try:
        with layer.open("rb") as blob, BoundedTar(plain_tar(blob, descriptor)) as tar:
            for member in tar:
                _unpack_member(tar, member, folder)
    except (*_NOT_A_LAYER, FileExistsError, NotADirectoryError, IsADirectoryError, _Refused) as error:
        raise ImageRefused(f"layer {descriptor.digest} is refused: {error}", descriptor.digest) from error


class _Refused(Exception):
    """A member that no image of ours has."""


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = check_member(member)
    target = folder / path
    for parent in PurePosixPath(path).parents:
        if (folder / parent).is_symlink():
            raise _Refused(f"{path!r} lies below the link {str(parent)!r}")
    if member.type == tarfile.DIRTYPE:
        target.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return
    target.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    if member.type == tarfile.SYMTYPE:
        target.symlink_to(member.linkname)
        return
    content = tar.extractfile(member)
    assert content is not None
    with content, target.open("xb") as out:
        _copy(content, out, member)
    target.chmod(_FILE_MODE)


def _copy(content: IO[bytes], out: IO[bytes], member: tarfile.TarInfo) -> None:
    shutil.copyfileobj(content, out, 1 << 20)
    if out.tell() != member.size:
        raise _Refused(f"{member.name!r} is cut short")
