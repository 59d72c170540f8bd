"""The bodies of ``/invocations`` as MLflow's scoring server reads them, and its answers.

The image's own mlflow converts the data. Its scoring server is left alone: before 2.22 it needs flask, which
mlflow-skinny has not.
"""

from __future__ import annotations

import io
import json
from typing import Any, Dict, Mapping, NamedTuple, Optional

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.utils.proto_json_utils import NumpyEncoder, dataframe_from_parsed_json, parse_tf_serving_input

from ..errors import InvalidInput
from ..formats.csv_rows import check_width
from ..formats.json_forms import LLM_KEYS
from ..formats.parquet import read_parquet

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CSV_TYPE, PARQUET_TYPE = "text/csv", "application/vnd.apache.parquet"


class Body(NamedTuple):
    """What a model's predict is called with; ``wrapped`` says whether the answer goes under "predictions"."""

    data: Any
    params: Optional[Dict[str, Any]]
    wrapped: bool = True


class BodyReader:
    """Reads bodies for the model with this metadata."""

    def __init__(self, metadata: Any) -> None:
        self._schema = metadata.get_input_schema()
        params = metadata.get_params_schema() if hasattr(metadata, "get_params_schema") else None
        self._params = {param.name for param in params.params} if params else set()
        typed = getattr(metadata, "_is_signature_from_type_hint", None)
        self._takes_plain_inputs = typed is not None and typed()

    def read(self, body: bytes, media_type: str) -> Body:
        """Return what the body asks.

        Raises:
            UnsupportedMediaType: it is Parquet, and the image has no pyarrow.
            InvalidInput: it is none of MLflow's forms, or the data cannot have the signature's types.
        """
        try:
            if media_type == CSV_TYPE:
                return Body(self._read_csv(body), None)
            if media_type == PARQUET_TYPE:
                return Body(_frame_of(read_parquet(body)), None)
            document = json.loads(body)
            if not isinstance(document, dict):
                raise InvalidInput(f"the body must be a JSON object with one of {', '.join(FORMS)}")
            if any(key in document for key in LLM_KEYS):
                return self._parted(document)
            params = document.get("params")
            if params is not None and not isinstance(params, dict):
                raise InvalidInput("'params' must be a JSON object")
            return Body(self._data_of(document), params)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:  # also UnicodeDecodeError
            raise InvalidInput(f"the body is not what /invocations takes: {error}") from error
        except MlflowException as error:
            raise InvalidInput(refusal(error)) from error

    def params_of(self, given: Mapping[str, Any]) -> Dict[str, Any]:
        """Return what the model's signature declares as its parameters."""
        return {name: value for name, value in given.items() if name in self._params}

    def _read_csv(self, body: bytes) -> Any:
        """Read columns as the signature has them; dates afterwards, since read_csv takes no such type."""
        check_width(body)
        named = dict(zip(self._schema.input_names(), self._schema.pandas_types())) if self._schema else {}
        dates = {name: dtype for name, dtype in named.items() if np.dtype(dtype).kind == "M"}
        frame = pd.read_csv(io.BytesIO(body), dtype={name: named[name] for name in named.keys() - dates.keys()})
        return frame.astype({name: dtype for name, dtype in dates.items() if name in frame.columns})

    def _parted(self, document: Dict[str, Any]) -> Body:
        """Part the model's parameters, by its signature, from its data."""
        params = self.params_of(document)
        data = {key: value for key, value in document.items() if key not in self._params}
        return Body(data, params, wrapped=False)

    def _data_of(self, document: Dict[str, Any]) -> Any:
        given = [form for form in FORMS if form in document]
        if len(given) != 1:
            raise InvalidInput(f"send exactly one of {', '.join(FORMS)}; got {', '.join(given) or 'none'}")
        form, data = given[0], document[given[0]]
        if self._takes_plain_inputs:
            if form != "inputs":
                raise InvalidInput(f"this model is declared by type hints, so it takes inputs, not {form}")
            return data
        if form in ("instances", "inputs"):
            return parse_tf_serving_input({form: data}, schema=self._schema)
        return dataframe_from_parsed_json(data, pandas_orient=form[len("dataframe_") :], schema=self._schema)


def _frame_of(table: Any) -> Any:
    """Turn a table into what pandas would read: its index and types are JSON in the file, which may say anything."""
    try:
        return table.to_pandas()
    except Exception as error:
        raise InvalidInput(f"the body is not Parquet that pandas can read: {error!r}") from error


def write_answer(result: Any, wrapped: bool) -> bytes:
    """Write what a model returned as JSON: frames and series as records."""
    if isinstance(result, pd.Series):
        result = pd.DataFrame(result)
    if isinstance(result, pd.DataFrame):
        result = result.to_dict(orient="records")
    elif isinstance(result, np.ndarray):
        result = result.tolist()
    return json.dumps({"predictions": result} if wrapped else result, cls=NumpyEncoder).encode()


def refusal(error: MlflowException) -> str:
    """Word MLflow's refusal; one of a schema repeats the data and the schema before its reason."""
    message = str(error.message)
    return message.rsplit("Error: ", 1)[-1] if message.startswith("Failed to enforce schema of data") else message
