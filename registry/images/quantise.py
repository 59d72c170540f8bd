"""Have a model quantised, by a process of its own: this side imports neither onnx nor onnxruntime, nor what runs them.

The environment is locked like an image's, and made where ``serving/node`` makes environments.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from registry.core.imaging.acceleration import Quantised, QuantiseNews, QuantiseOrder, format_of
from registry.images.errand import Errand, node_command, run_errand
from registry.images.lock import Locks

# Exact, since another version may write other bytes for the same model.
REQUIREMENTS = ["numpy==2.4.6", "onnx==1.23.2", "onnxruntime==1.32.0"]
_MODULE = "serving.node.quantise"
_WITHIN_S = 3600.0  # installing the environment may take half of it


class Quantiser:
    """Quantises models under the Python ``python``, in an environment of the node whose folder is ``node``.

    ``notes`` is a folder for what is known of models that were quantised before; it may be missing.
    """

    def __init__(
        self,
        locks: Locks,
        node: Path,
        python: str,
        architecture: str,
        notes: Path,
        command: Sequence[str] = (),
        within_s: float = _WITHIN_S,
    ) -> None:
        self.notes = notes
        self._locks = locks
        self._node = node
        self._python = python
        self._architecture = architecture
        self._command = list(command)
        self._within_s = within_s

    def quantise(
        self,
        model: Path,
        quantised: Path,
        rows: Path,
        label: str | None,
        max_drop: float,
        work: Path,
        report: Callable[[str], None],
    ) -> Quantised:
        """Quantise ``model`` to the file ``quantised`` and return what that changed. Blocks.

        ``rows`` is a .npy, .csv or .json file; ``label`` names its column with the right answers. ``work`` is a folder
        that is the caller's to remove.

        Raises:
            BuildFailed: it cannot be quantised, or loses more than ``max_drop``; the message has the figures.
            Unavailable: this installation holds only the control plane.
        """
        errand = Errand(
            command=self._command or node_command(_MODULE, "models are quantised"),
            within_s=self._within_s,
            who="the process that was to quantise the model",
            late="the model was not quantised",
        )
        lock = work / "quantiser.lock"
        lock.write_bytes(self._locks.resolve(REQUIREMENTS, [], self._python, self._architecture))
        order = QuantiseOrder(
            node=str(self._node.absolute()),
            lock=str(lock),
            python=self._python,
            work=str(work),
            model=str(model),
            quantised=str(quantised),
            rows=str(rows),
            format=format_of(rows.name),
            label=label,
            max_drop=max_drop,
        )
        result = run_errand(errand, order, QuantiseNews, report).result
        assert result is not None
        return result
