"""What a source of dependencies gives."""

from dataclasses import dataclass

from registry.core.errors import BuildFailed
from registry.images.lock import check_requirements


@dataclass(frozen=True, slots=True)
class Wanted:
    """``python`` is a minor version, where the source says one; ``origin`` is what the build's log calls the source."""

    origin: str
    requirements: tuple[str, ...]
    python: str | None = None
    remedy: str = ""  # what to do where these cannot be resolved


def wanted(origin: str, text: str, python: str | None = None) -> Wanted:
    """Return what the lines of ``text`` ask for.

    Raises:
        BuildFailed: one of them is no requirement that an image can hold; the message names the origin.
    """
    try:
        return Wanted(origin, tuple(check_requirements(text)), python)
    except BuildFailed as error:
        raise BuildFailed(f"{origin}: {error.message}", **error.details) from error


def minor_of(version: str) -> str:
    """Return "3.11" of "3.11.7"."""
    return ".".join(version.strip().split(".")[:2])
