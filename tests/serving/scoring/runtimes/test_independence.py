"""Which ONNX models may run rows of different requests together: those that were seen to keep them apart at load."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from serving.scoring.runtimes.independence import doubt_about_rows, same
from serving.scoring.runtimes.onnx import OnnxRuntime, load_onnx
from serving.scoring.tensors import Tensors, TensorSpec

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
Shape = Sequence[int | str]
Load = Callable[[bytes], OnnxRuntime]
NOISE = np.random.default_rng(7)


def model(
    nodes: Sequence[tuple[Any, ...]],
    inputs: Mapping[str, tuple[int, Shape]],
    outputs: Mapping[str, tuple[int, Shape]],
    weights: Mapping[str, Any] | None = None,
) -> bytes:
    """``nodes`` are (operator, inputs, outputs, attributes), the names with blanks between them."""
    made = [
        helper.make_node(
            operator,
            takes.split(" "),
            gives.split(" "),
            **(more[0] if more else {}),
            domain="ai.onnx.ml" if operator == "LabelEncoder" else "",
        )
        for operator, takes, gives, *more in nodes
    ]
    infos = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in tensors.items()]
        for tensors in (inputs, outputs)
    ]
    fixed = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph(made, "made", *infos, fixed)
    built = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    checker.check_model(built)
    content: bytes = built.SerializeToString()
    return content


def weights(*shape: int) -> Any:
    return NOISE.standard_normal(shape, dtype=np.float32)


ROWS: dict[str, tuple[int, Shape]] = {"x": (FLOAT, ["n", 8])}
CLASSES = np.random.default_rng(1).standard_normal((8, 2), dtype=np.float32)
GIVES: dict[str, tuple[int, Shape]] = {"y": (FLOAT, ["n", 8])}


def labels_of_scaled_rows(*scale: tuple[Any, ...]) -> bytes:
    """A classifier of rows that are rounded to 127 parts of a scale ``s``."""
    return model(
        [*scale, ("Div", "x s", "d"), ("Mul", "d steps", "l"), ("Round", "l", "r"), ("MatMul", "r w", "f"),
         ("ArgMax", "f", "label", {"axis": 1, "keepdims": 0})],
        ROWS, {"label": (INT64, ["n"])}, {"w": CLASSES, "steps": np.float32(127)},
    )  # fmt: skip


INDEPENDENT = {
    "a network": model(
        [("Gemm", "x w v", "h"), ("Relu", "h", "r"), ("MatMul", "r u", "l"), ("Softmax", "l", "y", {"axis": 1})],
        ROWS, GIVES, {"w": 9 * weights(8, 512), "v": weights(512), "u": weights(512, 8)},
    ),
    "indices into little": model(
        [("Gather", "table i", "y")], {"i": (INT64, ["n", 4])}, {"y": (FLOAT, ["n", 4, 2])}, {"table": weights(3, 2)}
    ),
    "numbers without a second dimension": model(
        [("Mul", "x x", "y")], {"x": (FLOAT, ["n"])}, {"y": (FLOAT, ["n"])}
    ),
    "images of 32 pixels and more": model(
        [("Conv", "x w", "c", {"strides": [32, 32]}), ("GlobalAveragePool", "c", "y")],
        {"x": (FLOAT, ["n", 1, "height", "width"])}, {"y": (FLOAT, ["n", 1, 1, 1])}, {"w": weights(1, 1, 32, 32)},
    ),
    "attention within each row": model(
        [("Transpose", "x", "t", {"perm": [0, 2, 1]}), ("MatMul", "x t", "s"), ("Softmax", "s", "a"),
         ("MatMul", "a x", "y")],
        {"x": (FLOAT, ["n", "tokens", 4])}, {"y": (FLOAT, ["n", "tokens", 4])},
    ),
    "several inputs": model(
        [("Gather", "table i", "e"), ("Mul", "x m", "z"), ("Add", "z e", "y")],
        {"x": (FLOAT, ["n", 2]), "i": (INT64, ["n"]), "m": (FLOAT, ["n", 1])}, {"y": (FLOAT, ["n", 2])},
        {"table": weights(5, 2)},
    ),
    "texts": model([("Identity", "s", "t")], {"s": (STRING, ["n"])}, {"t": (STRING, ["n"])}),
    "texts that are numbers": model(
        [("Cast", "s", "y", {"to": FLOAT})], {"s": (STRING, ["n", 2])}, {"y": (FLOAT, ["n", 2])}
    ),
    "labels of rows scaled by their own largest": labels_of_scaled_rows(
        ("Abs", "x", "a"), ("ReduceMax", "a", "s", {"axes": [1]})
    ),
    "yes and no": model(
        [("Cast", "b", "c", {"to": FLOAT}), ("Add", "c x", "y")],
        {"b": (TensorProto.BOOL, ["n", 1]), "x": (TensorProto.FLOAT, ["n", 8])}, GIVES,
    ),
}  # fmt: skip

RECURRENT = {"w": weights(1, 4, 8), "r": weights(1, 4, 4)}
DEPENDENT = {
    "normalised over the batch": (
        model([("ReduceMean", "x", "m", {"axes": [0]}), ("Sub", "x m", "y")], ROWS, GIVES),
        "output 'y' of a row depends on the other rows",
    ),
    "a sequence": (
        model(
            [("RNN", "x w r", "h", {"hidden_size": 4}), ("Squeeze", "h one", "y")],
            {"x": (FLOAT, ["steps", 1, 8])}, {"y": (FLOAT, ["steps", 1, 4])}, {**RECURRENT, "one": [1]},
        ),
        "output 'y' of a row depends on the other rows",
    ),
    "a running sum": (
        model([("CumSum", "x axis", "y")], ROWS, GIVES, {"axis": np.int64(0)}), "output 'y' of a row depends"
    ),
    "attention between rows": (
        model([("Transpose", "x", "t"), ("MatMul", "x t", "s"), ("Softmax", "s", "a"), ("MatMul", "a x", "y")],
              ROWS, GIVES),
        "output 'y' of a row depends",
    ),
    "quantised by the largest of the batch": (
        model([("DynamicQuantizeLinear", "x", "q s z"), ("DequantizeLinear", "q s z", "y")], ROWS, GIVES),
        "it is quantised dynamically, by the largest value of all rows that run together",
    ),
    "quantised by the largest of the batch, without a word of it": (
        labels_of_scaled_rows(("Abs", "x", "a"), ("ReduceMax", "a", "s", {"keepdims": 0})),
        "output 'label' of a row depends",
    ),
    "one of several outputs": (
        model([("Neg", "x", "y"), ("CumSum", "x axis", "c")], ROWS, {**GIVES, "c": (FLOAT, ["n", 8])},
              {"axis": np.int64(0)}),
        "output 'c' of a row depends",
    ),
    "small beside large": (
        model([("ReduceMean", "x", "m", {"axes": [0]}), ("Sub", "x m", "d"), ("Tanh", "d", "t"),
               ("Mul", "x much", "l"), ("Concat", "l t", "y", {"axis": 1})],
              ROWS, {"y": (FLOAT, ["n", 16])}, {"much": np.float32(1e4)}),
        "output 'y' of a row depends",
    ),
    "as many rows as were different": (
        model([("Unique", "x", "y", {"axis": 0})], {"x": (INT64, ["n"])}, {"y": (INT64, ["m"])}),
        "output 'y' of a row depends",
    ),
    "what is drawn by chance": (
        model([("RandomNormalLike", "x", "y")], ROWS, GIVES), "output 'y' of a row depends"
    ),
    "always the same": (
        model([("Mul", "x none", "y")], ROWS, GIVES, {"none": np.float32(0)}),
        "no output changed with input 'x' of made-up values",
    ),
    "words that it does not know": (
        model([("LabelEncoder", "s", "i", {"keys_strings": ["red"], "values_floats": [1.0]}), ("Add", "i x", "y")],
              {"s": (STRING, ["n", 1]), "x": (FLOAT, ["n", 8])}, GIVES),
        "no output changed with input 's' of made-up values",
    ),
    "four rows at a time": (
        model([("Reshape", "x four", "g"), ("Reshape", "g eight", "y")], ROWS, GIVES,
              {"four": [-1, 4, 8], "eight": [-1, 8]}),
        "it refuses made-up input: ",
    ),
}  # fmt: skip


@pytest.fixture
def load(make_image: Callable[..., Path]) -> Load:
    return lambda content: load_onnx(make_image(model=content), 1)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_rows_that_ran_together_as_they_ran_apart_are_independent(
    name: str, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runtime = load(INDEPENDENT[name])
    assert runtime.rows_independent
    assert not caplog.messages


@pytest.mark.parametrize("name", DEPENDENT)
def test_a_model_whose_rows_were_not_seen_to_be_independent_says_why_and_how_to_declare_it(
    name: str, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    content, why = DEPENDENT[name]
    caplog.set_level(logging.INFO)
    assert not load(content).rows_independent
    (line,) = caplog.messages
    assert line.startswith(f"requests run one by one: {why}")
    assert "\n" not in line
    assert line.endswith("declare it: batching: {enabled: true} in the deployment (--batching on)")


def test_a_model_of_a_fixed_first_dimension_is_not_tried(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = {"x": (FLOAT, [1, 8])}
    assert not load(model([("Neg", "x", "y")], one, {"y": (FLOAT, [1, 8])})).rows_independent
    assert not caplog.messages


class Slow:
    """A model that takes a time for each call, on a clock of its own."""

    def __init__(self, takes_s: float) -> None:
        self.now = 0.0
        self.calls = 0
        self._takes_s = takes_s

    def __call__(self, feed: Tensors) -> Tensors:
        self.calls += 1
        self.now += self._takes_s
        return {"y": feed["x"]}

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("takes_s", "calls", "doubt"),
    [
        (0.001, 16, ""),  # 2 + 3 + 5 rows apart, three times together, and once with other values in their places
        (0.1, 4, ""),
        (0.9, 3, "it takes too long to be tried out"),
        (30.0, 1, "it takes too long to be tried out"),
    ],
)
def test_the_trial_is_bounded_in_time(takes_s: float, calls: int, doubt: str) -> None:
    slow = Slow(takes_s)
    assert doubt_about_rows([TensorSpec("x", "FP32", [-1, 4])], slow, slow.clock) == doubt
    assert slow.calls <= calls


def test_rows_too_large_to_make_up_are_not_run() -> None:
    slow = Slow(0.0)
    doubt = doubt_about_rows([TensorSpec("x", "FP32", [-1, 3, 1024, 1024])], slow, slow.clock)
    assert (doubt, slow.calls) == ("its rows are too large to be tried out", 0)


def test_answers_are_the_same_but_for_the_last_digits() -> None:
    rows = np.array([[1e5, 0.5], [2e5, 0.25]], dtype=np.float32)
    apart = [rows[:1], rows[1:]]
    assert same(rows * np.float32(1 + 1e-6), apart)
    assert not same(rows + np.array([0, 0.2], dtype=np.float32), apart)  # nothing beside the first column
    assert not same(rows.astype(np.float64), apart)
    assert not same(rows[:1], apart)
    nothing = np.array([[np.nan], [np.inf]])
    assert same(nothing, [nothing[:1], nothing[1:]])
    assert not same(nothing, [nothing[1:], nothing[:1]])
