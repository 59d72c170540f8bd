"""The line HAProxy writes for each request, which is the row of the ``requests`` table.

Fields are separated by tabs, in the order of ``RequestRow``. The users' strings come last, capped by the edge and
escaped as in JSON (no quotes around them), so a line never holds a tab or newline that is not ours. A line is named by
(``boot``, ``frontend``, ``counter``) and its own checksum: the edge process' life, and HAProxy's per-frontend count of
lines (``%lc``, from 0), so that a gap can be counted and a line sent twice is stored once. The counter alone does not
do: HAProxy increments it after it has formatted the line, so two threads sometimes write the same number.
"""

import msgspec

MARK = "sw2"  # begins every line; the number is the schema's version
OLD_MARK, ADDED = "sw1", ("choice", "request_id")  # lines of the schema before lack these texts
SEPARATOR = "\t"
EMPTY = "-"  # what HAProxy writes for an empty string


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the edge saw it. Times in milliseconds; -1 where a phase was not reached."""

    boot: str
    frontend: str  # "http" or "grpc"
    counter: int
    timestamp_ms: int  # Unix time at which the request's first byte was read
    operation_id: str  # W3C trace id, 32 hexadecimal digits
    endpoint: str  # "" where the request names none that exists
    deployment: str
    backend: str  # endpoint.deployment.revision
    server: str  # the replica; "" where none was chosen
    status: int  # as sent to the client; for gRPC the HTTP status
    model_status: int  # as the replica sent it; -1 where it sent none
    grpc_status: int  # -1 for HTTP
    termination: str  # HAProxy's termination state, "--" for a normal end
    duration_ms: int  # first byte in to last byte out
    queue_ms: int
    connect_ms: int
    response_ms: int  # waiting for the replica's first byte
    retries: int
    request_bytes: int
    response_bytes: int
    bucket: int  # 0–9999; -1 where the split was not consulted
    choice: str  # "override", "version", "key", "unread" (random, since no traffic key was read), "mirror", else ""
    key_name: str  # "primary", "secondary" or ""
    method: str
    path: str  # cap 512
    request_id: str  # the client's own x-request-id, cap 128; "" where it sent none and got the operation id
    client_request_id: str  # x-ms-client-request-id, cap 128
    user_agent: str  # cap 128


COLUMNS: tuple[str, ...] = tuple(field.name for field in msgspec.structs.fields(RequestRow))
