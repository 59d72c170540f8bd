"""Several requests at once for a script that has ``run_batch(inputs)`` beside its ``run(data)``."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

from ..errors import ScoringError, ScriptFailed, ScriptResultInvalid
from ..logs import log_request
from .azureml.answers import whole_answer_of
from .azureml.entry import Entry
from .azureml.flask_requests import Requests
from .azureml.run_batch import BatchEntry
from .base import Answered, Asked, Call, Invoked, Scripted
from .blame import Blame, digest_of, digest_of_tensors
from .script import NOT_BEGUN, ScriptRuntime

RUN_BATCH = "run_batch()"
_NAMED = 3  # requests whose ids are in the log lines of a batch

_log = logging.getLogger("slipway.scoring.script")


class BatchedScript(ScriptRuntime):
    """A loaded script whose ``run_batch()`` takes a list of what its ``run()`` would get."""

    def __init__(self, entry: Entry, batch_entry: BatchEntry, requests: Requests, code_dir: Path, blame: Blame) -> None:
        super().__init__(entry, requests, code_dir, blame)
        self._batch = batch_entry

    def answer_all(self, asked: Sequence[Tuple[Asked, Call]]) -> List[Answered]:
        """Give requests to ``run_batch()``; a result that is an exception, or cannot be sent, fails its request alone.

        Raises:
            ScriptFailed, InvalidInput: run_batch() raised, so that nobody knows for whom.
        """
        with log_request(_ids([call for _, call in asked])), self._requests.around(None):
            answers: List[Any] = [self._element(given, call) for given, call in asked]
            places = [place for place, element in enumerate(answers) if not isinstance(element, ScoringError)]
            given = {asked[place][1].digest for place in places} if len(places) > 1 else ()
            suspects = {digest for digest in given if self._blame.is_suspect(digest)}
            apart = [place for place in places if asked[place][1].digest in suspects]
            together = [place for place in places if place not in apart]
            if together:
                self._answer_group(together, answers, asked)
            for place in apart:  # it has ended a process, perhaps: nobody else is to be blamed for it
                try:
                    self._answer_group([place], answers, asked)
                except ScoringError as error:
                    answers[place] = error
        return answers

    def _answer_group(self, places: List[int], answers: List[Any], asked: Sequence[Tuple[Asked, Call]]) -> None:
        """Replace the elements at these places by their answers."""
        began = time.perf_counter()
        results = self._called_together([answers[place] for place in places], [asked[place][1] for place in places])
        ran_ms = (time.perf_counter() - began) * 1000
        for place, result in zip(places, results):
            answers[place] = self._answer(result, *asked[place], ran_ms)

    def _element(self, given: Asked, call: Call) -> Any:
        try:
            if isinstance(given, dict):
                arguments, call.digest = self._arguments_of(given), digest_of_tensors(given)
            else:
                assert not isinstance(given, Invoked)
                arguments, call.digest = self._entry.input.arguments(given), digest_of(given.body, given.query)
            self._add_headers(arguments, call)
            with self._interruption.of(call):
                return self._batch.element(arguments)
        except ScoringError as error:
            return error
        except BaseException as error:
            return self._failure(error, call, RUN_BATCH)

    def _called_together(self, inputs: List[Any], calls: Sequence[Call]) -> Sequence[Any]:
        digests = [call.digest for call in calls]
        try:
            results = self._guarded(lambda: self._batch.run_batch(inputs), *calls)
        except NOT_BEGUN:
            raise
        except BaseException as error:  # also SystemExit: a script cannot end the server
            self._blame.acquit(digests)
            if len(calls) > 1:  # whoever asked asks again, with fewer
                raise ScriptFailed(f"the scoring script raised {type(error).__name__} on {len(calls)}") from error
            raise self._failure(error, calls[0], RUN_BATCH) from error
        self._blame.acquit(digests)
        if isinstance(results, (list, tuple)) and len(results) == len(calls):
            return results
        got = f"{len(results)} results" if isinstance(results, (list, tuple)) else f"a {type(results).__name__}"
        problem = f"run_batch() must return a list of as many results as it got inputs: {len(calls)}; it returned {got}"
        _log.error("request %s failed: %s", _ids(calls), problem)
        return [ScriptResultInvalid(problem)] * len(calls)

    def _answer(self, result: Any, given: Asked, call: Call, ran_ms: float) -> Answered:
        if isinstance(result, BaseException):
            return result if isinstance(result, ScoringError) else self._failure(result, call, RUN_BATCH)
        convert: Callable[[Any], Any] = self._outputs_of if isinstance(given, dict) else whole_answer_of
        try:
            answer: Answered = self._of_result(convert, result, call, RUN_BATCH)
        except ScoringError as error:
            return error
        if isinstance(answer, Scripted):
            answer.ran_ms = ran_ms
        return answer


def _ids(calls: Sequence[Call]) -> str:
    """Name the requests of a batch in its log lines; of many, some."""
    ids = [call.request_id for call in calls[:_NAMED]]
    return ", ".join(ids) + (f" and {len(calls) - _NAMED} more" if len(calls) > _NAMED else "")
