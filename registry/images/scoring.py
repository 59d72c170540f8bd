"""The scoring process' own source, taken as data: this side never imports or runs it."""

import importlib.util
from functools import cache
from pathlib import Path

from registry.core.errors import Unavailable
from registry.images.bare_source import bare_source
from registry.images.pack import Entry, entry_of_bytes


@cache
def scoring_package() -> tuple[Entry, ...]:
    """List the ``.py`` files of the scoring process, bare, with paths relative to its package.

    Raises:
        Unavailable: this installation holds only the control plane.
    """
    folder = _folder()
    return tuple(
        entry_of_bytes(file.relative_to(folder).as_posix(), bare_source(file.read_text("utf-8")).encode())
        for file in sorted(folder.rglob("*.py"))
    )


def scoring_requirements() -> str:
    """Return the scoring process' own list of requirements.

    Raises:
        Unavailable: this installation holds only the control plane.
    """
    return (_folder() / "requirements.txt").read_text()


def _folder() -> Path:
    spec = importlib.util.find_spec("serving")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "scoring"
        if (folder / "__init__.py").is_file():
            return folder
    raise Unavailable("the scoring process is not installed here: images are built where package 'serving' is")
