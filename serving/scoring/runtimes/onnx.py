"""ONNX models on onnxruntime, without any code of the user's. The only module that imports onnxruntime."""

from __future__ import annotations

import contextlib
import logging
import math
import re
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from ..errors import InvalidInput, LoadFailed, ModelFailed
from ..tensors import Array, Signature, Tensors, TensorSpec
from .base import Call
from .independence import doubt_about_rows, doubt_in_file
from .providers import PLAIN, Acceleration, Provider, choose_provider

_DATATYPES: Dict[str, str] = {
    "bool": "BOOL",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    **{f"{kind}{bits}": f"{kind.upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
_log = logging.getLogger("slipway.scoring")
_TENSOR = re.compile(r"tensor\((\w+)\)\Z")
_ZIPMAP = re.compile(r"seq\(map\((?:int64|string),tensor\((float|double)\)\)\)\Z")


class OnnxRuntime:
    """One session; its run releases the GIL and may be called from several threads.

    ``rows_independent`` says that rows which ran together were seen to give what they give apart. ``batch_threads``
    is how many runs at once suit batches: one larger batch on all CPUs costs less than several. ``doubt`` is what
    already stands against running rows together, if anything does.
    """

    platform = "onnxruntime_onnx"
    inline = True

    def __init__(
        self, session: ort.InferenceSession, provider: str, at_once: int = 1, threads: int = 1, doubt: str = ""
    ) -> None:
        self._session = session
        self.provider = provider
        self.threads = at_once
        self.batch_threads = max(1, at_once // threads)
        self.signature: Optional[Signature] = Signature(
            [_spec(node, "input") for node in session.get_inputs()],
            [_spec(node, "output") for node in session.get_outputs()],
        )
        self._output_names: List[str] = [node.name for node in session.get_outputs()]
        self._zipmaps = {node.name for node in session.get_outputs() if _ZIPMAP.match(node.type)}
        # The wrapper's run() checks input names, which the signature has done, and costs a microsecond or two.
        self._run = getattr(session, "_sess", session).run
        self._run_options = None
        self._warm_up()
        self.rows_independent = self.signature.batched and self._try_rows(self.signature, doubt)

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        feed: Dict[str, Array] = tensors
        try:
            values = self._run(self._output_names, feed, self._run_options)
        except ort_errors.InvalidArgument as error:
            raise InvalidInput(_first_line(error)) from error
        except Exception as error:
            if any(array.size == 0 for array in tensors.values()):
                raise InvalidInput(f"the model cannot take an empty batch: {_first_line(error)}") from error
            raise ModelFailed(f"the model failed: {_first_line(error)}") from error
        outputs = dict(zip(self._output_names, values))
        for name in self._zipmaps:
            outputs[name] = _columns(outputs[name])
        return outputs

    def _warm_up(self) -> None:
        """Run once on zeros of the smallest shape, so that the first request finds allocations made."""
        assert self.signature is not None
        feed: Tensors = {}
        for spec in self.signature.inputs:
            zeros = np.zeros([1 if size == -1 else size for size in spec.shape], dtype=spec.dtype)
            feed[spec.name] = zeros.astype(str).astype(object) if spec.datatype == "BYTES" else zeros
        with contextlib.suppress(Exception):  # zeros may be no legal input of this model; the first request will tell
            self._run(self._output_names, feed, None)

    def _try_rows(self, signature: Signature, doubt: str) -> bool:
        call = Call("", {}, math.inf, 0)
        doubt = doubt or doubt_about_rows(signature.inputs, lambda feed: self.infer(feed, call))
        if doubt:
            _log.info(
                "requests run one by one: %s. If its rows are independent of each other, declare it: batching:"
                " {enabled: true} in the deployment (--batching on)",
                doubt,
            )
        return not doubt


def load_onnx(model_dir: Path, at_once: int, threads: int = 1, acceleration: Acceleration = PLAIN) -> OnnxRuntime:
    """Load the only ``*.onnx`` file below a folder, on the first execution provider of the list that works here.

    ``at_once`` runs may be called at once; each takes ``threads``, of a pool that they share.

    Raises:
        LoadFailed: there is none, or more than one, or onnxruntime refuses it, or it uses types no protocol can carry,
            or no provider that the image allows works here.
    """
    files = sorted(model_dir.rglob("*.onnx")) if model_dir.is_dir() else [model_dir]
    if len(files) != 1:
        found = ", ".join(str(path.relative_to(model_dir)) for path in files) or "none"
        raise LoadFailed(f"the model must hold exactly one .onnx file; found {found}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session: Any = None

    def start(provider: Provider) -> List[str]:
        nonlocal session
        chosen = [(provider.name, provider.options)]
        try:
            session = ort.InferenceSession(str(files[0]), options, providers=chosen)
        except Exception as error:
            on = f" on {provider.name}" if acceleration.providers else ""
            raise LoadFailed(f"onnxruntime cannot load {files[0].name}{on}: {_first_line(error)}") from error
        return list(session.get_providers())

    provider = choose_provider(acceleration, ort.get_available_providers(), start)
    return OnnxRuntime(session, provider.name, at_once, threads, doubt_in_file(files[0]))


def _spec(node: Any, kind: str) -> TensorSpec:
    if kind == "output":
        zipmap = _ZIPMAP.match(node.type)
        if zipmap:
            return TensorSpec(node.name, _DATATYPES[zipmap[1]], [-1, -1])
    tensor = _TENSOR.match(node.type)
    if tensor is None or tensor[1] not in _DATATYPES:
        raise LoadFailed(
            f"{kind} '{node.name}' is a {node.type}, which no protocol here can carry: export the model with plain"
            " tensors (with skl2onnx, options={'zipmap': False})"
        )
    return TensorSpec(node.name, _DATATYPES[tensor[1]], [size if isinstance(size, int) else -1 for size in node.shape])


def _columns(rows: List[Dict[Any, float]]) -> Array:
    """Turn a classifier's list of {label: probability} into a matrix whose columns are the labels in their order."""
    return np.array([list(row.values()) for row in rows], dtype=np.float32)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
