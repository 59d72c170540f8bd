"""The environments that have a name: one TOML file for each version in ``registry/images/curated``, never changed."""

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from registry.core.errors import NotFound
from registry.core.imaging.environments import CuratedEnvironment, parse_curated_reference
from registry.images.environments.base import Wanted

_FOLDER = Path(__file__).parents[1] / "curated"


@cache
def all_curated() -> tuple[CuratedEnvironment, ...]:
    """Return every version of every curated environment, by name and then from new to old."""
    found = [_load(file) for file in _FOLDER.glob("*.toml")]
    return tuple(sorted(found, key=lambda one: (one.name, -one.version)))


def find_curated(reference: str) -> CuratedEnvironment:
    """Return the environment that ``sklearn:1``, ``sklearn@latest`` or ``sklearn`` means.

    Raises:
        InvalidInput: the reference is none of the accepted forms.
        NotFound: there is none; the message lists those there are.
    """
    name, version = parse_curated_reference(reference)
    for one in all_curated():
        if one.name == name and version in (None, one.version):
            return one
    there = ", ".join(one.reference for one in all_curated())
    raise NotFound(f"there is no curated environment {reference!r} (there is: {there})", reference=reference)


def from_curated(reference: str, default_python: str) -> Wanted:
    """Return what a curated environment holds, for ``default_python`` if it is made for that.

    Raises:
        InvalidInput, NotFound: as ``find_curated``.
    """
    found = find_curated(reference)
    python = default_python if default_python in found.python else found.python[0]
    return Wanted(f"environment {found.reference}", tuple(found.pins), python, found.remedy)


def _load(file: Path) -> CuratedEnvironment:
    name, _, version = file.stem.rpartition("-")
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    return msgspec.convert({**document, "name": name, "version": int(version)}, CuratedEnvironment)
