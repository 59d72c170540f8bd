"""Bodies of the workspace API that are not nouns themselves; shared by the doors and the SDK."""

from typing import Annotated, Any, Literal

import msgspec

from registry.core.activities import Activity
from registry.core.deploying.documents import Ttl
from registry.core.deploying.endpoints import Deployment, Endpoint
from registry.core.deploying.keys import MAX_OVERLAP_S, KeyRules
from registry.core.deploying.plans import PlannedField
from registry.core.imaging.images import Image
from registry.core.modelling.models import Model, ModelMove
from registry.core.services import Service


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    details: dict[str, Any] = {}
    request_id: str = ""


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorDetail


class Health(msgspec.Struct, frozen=True, kw_only=True):
    status: str


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    models: list[Model]


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` is a file or folder among the run's artifacts; "" is all of them."""

    run_id: str
    path: str = ""
    description: str = ""


class ImportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was uploaded as a blob, and its path in the version."""

    path: str
    digest: str


class NewImport(msgspec.Struct, frozen=True, kw_only=True):
    """A version from outside. ``path`` is the folder's or file's name where it came from."""

    files: list[ImportedFile]
    path: str = ""
    description: str = ""


class AliasTarget(msgspec.Struct, frozen=True, kw_only=True):
    """``version`` is a number, ``latest`` or another alias: what it means now."""

    version: str


class CardText(msgspec.Struct, frozen=True, kw_only=True):
    """The card of a model or a version, in Markdown; MLflow calls it the description."""

    description: str


class ModelHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The whole ledger from old to new, or the line of each label that held at a time."""

    name: str
    moves: list[ModelMove]


class BlobInfo(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    size: int


class ImageList(msgspec.Struct, frozen=True, kw_only=True):
    images: list[Image]


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    endpoints: list[Endpoint]


class EndpointPresence(msgspec.Struct, frozen=True, kw_only=True):
    """Query of a change: whether the endpoint must be there before (true), must not (false), or may (absent)."""

    exists: bool | None = None


class EndpointDeletion(msgspec.Struct, frozen=True, kw_only=True):
    """Query of a deletion: whether the endpoint goes even if deployments of it are live or starting."""

    live_too: bool = False


class EndpointAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``keys`` are those that this call made, by name in the clear: shown once; ``changes`` is what became another."""

    endpoint: Endpoint
    keys: dict[str, str] | None = None
    changes: list[PlannedField] = []


class TrafficChange(msgspec.Struct, frozen=True, kw_only=True):
    """The whole split: a deployment that is not named gets nothing."""

    traffic: dict[str, float]


class TtlChange(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from now until it is deleted by itself; null lets it stay."""

    ttl_s: Ttl | None


class MirrorChange(msgspec.Struct, frozen=True, kw_only=True):
    """All that is mirrored: a deployment that is not named gets no copies."""

    mirror_traffic: dict[str, float]


class KeyChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which key to replace, and for how long the one before is valid beside the new one."""

    key: str
    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_OVERLAP_S)] = 0


class TokenChoice(msgspec.Struct, frozen=True, kw_only=True):
    """In the name of which of the endpoint's keys."""

    key: str = "primary"


class WantedKey(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    rules: KeyRules = KeyRules()


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    key: str


class DeploymentList(msgspec.Struct, frozen=True, kw_only=True):
    deployments: list[Deployment]


class DeploymentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``activity`` is that of the revision that is wanted: a new one's, or an ended one's of what was there."""

    deployment: Deployment
    activity: Activity
    changes: list[PlannedField] = []


class RevisionReport(msgspec.Struct, frozen=True, kw_only=True):
    state: Literal["live", "failed"]
    message: str = ""


class ActivityList(msgspec.Struct, frozen=True, kw_only=True):
    activities: list[Activity]


class ProgressReport(msgspec.Struct, frozen=True, kw_only=True):
    progress: float
    message: str = ""


class ServiceAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    grpc: str = ""


class ServiceList(msgspec.Struct, frozen=True, kw_only=True):
    services: list[Service]
