"""inference-schema's decorators: converted arguments, Azure's messages, and their names as tensors elsewhere."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.scoring.azure.apps import SCRIPTS

Ask = Callable[..., Any]
JSON = {"content_type": "application/json"}
IMPORTS = """
import numpy as np, pandas as pd
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
def init(): ...
"""
INFER, METADATA = "/v2/models/linear/infer", "/v2/models/linear"


@pytest.fixture
def ask_numpy(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=(SCRIPTS / "numpy_schema.py").read_text())


@pytest.fixture
def ask_pandas(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=(SCRIPTS / "pandas_schema.py").read_text())


def message(answer: Any) -> str:
    return str(json.loads(answer.body)["message"])


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def outputs(answer: Any) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return {output["name"]: output["data"] for output in json.loads(answer.body)["outputs"]}


def test_run_gets_its_parameters_by_name_converted(ask_numpy: Ask) -> None:
    for body, expected in (({"data": [[1, 2, 3]], "factor": 2}, [[-13.0]]), ({"data": [[1, 2, 3]], "z": 1}, [[-6.5]])):
        answer = ask_numpy("POST", "/score", body, **JSON)
        assert json.loads(answer.body) == expected
    assert json.loads(ask_numpy("GET", "/score?data=[[1,2,3]]&factor=2").body) == [[-13.0]]


@pytest.mark.parametrize(
    ("body", "headers", "status", "expected"),
    [
        (b"{}", {}, 415, "Expects Content-Type to be application/json"),
        (b"{}", {"content_type": "text/json"}, 415, "Expects Content-Type to be application/json"),
        (b"", JSON, 400, "POST body is empty. Expecting a JSON dictionary."),
        (b"{", JSON, 400, "POST body could not be decoded as JSON: Expecting property name"),
        (b"\xff", JSON, 400, "POST body could not be decoded as JSON: 'utf-8' codec can't decode"),
        (b"[" * 100_000, JSON, 400, "POST body could not be decoded as JSON: "),
        (b"9" * 5000, JSON, 400, "POST body could not be decoded as JSON: "),
        (b"[]", JSON, 400, "POST body should be a JSON dictionary."),
        (b"{}", JSON, 400, "A value is not provided for the 'data' parameter."),
    ],
)
def test_a_body_that_is_none_is_refused_in_azures_words(
    ask_numpy: Ask, body: bytes, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = ask_numpy("POST", "/score", body, **headers)
    assert answer.status == status
    assert message(answer).startswith(expected)
    assert (b"x-ms-run-function-failed", b"False") in answer.headers


@pytest.mark.parametrize("data", [[[1, 2]], [1], 5, [["a", 1, 2]], [[1, 2, 3], [1]], None, {}, [[{}, 1, 2]]])
def test_a_value_that_does_not_fit_the_schema_is_the_clients_mistake(ask_numpy: Ask, data: Any) -> None:
    answer = ask_numpy("POST", "/score", {"data": data}, **JSON)
    assert answer.status == 400
    assert message(answer).startswith("the input does not fit the script's schema: ")


def test_what_run_itself_raises_stays_the_scripts_fault(make_ask: Callable[..., Ask]) -> None:
    lines = "@input_schema('data', StandardPythonParameterType([1.0]))\ndef run(data): raise ValueError('no')\n"
    answer = make_ask(script=IMPORTS + lines)("POST", "/score", {"data": [1.0]}, **JSON)
    assert answer.status == 500
    assert (b"x-ms-run-function-failed", b"True") in answer.headers


def test_the_parameters_are_the_inputs_of_the_open_inference_protocol(ask_numpy: Ask) -> None:
    described = json.loads(ask_numpy("GET", METADATA).body)
    assert described["inputs"] == [
        {"name": "data", "datatype": "FP64", "shape": [-1, 3]},
        {"name": "factor", "datatype": "FP64", "shape": [1]},
    ]
    assert described["outputs"] == [{"name": "output_0", "datatype": "FP64", "shape": [-1, -1]}]
    data, factor = tensor("data", "FP64", [1, 3], [1, 2, 3]), tensor("factor", "FP64", [1], [2])
    assert outputs(ask_numpy("POST", INFER, {"inputs": [data, factor]})) == {"output_0": [-13.0]}
    assert outputs(ask_numpy("POST", INFER, {"inputs": [data]})) == {"output_0": [-6.5]}


def test_a_tensor_that_does_not_fit_is_refused_by_name(ask_numpy: Ask) -> None:
    wrong = (
        [tensor("data", "FP64", [1, 2], [1, 2])],
        [tensor("data", "FP32", [1, 3], [1, 2, 3])],
        [tensor("factor", "FP64", [1], [2])],
    )
    for inputs in wrong:
        answer = ask_numpy("POST", INFER, {"inputs": inputs})
        assert answer.status == 400
        assert "input 'data'" in json.loads(answer.body)["error"]


def test_the_columns_of_a_frame_are_inputs_and_the_keys_of_a_dict_outputs(ask_pandas: Ask) -> None:
    described = json.loads(ask_pandas("GET", METADATA).body)
    assert [(spec["name"], spec["datatype"]) for spec in described["inputs"]] == [
        ("age", "INT64"),
        ("city", "BYTES"),
        ("income", "FP64"),
    ]
    assert [(spec["name"], spec["datatype"]) for spec in described["outputs"]] == [
        ("Results", "FP64"),
        ("names", "BYTES"),
    ]
    rows = {"Inputs": [{"age": 1, "city": "Ulm", "income": 2.5}, {"age": 2, "city": "Köln", "income": 0.5}]}
    expected = {"Results": [4.5, 4.5], "names": ["Ulm", "Köln"]}
    assert json.loads(ask_pandas("POST", "/score", rows, **JSON).body) == expected
    assert json.loads(ask_pandas("POST", "/invocations", rows, **JSON).body) == {"predictions": expected}
    inputs = [
        tensor("age", "INT64", [2], [1, 2]),
        tensor("city", "BYTES", [2, 1], ["Ulm", "Köln"]),
        tensor("income", "FP64", [2], [2.5, 0.5]),
    ]
    assert outputs(ask_pandas("POST", INFER, {"inputs": inputs})) == expected


def test_columns_of_different_lengths_are_refused(ask_pandas: Ask) -> None:
    inputs = [
        tensor("age", "INT64", [2], [1, 2]),
        tensor("city", "BYTES", [1], ["Ulm"]),
        tensor("income", "FP64", [1], [1]),
    ]
    answer = ask_pandas("POST", INFER, {"inputs": inputs})
    assert answer.status == 400
    assert "different numbers of rows: 'age' has 2" in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("sample", "datatype", "shape", "values", "expected"),
    [
        ("StandardPythonParameterType(1)", "INT64", [1], [7], [7]),
        ("StandardPythonParameterType(True)", "BOOL", [1], [False], [False]),
        ("StandardPythonParameterType('a')", "BYTES", [1], ["ü"], ["ü"]),
        ("StandardPythonParameterType([1.0])", "FP64", [2], [1.5, 2.5], [1.5, 2.5]),
        ("NumpyParameterType(np.array([[1]], dtype='int8'))", "INT8", [2, 1], [1, -2], [1, -2]),
        ("NumpyParameterType(np.array([1], dtype='float32'))", "FP32", [2], [1.5, 2], [1.5, 2.0]),
        (
            "NumpyParameterType(np.array(['2020-01-01'], dtype='datetime64[D]'))",
            "BYTES",
            [1],
            ["2021-02-03"],
            ["2021-02-03"],
        ),
        ("NumpyParameterType(np.array([['a']]))", "BYTES", [1, 1], ["b"], ["b"]),
    ],
)
def test_samples_of_every_kind_are_tensors(
    make_ask: Callable[..., Ask], sample: str, datatype: str, shape: list[int], values: list[Any], expected: list[Any]
) -> None:
    returned = "np.asarray(x).astype('U10' if np.asarray(x).dtype.kind in 'UM' else None).tolist()"
    script = f"{IMPORTS}@input_schema('x', {sample})\ndef run(x): return {returned}\n"
    ask = make_ask(script=script)
    assert list(outputs(ask("POST", INFER, {"inputs": [tensor("x", datatype, shape, values)]})).values()) == [expected]


@pytest.mark.parametrize(
    "sample",
    [
        "StandardPythonParameterType({'a': NumpyParameterType(np.array([1]))})",
        "PandasParameterType(pd.DataFrame({'a': [1]}), orient='index')",
        "PandasParameterType(pd.DataFrame({'a': []}))",
        "NumpyParameterType(np.array([(1, 2.0)], dtype='i4,f8'))",
    ],
)
def test_what_no_tensor_can_carry_still_works_at_score(make_ask: Callable[..., Ask], sample: str) -> None:
    ask = make_ask(script=f"{IMPORTS}@input_schema('x', {sample})\ndef run(x): return str(type(x).__name__)\n")
    value: Any = [[1, 2.0]] if "dtype" in sample else [{"a": 1}] if "[]" in sample else {"a": [1]}
    if "index" in sample:
        value = {"0": {"a": 1}}
    assert ask("POST", "/score", {"x": value}, **JSON).status == 200
    answer = ask("POST", INFER, {"inputs": [tensor("x", "FP64", [1], [1])]})
    assert answer.status == 400
    assert "use /score" in json.loads(answer.body)["error"]


def test_a_nested_sample_is_converted_where_it_says(make_ask: Callable[..., Ask]) -> None:
    lines = """
nested = StandardPythonParameterType({
    'frame': PandasParameterType(pd.DataFrame({'a': [1]})), 'rows': NumpyParameterType(np.array([[1.0]])), 'free': 5})
@input_schema('inputs', nested)
def run(inputs): return [type(inputs['frame']).__name__, type(inputs['rows']).__name__, inputs['free']]
"""
    body = {"inputs": {"frame": [{"a": 1}], "rows": [[2]], "free": {"any": 1}}}
    answer = make_ask(script=IMPORTS + lines)("POST", "/score", body, **JSON)
    assert json.loads(answer.body) == ["DataFrame", "ndarray", {"any": 1}]


def test_a_parameter_type_of_the_authors_own_works_and_is_described(make_ask: Callable[..., Ask]) -> None:
    lines = """
from decimal import Decimal
from inference_schema.parameter_types.abstract_parameter_type import AbstractParameterType
class Money(AbstractParameterType):
    def deserialize_input(self, input_data): return Decimal(input_data)
    def input_to_swagger(self): return {"type": ["string"], "items": 5, "example": self.sample_input}
@input_schema('price', Money(Decimal("1.50")))
def run(price): return str(price * 2)
"""
    ask = make_ask(script=IMPORTS + lines)
    assert ask("POST", "/score", {"price": "2.10"}, **JSON).body == b'"4.20"'
    answer = ask("POST", "/score", {"price": []}, **JSON)
    assert answer.status == 400
    document = json.loads(ask("GET", "/swagger.json?version=3").body)
    assert document["components"]["schemas"]["ServiceInput"]["example"] == {"price": "1.50"}
    assert ask("POST", INFER, {"inputs": [tensor("price", "BYTES", [1], ["1"])]}).status == 400


def test_a_frame_by_split_is_read_by_columns(make_ask: Callable[..., Ask]) -> None:
    sample = "PandasParameterType(pd.DataFrame({'a': [1], 'b': ['x']}), orient='split')"
    script = f"{IMPORTS}@input_schema('x', {sample})\ndef run(x): return [x['a'].tolist(), x['b'].tolist()]\n"
    ask = make_ask(script=script)
    answer = ask("POST", INFER, {"inputs": [tensor("a", "INT64", [2], [1, 2]), tensor("b", "BYTES", [2], ["u", "v"])]})
    assert outputs(answer) == {"output_0": ["1", "2", "u", "v"]}
