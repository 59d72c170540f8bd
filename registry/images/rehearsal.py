"""Have a new image run and its samples answered, by a process: this side never imports what runs images."""

from collections.abc import Callable, Sequence
from pathlib import Path

from registry.core.imaging.samples import GoldenAnswers, RehearsalNews, RehearsalOrder
from registry.images.errand import Errand, node_command, run_errand

_MODULE = "serving.node.rehearse"
_WITHIN_S = 3600.0  # installing an environment may take half of it; each step has a limit of its own


class Rehearsals:
    """Rehearses images on the node whose folder is ``node``; a replica with the same folder shares environments."""

    def __init__(self, node: Path, command: Sequence[str] = (), within_s: float = _WITHIN_S) -> None:
        self._node = node
        self._command = list(command)
        self._within_s = within_s

    def rehearse(self, name: str, digest: str, folders: Sequence[Path], report: Callable[[str], None]) -> GoldenAnswers:
        """Return the answers to an image's samples. Its blobs lie in ``folders``. Blocks.

        Raises:
            BuildFailed: it cannot be run, or a sample is not answered, or not twice the same; the message says why.
            Unavailable: this installation holds only the control plane.
        """
        errand = Errand(
            command=self._command or node_command(_MODULE, "images with sample_requests are built"),
            within_s=self._within_s,
            who="the process that was to answer the image's samples",
            late="the image's samples were not answered",
        )
        order = RehearsalOrder(
            name=name, digest=digest, folders=[str(folder.absolute()) for folder in folders], node=str(self._node)
        )
        golden = run_errand(errand, order, RehearsalNews, report).golden
        assert golden is not None
        return golden
