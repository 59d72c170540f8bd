"""What is written down beside what a node keeps: which files a layer has, which layers an image has, and sizes."""

from pathlib import Path
from typing import TypeVar

import msgspec

RECORD = "entry.json"
_T = TypeVar("_T")


class KeptFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a layer, or a link in it with its target."""

    path: str
    size: int = 0
    link: str = ""


class KeptLayer(msgspec.Struct, frozen=True, kw_only=True):
    size_bytes: int
    folders: list[str]  # parents before children
    files: list[KeptFile]


class KeptImage(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    layers: list[str]  # digests without their algorithm, in order
    description: str  # the ImageConfig, as it lies in the image's root


class KeptEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    python: str
    size_bytes: int


def read_record(path: Path, kind: type[_T]) -> _T | None:
    """Read what is written down, or None where nothing is, or what this version does not understand."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None
