"""inference-schema: ``run`` gets an array, clients get /swagger.json, and ``data`` is an input at every door."""

import os
from pathlib import Path

import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema

model = None


def init():
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "model.joblib")


@input_schema("data", NumpyParameterType(np.zeros([1, 30])))
@output_schema(NumpyParameterType(np.array([[0.1, 0.9]])))
def run(data):
    return model.predict_proba(data).tolist()
