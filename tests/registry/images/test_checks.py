from collections.abc import Iterable

import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.images import Runtime
from registry.images.checks import MAX_SCRIPT_BYTES, check_onnx, check_script, choose_runtime
from registry.images.mlmodel import MLmodel
from registry.images.pack import Entry, entry_of_bytes


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def onnx_bytes(graph: bytes = b"\x0a\x00") -> bytes:
    """An ir_version, a producer's name and a graph, as onnx writes them."""
    return b"\x08\x0a" + b"\x12\x04test" + b"\x3a" + varint(len(graph)) + graph


@pytest.mark.parametrize(
    "source",
    [
        "def init(): pass\ndef run(data): return data",
        "async def run(data): ...\ninit = lambda: None",
        "from mine import init, run",
        "from mine import *",
        "from mine import begin as init\nimport serve as run",
        "try:\n    from fast import run\nexcept ImportError:\n    def run(d): ...\nif 1:\n    def init(): ...",
        "globals()['init'] = globals()['run'] = print",
    ],
)
def test_a_script_that_may_define_both_functions_passes(source: str) -> None:
    check_script(entry_of_bytes("score.py", source.encode()))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def init(: pass", r"score\.py, line 1: "),
        ("x = 1\ndef run(d):\n  return d\n bad", r"score\.py, line 4: unindent"),
        ("def init(): pass", r"does not define run\(\)"),
        ("def main():\n    def init(): ...\n    def run(d): ...", r"does not define init\(\) and run\(\)"),
        ("class Model:\n    def init(self): ...\n    def run(self): ...", r"init\(\) and run\(\)"),
        ("\0", "score.py"),
    ],
)
def test_a_script_that_cannot_serve_is_refused_with_its_place(source: str, message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        check_script(entry_of_bytes("score.py", source.encode()))


@pytest.mark.parametrize(
    "expression",
    ["1+" * 100_000 + "1", "-" * 100_000 + "1", "a" + ".a" * 100_000, "a" + "()" * 100_000, "lambda:" * 50_000 + "1"],
    ids=["sum", "minus", "attributes", "calls", "lambdas"],
)
def test_an_expression_without_end_is_refused(expression: str) -> None:
    with pytest.raises(BuildFailed, match=r"score\.py has an expression that is too long or too deep"):
        check_script(entry_of_bytes("score.py", f"x = {expression}\ndef init(): ...\ndef run(d): ...".encode()))


def test_a_script_of_megabytes_is_refused_unread() -> None:
    def read() -> Iterable[bytes]:
        raise AssertionError("it is read")

    with pytest.raises(BuildFailed, match=r"score\.py is 524,289 bytes long, and a scoring script at most 524,288"):
        check_script(Entry("score.py", MAX_SCRIPT_BYTES + 1, read))


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_an_onnx_model_is_recognised_however_it_is_cut_into_chunks(size: int) -> None:
    model = onnx_bytes(b"x" * 300)

    check_onnx("model.onnx", (model[i : i + size] for i in range(0, len(model), size)))


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([], "no graph"),
        ([b"\x08\x0a"], "no graph"),
        ([b"PK\x03\x04 a zip"], "a field that ModelProto has not"),
        ([b"version https://git-lfs.github.com/spec/v1\n"], "not an ONNX model"),
        ([onnx_bytes(b"x" * 300)[:-1]], "cut short"),
        ([b"\x08" + b"\xff" * 11], "64 bits"),
        ([b"\x08"], "cut short"),
    ],
)
def test_what_is_no_onnx_model_is_refused(chunks: Iterable[bytes], message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        check_onnx("model.onnx", chunks)


def test_one_onnx_file_needs_no_code() -> None:
    assert choose_runtime("cancer:1", ["model.onnx", "model.onnx.data", "README"], None, None) is Runtime.ONNX


def test_a_scoring_script_decides_whatever_the_files() -> None:
    assert choose_runtime("cancer:1", ["model.onnx"], "score.py", MLmodel({"python_function": {}})) is Runtime.SCRIPT


@pytest.mark.parametrize("paths", [[], ["model.joblib"], ["a.onnx", "b.onnx"]])
def test_otherwise_the_error_says_what_to_do(paths: list[str]) -> None:
    with pytest.raises(BuildFailed, match=r"model cancer:1 has .*: give a code_configuration with a scoring_script"):
        choose_runtime("cancer:1", paths, None, MLmodel({"onnx": {}}))
