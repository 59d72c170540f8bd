"""Environments: from what an image's dependencies are resolved, and the curated ones that have a name."""

import re

import msgspec

from registry.core.errors import InvalidInput

CURATED_REFERENCE = re.compile(r"(?P<name>[a-z][-a-z0-9]{0,62})(?:[:@](?P<version>latest|[0-9]{1,9}))?\Z")
SOURCES = ("requirements", "pyproject", "conda_file", "mlflow")


class EnvironmentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an image's environment is asked to hold. Of ``SOURCES`` at most one; ``name`` may go with any of them."""

    name: str | None = None  # of a curated environment: sklearn, sklearn:1, sklearn@latest
    requirements: str | None = None  # the text of a requirements.txt
    pyproject: str | None = None  # the text of a pyproject.toml
    extras: list[str] = []  # of the pyproject
    conda_file: str | None = None  # the text of a conda.yaml
    mlflow: bool = False  # what MLflow wrote beside the model
    python_version: str | None = None  # minor version; None leaves it to the source, and then to the registry
    vendor: bool = False  # the image carries the wheels, for nodes without an index

    @property
    def sources(self) -> list[str]:
        return [name for name in SOURCES if getattr(self, name) not in (None, False)]


class CuratedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """Dependencies that are known to work together, every one with its exact version. It never changes."""

    name: str
    version: int
    description: str
    packages: list[str]  # what one asks for it
    pins: list[str]  # all it holds, with what those need and what the scoring process needs
    python: list[str]  # minor versions it is made for; the first is taken where the registry's own is none of them
    remedy: str = ""  # what to do where it cannot be resolved

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.version}"


class CuratedEnvironmentList(msgspec.Struct, frozen=True, kw_only=True):
    environments: list[CuratedEnvironment]


def parse_curated_reference(text: str) -> tuple[str, int | None]:
    """Split ``sklearn:1``, ``sklearn@latest`` or ``sklearn``; no version means the latest.

    Raises:
        InvalidInput: the text is none of these.
    """
    match = CURATED_REFERENCE.match(text)
    if match is None:
        raise InvalidInput(f"{text!r} names no curated environment: write NAME:VERSION or NAME@latest", value=text)
    version = match["version"]
    return match["name"], None if version in (None, "latest") else int(version)


def check_environment(request: EnvironmentRequest) -> None:
    """Check what the parts of a request say of each other. Raises InvalidInput."""
    if len(request.sources) > 1:
        both = " and ".join(request.sources)
        raise InvalidInput(f"$.environment: {both} are both given: write one of them", path="$.environment")
    if request.extras and request.pyproject is None:
        raise InvalidInput("$.environment.extras: extras are a pyproject's: name it too", path="$.environment.extras")
    if request.name is not None:
        parse_curated_reference(request.name)
