"""Bodies of every shape at the door of an MLflow model: an answer, or a 400; never a fault of ours."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from pyarrow import parquet

from tests.effort import effort
from tests.serving.scoring.splices import SPLICES, spliced

pytestmark = pytest.mark.filterwarnings("ignore")

Ask = Callable[..., Any]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abxd"), inner, max_size=3)
)
FORMS = st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params", "messages"])
FRAMES = st.fixed_dictionaries({}, optional={"columns": VALUES, "data": VALUES, "index": VALUES})
ONE = st.builds(lambda form, value: {form: value}, FORMS, VALUES | FRAMES | st.lists(FRAMES, max_size=2))
BODIES = ONE | st.dictionaries(FORMS, VALUES | FRAMES, max_size=3) | VALUES


class Rows(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["a"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows") / "model"
    columns = [
        ColSpec(DataType.double, "a"),
        ColSpec(DataType.string, "b", required=False),
        ColSpec(DataType.datetime, "d", required=False),
        ColSpec(DataType.binary, "x", required=False),
    ]
    signature = ModelSignature(Schema(columns), Schema([ColSpec(DataType.double)]))
    mlflow.pyfunc.save_model(folder, python_model=Rows(), signature=signature, pip_requirements=[])
    return folder


@pytest.fixture
def ask(make_ask: Callable[..., Ask], rows: Path) -> Ask:
    return make_ask(mlflow=rows)


@effort(100)
@given(text=st.text(alphabet='abxd,"1.-NT: \n', max_size=40))
@example(text="a,d\n1.0,2026-01-31\n")
@example(text="")
def test_no_csv_is_a_fault_of_ours(ask: Ask, text: str) -> None:
    answer = ask("POST", "/invocations", text.encode(), content_type="text/csv")
    assert answer.status in (200, 400), (text, answer.body)


def test_a_date_in_csv_is_a_date(ask: Ask) -> None:
    answer = ask("POST", "/invocations", b"a,d\n1.5,2026-01-31\n", content_type="text/csv")
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": [{"a": 1.5}]})


@effort(200)
@given(body=BODIES)
@example(body={"dataframe_split": {"columns": ["a"], "data": [[1.0]]}})
def test_no_body_is_a_fault_of_ours(ask: Ask, body: Any) -> None:
    answer = ask("POST", "/invocations", json.dumps(body).encode())
    assert answer.status in (200, 400), (body, answer.body)


COLUMNS = {"a": [1.5, 2.5], "b": ["x", None], "d": pd.to_datetime(["2026-01-31", "2026-02-01"]), "x": [b"1", b"2"]}
PARQUET = pd.DataFrame(COLUMNS).to_parquet(index=False)


def test_parquet_has_every_type(ask: Ask) -> None:
    answer = ask("POST", "/invocations", PARQUET, content_type="application/vnd.apache.parquet")
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": [{"a": 1.5}, {"a": 2.5}]})


@effort()
@given(changes=SPLICES)
def test_no_parquet_is_a_fault_of_ours(ask: Ask, changes: Any) -> None:
    body = spliced(PARQUET, changes)
    answer = ask("POST", "/invocations", body, content_type="application/vnd.apache.parquet")
    assert answer.status in (200, 400), (changes, answer.body)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\x80" * 100])
def test_a_text_in_parquet_that_is_no_utf_8_is_a_400(ask: Ask, value: bytes) -> None:
    table = pa.table({"a": [1.0], "b": pa.array([value]).view(pa.string())})
    target = io.BytesIO()
    parquet.write_table(table, target)
    answer = ask("POST", "/invocations", target.getvalue(), content_type="application/vnd.apache.parquet")
    assert answer.status == 400
    assert "UTF8" in json.loads(answer.body)["message"]


def test_pandas_own_words_in_parquet_that_are_wrong_are_a_400(ask: Ask) -> None:
    table = pa.table({"a": [1.0]}).replace_schema_metadata({"pandas": '{"index_columns": 3}'})
    target = io.BytesIO()
    parquet.write_table(table, target)
    answer = ask("POST", "/invocations", target.getvalue(), content_type="application/vnd.apache.parquet")
    assert answer.status == 400
