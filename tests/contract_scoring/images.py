"""The images that are asked: each kind, as far as it can, of each model. A new kind is a line of ``IMAGES``."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from onnx import TensorProto

from tests.contract_scoring.questions import COLUMNS, LINEAR, Question
from tests.serving.scoring.models import SCRIPT, identity_model, linear_model

VERSION = "7"  # of every model


class Kind(StrEnum):
    ONNX = "onnx"
    SCRIPT = "script"  # declares nothing: it gets the body as text
    SCHEMA = "schema"  # declares its inputs with inference-schema
    MLFLOW = "mlflow"


@dataclass(frozen=True)
class Image:
    """``parts`` makes, with a folder to work in, what ``write_image`` of the scoring tests takes."""

    name: str  # the endpoint's and the model's to clients
    kind: Kind
    questions: list[Question]
    parts: Callable[[Path], dict[str, Any]]

    @property
    def is_linear(self) -> bool:
        return self.questions is LINEAR


_ONNX_COLUMNS = {
    "f": TensorProto.FLOAT,
    "d": TensorProto.DOUBLE,
    "i": TensorProto.INT64,
    "b": TensorProto.BOOL,
    "s": TensorProto.STRING,
}
_MLFLOW_COLUMNS = {
    "f": DataType.float,
    "d": DataType.double,
    "i": DataType.long,
    "b": DataType.boolean,
    "s": DataType.string,
}

_SCHEMA_SCRIPT = """
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    global weights
    weights = np.array([[1.0], [2.0], [-4.0]], dtype=np.float32)

@input_schema("x", NumpyParameterType(np.array([[1.0, 2.0, 3.0]], dtype=np.float32), enforce_shape=False))
@output_schema(NumpyParameterType(np.array([[0.5]], dtype=np.float32), enforce_shape=False))
def run(x):
    return (x @ weights + np.float32(0.5)).tolist()
"""

_MLFLOW_LINEAR_CODE = """
import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Linear(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["x"] @ np.array([[1.0], [2.0], [-4.0]], dtype=np.float32) + np.float32(0.5)

set_model(Linear())
"""

_MLFLOW_COLUMNS_CODE = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Identity(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input.rename(columns=lambda name: f"{name}_out")

set_model(Identity())
"""


def _saved(folder: Path, code: str, inputs: Schema, outputs: Schema) -> dict[str, Any]:
    (folder / "model.py").write_text(code)
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=str(folder / "model.py"),
        signature=ModelSignature(inputs, outputs),
        pip_requirements=[],
    )
    return {"mlflow": folder / "model"}


def _mlflow_linear(folder: Path) -> dict[str, Any]:
    inputs = Schema([TensorSpec(np.dtype(np.float32), (-1, 3), "x")])
    outputs = Schema([TensorSpec(np.dtype(np.float32), (-1, 1), "y")])
    return _saved(folder, _MLFLOW_LINEAR_CODE, inputs, outputs)


def _mlflow_columns(folder: Path) -> dict[str, Any]:
    inputs = Schema([ColSpec(kind, name) for name, kind in _MLFLOW_COLUMNS.items()])
    outputs = Schema([ColSpec(kind, f"{name}_out") for name, kind in _MLFLOW_COLUMNS.items()])
    return _saved(folder, _MLFLOW_COLUMNS_CODE, inputs, outputs)


IMAGES = [
    Image("onnx", Kind.ONNX, LINEAR, lambda _: {"model": linear_model()}),
    Image("onnx-columns", Kind.ONNX, COLUMNS, lambda _: {"model": identity_model(_ONNX_COLUMNS)}),
    Image("script", Kind.SCRIPT, LINEAR, lambda _: {"script": SCRIPT}),
    Image("schema", Kind.SCHEMA, LINEAR, lambda _: {"script": _SCHEMA_SCRIPT}),
    Image("mlflow", Kind.MLFLOW, LINEAR, _mlflow_linear),
    Image("mlflow-columns", Kind.MLFLOW, COLUMNS, _mlflow_columns),
]
