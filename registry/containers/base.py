"""What a base image must have, found in its layers without unpacking or running anything."""

import gzip
import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from registry.containers.sources import Source, StoredImage
from registry.core.errors import InvalidInput
from registry.core.imaging.images import Descriptor

try:
    from backports import zstd
except ImportError:  # few bases need it: it is an extra
    zstd = None  # type: ignore[assignment]
_UNREADABLE: tuple[type[Exception], ...] = (OSError, EOFError, tarfile.TarError)
if zstd is not None:
    _UNREADABLE += (zstd.ZstdError,)

_FOLDERS = ("usr/local/bin", "usr/bin", "bin")  # in the order of Debian's and of Docker's PATH
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_MUSL, _GLIBC = "ld-musl-", "ld-linux-"

Report = Callable[[Descriptor], None]  # a layer was looked through


def check_architecture(image: StoredImage, architecture: str) -> None:
    """Raise InvalidInput unless the base is for the image's processor."""
    found = image.config.get("architecture")
    if found != architecture:
        raise InvalidInput(f"the base is for {found}, and the image for {architecture}: take a base for {architecture}")


def find_python(source: Source, image: StoredImage, minor: str, report: Report) -> str:
    """Return the path of the base's Python ``minor`` ("3.11").

    Raises:
        InvalidInput: it has none, or another one, or no glibc, which wheels need.
    """
    present: set[str] = set()
    for layer in image.layers:
        with source.open(layer) as file:
            _apply(_names(file, layer), present)
        report(layer)
    loaders = {path.rpartition("/")[2][: len(_GLIBC)] for path in present}
    if _GLIBC not in loaders and any(name.startswith(_MUSL) for name in loaders):
        raise InvalidInput("the base has musl, as Alpine has, and wheels need glibc: take another base")
    for folder in _FOLDERS:
        if f"{folder}/python{minor}" in present:
            return f"/{folder}/python{minor}"
    others = sorted(path for path in present if path.rpartition("/")[2].removeprefix("python3.").isdecimal())
    if others:
        there = ", ".join(f"/{path}" for path in others)
        raise InvalidInput(
            f"the image needs Python {minor}, and the base has {there}: build the image with that "
            "environment.python_version, or take another base"
        )
    raise InvalidInput(f"the base has no Python in /{' or /'.join(_FOLDERS[:2])}: take one with Python {minor}")


def _apply(names: Iterator[str], present: set[str]) -> None:
    """Note what a layer adds, and what it takes away from those below: not what it has itself."""
    added: set[str] = set()
    for name in names:
        folder, _, last = name.rpartition("/")
        if last == _OPAQUE:
            present -= {path for path in present if path.startswith(f"{folder}/")}
        elif last.startswith(_WHITEOUT):
            hidden = f"{folder}/{last.removeprefix(_WHITEOUT)}".removeprefix("/")
            present -= {path for path in present if path == hidden or path.startswith(f"{hidden}/")}
        elif last.startswith((_MUSL, _GLIBC)) or (folder in _FOLDERS and last.startswith("python3.")):
            added.add(name)
    present |= added


def _names(file: BinaryIO, layer: Descriptor) -> Iterator[str]:
    try:
        with _opened(file, layer) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined] # or it keeps every one of them
                yield member.name.removeprefix("./").lstrip("/")
    except _UNREADABLE as error:
        raise InvalidInput(f"layer {layer.digest} of the base cannot be read: {error}", blob=layer.digest) from error


def _opened(file: BinaryIO, layer: Descriptor) -> BinaryIO:
    match layer.media_type.rpartition("+")[2]:
        case "gzip":
            return cast(BinaryIO, gzip.GzipFile(fileobj=file))
        case "zstd":
            if zstd is None:
                raise InvalidInput(
                    f"layer {layer.digest} of the base is compressed with zstd: install slipway[zstd], "
                    "or take a base whose layers are gzip",
                    blob=layer.digest,
                )
            return cast(BinaryIO, zstd.ZstdFile(file))
        case _:
            return file
