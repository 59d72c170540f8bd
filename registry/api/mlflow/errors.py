"""MLflow's error codes and its one table of statuses."""

import msgspec

from registry.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    SlipwayError,
    Unauthenticated,
    Unavailable,
    WrongState,
)

CODES: dict[type[SlipwayError], tuple[str, int]] = {
    InvalidInput: ("INVALID_PARAMETER_VALUE", 400),
    NotFound: ("RESOURCE_DOES_NOT_EXIST", 404),
    Conflict: ("RESOURCE_ALREADY_EXISTS", 400),
    WrongState: ("RESOURCE_CONFLICT", 409),
    Unauthenticated: ("UNAUTHENTICATED", 401),
    Forbidden: ("PERMISSION_DENIED", 403),
    Unavailable: ("TEMPORARILY_UNAVAILABLE", 503),
    SlipwayError: ("INTERNAL_ERROR", 500),
}


def mlflow_body(error: SlipwayError, status: int, request_id: str) -> tuple[int, bytes]:
    """Write an error as MLflow does. An unknown route is ENDPOINT_NOT_FOUND, so that the client falls back."""
    code, its_status = CODES.get(type(error), CODES[SlipwayError])
    if status in (405, 413):
        its_status = status
    if isinstance(error, NotFound) and "path" in error.details and error.message.startswith("there is nothing at"):
        code = "ENDPOINT_NOT_FOUND"
    body = {"error_code": code, "message": error.message, "request_id": request_id}
    return its_status, msgspec.json.encode(body)
