"""Errors as the distribution specification writes them: its codes, and the statuses that are not the usual."""

import msgspec

from registry.core.errors import Conflict, Forbidden, InvalidInput, NotFound, SlipwayError, Unauthenticated, Unavailable
from registry.core.imaging.pushes import (
    DigestMismatch,
    InvalidChunk,
    InvalidManifest,
    MissingParts,
    RefusedImage,
    TooManyUploads,
    UnknownUpload,
    WrongPlace,
)

# An error's nearest class counts. None is the status that the error has everywhere.
CODES: dict[type[SlipwayError], tuple[int | None, str]] = {
    SlipwayError: (None, "UNKNOWN"),
    InvalidInput: (None, "NAME_INVALID"),
    DigestMismatch: (None, "DIGEST_INVALID"),
    InvalidManifest: (None, "MANIFEST_INVALID"),
    MissingParts: (None, "MANIFEST_BLOB_UNKNOWN"),
    RefusedImage: (None, "MANIFEST_INVALID"),
    InvalidChunk: (None, "BLOB_UPLOAD_INVALID"),
    WrongPlace: (416, "BLOB_UPLOAD_INVALID"),
    Unauthenticated: (None, "UNAUTHORIZED"),
    Forbidden: (None, "DENIED"),
    NotFound: (None, "MANIFEST_UNKNOWN"),
    UnknownUpload: (None, "BLOB_UPLOAD_UNKNOWN"),
    Conflict: (None, "DENIED"),
    Unavailable: (None, "UNAVAILABLE"),
    TooManyUploads: (429, "TOOMANYREQUESTS"),
}
OF_STATUS = {405: "UNSUPPORTED", 413: "SIZE_INVALID"}
OF_KIND = {"digest": "DIGEST_INVALID"}  # what was no legal name
OF_DETAIL = {"digest": "BLOB_UNKNOWN", "name": "NAME_UNKNOWN"}  # what is not there


def oci_body(error: SlipwayError, status: int, _request_id: str) -> tuple[int, bytes]:
    """Write an error as the distribution specification does."""
    own, code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    if type(error) is InvalidInput:
        code = OF_STATUS.get(status) or OF_KIND.get(error.details.get("kind", ""), code)
    elif type(error) is NotFound:
        code = next((known for detail, known in OF_DETAIL.items() if detail in error.details), code)
    return own or status, msgspec.json.encode({"errors": [{"code": code, "message": error.message}]})
