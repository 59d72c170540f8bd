"""Who may call what: three roles, and the one table of the role that each call needs.

A route that the table does not name needs an owner, and fails a test: nothing is opened by forgetting it.
"""

from enum import StrEnum

import msgspec

from registry.core.errors import Forbidden


class Role(StrEnum):
    """Each may do what those before it may."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


# Anyone, without a token: what tells a load balancer that the registry is up, and a person what it is.
OPEN = "GET /health /version /"

READER = """
GET   /api/v1/openapi.json /api/v1/services /api/v1/activities /api/v1/activities/{id} /api/v1/desired-state
GET   /api/v1/desired-version
GET   /api/v1/models /api/v1/models/{name} /api/v1/models/{name}/versions/{version} /api/v1/blobs/{digest}
GET   /api/v1/models/{name}/history /api/v1/models/{name}/lineage /api/v1/images /api/v1/images/{reference:path}
GET   /api/v1/datasets /api/v1/datasets/{name} /api/v1/datasets/{name}/versions/{version}
GET   /api/v1/environments /api/v1/environments/{reference}
GET   /api/v1/image-diff /api/v1/image-history/{name:path} /api/v1/image-golden/{reference:path}
GET   /api/v1/signing-keys
GET   /api/v1/endpoints /api/v1/endpoints/{name} /api/v1/endpoints/{endpoint}/deployments
GET   /api/v1/endpoints/{endpoint}/deployments/{deployment} /api/v1/endpoints/{name}/history
GET   /api/v1/endpoints/{name}/undo
GET   /api/v1/runs /api/v1/runs/{run} /api/v1/runs/{run}/diff/{other} /api/v1/runs/{run}/code
GET   /api/v1/dataset-lineage
GET   /v2/ /v2/{name:path}/manifests/{reference} /v2/{name:path}/referrers/{digest} /v2/{name:path}/tags/list
GET   /v2/{name:path}/blobs/{digest} /v2/{name:path}/blobs/uploads/{upload}
GET   /mlflow/experiments/get /mlflow/experiments/get-by-name /mlflow/experiments/search /mlflow/runs/get
GET   /mlflow/metrics/get-history /mlflow/metrics/get-history-bulk /mlflow/metrics/get-history-bulk-interval
GET   /mlflow/registered-models/get /mlflow/registered-models/search /mlflow/registered-models/get-latest-versions
GET   /mlflow/registered-models/alias /mlflow/model-versions/get /mlflow/model-versions/search
GET   /mlflow/model-versions/get-download-uri /mlflow/logged-models/{model_id} /mlflow/server-info
GET   /mlflow/logged-models/{model_id}/artifacts/directories /mlflow/logged-models/{model_id}/artifacts/files
GET   /get-artifact /model-versions/get-artifact
GET   /mlflow/artifacts/list /mlflow-artifacts/artifacts /mlflow-artifacts/artifacts/{path:path}
POST  /mlflow/experiments/search /mlflow/experiments/search-datasets /mlflow/runs/search /mlflow/logged-models/search
POST  /mlflow/registered-models/get-latest-versions
POST  /api/v1/endpoints/{name}/route /api/v1/endpoints/{name}/plan
POST  /api/v1/endpoints/{endpoint}/deployments/{deployment}/plan
"""

CONTRIBUTOR = """
PUT    /v2/{name:path}/manifests/{reference} /v2/{name:path}/blobs/uploads/{upload}
POST   /v2/{name:path}/blobs/uploads/
PATCH  /v2/{name:path}/blobs/uploads/{upload}
DELETE /v2/{name:path}/blobs/uploads/{upload}
PUT    /api/v1/services/{name} /api/v1/blobs/{digest} /api/v1/endpoints/{name} /api/v1/models/{name}/aliases/{alias}
PUT    /api/v1/endpoints/{endpoint}/deployments/{deployment} /mlflow-artifacts/artifacts/{path:path}
PUT    /api/v1/runs/{run}/code
POST   /api/v1/endpoints/{name}/token
POST   /api/v1/models/{name}/versions /api/v1/models/{name}/imports /api/v1/models/{name}/restore /api/v1/images
POST   /api/v1/models/{name}/versions/{version}/restore /api/v1/activities/{id}/progress /api/v1/image-tags
POST   /api/v1/endpoints/{endpoint}/deployments/{deployment}/revisions/{number}/state /api/v1/image-verifications
POST   /api/v1/datasets/{name}/versions /api/v1/datasets/{name}/versions/{version}/restore
POST   /mlflow/experiments/create /mlflow/experiments/update /mlflow/experiments/delete /mlflow/experiments/restore
POST   /mlflow/experiments/set-experiment-tag /mlflow/experiments/delete-experiment-tag
POST   /mlflow/runs/create /mlflow/runs/update /mlflow/runs/delete /mlflow/runs/restore /mlflow/runs/log-batch
POST   /mlflow/runs/log-metric /mlflow/runs/log-parameter /mlflow/runs/set-tag /mlflow/runs/delete-tag
POST   /mlflow/runs/log-inputs /mlflow/runs/outputs /api/v1/runs/{run}/restore
POST   /mlflow/registered-models/create /mlflow/registered-models/rename /mlflow/registered-models/set-tag
POST   /mlflow/registered-models/alias /mlflow/model-versions/create /mlflow/model-versions/set-tag
POST   /mlflow/model-versions/transition-stage /mlflow/logged-models /mlflow/logged-models/{model_id}/params
POST   /api/v1/endpoints/{name}/undo
PATCH  /api/v1/endpoints/{name}/ttl /api/v1/endpoints/{endpoint}/deployments/{deployment}/ttl
PATCH  /api/v1/models/{name} /api/v1/models/{name}/versions/{version}
PATCH  /mlflow/registered-models/update /mlflow/model-versions/update /mlflow/logged-models/{model_id}
PATCH  /api/v1/endpoints/{name}/mirror-traffic
PATCH  /mlflow/logged-models/{model_id}/tags /api/v1/endpoints/{name}/traffic /api/v1/images/{reference:path}
DELETE /api/v1/datasets/{name}/versions/{version}
DELETE /api/v1/models/{name} /api/v1/models/{name}/aliases/{alias} /api/v1/models/{name}/versions/{version}
DELETE /mlflow/registered-models/delete /mlflow/registered-models/delete-tag /mlflow/registered-models/alias
DELETE /mlflow/model-versions/delete /mlflow/model-versions/delete-tag /mlflow/logged-models/{model_id}
DELETE /mlflow/logged-models/{model_id}/tags/{key:path} /mlflow-artifacts/artifacts/{path:path}
DELETE /api/v1/endpoints/{endpoint}/deployments/{deployment} /api/v1/runs/{run} /api/v1/image-tags/{reference:path}
"""

OWNER = """
GET    /api/v1/workspace/deletion
POST   /api/v1/workspace/deletion
GET    /api/v1/secrets /api/v1/tokens /api/v1/audit /api/v1/purge /api/v1/image-prune
POST   /api/v1/tokens /api/v1/purge /api/v1/image-prune /api/v1/endpoints/{name}/keys/regenerate
POST   /api/v1/endpoints/{name}/keys /api/v1/endpoint-token-key/rotate
PUT    /api/v1/secrets/{name} /api/v1/signature-policy /api/v1/endpoints/{name}/keys/{key}
POST   /api/v1/signing-keys /api/v1/signing-keys/rotate /api/v1/image-signatures
DELETE /api/v1/tokens/{name} /api/v1/endpoints/{name} /api/v1/secrets/{name} /api/v1/signing-keys/{id}
DELETE /v2/{name:path}/manifests/{reference} /v2/{name:path}/blobs/{digest} /api/v1/endpoints/{name}/keys/{key}
"""

# MLflow's clients find the same calls under each of these.
MLFLOW_PREFIXES = ("/api/2.0", "/ajax-api/2.0", "/api/3.0", "/ajax-api/3.0")


def _rules(text: str, role: Role | None) -> dict[tuple[str, str], Role | None]:
    lines = (line.split() for line in text.strip().splitlines())
    return {(method, path): role for method, *paths in lines for path in paths}


RULES: dict[tuple[str, str], Role | None] = {
    **_rules(OPEN, None),
    **_rules(READER, Role.READER),
    **_rules(CONTRIBUTOR, Role.CONTRIBUTOR),
    **_rules(OWNER, Role.OWNER),
}
OPEN_PATHS = frozenset(path for (_, path), role in RULES.items() if role is None)


def rule_key(method: str, path: str) -> tuple[str, str]:
    """Return how ``RULES`` names a route, whose ``path`` is the pattern and not what was asked for."""
    for prefix in MLFLOW_PREFIXES:
        if path.startswith(f"{prefix}/"):
            path = path.removeprefix(prefix)
    return method, path


def needed_role(method: str, path: str) -> Role | None:
    """Return the role that a route needs, or None if anyone may call it."""
    return RULES.get(rule_key(method, path), Role.OWNER)


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who asks: a token's name, or "" where none is needed; then ``role`` is what anybody may do."""

    name: str = ""
    role: Role | None = None

    def check_may(self, needed: Role | None) -> None:
        """Raise Forbidden if this takes another role."""
        if needed is None or (self.role is not None and self.role.rank >= needed.rank):
            return
        mine = f"a {self.role}" if self.role else "nobody that the registry knows"
        message = (
            f"{self.name or 'who asks'} is {mine}, and this takes the role {needed}: ask an owner of the workspace"
        )
        raise Forbidden(message, needed=needed)


ANYBODY = Caller(role=Role.OWNER)  # of a server without tokens, which only this machine reaches
NOBODY = Caller()
