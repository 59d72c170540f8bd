"""The rule for paths that travel inside archives and images."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from registry.core.errors import InvalidInput

MAX_PATH_BYTES = 1024
_CONTROL = {chr(code) for code in (*range(32), 127)}


def check_archive_path(path: str) -> str:
    """Return ``path`` if it is a plain relative path with forward slashes: it can only lead below where it is put.

    Raises:
        InvalidInput: it is empty, absolute, too long, climbs (``..``), or holds ``.``, an empty part, a backslash or
            a control character.
    """
    fault = _fault(path)
    if fault:
        raise InvalidInput(f"{path!r} is not a path that an archive may hold: {fault}", path=path)
    return path


def check_archive_paths(paths: Sequence[str]) -> None:
    """Raise InvalidInput unless these can be the files of one folder: one at least, each once, none a folder too."""
    known = {check_archive_path(path) for path in paths}
    folders = {str(parent) for path in known for parent in PurePosixPath(path).parents}
    if not paths or len(known) != len(paths):
        raise InvalidInput("$.files: at least one file, and each path once", path="$.files")
    if both := known & folders:
        raise InvalidInput(f"$.files: {min(both)!r} is a file and a folder", path="$.files")


def _fault(path: str) -> str:
    parts = path.split("/")
    size_bytes = len(path.encode(errors="replace"))
    faults = {
        "it is empty": not path,
        "it is absolute": path.startswith("/"),
        "it is not UTF-8": any("\ud800" <= char <= "\udfff" for char in path),
        f"it is longer than {MAX_PATH_BYTES} bytes": size_bytes > MAX_PATH_BYTES,
        "it holds a backslash or a control character": "\\" in path or not _CONTROL.isdisjoint(path),
        "it climbs with '..'": ".." in parts,
        "it holds an empty or '.' part": "" in parts or "." in parts,
    }
    return next((fault for fault, present in faults.items() if present), "")
