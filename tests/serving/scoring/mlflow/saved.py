"""MLflow models, saved by the real MLflow, each with something of its own for a scoring server to get wrong."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Object, Property
from sklearn.linear_model import LinearRegression

# y = a + 2b - 4c + 0.5 in every "linear" model: exact, so every server must give the same numbers.
FRAME = pd.DataFrame({"a": [1.0, 0.25], "b": [2.0, -8.0], "c": [3.0, 0.5]})

COLUMNS = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Mirror(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input

set_model(Mirror())
"""

PARAMS = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Times(PythonModel):
    def predict(self, context, model_input, params=None):
        return {"x": model_input["x"].to_numpy() * params["times"], "said": params["word"]}

set_model(Times())
"""

HINTS = """
import pydantic
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Message(pydantic.BaseModel):
    role: str
    content: str
    weight: float = 1.0

class Hinted(PythonModel):
    def predict(self, model_input: list[Message], params=None) -> list[str]:
        return [f"{message.role} said {message.content} x {message.weight}" for message in model_input]

set_model(Hinted())
"""

CHAT = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Echo(PythonModel):
    def predict(self, context, model_input, params=None):
        if "messages" not in model_input:
            return list(model_input.values())[0]
        said = [message["content"] for message in model_input["messages"]]
        return {"choices": [{"content": text} for text in said], "temperature": (params or {}).get("temperature")}

set_model(Echo())
"""

RAISES = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Raises(PythonModel):
    def predict(self, context, model_input, params=None):
        raise ValueError("no")

set_model(Raises())
"""


def _linear(folder: Path, signature: ModelSignature | None) -> None:
    model = LinearRegression()
    model.coef_, model.intercept_ = np.array([1.0, 2.0, -4.0]), 0.5
    model.n_features_in_, model.feature_names_in_ = 3, np.array(["a", "b", "c"], dtype=object)
    mlflow.sklearn.save_model(
        model, folder, signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )


def _pyfunc(folder: Path, code: str, signature: ModelSignature | None) -> None:
    script = folder.parent / f"{folder.name}.py"
    script.write_text(code)
    options = {} if signature is None else {"signature": signature}
    mlflow.pyfunc.save_model(folder, python_model=str(script), pip_requirements=[], **options)


def _mirror_schema() -> Schema:
    return Schema(
        [
            ColSpec(DataType.long, "i"),
            ColSpec(DataType.float, "f", required=False),
            ColSpec(DataType.string, "s", required=False),
            ColSpec(DataType.boolean, "b", required=False),
            ColSpec(DataType.datetime, "t", required=False),
            ColSpec(DataType.binary, "x", required=False),
            ColSpec(Array(DataType.double), "l", required=False),
            ColSpec(Object([Property("p", DataType.long), Property("q", DataType.string)]), "o", required=False),
        ]
    )


def _cells(*extra: ColSpec) -> ModelSignature:
    kinds = {"i": DataType.long, "f": DataType.float, "s": DataType.string, "b": DataType.boolean}
    columns = [ColSpec(kind, name, required=name == "i") for name, kind in kinds.items()]
    return ModelSignature(Schema([*columns, *extra]), None)


def _params() -> ModelSignature:
    params = ParamSchema([ParamSpec("times", DataType.long, 1), ParamSpec("word", DataType.string, "none")])
    return ModelSignature(Schema([ColSpec(DataType.long, "x")]), None, params)


def _tensors() -> ModelSignature:
    return ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 3))]), None)


def _chat() -> ModelSignature:
    params = ParamSchema([ParamSpec("temperature", DataType.double, 0.0)])
    return ModelSignature(None, None, params)


MODELS: dict[str, Callable[[Path], None]] = {
    "columns": lambda folder: _linear(folder, infer_signature(FRAME, np.zeros(2))),
    "unsigned": lambda folder: _linear(folder, None),
    "tensor": lambda folder: _linear(folder, _tensors()),
    "mirror": lambda folder: _pyfunc(folder, COLUMNS, ModelSignature(_mirror_schema(), None)),
    "cells": lambda folder: _pyfunc(folder, COLUMNS, _cells()),
    "dated": lambda folder: _pyfunc(folder, COLUMNS, _cells(ColSpec(DataType.datetime, "t"))),
    "params": lambda folder: _pyfunc(folder, PARAMS, _params()),
    "hints": lambda folder: _pyfunc(folder, HINTS, None),
    "chat": lambda folder: _pyfunc(folder, CHAT, None),
    "raises": lambda folder: _pyfunc(folder, RAISES, ModelSignature(Schema([ColSpec(DataType.long, "x")]), None)),
}
