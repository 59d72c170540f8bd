"""What a layer of an image may hold: the one rule, for who takes layers in and for who unpacks them.

Plain files, folders, and symbolic links that stay inside the image. A link may climb from its own folder only before it
goes anywhere, so no other link can change where it leads; nothing may be put below a link.
"""

import tarfile
from itertools import dropwhile
from pathlib import PurePosixPath

from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path


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
