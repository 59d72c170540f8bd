"""inference-schema's documents as tensors of the Open Inference Protocol, and tensors as the arguments of run().

An array or scalar is an input of its parameter's name; of a data frame each column is one. Arguments are handed to the
decorators as they would come in JSON, so that they are converted by the same code at every door.
"""

from __future__ import annotations

import inspect
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ...errors import InvalidInput
from ...formats.json_rows import plain
from ...tensors import Array, Signature, Tensors, TensorSpec
from ..mlflow_signature import Column
from .schemas import Schemas

OUTPUT = "output_0"
_NUMBERS = {"float": "FP32", "double": "FP64"}
_SCALARS = {"integer": "INT64", "number": "FP64", "boolean": "BOOL", "string": "BYTES"}
_FRAMES = {"pandas.DataFrame:records": "records", "pandas.DataFrame:split": "split"}


class _Value:
    """A parameter that is one array or scalar."""

    def __init__(self, name: str, schema: Dict[str, Any], example: Any, required: bool) -> None:
        datatype, depth = _array_of(schema)
        sizes = np.shape(example)[1:] if schema.get("format") == "numpy.ndarray" else ()
        shape = [-1, *(size or -1 for size in sizes), *([-1] * (depth - 1 - len(sizes)))] if depth else [1]
        self._name = name
        self._scalar = depth == 0
        self.specs = [TensorSpec(name, datatype, shape, required)]

    def argument(self, tensors: Tensors) -> Any:
        values = plain(tensors[self._name])
        return values[0] if self._scalar else values


class _Frame:
    """A parameter that is a data frame."""

    def __init__(self, orient: str, schema: Dict[str, Any], example: Any, required: bool) -> None:
        self._split = orient == "split"
        if self._split:
            names, rows = example["columns"], example["data"]
            kinds = [_kind_of_example(rows[0][place]) for place in range(len(names))]
        else:
            names = list(schema["items"]["properties"])
            kinds = [_datatype(schema["items"]["properties"][name]) for name in names]
        self._names = [str(name) for name in names]
        self.specs: List[TensorSpec] = [Column(name, kind, [-1, 1], required) for name, kind in zip(self._names, kinds)]

    def argument(self, tensors: Tensors) -> Any:
        columns = [plain(tensors[name].ravel()) for name in self._names]
        if len({len(column) for column in columns}) > 1:
            sizes = ", ".join(f"'{name}' has {len(column)}" for name, column in zip(self._names, columns))
            raise InvalidInput(f"the columns have different numbers of rows: {sizes}")
        rows = [list(row) for row in zip(*columns)]
        if self._split:
            return {"columns": self._names, "index": list(range(len(rows))), "data": rows}
        return [dict(zip(self._names, row)) for row in rows]


class SchemaTensors:
    """The signature of a decorated run(), and its arguments."""

    def __init__(self, parameters: Dict[str, Any], defaults: Dict[str, Any], outputs: Sequence[TensorSpec]) -> None:
        self._parameters = parameters
        self._defaults = defaults
        self.signature = Signature([spec for parameter in parameters.values() for spec in parameter.specs], outputs)

    def arguments(self, tensors: Tensors) -> Dict[str, Any]:
        """Return run()'s arguments; a parameter that is left out gets its default, as at /score.

        Raises:
            InvalidInput: the columns of a frame differ in length, or some of them are missing.
        """
        arguments = dict(self._defaults)
        for name, parameter in self._parameters.items():
            given = [spec.name for spec in parameter.specs if spec.name in tensors]
            if len(given) == len(parameter.specs):
                arguments[name] = parameter.argument(tensors)
            elif given:
                raise InvalidInput(f"'{name}' takes all of {', '.join(spec.name for spec in parameter.specs)} or none")
        return arguments


def schema_tensors(schemas: Schemas, parameters: Sequence[inspect.Parameter]) -> Optional[SchemaTensors]:
    """Read the documents of a decorated run(); None if it takes what no tensor can carry."""
    read: Dict[str, Any] = {}
    try:
        for parameter in parameters:
            required = parameter.default is inspect.Parameter.empty
            schema = schemas.input["properties"].get(parameter.name)
            if schema or required:  # one without a schema keeps its default
                read[parameter.name] = _read(parameter.name, schema, schemas.input["example"], required)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):  # of a kind that is not read here
        return None
    names = [spec.name for value in read.values() for spec in value.specs]
    if not names or len(set(names)) < len(names):
        return None
    empty = inspect.Parameter.empty
    defaults = {parameter.name: parameter.default for parameter in parameters if parameter.default is not empty}
    return SchemaTensors(read, defaults, _outputs(schemas.output))


def _read(name: str, schema: Dict[str, Any], examples: Dict[str, Any], required: bool) -> Any:
    orient = _FRAMES.get(schema.get("format", ""))
    if orient is not None:
        return _Frame(orient, schema, examples[name], required)
    return _Value(name, schema, examples[name], required)


def _outputs(schema: Dict[str, Any]) -> List[TensorSpec]:
    """Describe what run() gives: the only output, or one for each key of a dict; nothing if it is neither."""
    named = schema.get("properties", {}) if schema.get("type") == "object" else {OUTPUT: schema}
    specs: List[TensorSpec] = []
    try:
        for name, part in named.items():
            datatype, depth = _array_of(part)
            specs.append(TensorSpec(name, datatype, [-1] * depth or [1]))
    except (KeyError, TypeError):
        return []
    return specs


def _array_of(schema: Dict[str, Any]) -> Tuple[str, int]:
    depth = 0
    while schema["type"] == "array":
        schema, depth = schema["items"], depth + 1
    return _datatype(schema), depth


def _datatype(schema: Dict[str, Any]) -> str:
    kind: str = schema["type"]
    form: str = schema.get("format", "")
    if kind == "integer" and form:
        return form.upper()
    return _NUMBERS.get(form) or _SCALARS[kind]


def _kind_of_example(value: Any) -> str:
    kinds = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}
    return kinds[type(value)]


def fitted(array: Array, spec: TensorSpec) -> Array:
    """Give an output the datatype that its schema says, where that is of the same kind."""
    return array.astype(spec.dtype) if np.can_cast(array.dtype, spec.dtype, "same_kind") else array
