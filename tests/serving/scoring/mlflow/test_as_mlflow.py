"""The same requests to MLflow's own scoring server and to ours: status and body, but for what is decided otherwise.

MLflow's is the application that ``mlflow models serve`` runs, asked without a socket.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import scoring_server

from serving.scoring.app import App
from serving.scoring.dataplane import DataPlane
from serving.scoring.doors import door_table
from serving.scoring.engine.workers import Workers
from serving.scoring.health import Health
from serving.scoring.http.bodies import Bodies
from serving.scoring.http.messages import Request, Response
from serving.scoring.protocol import Status
from serving.scoring.runtimes.mlflow import load_mlflow
from tests.serving.scoring.mlflow.saved import FRAME, MODELS

pytestmark = pytest.mark.filterwarnings("ignore")  # advice of mlflow's and scikit-learn's

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
LISTS, RECORDS, SPLIT = (FRAME.to_dict(orient=orient) for orient in ("list", "records", "split"))
ROW = {
    "i": 1,
    "f": 1.5,
    "s": "é",
    "b": True,
    "t": "2026-01-31T12:30:00",
    "x": "AAEC",
    "l": [1.0, 2.0],
    "o": {"p": 1, "q": "r"},
}
SAID = {"role": "user", "content": "hello"}


class Answer(NamedTuple):
    status: int
    content_type: str
    body: str


Server = Callable[..., Answer]


class Pair(NamedTuple):
    stock: Server
    ours: Server


CASES: dict[str, dict[str, tuple[Any, str | None]]] = {
    "columns": {
        "split": ({"dataframe_split": SPLIT}, JSON),
        "records": ({"dataframe_records": RECORDS}, JSON),
        "instances": ({"instances": RECORDS}, JSON),
        "inputs as columns": ({"inputs": LISTS}, JSON),
        "inputs as records": ({"inputs": RECORDS}, JSON),
        "another order of columns": (
            {"dataframe_split": {"columns": ["c", "a", "b"], "data": [[3.0, 1.0, 2.0]]}},
            JSON,
        ),
        "an extra column": ({"dataframe_records": [{**RECORDS[0], "z": 9}]}, JSON),
        "integers for doubles": ({"dataframe_records": [{"a": 1, "b": 2, "c": 3}]}, JSON),
        "a charset": ({"inputs": LISTS}, "application/json; charset=utf-8"),
        "params that it does not take": ({"inputs": LISTS, "params": {"z": 1}}, JSON),
        "CSV": (FRAME.to_csv(index=False).encode(), CSV),
        "CSV with a charset": (FRAME.to_csv(index=False).encode(), "text/csv; charset=utf-8"),
        "Parquet": (FRAME.to_parquet(), PARQUET),
        "a missing column": ({"dataframe_records": [{"a": 1.0}]}, JSON),
        "no names of columns": ({"dataframe_split": {"data": [[1.0, 2.0, 3.0]]}}, JSON),
        "a text for a number": ({"dataframe_records": [{"a": "p", "b": 1.0, "c": 2.0}]}, JSON),
        "no rows": ({"dataframe_records": []}, JSON),
        "rows without names": ({"inputs": [[1.0, 2.0, 3.0]]}, JSON),
        "a split without data": ({"dataframe_split": {"columns": ["a"]}}, JSON),
        "an unknown key in a split": ({"dataframe_split": {**SPLIT, "z": 1}}, JSON),
        "lengths that differ": ({"instances": [{"a": 1.0, "b": 2.0}, {"a": 1.0}]}, JSON),
        "a list": (b"[1]", JSON),
        "a number": (b"1", JSON),
        "broken JSON": (b"{", JSON),
        "no UTF-8": (b"\xff", JSON),
        "no body": (b"", JSON),
        "no form": ({}, JSON),
        "two forms": ({"inputs": [], "instances": []}, JSON),
        "a signature's name": ({"signature_name": "x", "instances": RECORDS}, JSON),
        "an LLM's body": ({"messages": [SAID]}, JSON),
        "CSV of ragged rows": (b"a,b\n1,2,3,4\n5", CSV),
        "no CSV": (b"", CSV),
        "CSV with a text for a number": (b"a,b,c\n1,2,x\n", CSV),
        "CSV that is no UTF-8": (b"\xff\xfe", CSV),
        "no Parquet": (b"PAR1", PARQUET),
        "a form": (b"{}", "application/x-www-form-urlencoded"),
        "Latin-1": (b"{}", "application/json; charset=latin-1"),
        "a parameter": (b"{}", "application/json; format=pandas-split"),
        "a missing number": ({"dataframe_records": [{"a": 1.0, "b": None, "c": 2.0}]}, JSON),
        "params that are none": ({"inputs": LISTS, "params": 3}, JSON),
        "a type in capitals": ({"inputs": LISTS}, "Application/JSON"),
        "a quoted charset": ({"inputs": LISTS}, 'application/json; charset="utf-8"'),
        "no type": ({"inputs": LISTS}, None),
    },
    "unsigned": {
        "split": ({"dataframe_split": SPLIT}, JSON),
        "inputs": ({"inputs": FRAME.to_numpy().tolist()}, JSON),
        "instances": ({"instances": FRAME.to_numpy().tolist()}, JSON),
        "CSV": (FRAME.to_csv(index=False).encode(), CSV),
        "Parquet": (FRAME.to_parquet(), PARQUET),
        "too few": ({"inputs": [[1.0]]}, JSON),
        "a text": ({"inputs": "p"}, JSON),
    },
    "tensor": {
        "inputs": ({"inputs": FRAME.to_numpy().tolist()}, JSON),
        "instances": ({"instances": [[1, 2, 3]]}, JSON),
        "split": ({"dataframe_split": SPLIT}, JSON),
        "CSV": (FRAME.to_csv(index=False).encode(), CSV),
        "another shape": ({"inputs": [[1.0, 2.0]]}, JSON),
        "names": ({"inputs": {"a": [1.0]}}, JSON),
    },
    "mirror": {
        "required columns alone": ({"dataframe_records": [{"i": 1}, {"i": 2}]}, JSON),
        "every type in records": ({"dataframe_records": [ROW]}, JSON),
        "every type in inputs": ({"inputs": [ROW]}, JSON),
        "every type in instances": ({"instances": [ROW]}, JSON),
        "missing values": (
            {"dataframe_split": {"columns": ["i", "f", "s"], "data": [[1, None, None], [2, 2.5, "x"]]}},
            JSON,
        ),
        "CSV where a column is no cell": (b"i,f,s\n1,1.5,x\n", CSV),
        "a fraction for an integer": ({"dataframe_records": [{"i": 1.5}]}, JSON),
        "a missing integer": ({"dataframe_records": [{"i": None}]}, JSON),
        "an integer for a truth": ({"dataframe_records": [{"i": 1, "b": 1}]}, JSON),
        "no date": ({"dataframe_records": [{"i": 1, "t": "nonsense"}]}, JSON),
        "a wrong property": ({"dataframe_records": [{"i": 1, "o": {"p": "x", "q": "r"}}]}, JSON),
        "an integer of 71 bits": ({"dataframe_records": [{"i": 2**70}]}, JSON),
    },
    "cells": {
        "CSV with missing values": (b"i,f,s,b\n1,1.5,x,True\n2,,NA,False\n", CSV),
        "CSV of another order": (b"s,i\nx,1\n", CSV),
        "CSV with a fraction for an integer": (b"i\n1.5\n", CSV),
        "CSV with a missing integer": (b"i,f\n,1\n", CSV),
        "CSV without a required column": (b"f\n1\n", CSV),
        "Parquet with missing values": (
            pd.DataFrame({"i": [1, 2], "f": np.array([1.5, None], dtype="f4"), "s": ["x", None]}).to_parquet(),
            PARQUET,
        ),
        "Parquet with a fraction for an integer": (pd.DataFrame({"i": [1.5]}).to_parquet(), PARQUET),
    },
    "dated": {
        "a date": ({"dataframe_records": [{"i": 1, "t": "2026-01-31"}]}, JSON),
        "Parquet with a date": (
            pd.DataFrame({"i": [1], "t": np.array(["2026-01-31"], dtype="datetime64[ns]")}).to_parquet(),
            PARQUET,
        ),
        "CSV with a date": (b"i,t\n1,2026-01-31\n", CSV),
    },
    "params": {
        "none": ({"inputs": {"x": [1, 2]}}, JSON),
        "one of two": ({"inputs": {"x": [1, 2]}, "params": {"times": 10}}, JSON),
        "null": ({"inputs": {"x": [1, 2]}, "params": None}, JSON),
        "an unknown one": ({"inputs": {"x": [1, 2]}, "params": {"z": 1}}, JSON),
        "a wrong type": ({"inputs": {"x": [1, 2]}, "params": {"times": "many"}}, JSON),
        "a list": ({"inputs": {"x": [1, 2]}, "params": [1]}, JSON),
        "CSV": (b"x\n1\n2\n", CSV),
    },
    "hints": {
        "a record": ({"inputs": [SAID]}, JSON),
        "an optional field": ({"inputs": [{**SAID, "weight": 2}]}, JSON),
        "a missing field": ({"inputs": [{"role": "user"}]}, JSON),
        "no list": ({"inputs": SAID}, JSON),
        "another form": ({"dataframe_records": [SAID]}, JSON),
        "an LLM's body": ({"messages": [SAID]}, JSON),
    },
    "chat": {
        "messages and a parameter": ({"messages": [SAID], "temperature": 0.5}, JSON),
        "a prompt": ({"prompt": "hello"}, JSON),
        "an input": ({"input": ["hello"]}, JSON),
    },
    "raises": {"a row": ({"inputs": {"x": [1]}}, JSON)},
}

# Decided otherwise: MLflow's status and ours, and why. Also: an error's code is always that of its status, where MLflow
# has INVALID_PARAMETER_VALUE for some; messages are shorter, and none has a stack trace.
OTHERWISE = {
    ("columns", "a missing number"): (400, 500, "a model that raises on what fits its signature is at fault itself"),
    ("raises", "a row"): (400, 500, "the same"),
    ("columns", "params that are none"): (200, 400, "what has no effect is an error"),
    ("columns", "a type in capitals"): (415, 200, "media types know no case"),
    ("columns", "a quoted charset"): (415, 200, "a parameter may be quoted"),
    ("dated", "CSV with a date"): (400, 200, "pandas reads no date by its type, so it is made one afterwards"),
    ("columns", "no type"): (500, 200, "no client's mistake is a 500, and JSON is what it can only be"),
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Pair]]:
    """Load a model into both servers, once."""
    pairs: dict[str, Pair] = {}
    with contextlib.ExitStack() as stack:

        def pair(name: str) -> Pair:
            if name not in pairs:
                folder = tmp_path_factory.mktemp("models") / name
                MODELS[name](folder)
                workers = stack.enter_context(contextlib.closing(Workers()))
                plane = DataPlane(workers.load(load_mlflow, folder), workers, 64, 30.0)
                app = App(door_table(plane, Health(status), "linear", "7"), None, Bodies(1 << 20))
                stock = scoring_server.init(mlflow.pyfunc.load_model(str(folder)))
                pairs[name] = Pair(partial(ask_stock, stock), partial(ask_ours, app))
            return pairs[name]

        yield pair


def status() -> Status:
    return Status(state="ready", backend="linear.blue.1", in_flight=0, executed=0, rss_bytes=1)


def ask_stock(app: Any, method: str, path: str, content: bytes = b"", content_type: str | None = None) -> Answer:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://stock") as client:
            headers = {} if content_type is None else {"content-type": content_type}
            return await client.request(method, path, content=content, headers=headers)

    answer = asyncio.run(asked())
    return Answer(answer.status_code, answer.headers["content-type"], answer.text)


def ask_ours(app: App, method: str, path: str, content: bytes = b"", content_type: str | None = None) -> Answer:
    headers = {} if content_type is None else {b"content-type": content_type.encode()}
    answer = asyncio.run(app(Request(method.encode(), path.encode(), headers, content)))
    assert isinstance(answer, Response)
    return Answer(answer.status, answer.content_type.decode(), answer.body.decode())


ALL = [(model, case) for model, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("model", "case"), ALL)
def test_status_and_body_are_mlflows(servers: Callable[[str], Pair], model: str, case: str) -> None:
    body, content_type = CASES[model][case]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    stock, ours = (server("POST", "/invocations", content, content_type) for server in servers(model))
    if (model, case) in OTHERWISE:
        assert (stock.status, ours.status) == OTHERWISE[model, case][:2]
    elif stock.status in (200, 415):
        assert ours.status == stock.status
        assert ours.content_type == stock.content_type
        assert_same_text(stock, ours)
    else:
        assert (ours.status, ours.content_type) == (stock.status, stock.content_type)
        expected = {"INVALID_PARAMETER_VALUE": "BAD_REQUEST"}
        code = json.loads(stock.body)["error_code"]
        assert json.loads(ours.body)["error_code"] == expected.get(code, code)


def assert_same_text(stock: Answer, ours: Answer) -> None:
    if stock.status == 200:
        assert repr(json.loads(ours.body)) == repr(json.loads(stock.body))  # NaN is not equal to itself
    else:
        assert stock.body.startswith(ours.body)  # MLflow goes on about its versions before 2.0


@pytest.mark.parametrize("path", ["/ping", "/health", "/version"])
def test_health_and_version_are_mlflows(servers: Callable[[str], Pair], path: str) -> None:
    stock, ours = (server("GET", path) for server in servers("columns"))
    assert ours == stock


def test_a_wrong_method_has_mlflows_status(servers: Callable[[str], Pair]) -> None:
    stock, ours = (server("GET", "/invocations") for server in servers("columns"))
    assert ours.status == stock.status == 405


@pytest.mark.parametrize(
    "data",
    [
        {"columns": ["c", "a", "b"], "index": [7], "data": [[3, 1, 2]]},
        [{"a": 1, "b": 2, "c": 3}],
        {"a": [1], "b": [2], "c": [3]},
    ],
)
def test_score_takes_azures_own_form_and_gives_the_predictions_alone(servers: Callable[[str], Pair], data: Any) -> None:
    body = json.dumps({"input_data": data}).encode()
    answer = servers("columns").ours("POST", "/score", body, "application/x-www-form-urlencoded")  # as curl says
    assert (answer.status, answer.body) == (200, "[-6.5]")


def test_azures_own_form_has_parameters_and_nan_too(servers: Callable[[str], Pair]) -> None:
    body = b'{"input_data": {"columns": ["x"], "data": [[2]]}, "params": {"times": 10}}'
    assert json.loads(servers("params").ours("POST", "/score", body, JSON).body) == {"x": [20], "said": "none"}
    body = b'{"input_data": {"columns": ["i", "f"], "data": [[1, NaN]]}}'
    assert servers("cells").ours("POST", "/score", body, JSON).body == '[{"i": 1, "f": NaN}]'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"input_data": {"columns": ["a"], "data": [[1]]}}', "missing inputs ['b', 'c']"),
        (b'{"input_data": 3}', ""),
        (b'{"rows": [[1]]}', "send exactly one of input_data, inputs, instances, dataframe_split, dataframe_records"),
        (b'{"input_data": [[[', "not what"),
        (b"[]", "must be a JSON object"),
        (b'{"input_data": {"columns": ["a"], "data": [[1]]}, "params": 3}', "'params' must be a JSON object"),
    ],
)
def test_what_is_wrong_in_azures_own_form_is_a_400_in_azures_shape(
    servers: Callable[[str], Pair], body: bytes, message: str
) -> None:
    answer = servers("columns").ours("POST", "/score", body, JSON)
    assert answer.status == 400
    assert message in json.loads(answer.body)["message"]


def test_score_is_the_same_door(servers: Callable[[str], Pair]) -> None:
    answer = servers("columns").ours("POST", "/score", json.dumps({"dataframe_split": SPLIT}).encode(), JSON)
    assert json.loads(answer.body) == {"predictions": [-6.5, -17.25]}
