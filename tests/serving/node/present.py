"""An image made present on a node, as a supervisor does."""

from pathlib import Path

from serving.node.keeping.cache import ImageCache
from serving.node.keeping.locks import Hold
from serving.node.keeping.pull import Puller
from serving.node.keeping.room import open_room

PULL_PROGRAM = """
import sys
from pathlib import Path
from serving.node.keeping.cache import ImageCache
from serving.node.keeping.pull import Puller
from serving.node.keeping.room import open_room
node, url, digest = sys.argv[1:4]
with Puller(url) as puller:
    cache = ImageCache(open_room(Path(node), None))
    image, hold = cache.ensure(puller, "cancer", digest, lambda line: print(line, flush=True))
print(image, flush=True)
"""


def held(node: Path, url: str, digest: str, lines: list[str] | None = None, gb: float = 20) -> tuple[Path, Hold]:
    """Make an image present and hold it."""
    with Puller(url) as puller:
        report = ([] if lines is None else lines).append
        return ImageCache(open_room(node, gb)).ensure(puller, "cancer", digest, report)


def present(node: Path, url: str, digest: str, lines: list[str] | None = None, gb: float = 20) -> Path:
    """Make an image present, and hold it no longer than that takes."""
    image, hold = held(node, url, digest, lines, gb)
    hold.close()
    return image
