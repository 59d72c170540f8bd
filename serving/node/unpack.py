"""A layer's files, and nothing that leads elsewhere: no links, no devices, no path out of the folder."""

import shutil
import tarfile
from pathlib import Path
from typing import IO

from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path
from serving.node.errors import ImageRefused

_FOLDER_MODE, _FILE_MODE = 0o755, 0o644


def unpack_layer(layer: Path, digest: str, folder: Path) -> None:
    """Unpack the uncompressed tar ``layer`` below ``folder``.

    Raises:
        ImageRefused: it is no tar, or a member is a link, a device, claims a path twice or leads elsewhere.
    """
    try:
        with tarfile.open(layer, "r:") as tar:
            for member in tar:
                _unpack_member(tar, member, folder)
    except (tarfile.TarError, InvalidInput, FileExistsError, NotADirectoryError, IsADirectoryError, _Refused) as error:
        raise ImageRefused(f"layer {digest} is refused: {error}", digest) from error


class _Refused(Exception):
    """A member that no image of ours has."""


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = folder / check_archive_path(member.name)
    if member.type == tarfile.DIRTYPE:
        target.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise _Refused(f"{member.name!r} is neither a file nor a folder")
    content = tar.extractfile(member)
    assert content is not None
    target.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    with content, target.open("xb") as out:
        _copy(content, out, member)
    target.chmod(_FILE_MODE)


def _copy(content: IO[bytes], out: IO[bytes], member: tarfile.TarInfo) -> None:
    shutil.copyfileobj(content, out, 1 << 20)
    if out.tell() != member.size:
        raise _Refused(f"{member.name!r} is cut short")
