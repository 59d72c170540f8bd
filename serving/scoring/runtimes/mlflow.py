"""MLflow models through their own ``python_function``, without any code of the user's.

The model is loaded and runs on one and the same thread, like a script. Bodies are converted and signatures enforced by
the image's own mlflow, so that they mean what they meant where the model was logged.
"""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Type, TypeVar

import mlflow.pyfunc
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

from ..errors import (
    BodyRefused,
    DeadlineExceeded,
    InvalidInput,
    LoadFailed,
    ModelFailed,
    ScoringError,
    ScriptLoadFailed,
)
from ..tensors import Array, Signature, Tensors, first
from .base import Call, see_that_somebody_waits
from .blame import NO_BLAME, Blame, digest_of, digest_of_tensors
from .forks import ending_in_children
from .mlflow_bodies import BodyReader, refusal, write_answer
from .mlflow_signature import signature_of
from .users_python import as_tensor, error_line, users_traceback

MODEL_FILE = "MLmodel"
OUTPUT = "output_0"
_SERVING = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"  # as mlflow's own server sets it: traces go nowhere

_ENFORCING = ("_validate_prediction_input", "_enforce_schema")

T = TypeVar("T")

_log = logging.getLogger("slipway.scoring.mlflow")


class Given(NamedTuple):
    """What a request gives ``predict``, and how its answer is made of what that returns."""

    data: Any
    params: Any
    answer: Callable[[Any], Any]


class MlflowRuntime:
    """A loaded PyFuncModel."""

    platform = "mlflow_pyfunc"
    threads = 1
    inline = False
    mlflow_version: str = mlflow.__version__

    def __init__(self, model: Any, folder: Path, blame: Blame = NO_BLAME) -> None:
        self._blame = blame
        self._model = model
        self._folder = folder
        self._schema = model.metadata.get_input_schema()
        self.signature: Optional[Signature] = signature_of(self._schema, model.metadata.get_output_schema())
        outputs = self.signature.outputs if self.signature else ()
        self._output = outputs[0].name if len(outputs) == 1 else OUTPUT
        self._bodies = BodyReader(model.metadata)

    def invoke(self, body: bytes, media_type: str, call: Call) -> bytes:
        """Answer a body of ``/invocations`` with ``{"predictions": …}``, or an LLM's with what the model returned.

        Raises:
            InvalidInput: it is none of MLflow's forms, or does not fit the model's signature.
            UnsupportedMediaType: it is Parquet, and the image has no pyarrow.
            ModelFailed: the model raised, or returned what JSON cannot hold.
        """
        answer: bytes = self._answered(self._given_by_body(body, media_type, call), call)
        return answer

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        """Give named tensors as the columns or tensors of the model's signature; without one, the only tensor as it is.

        Parameters of the request that the signature declares are the model's.

        Raises:
            InvalidInput, ModelFailed
        """
        answer: Tensors = self._answered(self._given_by_tensors(tensors, call), call)
        return answer

    def _given_by_body(self, body: bytes, media_type: str, call: Call) -> Given:
        asked = self._bodies.read(body, media_type)
        call.digest = digest_of(body, media_type.encode())
        return Given(asked.data, asked.params, lambda result: write_answer(result, asked.wrapped))

    def _given_by_tensors(self, tensors: Tensors, call: Call) -> Given:
        call.digest = digest_of_tensors(tensors)
        return Given(self._data_of(tensors), self._bodies.params_of(call.parameters), self._tensors_of)

    def _answered(self, given: Given, call: Call) -> Any:
        return self._of_result(given.answer, self._predict(given.data, given.params, call), call)

    def _predict(self, data: Any, params: Any, *calls: Call) -> Any:
        digests = [call.digest for call in calls]
        try:
            with self._blame.of(digests, calls[0].request_id), ending_in_children():
                see_that_somebody_waits(calls)
                result = self._model.predict(data, params=params) if params else self._model.predict(data)
        except (BodyRefused, DeadlineExceeded):
            raise
        except BaseException as error:  # also SystemExit: a model cannot end the server
            self._blame.acquit(digests)
            if len(calls) > 1:  # whoever asked asks again, with fewer
                raise ModelFailed(f"the model raised {type(error).__name__} on {len(calls)}") from error
            raise self._failure(error, calls[0]) from error
        self._blame.acquit(digests)
        return result

    def _failure(self, error: BaseException, call: Call) -> ScoringError:
        if isinstance(error, MlflowException):
            return InvalidInput(refusal(error))
        reason, trace = error_line(error, self._folder), users_traceback(error, __file__)
        if _is_of_mlflow(error):
            return InvalidInput(f"the input cannot be given the types of the model's signature: {reason}")
        _log.error("request %s failed: the model raised %s\n%s", call.request_id, reason, trace)
        if self._schema is None:  # then the model alone can say what it takes
            return InvalidInput(f"the model, which declares no signature, refused the input: {reason}")
        return ModelFailed(f"the model raised {reason}")

    def _data_of(self, tensors: Tensors) -> Any:
        if self._schema is None:
            if len(tensors) != 1:
                raise InvalidInput(f"this model declares no signature, so it takes one tensor, got {len(tensors)}")
            return first(tensors)[1]
        if self.signature is None:
            raise InvalidInput("the model's signature has a type that no tensor can carry: use /invocations")
        if self._schema.is_tensor_spec():
            return tensors if self._schema.has_input_names() else first(tensors)[1]
        given = [spec.name for spec in self.signature.inputs if spec.name in tensors]
        columns = [tensors[name].ravel().tolist() for name in given]
        if len({len(column) for column in columns}) > 1:
            sizes = ", ".join(f"'{name}' has {len(column)}" for name, column in zip(given, columns))
            raise InvalidInput(f"the columns have different numbers of rows: {sizes}")
        frame = {"columns": given, "data": [list(row) for row in zip(*columns)]}
        if not self._schema.has_input_names():
            del frame["columns"]
        try:
            return dataframe_from_parsed_json(frame, pandas_orient="split", schema=self._schema)
        except MlflowException as error:
            raise InvalidInput(refusal(error)) from error

    def _tensors_of(self, result: Any) -> Tensors:
        if isinstance(result, pd.DataFrame):
            return {str(name): _column(result[name].to_numpy()) for name in result.columns}
        if isinstance(result, pd.Series):
            return {self._output: _column(result.to_numpy())}
        if isinstance(result, dict) and result:
            return {str(name): as_tensor(value) for name, value in result.items()}
        return {self._output: as_tensor(result)}

    def _of_result(self, convert: Callable[[Any], T], result: Any, call: Call) -> T:
        try:
            return convert(result)
        except BaseException as error:
            reason = error_line(error, self._folder)
            _log.error("request %s failed: what the model returned cannot be sent: %s", call.request_id, reason)
            raise ModelFailed(f"what the model returned cannot be sent: {reason}") from error


def load_mlflow(model_dir: Path, blame: Blame = NO_BLAME, kind: Type[MlflowRuntime] = MlflowRuntime) -> MlflowRuntime:
    """Load the MLflow model in a folder or below it; where models hold models, the outermost.

    Raises:
        LoadFailed: there is none, or not one outermost.
        ScriptLoadFailed: it cannot be loaded, with the error and the line of the model's own code if that raised.
    """
    found = sorted(model_dir.rglob(MODEL_FILE), key=lambda path: len(path.parts))
    outermost = [path for path in found if len(path.parts) == len(found[0].parts)]
    if len(outermost) != 1:
        raise LoadFailed(f"the model must hold one outermost {MODEL_FILE} file; found {len(outermost)}")
    folder = outermost[0].parent.resolve()  # mlflow refuses a folder that is a link leading elsewhere
    os.environ[_SERVING] = "true"
    try:
        return kind(mlflow.pyfunc.load_model(str(folder)), folder, blame)
    except BaseException as error:
        failed = "the MLflow model could not be loaded"
        _log.error("%s\n%s", failed, users_traceback(error, __file__))
        raise ScriptLoadFailed(f"{failed}: {error_line(error, folder)}") from error


def _is_of_mlflow(error: BaseException) -> bool:
    """Say whether MLflow raised it while it enforced the signature, before the model saw the input."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name in _ENFORCING and "mlflow" in Path(frame.filename).parts for frame in frames)


def _column(array: Array) -> Array:
    return as_tensor(array.tolist() if array.dtype == object else array)
