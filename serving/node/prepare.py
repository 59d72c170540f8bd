"""From a reference to all that a scoring process needs on this node: the unpacked image and its environment."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from registry.core.images import LOCK_PATH
from serving.node.cache import ImageCache, pull_reference
from serving.node.environments import Environments
from serving.node.launch import read_description
from serving.node.pull import Puller

NODE_FOLDER = "node"  # below the state folder: images, environments, locks


class Prepared(NamedTuple):
    image: Path  # the unpacked image
    python: Path  # of its environment


def prepare(registry_url: str, reference: str, state_dir: Path, report: Callable[[str], None]) -> Prepared:
    """Make an image and its environment present on this node. Blocks; costs milliseconds when both are here.

    ``reference`` is ``name@sha256:…``, or ``name:tag``, which asks the registry what it means now.

    Raises:
        InvalidInput: the text is no image reference.
        NodeError: it cannot be done; the message says why.
    """
    node = state_dir / NODE_FOLDER
    with Puller(registry_url) as puller:
        image = pull_reference(ImageCache(node), puller, reference, report)
    python = Environments(node).ensure(image / LOCK_PATH, read_description(image).python, report)
    return Prepared(image, python)
