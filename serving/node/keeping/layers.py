"""Layers by digest: each pulled and unpacked once on a node, and hard-linked into every image that has it.

So images that share a layer share its bytes on the disk and in memory. Files are read-only and bear one fixed time: who
changes one changes it for all, and it is found by its size or time when the next process is to use it.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from registry.core.imaging.images import Descriptor
from serving.node.errors import ImageRefused
from serving.node.keeping.entries import Entries
from serving.node.keeping.kept import RECORD, KeptFile, KeptLayer, read_record
from serving.node.keeping.locks import Hold
from serving.node.keeping.pull import Source
from serving.node.keeping.unpack import unpack_layer

_FILE_MODE = 0o444
_MTIME_NS = 315_619_200 * 1_000_000_000  # 2 January 1980: what ZIP cannot hold lies before that year
_FILES = "files"
_WORTH_A_LINE_BYTES = 16 << 20


class Layers:
    """Unpacked layers as entries of a node."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def ensure(self, source: Source, name: str, descriptor: Descriptor, report: Callable[[str], None]) -> Hold:
        """Hold a layer, pulled first if it is not here or was changed.

        Raises:
            PullFailed: it cannot be pulled.
            ImageRefused: what was pulled is not what the digest says, or no layer of ours.
        """
        key = key_of(descriptor.digest)

        def make(tmp: Path, _inherit: object) -> None:
            if descriptor.size >= _WORTH_A_LINE_BYTES:
                report(f"pulling layer {descriptor.digest}: {descriptor.size:,} bytes")
            archive, made = tmp / "layer", tmp / "made"
            (made / _FILES).mkdir(parents=True)
            source.blob(name, descriptor, archive)
            unpack_layer(archive, descriptor, made / _FILES)
            (made / RECORD).write_bytes(msgspec.json.encode(_settle(made / _FILES)))
            self._entries.publish(made, key)

        return self._entries.ensure(key, lambda: self.is_whole(key, self._entries.path(key) / _FILES), make)

    def hold(self, key: str) -> Hold:
        """Keep a layer, if it is here, from being left until the hold is closed."""
        return self._entries.hold(key)

    def record(self, key: str) -> KeptLayer | None:
        """Return what is written down about a layer, if it is here."""
        return read_record(self._entries.path(key) / RECORD, KeptLayer)

    def is_whole(self, key: str, root: Path) -> bool:
        """Say whether the layer is here and its files below ``root`` are as they were made, by size and time."""
        record = self.record(key)
        return record is not None and all(_is_as_made(root / file.path, file) for file in record.files)

    def link(self, key: str, root: Path) -> None:
        """Link the layer's files into an image's root.

        Raises:
            ImageRefused: a layer before it claims one of its paths.
        """
        record, files = self.record(key), self._entries.path(key) / _FILES
        assert record is not None, "held and whole"
        try:
            for folder in record.folders:
                _link_folder(root / folder)
            for file in record.files:
                if file.link:
                    (root / file.path).symlink_to(file.link)
                else:
                    (root / file.path).hardlink_to(files / file.path)
        except (FileExistsError, NotADirectoryError) as error:
            path = str(error.filename2 or error.filename).removeprefix(f"{root}/")
            raise ImageRefused(f"layer sha256:{key} is refused: {path} exists already", f"sha256:{key}") from error


def key_of(digest: str) -> str:
    """Return the name of an entry for a digest that was checked."""
    return digest.removeprefix("sha256:")


def _link_folder(folder: Path) -> None:
    if folder.is_symlink():  # it may lead anywhere: no layer puts files behind another's link
        raise FileExistsError(17, "a link", str(folder))
    folder.mkdir(exist_ok=True)


def exchange_ends(link: Path) -> None:
    """Put the folder that a link leads to in the link's place, and a link to it where it was.

    Left as it is: what is no link to a real folder, and a folder whose own links, moved, might lead elsewhere.
    """
    if not link.is_symlink():
        return
    folder = _target(link, str(link.readlink()))
    if folder.is_symlink() or not folder.is_dir() or folder in link.parents:
        return
    if any(path.is_symlink() for path in folder.rglob("*")):
        return
    link.unlink()
    folder.rename(link)
    folder.symlink_to(os.path.relpath(link, folder.parent))


def _target(link: Path, target: str) -> Path:
    return Path(os.path.normpath(link.parent / target))


def _is_end_of(path: Path, target: str) -> bool:
    other = _target(path, target)
    return other.is_symlink() and path.is_dir() and path.samefile(other)


def _settle(root: Path) -> KeptLayer:
    """Make the files of an unpacked layer read-only, give them their time, and list them."""
    folders, files, size_bytes = [], [], 0
    for here, below, names in os.walk(root):
        links = [name for name in below if (Path(here) / name).is_symlink()]
        below[:] = sorted(set(below) - set(links))
        folders += [str((Path(here) / name).relative_to(root)) for name in below]
        for name in sorted([*names, *links]):
            file = Path(here) / name
            relative = str(file.relative_to(root))
            if file.is_symlink():
                files.append(KeptFile(path=relative, link=str(file.readlink())))
                continue
            file.chmod(_FILE_MODE)
            os.utime(file, ns=(_MTIME_NS, _MTIME_NS))
            state = file.stat()
            files.append(KeptFile(path=relative, size=state.st_size))
            size_bytes += state.st_blocks * 512
    return KeptLayer(size_bytes=size_bytes, folders=folders, files=files)


def _is_as_made(path: Path, file: KeptFile) -> bool:
    try:
        state = path.lstat()
        if file.link:  # or its two ends were exchanged, so that it leads here
            return str(path.readlink()) == file.link if stat.S_ISLNK(state.st_mode) else _is_end_of(path, file.link)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(state.st_mode) and state.st_size == file.size and state.st_mtime_ns == _MTIME_NS
