"""Every error the scoring process raises on purpose, and the only tables of their HTTP and gRPC statuses.

::

    ScoringError                what happened, where, what to do
    ├── InvalidInput            the client's mistake in a value or a document
    ├── Forbidden               not from our edge
    ├── ManyAnswers             the model gives none or several where exactly one is asked for
    ├── NotFound                no such route, model or version
    ├── MethodNotAllowed        the route exists, not for this method
    ├── RequestTooSlow          the client did not send its request in time
    ├── TooLarge                the body is over the limit
    ├── HeadersTooLarge         the headers, or one of them, are over the limit
    ├── Unsupported             what the protocol knows and this server does not do
    ├── UnsupportedEncoding     a Content-Encoding we do not read
    ├── UnsupportedMediaType    a Content-Type that the door, or this image, does not read
    ├── NotAcceptable           the answer cannot be written as the type that was asked for
    ├── Overloaded              more requests in flight than allowed
    ├── Unavailable             draining
    ├── DeadlineExceeded        not answered within the request's time
    ├── BodyRefused             this very request has ended two processes
    ├── ModelFailed             the model raised on an input that fits its signature
    ├── ScriptFailed            the user's run() raised
    │   └── ScriptResultInvalid run() returned what cannot be sent
    └── LoadFailed              the process cannot become ready
        └── ScriptLoadFailed    the user's script could not be imported, or its init() raised
"""

from __future__ import annotations

from typing import ClassVar, Dict, Optional

MAX_MESSAGE = 1000  # characters; an input's name alone may be a megabyte


class ScoringError(Exception):
    """Base of the tree. ``code`` is stable.

    ``message`` may be sent to a client: it is cut at a length, and lone surrogates, which no encoding holds, are
    escaped.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str) -> None:
        if len(message) > MAX_MESSAGE:
            message = f"{message[:MAX_MESSAGE]}…"
        message = message.encode("utf-8", "backslashreplace").decode()
        super().__init__(message)
        self.message = message


class InvalidInput(ScoringError):
    code = "invalid_input"


class ManyAnswers(ScoringError):
    code = "many_answers"


class Forbidden(ScoringError):
    code = "forbidden"


class NotFound(ScoringError):
    code = "not_found"


class MethodNotAllowed(ScoringError):
    """``allowed`` is what the header Allow says: ``GET, POST``."""

    code = "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class RequestTooSlow(ScoringError):
    code = "request_too_slow"


class TooLarge(ScoringError):
    """A body over ``limit_bytes``, as it came or decompressed."""

    code = "too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the body is over {limit_bytes} bytes: SLIPWAY_MAX_BODY_MB, among the deployment's environment_variables,"
            " or --max-body-mb raises this limit"
        )
        self.limit_bytes = limit_bytes


class HeadersTooLarge(ScoringError):
    code = "headers_too_large"


class Unsupported(ScoringError):
    code = "unsupported"


class UnsupportedEncoding(ScoringError):
    code = "unsupported_encoding"


class UnsupportedMediaType(ScoringError):
    code = "unsupported_media_type"


class NotAcceptable(ScoringError):
    code = "not_acceptable"


class Overloaded(ScoringError):
    """``retry_after_s`` is a whole number of seconds, as the header wants it."""

    code = "overloaded"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(ScoringError):
    code = "unavailable"


class DeadlineExceeded(ScoringError):
    """``retry_after_s`` is of a request that only waited: it may be tried again, as one that is refused may."""

    code = "deadline_exceeded"

    def __init__(self, timeout_ms: int, retry_after_s: Optional[int] = None) -> None:
        super().__init__(f"no answer within {timeout_ms} ms")
        self.timeout_ms = timeout_ms
        self.retry_after_s = retry_after_s


class BodyRefused(ScoringError):
    """A client that sends it again soon gets the same answer, so it is no 503."""

    code = "body_refused"

    def __init__(self, logs: str, kept_s: int) -> None:
        super().__init__(
            f"this very request has ended two scoring processes, so it is refused until {kept_s // 60} minutes have"
            f" passed: {logs} says how they ended"
        )


class ModelFailed(ScoringError):
    code = "model_failed"


class ScriptFailed(ScoringError):
    code = "script_failed"


class ScriptResultInvalid(ScriptFailed):
    code = "script_result_invalid"


class LoadFailed(ScoringError):
    code = "load_failed"


class ScriptLoadFailed(LoadFailed):
    code = "script_load_failed"


HTTP_STATUS: Dict[str, int] = {
    InvalidInput.code: 400,
    ManyAnswers.code: 400,
    Unsupported.code: 400,
    Forbidden.code: 403,
    NotFound.code: 404,
    MethodNotAllowed.code: 405,
    NotAcceptable.code: 406,
    RequestTooSlow.code: 408,
    TooLarge.code: 413,
    UnsupportedEncoding.code: 415,
    UnsupportedMediaType.code: 415,
    Overloaded.code: 429,
    HeadersTooLarge.code: 431,
    ScoringError.code: 500,
    BodyRefused.code: 500,
    ModelFailed.code: 500,
    ScriptFailed.code: 500,
    ScriptResultInvalid.code: 500,
    LoadFailed.code: 500,
    ScriptLoadFailed.code: 500,
    Unavailable.code: 503,
    DeadlineExceeded.code: 504,
}

# Names of grpc.StatusCode, so that this file needs no grpc.
GRPC_STATUS: Dict[str, str] = {
    InvalidInput.code: "INVALID_ARGUMENT",
    ManyAnswers.code: "UNIMPLEMENTED",
    Forbidden.code: "PERMISSION_DENIED",
    NotFound.code: "NOT_FOUND",
    MethodNotAllowed.code: "UNIMPLEMENTED",
    NotAcceptable.code: "INVALID_ARGUMENT",
    RequestTooSlow.code: "DEADLINE_EXCEEDED",
    TooLarge.code: "RESOURCE_EXHAUSTED",
    UnsupportedMediaType.code: "INVALID_ARGUMENT",
    Overloaded.code: "RESOURCE_EXHAUSTED",
    HeadersTooLarge.code: "RESOURCE_EXHAUSTED",
    ScoringError.code: "INTERNAL",
    BodyRefused.code: "INTERNAL",
    ModelFailed.code: "INTERNAL",
    ScriptFailed.code: "INTERNAL",
    ScriptResultInvalid.code: "INTERNAL",
    LoadFailed.code: "INTERNAL",
    ScriptLoadFailed.code: "INTERNAL",
    Unsupported.code: "UNIMPLEMENTED",
    UnsupportedEncoding.code: "UNIMPLEMENTED",
    Unavailable.code: "UNAVAILABLE",
    DeadlineExceeded.code: "DEADLINE_EXCEEDED",
}
