"""[project] of a pyproject.toml: its dependencies, and those of the extras that are asked for.

The project itself is not installed: its code comes as the image's code folder.
"""

import tomllib
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from registry.core.errors import BuildFailed
from registry.images.environments.base import Wanted, wanted

_ORIGIN = "pyproject.toml"
_PATCHES = 50  # of a minor version; none has had so many


def from_pyproject(text: str, extras: list[str]) -> Wanted:
    """Return what the project depends on.

    Raises:
        BuildFailed: it is no TOML, has no [project], makes its dependencies dynamically, or has no such extra.
    """
    project = _project(text)
    groups = _table(project, "optional-dependencies")
    known = {canonicalize_name(name): name for name in groups}
    lines = _lines(project, "dependencies")
    for extra in extras:
        name = known.get(canonicalize_name(extra))
        if name is None:
            there = ", ".join(sorted(groups)) or "none"
            raise BuildFailed(f"{_ORIGIN}: the project has no extra {extra!r} (there is: {there})", extra=extra)
        lines += _lines(groups, name)
    return wanted(_ORIGIN, "\n".join(lines))


def check_requires_python(text: str, python: str) -> None:
    """Raise BuildFailed if the project's ``requires-python`` admits no patch of the minor version ``python``."""
    requires = _project(text).get("requires-python", "")
    try:
        specifiers = SpecifierSet(requires)
    except (InvalidSpecifier, TypeError, AttributeError) as error:
        raise BuildFailed(f"{_ORIGIN}: requires-python is {requires!r}, which is no version specifier") from error
    if not any(specifiers.contains(f"{python}.{patch}") for patch in range(_PATCHES)):
        raise BuildFailed(
            f"{_ORIGIN}: the project requires Python {requires}, and the image would have {python}: "
            "write environment.python_version",
            python=python,
        )


def _project(text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BuildFailed(f"{_ORIGIN} is not TOML: {error}") from error
    except RecursionError as error:
        raise BuildFailed(f"{_ORIGIN} is nested too deeply") from error
    except (ValueError, ArithmeticError) as error:  # a number of thousands of digits
        raise BuildFailed(f"{_ORIGIN} has a value that is none of its kind: {error}") from error
    project = document.get("project")
    if not isinstance(project, dict):
        raise BuildFailed(f"{_ORIGIN} has no [project] table: write the dependencies there, or in a requirements.txt")
    dynamic = _lines(project, "dynamic")
    for key in ("dependencies", "optional-dependencies"):
        if key in dynamic:
            raise BuildFailed(
                f"{_ORIGIN}: the project makes its {key} when it is built, and nothing is built here: write them out"
            )
    return project


def _table(project: dict[str, Any], key: str) -> dict[str, Any]:
    table = project.get(key, {})
    if not isinstance(table, dict):
        raise BuildFailed(f"{_ORIGIN}: project.{key} is no table")
    return table


def _lines(table: dict[str, Any], key: str) -> list[str]:
    lines = table.get(key, [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BuildFailed(f"{_ORIGIN}: {key} is no list of texts")
    return [line.replace("\n", " ") for line in lines]
