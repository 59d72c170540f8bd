"""Answers of the Open Inference Protocol over HTTP: outputs as JSON, or as bytes behind it."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from ..errors import InvalidInput
from ..formats.json_rows import dump_json, plain
from ..formats.raw_tensors import to_raw
from ..http.messages import OCTETS, Response
from ..tensors import Array, Tensors, datatype_of
from .fixed_settings import NO_SHARED_MEMORY
from .http_codec import HEADER_LENGTH, InferHead
from .inputs import REGION
from .outputs import CLASSIFICATION, check_requested, top_classes

_MOST_DESCRIBED = 256


class AnswerWriter:
    """Writes what the model named ``model`` answers. ``batched`` outputs have their items in the first dimension."""

    def __init__(self, model: str, version: str, batched: bool) -> None:
        self._names = b'{"model_name":%b,"model_version":%b,' % (dump_json(model), dump_json(version))
        self._batched = batched
        self._described: Dict[Any, bytes] = {}  # by name, dtype and shape; most answers are alike

    def write(self, head: InferHead, outputs: Tensors) -> Response:
        """Encode the requested outputs, all of them if none is named, each as JSON or binary as asked.

        Raises:
            InvalidInput: an output is unknown, named twice, or has no such form as is asked for.
        """
        parts, blobs = [self._names], []
        if head.id:
            parts += (b'"id":', dump_json(head.id), b",")
        between = b'"outputs":['
        for name, binary, array in _requested(head, outputs, self._batched):
            parts += (between, self._described.get((name, array.dtype, array.shape)) or self._describe(name, array))
            between = b","
            if binary:  # parameters only then: Triton's C++ client stumbles over any other
                blobs.append(to_raw(array))
                parts.append(b',"parameters":{"binary_data_size":%d}}' % len(blobs[-1]))
            else:
                parts += (b',"data":', _json_data(name, array), b"}")
        parts.append(b"]}" if between == b"," else b'"outputs":[]}')
        if not blobs:
            return Response(200, b"".join(parts))
        length = sum(map(len, parts))
        response = Response(200, b"".join(parts + blobs), OCTETS)
        response.headers.append((HEADER_LENGTH, b"%d" % length))
        return response

    def _describe(self, name: str, array: Array) -> bytes:
        if len(self._described) >= _MOST_DESCRIBED:
            self._described.clear()
        described = b'{"name":%b,"datatype":"%b","shape":%b' % (
            dump_json(name),
            datatype_of(array).encode(),
            dump_json(array.shape),
        )
        self._described[name, array.dtype, array.shape] = described
        return described


def _requested(head: InferHead, outputs: Tensors, batched: bool) -> List[Tuple[str, bool, Array]]:
    """Which outputs, in which order, whether each is binary, and what it holds."""
    default: Any = head.parameters.get("binary_data_output", False) if head.parameters else False
    if not isinstance(default, bool):
        raise _no_flag("parameters", "binary_data_output", default)
    if not head.outputs:
        return [(name, default, array) for name, array in outputs.items()]
    wanted: Dict[str, Tuple[str, bool, Array]] = {}
    for item in head.outputs:
        name, parameters = item.name, item.parameters
        check_requested(name, wanted, outputs)
        array: Array = outputs[name]
        binary: Any = default
        if parameters:
            binary = parameters.get("binary_data", default)
            if not isinstance(binary, bool):
                raise _no_flag(f"output '{name}'", "binary_data", binary)
            if REGION in parameters:
                raise InvalidInput(f"output '{name}': {NO_SHARED_MEMORY}")
            if CLASSIFICATION in parameters:
                array = top_classes(name, array, parameters[CLASSIFICATION], batched)
        wanted[name] = (name, binary, array)
    return list(wanted.values())


def _no_flag(where: str, name: str, value: object) -> InvalidInput:
    return InvalidInput(f"{where}: {name} must be true or false, got {value!r}")


def _json_data(name: str, array: Array) -> bytes:
    if array.itemsize == 2 and array.dtype.kind == "f":
        raise InvalidInput(f"output '{name}': FP16 has no JSON form; ask for binary_data")
    return dump_json(plain(array.ravel()))
