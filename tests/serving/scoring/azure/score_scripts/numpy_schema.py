"""An array and a factor by inference-schema, in the style of Azure ML's documentation."""

import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

input_sample = np.array([[10.0, 9.0, 8.0]])
output_sample = np.array([[0.5]])


def init():
    global weights
    weights = np.array([[1.0], [2.0], [-4.0]])


@input_schema("data", NumpyParameterType(input_sample))
@input_schema("factor", StandardPythonParameterType(1.0))
@output_schema(NumpyParameterType(output_sample))
def run(data, factor=1.0):
    assert isinstance(data, np.ndarray)
    return ((data @ weights + 0.5) * factor).tolist()
