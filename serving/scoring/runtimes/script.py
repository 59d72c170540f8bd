"""The user's scoring script under Azure ML's contract: ``init()`` once, ``run()`` for each request.

Import, ``init()`` and ``run()`` happen on one and the same thread, since such scripts expect no other. What the
contract says is in the folder azureml; here is the calling.
"""

from __future__ import annotations

import inspect
import json
import logging
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, TypeVar, Union

import numpy as np

from ..errors import BodyRefused, DeadlineExceeded, InvalidInput, ScoringError, ScriptFailed, ScriptResultInvalid
from ..logs import log_request
from ..tensors import Array, Signature, Tensors, first
from .azureml.answers import answer_of, encoded_piece, is_streamed, pieces_of, whole_value_of
from .azureml.entry import HEADERS, Entry
from .azureml.flask_requests import Requests
from .azureml.inputs import NamedInput
from .azureml.schema_tensors import OUTPUT, SchemaTensors, fitted, schema_tensors
from .azureml.schemas import Schemas, refused_by_schema, schemas_of
from .base import OWN_HEADERS, Call, HttpRequest, Posted, Scripted, ScriptedPieces, only, see_that_somebody_waits
from .blame import NO_BLAME, Blame, digest_of, digest_of_tensors
from .forks import ending_in_children
from .interruption import Interruption
from .users_python import as_tensor, error_line, users_traceback

PIECES = b"text/plain; charset=utf-8"
RUN = "run()"
NOT_BEGUN = (BodyRefused, DeadlineExceeded)  # then the script has seen nothing
_RAW_HTTP = "this scoring script is @rawhttp, so it answers at /score only"

T = TypeVar("T")
_END = object()

_log = logging.getLogger("slipway.scoring.script")


class ScriptRuntime:
    """A loaded script whose ``init()`` has returned."""

    platform = "python_script"
    threads = 1
    inline = False

    def __init__(self, entry: Entry, requests: Requests, code_dir: Path, blame: Blame = NO_BLAME) -> None:
        self.raw_http = entry.raw_http
        self.sees_requests = entry.raw_http or entry.wants_headers or requests.everywhere
        self.decoupled = inspect.isgeneratorfunction(inspect.unwrap(entry.run))
        self.schemas: Schemas = schemas_of(entry.run)
        self._entry = entry
        self._blame = blame
        self._interruption = Interruption()
        self._requests = requests
        self._code_dir = code_dir
        self._tensors = _tensors_of(entry, self.schemas)
        self.signature: Optional[Signature] = self._tensors.signature if self._tensors else None

    def run(self, request: HttpRequest, call: Call) -> Union[Scripted, ScriptedPieces]:
        """Give a request to ``run()``; its result is encoded here, on the script's thread and in the request's time.

        Raises:
            InvalidInput, UnsupportedMediaType: it is none that this run() takes.
            ScriptFailed: run() raised.
            ScriptResultInvalid: what it returned cannot be sent.
        """
        if self.raw_http and isinstance(request, Posted):
            raise InvalidInput(_RAW_HTTP)
        call.digest = digest_of(request.body, request.query)
        with log_request(call.request_id), self._requests.around(request):
            arguments = self._entry.input.arguments(request)
            began = time.perf_counter()
            result = self._called(arguments, call)
            ran_ms = (time.perf_counter() - began) * 1000
            if isinstance(result, Iterator):
                return ScriptedPieces(Scripted(b"", PIECES), self._each(encoded_piece, result, call))
            answer = self._of_result(answer_of, result, call)
            if is_streamed(result):
                return ScriptedPieces(answer, self._each(encoded_piece, pieces_of(result), call))
            answer.ran_ms = ran_ms
            return answer

    def results(self, data: str, call: Call) -> Iterator[bytes]:
        """Give ``data`` to ``run()``; each result that it yields, or its only one, is encoded as JSON."""
        if self.raw_http:
            raise InvalidInput(_RAW_HTTP)
        body = data.encode()
        call.digest = digest_of(body, b"")
        return self._answers_of(_json_of, self._entry.input.arguments(Posted(body)), call)

    def stream(self, tensors: Tensors, call: Call) -> Iterator[Tensors]:
        """Give tensors to ``run()`` as ``infer`` does; each result that it yields is one answer."""
        call.digest = digest_of_tensors(tensors)
        return self._answers_of(self._outputs_of, self._arguments_of(tensors), call)

    def _answers_of(self, convert: Callable[[Any], T], arguments: Dict[str, Any], call: Call) -> Iterator[T]:
        with log_request(call.request_id), self._requests.around(None):
            result = self._called(arguments, call)
        if isinstance(result, Iterator):
            yield from self._each(convert, result, call)
        else:
            yield self._of_result(convert, result, call)

    def interrupt(self, call: Call) -> None:
        """End what ``run()`` does for a call, as far as it is Python's."""
        self._interruption.end(call)

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        """Give tensors to ``run()``: by the names that its schema declares, else the only one as ``{"data": …}``."""
        return only(self.stream(tensors, call))

    def _arguments_of(self, tensors: Tensors) -> Dict[str, Any]:
        if self._tensors:
            return self._tensors.arguments(tensors)
        if self.raw_http:
            raise InvalidInput(_RAW_HTTP)
        if isinstance(self._entry.input, NamedInput):
            raise InvalidInput("this scoring script's inference-schema has a type that no tensor can carry: use /score")
        name, array = first(tensors) if len(tensors) == 1 else ("", np.empty(0))
        if array.ndim != 2:
            got = f"input '{name}' of shape {list(array.shape)}" if name else f"{len(tensors)} inputs"
            raise InvalidInput(
                f"this scoring script declares no signature, so it takes one tensor of two dimensions, got {got}:"
                " send that, or declare the inputs with inference-schema, or use POST /score"
            )
        return self._entry.input.arguments(Posted(json.dumps({"data": array.tolist()}).encode()))

    def _called(self, arguments: Dict[str, Any], call: Call) -> Any:
        self._add_headers(arguments, call)
        try:
            result = self._guarded(lambda: self._entry.run(**arguments), call)
        except NOT_BEGUN:
            raise
        except BaseException as error:  # also SystemExit: a script cannot end the server
            self._blame.acquit([call.digest])
            raise self._failure(error, call) from error
        if not isinstance(result, Iterator) and not is_streamed(result):
            self._blame.acquit([call.digest])
        return result

    def _add_headers(self, arguments: Dict[str, Any], call: Call) -> None:
        if self._entry.wants_headers:
            arguments[HEADERS] = _titled(call.headers)

    def _guarded(self, work: Callable[[], T], *calls: Call) -> T:
        """Go into the script; whatever ends the process meanwhile is these calls' fault.

        Raises:
            BodyRefused, DeadlineExceeded: it was not gone into.
        """
        mark = self._blame.of([call.digest for call in calls], calls[0].request_id)
        with mark, self._interruption.of(*calls), ending_in_children():
            see_that_somebody_waits(calls)  # who stops waiting from here on interrupts
            return work()

    def _failure(self, error: BaseException, call: Call, function: str = RUN) -> ScoringError:
        """Word what was raised: what the client, not the script, has done wrong, if it was that."""
        if refused_by_schema(error, self._entry.run):
            return InvalidInput(f"the input does not fit the script's schema: {error}")
        return self._requests.refusal(error) or self._raised(error, call, function)

    def _raised(self, error: BaseException, call: Call, function: str = RUN) -> ScriptFailed:
        reason, trace = error_line(error, self._code_dir), users_traceback(error, __file__)
        _log.error("request %s failed: %s raised %s\n%s", call.request_id, function, reason, trace)
        return ScriptFailed(f"the scoring script raised {reason}")

    def _each(self, convert: Callable[[Any], T], results: Iterator[Any], call: Call) -> Iterator[T]:
        """Convert what run() yields; its ``finally`` runs when this is closed."""
        try:
            while True:
                try:
                    with log_request(call.request_id):
                        result = self._guarded(lambda: next(results, _END), call)
                except NOT_BEGUN:
                    raise
                except BaseException as error:
                    raise self._raised(error, call) from error
                if result is _END:
                    return
                yield self._of_result(convert, result, call)
        finally:
            self._close(results, call)
            self._blame.acquit([call.digest])

    def _close(self, results: Iterator[Any], call: Call) -> None:
        """End an iterator of the script's, which has to be, however late it is and whatever it has ended."""
        close = getattr(results, "close", None)
        if close is None:
            return
        mark = self._blame.mark([call.digest], call.request_id)
        try:
            with mark, self._interruption.of(call), ending_in_children():
                close()
        except BaseException as error:
            reason, trace = error_line(error, self._code_dir), users_traceback(error, __file__)
            _log.error("request %s: the end of what run() yields raised %s\n%s", call.request_id, reason, trace)

    def _outputs_of(self, result: Any) -> Tensors:
        value = whole_value_of(result)
        outputs = self.signature.outputs if self.signature else ()
        if outputs and outputs[0].name != OUTPUT:
            return {spec.name: fitted(as_tensor(value[spec.name]), spec) for spec in outputs}
        array: Array = as_tensor(value)
        return {OUTPUT: fitted(array, outputs[0]) if outputs else array}

    def _of_result(self, convert: Callable[[Any], T], result: Any, call: Call, function: str = RUN) -> T:
        """Convert a result; the code of its objects may be the script's and raise anything."""
        try:
            return convert(result)
        except ScoringError:
            raise
        except BaseException as error:
            reason, trace = error_line(error, self._code_dir), users_traceback(error, __file__)
            problem = f"what {function} returned cannot be sent: {reason}"
            _log.error("request %s failed: %s\n%s", call.request_id, problem, trace)
            raise ScriptResultInvalid(f"what the scoring script returned cannot be sent: {reason}") from error


def _json_of(result: Any) -> bytes:
    return json.dumps(whole_value_of(result)).encode()


def _tensors_of(entry: Entry, schemas: Schemas) -> Optional[SchemaTensors]:
    return schema_tensors(schemas, entry.input.parameters) if isinstance(entry.input, NamedInput) else None


def _titled(headers: Mapping[bytes, bytes]) -> Dict[str, str]:
    """Spell header names as Azure ML's server gives them to scripts: ``X-Request-Id``. Ours stay with us."""
    return {
        name.decode("latin-1").title(): value.decode("latin-1")
        for name, value in headers.items()
        if not name.startswith(OWN_HEADERS)
    }
