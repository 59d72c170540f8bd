"""Every error the registry raises on purpose, and the one table of their HTTP statuses.

::

    SlipwayError                what happened, where, what to do
    ├── InvalidInput            the caller's mistake in a value or a document
    ├── Unauthenticated         no key, or a wrong one
    ├── Forbidden               who asks may not do this
    ├── NotFound                a named thing does not exist
    ├── Conflict                it exists already, or is in the wrong state for this
    │   └── WrongState          it is final, deleted, or in use; the same code, told apart where a protocol does
    ├── Unavailable             a part we need is away; trying again may help
    └── BuildFailed             an image could not be built from what the user gave
"""

from typing import Any, ClassVar


class SlipwayError(Exception):
    """Base of the tree. ``code`` is stable; ``details`` holds JSON-ready fields for programs."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInput(SlipwayError):
    code = "invalid_input"


class Unauthenticated(SlipwayError):
    code = "unauthenticated"


class Forbidden(SlipwayError):
    code = "forbidden"


class NotFound(SlipwayError):
    code = "not_found"


class Conflict(SlipwayError):
    code = "conflict"


class WrongState(Conflict):
    """Its code is Conflict's."""


class Unavailable(SlipwayError):
    code = "unavailable"


class BuildFailed(SlipwayError):
    code = "build_failed"


HTTP_STATUS: dict[str, int] = {
    InvalidInput.code: 400,
    Unauthenticated.code: 401,
    Forbidden.code: 403,
    NotFound.code: 404,
    Conflict.code: 409,
    BuildFailed.code: 422,
    SlipwayError.code: 500,
    Unavailable.code: 503,
}

ERROR_OF_CODE: dict[str, type[SlipwayError]] = {
    error.code: error
    for error in (
        InvalidInput,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        BuildFailed,
        Unavailable,
        SlipwayError,
    )
}
