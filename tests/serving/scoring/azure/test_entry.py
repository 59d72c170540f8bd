"""How run() may be written, and what is refused when the script is loaded, not when it is asked."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from serving.scoring.errors import ScriptLoadFailed

Ask = Callable[..., Any]


@pytest.mark.parametrize(
    ("run", "named"),
    [
        ("def run(data, /): ...", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("def run(*args): ...", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("def run(data, **more): ...", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("def run(): ...", "run() needs to accept an argument for input data."),
        ("def run(request_headers): ...", 'run() needs to accept an argument other than "request_headers".'),
        ("def run(data, other): ...", "run() needs a value for 'other', and only its first parameter is given one"),
        ("async def run(data): ...", "run() is async"),
        ("async def run(data): yield 1", "run() is async"),
        ("def run(data): ...\nasync def init(): ...", "init() is async"),
        ("run = 5", "has no function run()"),
        ("run = dict", "how run() is called cannot be found out"),
        (
            "from inference_schema.schema_decorators import input_schema\n"
            "from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType\n"
            "from azureml.contrib.services.aml_request import rawhttp\n"
            "@rawhttp\n@input_schema('data', StandardPythonParameterType(1))\ndef run(data): ...",
            "run() cannot be decorated with both @rawhttp and @input_schema",
        ),
    ],
)
def test_a_run_that_no_request_could_be_given_to_is_refused(
    make_plane: Callable[..., Any], run: str, named: str
) -> None:
    with pytest.raises(ScriptLoadFailed) as raised:
        make_plane(script=f"def init(): ...\n{run}\n")
    assert named in raised.value.message
    assert raised.value.message.startswith("score.py")


@pytest.mark.parametrize(
    "run",
    [
        "def run(anything): return anything",
        "def run(data, other=1): return data",
        "def run(*, data): return data",
        "def run(request_headers, data): return data",
        "class Model:\n    def run(self, data): return data\nrun = Model().run",
        "class Model:\n    def __call__(self, data): return data\nrun = Model()",
    ],
)
def test_a_run_may_be_written_in_many_ways(make_ask: Callable[..., Ask], run: str) -> None:
    assert json.loads(make_ask(script=f"def init(): ...\n{run}\n")("POST", "/score", b"x").body) == "x"


def test_a_driver_module_leads_to_the_scripts_own_run(make_ask: Callable[..., Ask]) -> None:
    script = """
import types
driver_module = types.ModuleType("driven")
driver_module.run = lambda data: ["driven", ready]
def init():
    global ready
    ready = True
def run(data): return "the driver's"
"""
    assert json.loads(make_ask(script=script)("POST", "/score", b"x").body) == ["driven", True]


def test_modules_that_the_image_has_of_its_own_come_first(make_ask: Callable[..., Ask], tmp_path: Any) -> None:
    code = tmp_path / "image/var/azureml-app"
    (code / "azureml/core").mkdir(parents=True)
    (code / "azureml/core/__init__.py").write_text("VALUE = 'the image's own'".replace("e's", "es"))
    script = """
from azureml.core import VALUE
from azureml.contrib.services.aml_response import AMLResponse
def init(): ...
def run(data): return AMLResponse(VALUE, 200)
"""
    assert make_ask(script=script)("POST", "/score", b"x").body == b"the images own"


def test_a_source_directory_is_where_a_script_finds_its_modules(
    make_ask: Callable[..., Ask], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "image/var/azureml-app/src/lib"
    source.mkdir(parents=True)
    (source / "beside_the_script.py").write_text("VALUE = 'found'")
    monkeypatch.setenv("AZUREML_SOURCE_DIRECTORY", "src/lib")
    script = "from beside_the_script import VALUE\ndef init(): ...\ndef run(data): return VALUE\n"
    assert make_ask(script=script)("POST", "/score", b"x").body == b'"found"'


def test_none_is_answered_with_an_empty_dictionary(make_ask: Callable[..., Ask]) -> None:
    assert make_ask(script="def init(): ...\ndef run(data): ...\n")("POST", "/score", b"x").body == b"{}"
