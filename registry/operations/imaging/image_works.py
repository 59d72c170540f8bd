"""Where images are built, rehearsed and kept: what their operations are given besides the workspace."""

import platform
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from registry.core.errors import InvalidInput
from registry.images.keeping.layout import ImageLayout
from registry.images.lock import PLATFORMS, Locks
from registry.images.quantise import Quantiser
from registry.images.rehearsal import Rehearsals

MAX_BUILDS = 2  # at the same time; others wait their turn
MAX_VERIFICATIONS = 2  # likewise: each reads as fast as the disk gives
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageWorks:
    """Where images are built and kept."""

    layout: ImageLayout
    locks: Locks
    architecture: str
    python: str  # of images that do not say which
    rehearsals: Rehearsals
    quantiser: Quantiser
    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_BUILDS))
    reading: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_VERIFICATIONS))


def open_image_works(folder: Path, node: Path | None = None) -> ImageWorks:
    """Open the image layout in ``folder``, made when missing. Images are built for this machine's kind of processor.

    ``node`` is the folder of the node on which they are rehearsed, by default one beside ``folder``.

    Raises:
        InvalidInput: images cannot be built for this kind of processor.
    """
    machine = platform.machine()
    architecture = _ARCHITECTURES.get(machine, "")
    if architecture not in PLATFORMS:
        raise InvalidInput(f"images cannot be built on {machine}: use one of {', '.join(_ARCHITECTURES)}")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    locks = Locks(folder / "locks")
    node = node or folder.parent / "node"
    return ImageWorks(
        layout=ImageLayout(folder),
        locks=locks,
        architecture=architecture,
        python=python,
        rehearsals=Rehearsals(node),
        quantiser=Quantiser(locks, node, python, architecture, folder / "quantised"),
    )
