"""The ``source`` of a model version, as MLflow writes it, read into what it names. Nothing here fetches anything."""

import re
from urllib.parse import unquote

from registry.core.errors import InvalidInput
from registry.core.modelling.models import read_version
from registry.core.names import check_name
from registry.core.paths import check_archive_path
from registry.core.tracking.artifacts import (
    SCHEME,
    ArtifactAddress,
    LoggedModelFiles,
    RunFiles,
    VersionFiles,
    parse_address,
)

LOGGED_MODEL_ID = re.compile(r"m-[0-9a-f]{32}\Z")
_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][-+.a-zA-Z0-9]+):(?P<rest>.*)\Z", re.DOTALL)  # one letter is a Windows drive
_LOCAL = {"file", "local", "localhost"}
_MAX_DECODING = 8
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def parse_source(source: str) -> ArtifactAddress | None:
    """Return the files of this workspace that a source names; None when it lies outside (``s3://…``).

    Raises:
        InvalidInput: it climbs, in whatever encoding, is a path of some machine, or is no source of its scheme.
    """
    check_no_climbing(source)
    match = _SCHEME.match(source)
    if match is None or match["scheme"].lower() in _LOCAL:
        raise _invalid(source, "a path of some machine is no source; log the model to a run first")
    rest = match["rest"]
    match match["scheme"].lower():
        case "runs":
            run_id, path = _split(source, rest)
            return ArtifactAddress(RunFiles(run_id), path)
        case "models":
            return _parse_models(source, rest)
        case "mlflow-artifacts":
            return parse_address(_without_host(source, rest))
        case _:
            return None


def check_no_climbing(source: str) -> None:
    """Raise InvalidInput if the text, however often it is decoded, has a ``..`` part, a backslash or a control
    character, or cannot be decoded to an end."""
    text = source
    for _ in range(_MAX_DECODING):
        if _CONTROL.search(text) or ".." in re.split(r"[/?#;]", text):
            raise _invalid(source, "it climbs with '..', or holds a backslash or a control character")
        decoded = unquote(text, errors="replace")
        if decoded == text:
            return
        text = decoded
    raise _invalid(source, "it is encoded too many times")


def _parse_models(source: str, rest: str) -> ArtifactAddress:
    first, path = _split(source, rest)
    if LOGGED_MODEL_ID.match(first):
        return ArtifactAddress(LoggedModelFiles(first), path)
    if not path or "/" in path:
        raise _invalid(source, "write models:/NAME/VERSION, or models:/ and a logged model's id")
    return ArtifactAddress(VersionFiles(check_name("model", first), read_version(path)), "")


def _split(source: str, rest: str) -> tuple[str, str]:
    if not rest.startswith("/") or rest.startswith("//"):
        raise _invalid(source, "after the scheme stands one slash")
    rest = rest.strip("/")
    try:
        check_archive_path(rest)
    except InvalidInput as error:
        raise _invalid(source, error.message) from error
    first, _, path = rest.partition("/")
    return first, path


def _without_host(source: str, rest: str) -> str:
    """Return the address in ``/…`` or ``//host/…``: whatever host it names, only this workspace is looked at."""
    if not rest.startswith("//"):
        return rest.removeprefix("/")
    _, slash, address = rest.removeprefix("//").partition("/")
    if not slash:
        raise _invalid(source, f"write {SCHEME} and an address")
    return address


def _invalid(source: str, reason: str) -> InvalidInput:
    return InvalidInput(f"Invalid model version source: {source[:200]!r}: {reason}", source=source[:200])
