"""run_batch(inputs): what it is given for requests of every door, and what becomes of what it returns."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from serving.scoring.errors import (
    InvalidInput,
    ScoringError,
    ScriptFailed,
    ScriptLoadFailed,
    ScriptResultInvalid,
    UnsupportedMediaType,
)
from serving.scoring.runtimes.base import Call, Posted, Scripted
from serving.scoring.runtimes.script_batches import BatchedScript
from tests.serving.scoring.azure.test_inference_schema import IMPORTS

ECHO = """
import json
def init(): ...
def run(data): return "run"
def run_batch(inputs):
    assert isinstance(inputs, list)
    return [[text, str(len(inputs))] for text in inputs]
"""
TOLD = """
def init(): ...
def run(data): ...
class Odd: ...
def run_batch(inputs): return [eval(text) for text in inputs]
"""

Load = Callable[[str], BatchedScript]


@pytest.fixture
def load(make_plane: Callable[..., Any]) -> Load:
    def loaded(script: str) -> BatchedScript:
        runtime = make_plane(script=script).runtime
        assert isinstance(runtime, BatchedScript)
        return runtime

    return loaded


def call(**headers: str) -> Call:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Call("r1", named, math.inf, 5000)


def posted(value: Any) -> tuple[Posted, Call]:
    return Posted(value.encode() if isinstance(value, str) else json.dumps(value).encode()), call()


def bodies(answers: Any) -> list[Any]:
    return [json.loads(answer.body) if isinstance(answer, Scripted) else answer for answer in answers]


def test_it_gets_what_run_would_get_from_every_door_at_once(load: Load) -> None:
    tensor = {"x": np.array([[1.0, 2.0]])}
    answers = load(ECHO).answer_all([posted("one"), (tensor, call()), posted("two")])
    assert bodies([answers[0], answers[2]]) == [["one", "3"], ["two", "3"]]
    outputs = answers[1]
    assert isinstance(outputs, dict)
    assert outputs["output_0"].tolist() == ['{"data": [[1.0, 2.0]]}', "3"]


def test_a_run_of_several_arguments_makes_dictionaries_of_them(load: Load) -> None:
    script = ECHO.replace("run(data)", "run(data, request_headers)").replace("[text", "[text['data'], len(text)")
    script = script.replace("str(len(inputs))", "text['request_headers'].get('X-Who')")
    answers = load(script).answer_all([(Posted(b"one"), call(x_who="a")), (Posted(b"two"), call(x_who="b"))])
    assert bodies(answers) == [["one", 2, "a"], ["two", 2, "b"]]


def test_inference_schema_converts_each_input_and_refuses_each_alone(load: Load) -> None:
    script = f"""{IMPORTS}
@input_schema("data", NumpyParameterType(np.array([[1.0]])))
@output_schema(NumpyParameterType(np.array([1.0])))
def run(data): raise AssertionError
def run_batch(inputs):
    sizes = [array.shape[0] for array in inputs]
    return [part.sum(axis=1).tolist() for part in np.split(np.concatenate(inputs), np.cumsum(sizes)[:-1])]
"""
    runtime = load(script)
    tensor = {"data": np.array([[10.0], [20.0]])}
    of_no_type = Posted(b"{}")
    of_no_type.headers = {}
    answers = runtime.answer_all(
        [posted({"data": [[1], [2]]}), posted({"data": "x"}), (tensor, call()), (of_no_type, call()), posted({})]
    )
    assert bodies(answers[:1]) == [[1.0, 2.0]]
    assert isinstance(answers[1], InvalidInput)
    assert "does not fit the script's schema" in answers[1].message
    assert isinstance(answers[2], dict)
    assert answers[2]["output_0"].tolist() == [10.0, 20.0]
    assert isinstance(answers[3], UnsupportedMediaType)
    assert isinstance(answers[4], InvalidInput)
    assert "'data'" in answers[4].message


def test_several_parameters_of_inference_schema_come_by_name_converted(load: Load) -> None:
    script = f"""{IMPORTS}
@input_schema("data", NumpyParameterType(np.array([[1.0]])))
@input_schema("factor", StandardPythonParameterType(1.0))
def run(data, factor=3.0): raise AssertionError
def run_batch(inputs): return [(one["data"] * one["factor"]).tolist() for one in inputs]
"""
    answers = load(script).answer_all([posted({"data": [[1]], "factor": 2}), posted({"data": [[1]]})])
    assert bodies(answers) == [[[2.0]], [[3.0]]]


def test_when_no_request_can_be_read_it_is_not_called(load: Load) -> None:
    script = ECHO.replace("assert isinstance(inputs, list)", "raise AssertionError")
    answers = load(script).answer_all([(Posted(b"\xff"), call())])
    assert isinstance(answers[0], InvalidInput)


@pytest.mark.parametrize(
    ("element", "error", "named"),
    [
        ("ValueError('too old')", ScriptFailed, "the scoring script raised ValueError: too old"),
        ("SystemExit(3)", ScriptFailed, "the scoring script raised SystemExit: 3"),
        ("Odd()", ScriptResultInvalid, "cannot be sent: TypeError: Object of type Odd is not JSON serializable"),
        ("(piece for piece in 'ab')", ScriptResultInvalid, "Object of type generator is not JSON serializable"),
    ],
)
def test_an_exception_as_a_result_or_one_that_cannot_be_sent_fails_its_request_alone(
    load: Load, element: str, error: type[ScoringError], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers = load(TOLD).answer_all([posted("[1]"), posted(element), posted("None")])
    assert bodies([answers[0], answers[2]]) == [[1], {}]
    assert type(answers[1]) is error
    assert named in str(answers[1])
    assert "request r1 failed: " in caplog.text


def test_a_response_of_its_own_is_a_result_as_of_run(load: Load) -> None:
    script = "from azureml.contrib.services.aml_response import AMLResponse\n" + TOLD
    refused, good = load(script).answer_all([posted("AMLResponse('too old', 422)"), posted("1")])
    assert isinstance(refused, Scripted)
    assert (refused.status, refused.body) == (422, b"too old")
    assert isinstance(good, Scripted)
    assert good.status == 200


@pytest.mark.parametrize(
    ("returned", "got"),
    [
        ("inputs[1:]", "2; it returned 1 results"),
        ("dict.fromkeys(inputs)", "2; it returned a dict"),
        ("None", "a None"),
    ],
)
def test_another_number_of_results_is_an_error_that_says_so(
    load: Load, returned: str, got: str, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = load(f"def init(): ...\ndef run(data): ...\ndef run_batch(inputs): return {returned}\n")
    answers = runtime.answer_all([posted("1"), posted("2")])
    assert all(isinstance(answer, ScriptResultInvalid) and got in answer.message for answer in answers)
    assert caplog.text.count("run_batch() must return a list of as many results as it got inputs") == 1


def test_what_it_raises_is_worded_for_one_and_left_open_for_several(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = load(TOLD)
    with pytest.raises(ScriptFailed):
        runtime.answer_all([posted("1"), posted("1 / 0")])
    assert caplog.text == ""
    with pytest.raises(ScriptFailed, match=r"ZeroDivisionError: division by zero"):
        runtime.answer_all([posted("1 / 0")])
    assert "request r1 failed: run_batch() raised ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("def run(data): ...\nasync def run_batch(inputs): ...", "run_batch() is async or yields"),
        ("def run(data): ...\ndef run_batch(inputs): yield 1", "run_batch() is async or yields"),
        ("def run(data): ...\ndef run_batch(): ...", "run_batch() needs to accept one argument"),
        ("def run(data): ...\ndef run_batch(inputs, sizes): ...", "run_batch() needs to accept one argument"),
        ("def run(data): yield 1\ndef run_batch(inputs): ...", "run_batch() cannot stand beside a run() that yields"),
        (
            "from azureml.contrib.services.aml_request import rawhttp\n@rawhttp\ndef run(r): ...\n"
            "def run_batch(i): ...",
            "or has @rawhttp",
        ),
        (
            "import functools\nfrom inference_schema.schema_decorators import input_schema\n"
            "from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType\n"
            "def other(f): return functools.wraps(f)(lambda **named: f(**named))\n"
            "@other\n@input_schema('data', StandardPythonParameterType(1))\ndef run(data): ...\ndef run_batch(i): ...",
            "decorators must be the outermost",
        ),
    ],
)
def test_a_run_batch_that_could_never_be_called_is_refused(
    make_plane: Callable[..., Any], script: str, named: str
) -> None:
    with pytest.raises(ScriptLoadFailed) as raised:
        make_plane(script=f"def init(): ...\n{script}\n")
    assert named in raised.value.message


def test_a_run_batch_that_is_no_function_is_the_scripts_own_business(make_plane: Callable[..., Any]) -> None:
    assert not isinstance(make_plane(script=f"{ECHO}\nrun_batch = 64\n").runtime, BatchedScript)


def test_an_answer_is_as_it_was_when_run_returned_it_whatever_the_script_does_to_its_array(load: Load) -> None:
    runtime = load(
        "import numpy as np\nbuffer = np.zeros((1, 1))\ndef init(): ...\n"
        "def run(data):\n    buffer[:] += 1\n    return buffer\n"
        "def run_batch(inputs):\n    buffer[:] += 1\n    return [buffer[:1] for _ in inputs]\n"
    )
    inputs = {"x": np.zeros((1, 1))}
    first, second = (runtime.infer(inputs, call())["output_0"].tolist() for _ in range(2))
    kept, later = (runtime.infer(inputs, call())["output_0"] for _ in range(2))
    assert (first, second) == ([[1.0]], [[2.0]])
    assert (kept.tolist(), later.tolist()) == ([[3.0]], [[4.0]])
    (batched,) = runtime.answer_all([(inputs, call())])
    runtime.answer_all([(inputs, call())])
    assert isinstance(batched, dict)
    assert batched["output_0"].tolist() == [[5.0]]
