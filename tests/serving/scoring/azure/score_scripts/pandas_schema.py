"""A data frame by inference-schema, in the style of Azure ML's automated machine learning."""

import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

data_sample = PandasParameterType(
    pd.DataFrame({"age": pd.Series([30], dtype="int64"), "city": ["Ulm"], "income": [1.5]})
)
global_parameters = StandardPythonParameterType({"method": "predict"})
result_sample = StandardPythonParameterType({"Results": [0.5], "names": ["Ulm"]})


def init():
    pass


@input_schema("Inputs", data_sample)
@output_schema(result_sample)
def run(Inputs):
    assert list(Inputs.dtypes.astype(str))[0] == "int64"
    return {"Results": (Inputs["age"] * 2 + Inputs["income"]).tolist(), "names": Inputs["city"].tolist()}
