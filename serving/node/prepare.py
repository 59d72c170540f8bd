"""From an image's name and digest to all that a scoring process needs on this node."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from registry.core.imaging.images import LOCK_PATH, WHEELS_PATH
from registry.core.imaging.samples import GoldenAnswers
from registry.core.imaging.signatures import Trust
from registry.core.names import parse_image_reference
from serving.node.keeping.cache import ImageCache
from serving.node.keeping.environments import Environments
from serving.node.keeping.locks import Hold
from serving.node.keeping.pull import Puller, Source
from serving.node.keeping.room import Room
from serving.node.running.launch import read_description
from serving.node.signatures import ImageToStart, check_signature

Report = Callable[[str], None]  # a line on what is happening


class Prepared(NamedTuple):
    """Image and environment stay where they are until this is closed, or whoever has the holds has ended."""

    image: Path  # the unpacked image
    python: Path  # of its environment
    golden: GoldenAnswers | None  # of its samples
    holds: tuple[Hold, ...]

    def close(self) -> None:
        for hold in self.holds:
            hold.close()


def prepare_image(registry_url: str, name: str, digest: str, room: Room, trust: Trust, report: Report) -> Prepared:
    """Make an image that may start, and its environment, present on a node. Blocks; milliseconds when both are here.

    Raises:
        InvalidInput: the digest is none.
        NodeError: it cannot be done, or the image may not start; the message says why.
    """
    with Puller(registry_url) as puller:
        image, hold = ImageCache(room).ensure(puller, name, digest, report)
        try:
            present = ImageToStart(name, digest, read_description(image), image.parent)
            golden = check_signature(puller, present, trust, report)
        except BaseException:
            hold.close()
            raise
    return _with_environment(Prepared(image, Path(), golden, (hold,)), room, report)


def make_present(
    source: Source, name: str, digest: str, room: Room, on_image: Report, on_environment: Report
) -> Prepared:
    """Make an image that comes from ``source`` and its environment present. Raises NodeError."""
    image, hold = ImageCache(room).ensure(source, name, digest, on_image)
    return _with_environment(Prepared(image, Path(), None, (hold,)), room, on_environment)


def _with_environment(prepared: Prepared, room: Room, report: Report) -> Prepared:
    image = prepared.image
    try:
        python = read_description(image).python
        lock, wheels = image / LOCK_PATH, image / WHEELS_PATH
        made, hold = Environments(room).ensure(lock, python, wheels, report)
    except BaseException:
        prepared.close()
        raise
    return prepared._replace(python=made, holds=(*prepared.holds, hold))


def resolve_reference(registry_url: str, reference: str) -> tuple[str, str]:
    """Return the name and digest that ``name:tag`` or ``name@sha256:…`` means now.

    Raises:
        InvalidInput: the text is no image reference.
        PullFailed: the registry is away or knows no such image.
    """
    parsed = parse_image_reference(reference)
    with Puller(registry_url) as puller:
        return parsed.name, puller.resolve(parsed)
