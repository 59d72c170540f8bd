"""Answers of the Open Inference Protocol over HTTP: outputs as JSON, or as bytes behind it."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from ..errors import InvalidInput
from ..formats.json_rows import dump_json, plain
from ..formats.raw_tensors import to_raw
from ..http.messages import OCTETS, Response
from ..tensors import Array, Signature, Tensors, datatype_of
from .fixed_settings import NO_SHARED_MEMORY
from .http_codec import HEADER_LENGTH, InferHead
from .inputs import REGION
from .outputs import CLASSIFICATION, check_requested, top_classes


class AnswerWriter:
    """Writes what the model named ``model`` answers. ``batched`` is its signature's."""

    def __init__(self, model: str, version: str, signature: Optional[Signature]) -> None:
        self._begin = b'{"model_name":%b,"model_version":%b' % (dump_json(model), dump_json(version))
        self._batched = signature is not None and signature.batched
        self._names = {spec.name: dump_json(spec.name) for spec in (signature.outputs if signature else ())}

    def write(self, head: InferHead, outputs: Tensors) -> Response:
        """Encode the requested outputs, all of them if none is named, each as JSON or binary as asked.

        Raises:
            InvalidInput: an output is unknown, named twice, or has no such form as is asked for.
        """
        parts, blobs = [self._begin], []
        if head.id:
            parts += (b',"id":', dump_json(head.id))
        before = b',"outputs":['
        for name, binary, array in _requested(head, outputs, self._batched):
            datatype = datatype_of(array)
            quoted = self._names.get(name) or dump_json(name)
            shape = dump_json(array.shape)
            parts.append(b'%b{"name":%b,"datatype":"%b","shape":%b' % (before, quoted, datatype.encode(), shape))
            if binary:  # parameters only then: Triton's C++ client stumbles over any other
                blobs.append(to_raw(array))
                parts.append(b',"parameters":{"binary_data_size":%d}}' % len(blobs[-1]))
            else:
                parts += (b',"data":', _json_data(name, datatype, array), b"}")
            before = b","
        parts.append(b"]}" if before == b"," else b',"outputs":[]}')
        text = b"".join(parts)
        if not blobs:
            return Response(200, text)
        response = Response(200, b"".join((text, *blobs)), OCTETS)
        response.headers.append((HEADER_LENGTH, b"%d" % len(text)))
        return response


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


def _json_data(name: str, datatype: str, array: Array) -> bytes:
    if datatype == "FP16":
        raise InvalidInput(f"output '{name}': FP16 has no JSON form; ask for binary_data")
    return dump_json(plain(array.ravel()))
