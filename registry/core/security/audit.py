"""The audit: one row for each change and each refusal. What is a row, and what is not, is decided here.

Not rows of their own are the calls by which a script logs (parameters, metrics, tags, inputs and files: thousands in a
run, each of which stays readable in the run itself, whose creation is a row), and what the processes of a workspace
report over and over (progress of an activity; an address that is the same as before). Refused, they are rows too.
"""

import msgspec

from registry.core.security.access import rule_key

SEARCHES = frozenset(
    {
        "/mlflow/experiments/search",
        "/mlflow/experiments/search-datasets",
        "/mlflow/runs/search",
        "/mlflow/logged-models/search",
        "/mlflow/registered-models/get-latest-versions",
    }
)
QUESTIONS = frozenset(  # what would be, and where keys lead: nothing is changed
    {
        "/api/v1/endpoints/{name}/plan",
        "/api/v1/endpoints/{name}/route",
        "/api/v1/endpoints/{endpoint}/deployments/{deployment}/plan",
    }
)
LOGGING = frozenset(
    {
        "/mlflow/runs/log-metric",
        "/mlflow/runs/log-batch",
        "/mlflow/runs/log-parameter",
        "/mlflow/runs/set-tag",
        "/mlflow/runs/log-inputs",
        "/mlflow/runs/outputs",
        "/mlflow/logged-models/{model_id}/params",
        "/mlflow/logged-models/{model_id}/tags",
    }
)
QUIET = frozenset(
    {
        *(("POST", path) for path in (*SEARCHES, *QUESTIONS, *LOGGING)),
        ("PATCH", "/mlflow/logged-models/{model_id}/tags"),
        ("PUT", "/mlflow-artifacts/artifacts/{path:path}"),
        ("PUT", "/api/v1/blobs/{digest}"),  # a blob is named by its content and changes nothing
        ("POST", "/v2/{name:path}/blobs/uploads/"),
        *((method, "/v2/{name:path}/blobs/uploads/{upload}") for method in ("PATCH", "PUT", "DELETE")),
        ("POST", "/api/v1/activities/{id}/progress"),
    }
)
READING = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSED = frozenset({401, 403})

MAX_PATH = 1000
MAX_ADDRESS = 64
MAX_METHOD = 8
KEPT_DAYS = 180
KEPT_REFUSALS = 100_000  # of callers without a name: who floods the table must not push out what others did


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """``who`` is a token's name or ""; ``address`` where the request came from; ``path`` as it was sent, no query."""

    at_ms: int
    who: str
    address: str
    method: str
    path: str
    status: int
    request_id: str

    @property
    def is_knock(self) -> bool:
        """Say whether somebody unknown was refused: of such rows anybody can make as many as he likes."""
        return not self.who and self.status in REFUSED


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    entries: list[AuditEntry]


def is_audited(method: str, pattern: str, status: int) -> bool:
    """Say whether a request is a row, by the pattern of the route that took it ("" for none)."""
    if status in REFUSED:
        return True
    return method not in READING and rule_key(method, pattern) not in QUIET
