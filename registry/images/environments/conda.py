"""A conda.yaml, of which images take the Python version and the pip part: there is no conda here."""

import re
from typing import Any

from registry.core.errors import BuildFailed, InvalidInput
from registry.core.loading import parse_yaml
from registry.images.environments.base import Wanted, minor_of, wanted

_SPEC = re.compile(r"(?:[\w.-]+::)?(?P<name>[\w.-]+)\s*(?P<rest>.*)\Z")
_PYTHON = re.compile(r"={1,2}\s*(?P<version>3\.\d+)(?:\.(?:\d+|\*))?(?:=\w+)?\Z")
_OF_PIP = {"pip", "setuptools", "wheel"}  # what makes environments; uv does it here
_SHOWN = 80  # characters
_HARMLESS = {"name", "channels", "dependencies", "prefix"}


def from_conda(text: str, origin: str = "conda file") -> Wanted:
    """Return the pip part and the Python version of a conda environment.

    Raises:
        BuildFailed: it is no such file, has keys that would have no effect, or packages that only conda has.
    """
    document = _document(text, origin)
    lines: list[str] = []
    python = None
    condas: list[str] = []
    for item in document.get("dependencies") or []:
        match item:
            case {"pip": list(requirements)} if len(item) == 1:
                lines += [_requirement(line, origin) for line in requirements]
            case str() if (spec := _SPEC.match(item.strip())) is not None:
                if spec["name"] == "python":
                    python = _python(spec["rest"], origin)
                elif spec["name"] not in _OF_PIP:
                    condas.append(item)
            case _:
                raise BuildFailed(
                    f"{origin}: {_named(item)} among the dependencies is neither a package nor a pip list"
                )
    if condas:
        raise BuildFailed(
            f"{origin}: {', '.join(condas)} would come from conda, which images do not use: "
            "list the packages under `- pip:` as PyPI has them",
            packages=condas,
        )
    return wanted(origin, "\n".join(lines), python)


def _document(text: str, origin: str) -> dict[str, Any]:
    try:
        document = parse_yaml(text)
    except InvalidInput as error:
        raise BuildFailed(f"{origin}: {error.message}") from error
    if not isinstance(document, dict) or not isinstance(document.get("dependencies") or [], list):
        raise BuildFailed(f"{origin}: this is not a conda environment: it has no list of dependencies")
    unknown = sorted(str(key) for key in document.keys() - _HARMLESS)
    if unknown:
        raise BuildFailed(f"{origin}: {', '.join(unknown)} would have no effect in an image: remove it")
    return document


def _requirement(line: object, origin: str) -> str:
    if not isinstance(line, str):
        raise BuildFailed(f"{origin}: {_named(line)} in the pip list is no requirement")
    return line


def _named(item: object) -> str:
    """Name what stands there, never at its full length: aliases make a few lines of YAML a very long text."""
    match item:
        case dict():
            return f"a mapping of {', '.join(str(key)[:_SHOWN] for key in list(item)[:3]) or 'nothing'}"
        case list():
            return "a list"
        case str():
            return repr(item[:_SHOWN])
        case _:
            return f"a value of type {type(item).__name__}"


def _python(rest: str, origin: str) -> str | None:
    if not rest:
        return None
    version = _PYTHON.match(rest)
    if version is None:
        raise BuildFailed(
            f"{origin}: python{rest} is not one version: write python=3.11, or environment.python_version"
        )
    return minor_of(version["version"])
