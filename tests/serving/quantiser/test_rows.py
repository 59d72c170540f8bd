import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.quantiser.rows import InputSpec, Refused, Rows, read_rows

X = InputSpec("x", "float32", (None, 2))


def written(folder: Path, name: str, content: Any) -> Path:
    file = folder / name
    if name.endswith(".npy"):
        np.save(file, content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def read(folder: Path, name: str, content: Any, label: str | None = None, specs: list[InputSpec] | None = None) -> Rows:
    return read_rows(written(folder, name, content), name.rpartition(".")[2], label, specs or [X])


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        ("rows.npy", np.array([[1, 2], [3, 4]]), None),
        ("rows.csv", "1,2\n3,4\n", None),
        ("rows.csv", "a,b\n1,2\n\n3,4\n", None),
        ("rows.csv", "a,it,b\n1,0,2\n3,1,4\n", "it"),
        ("rows.npy", np.array([[1, 0, 2], [3, 1, 4]]), "1"),
        ("rows.json", [[1, 2], [3, 4]], None),
        ("rows.json", {"data": {"x": [[1, 2], [3, 4]]}, "it": [0, 1]}, "it"),
    ],
)
def test_the_same_rows_are_read_from_every_format(tmp_path: Path, name: str, content: Any, label: str | None) -> None:
    rows = read(tmp_path, name, content, label)
    assert rows.inputs["x"].dtype == np.float32
    assert rows.inputs["x"].tolist() == [[1, 2], [3, 4]]
    assert (None if rows.labels is None else rows.labels.tolist()) == ([0, 1] if label else None)


def test_a_model_of_several_inputs_is_fed_by_their_names(tmp_path: Path) -> None:
    specs = [X, InputSpec("n", "int64", (None,))]
    rows = read(tmp_path, "rows.json", {"data": {"x": [[1, 2]], "n": [7]}}, None, specs)
    assert rows.inputs["n"].tolist() == [7]
    with pytest.raises(Refused, match=r"the model has 2 inputs \(x, n\): give"):
        read(tmp_path, "rows.npy", np.zeros((3, 2)), None, specs)
    with pytest.raises(Refused, match=r"nothing for input 'n' \(it has x\)"):
        read(tmp_path, "rows.json", {"data": {"x": [[1, 2]]}}, None, specs)


def test_labels_may_be_names(tmp_path: Path) -> None:
    rows = read(tmp_path, "rows.csv", "a,b,kind\n1,2,good\n3,4,bad\n", "kind")
    assert rows.labels is not None
    assert rows.labels.tolist() == ["good", "bad"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", "a,b\n1,x\n", "no csv file: could not convert"),
        ("rows.csv", "1,2\n3\n", "line 2 has 1 columns, and the first has 2"),
        ("rows.csv", "", "it is empty"),
        ("rows.json", '{"rows": []}', 'it has no "data"'),
        ("rows.json", "[[1, 2], [3]]", "no json file"),
        ("rows.json", "[", "no json file"),
        ("rows.json", '[["a", "b"]]', "are no float32 numbers"),
        ("rows.npy", np.array([[1, 2], [3, np.inf]]), "holds NaN or infinity"),
        ("rows.npy", np.zeros((0, 2)), r"has \[0\] rows"),
        ("rows.npy", np.array(["a"], dtype=object), "no npy file: Object arrays cannot be loaded"),
        ("rows.json", {"data": [[1, 2]], "it": [1, 2]}, r"has \[1, 2\] rows"),
    ],
)
def test_what_is_no_rows_is_refused(tmp_path: Path, name: str, content: Any, message: str) -> None:
    label = "it" if isinstance(content, dict) else None
    with pytest.raises(Refused, match=message):
        read(tmp_path, name, content, label)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", "a,b,kind\n1,2,3\n", r"'it' is no column of the rows \(there are: a, b, kind\)"),
        ("rows.csv", "1,2\n", "'it' is no column of the rows: their first line holds numbers"),
        ("rows.npy", np.zeros((3, 2)), r"'it' is no column of the rows \(it has 2\): give its number"),
        ("rows.npy", np.zeros(3), r"'it' is no column of the rows \(its shape is \[3\]\)"),
        ("rows.json", {"data": [[1, 2]], "kind": [1]}, r"'it' is no list beside \"data\" \(there are: kind\)"),
        ("rows.json", [[1, 2]], r"'it' is no list beside \"data\" \(there are: none\)"),
    ],
)
def test_a_label_that_is_not_there_is_told_with_what_is(tmp_path: Path, name: str, content: Any, message: str) -> None:
    with pytest.raises(Refused, match=r"^\$\.acceleration\.calibration\.label: " + message):
        read(tmp_path, name, content, "it")


def test_every_fifth_row_is_held_out() -> None:
    rows = Rows({"x": np.arange(12).reshape(12, 1)}, np.arange(12))
    calibrated, held = rows.parts()
    assert held.inputs["x"].ravel().tolist() == [4, 9]
    assert held.labels is not None
    assert held.labels.tolist() == [4, 9]
    assert calibrated.count == 10
    few = Rows({"x": np.arange(3)}, None)
    assert [part.count for part in few.parts()] == [3, 3]
