"""Bodies of Triton's generate extension: a JSON object whose keys are inputs of the model or parameters.

An answer is an object too, of the outputs by name. A value is flat: the model's shape gives it its dimensions.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any, Dict, List, Set, Tuple

import msgspec

from ..errors import InvalidInput
from ..formats import bare_tokens
from ..formats.json_arrays import decode_array
from ..formats.json_rows import dump_json, plain
from ..tensors import Array, Signature, Tensors, TensorSpec, datatype_of, shaped

PARAMETERS, TIMEOUT = "parameters", "timeout"
TEXT_OUTPUT, OTHER_OUTPUT = "text_output", "output_0"  # of a script that declares none

_members = msgspec.json.Decoder(Dict[str, msgspec.Raw])


def decode_members(body: bytes) -> Dict[str, msgspec.Raw]:
    """Read the members of a request, those of ``parameters`` among them, as Triton does.

    Raises:
        InvalidInput: it is no JSON object, names something twice, or ``parameters`` is none.
    """
    members = _object(body, "the body")
    _refuse_duplicates(body)
    nested = members.pop(PARAMETERS, None)
    if nested is not None:
        for name, value in _object(bytes(nested), f"keyword '{PARAMETERS}'").items():
            if name in members:
                raise InvalidInput(f"'{name}' is given twice, once among '{PARAMETERS}'")
            members[name] = value
    return members


def take_id(members: Dict[str, msgspec.Raw], signature: Signature) -> str:
    """Take the request's own id out of the members, unless the model has an input of that name."""
    if "id" not in members or any(spec.name == "id" for spec in signature.inputs):
        return ""
    try:
        return msgspec.json.decode(members.pop("id"), type=str)
    except bare_tokens.MALFORMED as error:
        raise InvalidInput(f"id must be a string: {error}") from error


def tensors_of(members: Dict[str, msgspec.Raw], signature: Signature) -> Tuple[Tensors, Dict[str, Any]]:
    """Make tensors of the members that are inputs; the others are parameters, which must be plain values.

    Raises:
        InvalidInput: names the member and what was expected.
    """
    specs = {spec.name: spec for spec in signature.inputs}
    tensors: Tensors = {}
    parameters: Dict[str, Any] = {}
    for name, value in members.items():
        spec = specs.get(name)
        if spec is not None:
            tensors[name] = _tensor(bytes(value), spec)
            continue
        try:
            parameters[name] = bare_tokens.read(bytes(value))
        except ValueError as error:
            raise InvalidInput(f"parameter '{name}': {error}") from error
        if not isinstance(parameters[name], (str, int, float)):
            raise InvalidInput(
                f"parameter '{name}' has invalid type: it should be a number, a string or a boolean,"
                f" or an input of the model, which has {', '.join(map(repr, specs))}"
            )
    return tensors, parameters


def own_parameters(members: Dict[str, msgspec.Raw]) -> Dict[str, Any]:
    """Return the parameters that are the server's also where all members go to a script: ``timeout``.

    Raises:
        InvalidInput: its number is too long to read.
    """
    if TIMEOUT not in members:
        return {}
    try:
        return {TIMEOUT: bare_tokens.read(bytes(members[TIMEOUT]))}
    except ValueError as error:
        raise InvalidInput(f"parameter '{TIMEOUT}': {error}") from error


def encode_outputs(outputs: Tensors, head: Dict[str, Any]) -> bytes:
    """Lay out one answer: ``head`` and each output by its name, a single element without its brackets.

    Raises:
        InvalidInput: an output's datatype has no JSON form.
    """
    return dump_json({**head, **{name: _value_of(name, array) for name, array in outputs.items()}})


def encode_result(result: bytes, head: Dict[str, Any]) -> bytes:
    """Lay out the JSON of one result of a script without a signature: the members of an object, or one output."""
    if result[:1] == b"{":
        return dump_json({**head, **bare_tokens.read(result)})
    name = TEXT_OUTPUT if result[:1] == b'"' else OTHER_OUTPUT
    return dump_json({**head, name: bare_tokens.read(result)})


def _object(text: bytes, what: str) -> Dict[str, msgspec.Raw]:
    try:
        return _members.decode(text)
    except bare_tokens.MALFORMED as error:
        if isinstance(error, msgspec.ValidationError) or not bare_tokens.may_hold(text):
            raise InvalidInput(f"{what} is not a JSON object: {error}") from error
        cause = error
    try:
        document = msgspec.convert(bare_tokens.read(text), Dict[str, Any])
        return {name: bare_tokens.raw(value) for name, value in document.items()}
    except bare_tokens.MALFORMED:
        raise InvalidInput(f"{what} is not a JSON object: {cause}") from cause


def _refuse_duplicates(body: bytes) -> None:
    def unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            seen: Set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    raise InvalidInput(f"'{name}' already exists in the request: it is given twice")
                seen.add(name)
        return members

    try:
        json.loads(body, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not a JSON object: {error}") from error


def _tensor(text: bytes, spec: TensorSpec) -> Array:
    array = decode_array(text, spec.datatype, f"input '{spec.name}'")
    if array.ndim == len(spec.shape) and array.ndim > 1:
        return array
    return shaped(array, _padded(array.size, spec), spec.name)


def _padded(count: int, spec: TensorSpec) -> List[int]:
    """Spread ``count`` elements over the shape: the innermost free dimension takes what the fixed ones leave."""
    fixed = prod(size for size in spec.shape if size != -1)
    left, over = divmod(count, fixed) if fixed else (1, count)
    shape = list(spec.shape)
    for place in range(len(shape) - 1, -1, -1):
        if shape[place] == -1:
            shape[place], left = left, 1
    if over or left != 1:
        wanted = f"model's shape is {list(spec.shape)}"
        raise InvalidInput(f"input '{spec.name}': {count} elements cannot be a tensor where the {wanted}")
    return shape


def _value_of(name: str, array: Array) -> Any:
    if datatype_of(array) in ("FP16", "BF16"):
        raise InvalidInput(f"output '{name}': {datatype_of(array)} has no JSON form; use infer, with binary_data")
    values = plain(array.ravel())
    return values[0] if len(values) == 1 else values
