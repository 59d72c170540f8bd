"""Several requests at once for an MLflow model whose deployment declares that its rows are independent of each other.

Frames and arrays of the same columns or shapes, types and parameters are put below each other, and what ``predict``
returns is split by their rows. Nothing is tried out with made-up rows, as with ONNX models: a pyfunc may be any code,
and may do anything with them.
"""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Hashable, List, Optional, Sequence, Tuple

import numpy as np
import pandas as pd

from ..errors import ModelFailed, ScoringError
from .base import Answered, Asked, Call, Invoked
from .mlflow import Given, MlflowRuntime

_log = logging.getLogger("slipway.scoring.mlflow")


class BatchedMlflow(MlflowRuntime):
    """A loaded PyFuncModel that runs the rows of several requests together."""

    _apart = False

    def answer_all(self, asked: Sequence[Tuple[Asked, Call]]) -> Sequence[Answered]:
        """Answer requests, those of a kind in one run.

        Raises:
            ModelFailed: the model raised on several; or one of several may have ended a process.
        """
        calls = [call for _, call in asked]
        answers: List[Any] = [_caught(self._given, given, call) for given, call in asked]
        read = [place for place, given in enumerate(answers) if isinstance(given, Given)]
        if len(read) > 1 and any(self._blame.is_suspect(calls[place].digest) for place in read):
            raise ModelFailed("one of these has ended a process, perhaps, and is to run alone")
        groups: Dict[Hashable, List[int]] = {}
        for place in read:
            kind = None if self._apart else _kind(answers[place])
            groups.setdefault(place if kind is None else kind, []).append(place)
        for places in groups.values():
            own = self._run([answers[place] for place in places], [calls[place] for place in places])
            for place, answer in zip(places, own):
                answers[place] = answer
        return answers

    def _given(self, asked: Asked, call: Call) -> Given:
        if isinstance(asked, dict):
            return self._given_by_tensors(asked, call)
        assert isinstance(asked, Invoked)
        return self._given_by_body(asked.body, asked.media_type, call)

    def _run(self, given: List[Given], calls: Sequence[Call]) -> List[Any]:
        if len(given) > 1:
            rows = [_rows(one.data) for one in given]
            result = self._predict(_joined([one.data for one in given]), given[0].params, *calls)
            shares = _split(result, rows)
            if shares is not None:
                answers = zip(given, shares, calls)
                return [_caught(self._of_result, one.answer, share, call) for one, share, call in answers]
            self._apart = True
            what = f"{sum(rows)} rows together gave a {type(result).__name__} that has not one for each"
            _log.warning("requests run one by one from now on: %s", what)
        return [_caught(self._answered, one, call) for one, call in zip(given, calls)]


def _caught(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Return what this returns, or the error that it fails with."""
    try:
        return answer(*arguments)
    except ScoringError as error:
        return error


def _kind(given: Given) -> Optional[Hashable]:
    """Say what else may run together with this; None for nothing."""
    data = given.data
    if isinstance(data, pd.DataFrame):
        numbered = isinstance(data.index, pd.RangeIndex) and data.index.start == 0 and data.index.step == 1
        kind: Hashable = (tuple(data.columns), tuple(data.dtypes)) if numbered and data.columns.is_unique else None
    elif isinstance(data, np.ndarray):
        kind = (data.dtype, data.shape[1:]) if data.ndim else None
    elif isinstance(data, dict) and all(isinstance(array, np.ndarray) and array.ndim for array in data.values()):
        same = len({len(array) for array in data.values()}) == 1
        kind = tuple(sorted((name, array.dtype.str, array.shape[1:]) for name, array in data.items())) if same else None
    else:
        kind = None
    return None if kind is None or not _rows(data) else (type(data), kind, repr(given.params or None))


def _rows(data: Any) -> int:
    return len(next(iter(data.values())) if isinstance(data, dict) else data)


def _joined(data: List[Any]) -> Any:
    first = data[0]
    if isinstance(first, pd.DataFrame):
        return pd.concat(data, ignore_index=True)
    if isinstance(first, dict):
        return {name: np.concatenate([one[name] for one in data]) for name in first}
    return np.concatenate(data)


def _split(result: Any, rows: Sequence[int]) -> Optional[List[Any]]:
    """Give each its rows of a result; None if that has not one for each row."""
    if isinstance(result, dict):
        columns = {name: _split(column, rows) for name, column in result.items()}
        if not columns or None in columns.values():
            return None
        return [{name: shares[place] for name, shares in columns.items() if shares} for place in range(len(rows))]
    if not isinstance(result, (pd.DataFrame, pd.Series, np.ndarray, list)) or np.ndim(result) == 0:
        return None
    if len(result) != sum(rows):
        return None
    ends = np.cumsum(rows).tolist()
    by_row = result.iloc if isinstance(result, (pd.DataFrame, pd.Series)) else result
    return [by_row[end - count : end] for end, count in zip(ends, rows)]
