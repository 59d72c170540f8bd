"""Documents that people write: endpoint.yml and deployment.yml with Azure ML v2's keys. Ours: ``image_documents``.

A key has its effect, or is known to be harmless here, or is refused by name: nothing is ignored in silence.
Source of the keys: Azure ML CLI (v2) online endpoint and managed online deployment YAML schema.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from registry.core.deploying.azure_meanings import (
    BUILD_REMEDY,
    DEPLOYMENT_ONLY,
    DEPLOYMENT_REFUSED,
    ENDPOINT_ONLY,
    ENDPOINT_REFUSED,
    INLINE_MODEL,
    SET_HERE,
    check_meanings,
    check_schema,
)
from registry.core.deploying.azure_values import as_azure_reads
from registry.core.deploying.endpoints import KEEP_WARM_S, AuthMode, RequestSettings, RetryRule
from registry.core.deploying.engine_settings import ENGINE_VARIABLES, Batching, ResponseCache, check_engine_settings
from registry.core.deploying.key_documents import KeyDocument, rules_of, with_days_as_text
from registry.core.deploying.probes import LivenessProbe, ReadinessProbe
from registry.core.deploying.traffic_keys import TrafficKey, check_traffic_key
from registry.core.errors import InvalidInput
from registry.core.loading import check_keys, child, to_record
from registry.core.names import check_name, parse_image_reference, parse_model_reference

MAX_REQUEST_TIMEOUT_MS = 180_000
MAX_KEEP_WARM_S = 604_800  # a week
MAX_TTL_S = 315_360_000  # ten years

Ttl = Annotated[int, msgspec.Meta(ge=1, le=MAX_TTL_S)]  # seconds until it is deleted by itself
Scalar = str | int | float | bool  # YAML writes WORKERS: 4; everything becomes text


class IdentityDocument(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["none"]


class EndpointDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Azure ML v2 endpoint.yml. ``traffic`` or ``mirror_traffic`` absent leaves it as it is, ``ttl_s`` when it expires.

    ``traffic_key``, ``keys`` and ``ttl_s`` are our own. A key that is named for the first time is made; what is not
    named stays as it is.
    """

    name: str | None = None
    description: str = ""
    tags: dict[str, Scalar] = {}
    auth_mode: AuthMode = AuthMode.KEY
    traffic: dict[str, float] | None = None
    mirror_traffic: dict[str, float] | None = None
    traffic_key: TrafficKey | None = None
    keys: dict[str, KeyDocument] | None = None
    ttl_s: Ttl | None = None

    # Labels of Azure's, kept as they are.
    properties: dict[str, Any] = {}
    location: str | None = None

    # What the file is checked by: its kind, and what is true here anyway.
    schema: str | None = msgspec.field(name="$schema", default=None)
    identity: IdentityDocument | None = None
    public_network_access: Literal["enabled"] | None = None


class EnvironmentDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``image`` is a reference of this workspace: ``cancer-onnx:1``, ``cancer-onnx@sha256:…``."""

    image: str
    name: str | None = None
    version: str | int | None = None
    description: str = ""
    tags: dict[str, Scalar] = {}
    os_type: Literal["linux"] | None = None


class ScaleDocument(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["default"]


class DeploymentDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Azure ML v2 deployment.yml. ``model``, if given, must be one that the image holds.

    ``retry``, ``batching``, ``response_cache``, ``keep_warm_s`` and ``ttl_s`` are our own keys.
    ``ttl_s`` absent leaves when it expires as it is.
    """

    environment: EnvironmentDocument
    name: str | None = None
    endpoint_name: str | None = None
    description: str = ""
    tags: dict[str, Scalar] = {}
    model: str | None = None
    environment_variables: dict[str, Scalar] = {}
    instance_count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    request_settings: RequestSettings = RequestSettings()
    liveness_probe: LivenessProbe = LivenessProbe()
    readiness_probe: ReadinessProbe = ReadinessProbe()
    retry: RetryRule = RetryRule.ONCE
    batching: Batching = Batching()
    response_cache: ResponseCache | None = None
    keep_warm_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_KEEP_WARM_S)] = KEEP_WARM_S
    ttl_s: Ttl | None = None

    # Labels of Azure's, kept as they are.
    properties: dict[str, Any] = {}
    type: Literal["managed", "kubernetes"] | None = None
    instance_type: str | None = None

    # What the file is checked by: its kind, and what is true here anyway.
    schema: str | None = msgspec.field(name="$schema", default=None)
    scale_settings: ScaleDocument | None = None
    app_insights_enabled: bool | None = None
    egress_public_network_access: Literal["enabled"] | None = None


def load_endpoint(value: Any) -> EndpointDocument:
    """Check the plain values of an endpoint document, as ``parse_yaml`` returns them. Raises InvalidInput."""
    value = as_azure_reads(with_days_as_text(value), EndpointDocument)
    check_meanings(value, ENDPOINT_ONLY)
    _check_auth_mode(value)
    check_schema(value, "endpoint")
    document = to_record(value, EndpointDocument, ENDPOINT_REFUSED)
    if document.name is not None:
        check_name("endpoint", document.name)
    if document.traffic_key is not None:
        document = replace(document, traffic_key=check_traffic_key(document.traffic_key))
    for name, key in (document.keys or {}).items():
        rules_of(name, key)
    return document


def load_deployment(value: Any) -> DeploymentDocument:
    """Check the plain values of a deployment document. Raises InvalidInput."""
    value = as_azure_reads(value, DeploymentDocument)
    if isinstance(value, dict):
        _check_environment(value.get("environment"))
        _check_model(value.get("model"))
    check_meanings(value, DEPLOYMENT_ONLY)
    check_schema(value, "deployment")
    document = to_record(value, DeploymentDocument, DEPLOYMENT_REFUSED)
    if document.name is not None:
        check_name("deployment", document.name)
    if document.endpoint_name is not None:
        check_name("endpoint", document.endpoint_name)
    if document.model is not None:
        parse_model_reference(document.model)
    parse_image_reference(document.environment.image)
    _check_variables(document.environment_variables)
    _check_request_settings(document.request_settings)
    check_engine_settings(document.batching, document.response_cache)
    return document


def as_text(values: dict[str, Scalar], path: str) -> dict[str, str]:
    """Write scalars as text, as Azure ML does: ``4`` is "4" and ``true`` is "True". Raises InvalidInput for a NUL."""
    texts = {key: str(value) for key, value in values.items()}
    for key, text in texts.items():
        if "\0" in text or "\0" in key:
            raise InvalidInput(f"{child(path, key)}: a value cannot hold a NUL character", path=child(path, key))
    return texts


def _check_auth_mode(value: Any) -> None:
    if isinstance(value, dict) and value.get("auth_mode") == "aad_token":
        raise InvalidInput(
            "$.auth_mode: 'aad_token' is not supported, since its tokens are Microsoft Entra's: write aml_token, whose "
            "tokens this workspace gives by `slipway endpoint get-credentials`",
            path="$.auth_mode",
        )


def _check_environment(environment: Any) -> None:
    if environment is None or (isinstance(environment, dict) and not environment):
        raise InvalidInput(f"$.environment: a deployment needs an image: {BUILD_REMEDY}", path="$.environment")
    if isinstance(environment, str):
        raise InvalidInput(
            f"$.environment: references to environments are not supported yet: {BUILD_REMEDY}", path="$.environment"
        )
    if isinstance(environment, dict) and environment.get("image") is None:
        refused = [key for key in environment if f"$.environment.{key}" in DEPLOYMENT_REFUSED]
        if not refused:
            check_keys(environment, EnvironmentDocument, "$.environment")  # a misspelt image is told as that
        path = f"$.environment.{refused[0]}" if refused else "$.environment.image"
        reason = DEPLOYMENT_REFUSED.get(path, f"a deployment needs an image: {BUILD_REMEDY}")
        raise InvalidInput(f"{path}: {reason}", path=path)


def _check_model(model: Any) -> None:
    if isinstance(model, dict):
        known = [key for key in model if f"$.model.{key}" in DEPLOYMENT_REFUSED]
        path = f"$.model.{known[0]}" if known else "$.model"
        raise InvalidInput(f"{path}: {INLINE_MODEL}", path=path)
    if isinstance(model, str) and model.startswith(("azureml://", "azureml:/", "/subscriptions/")):
        raise InvalidInput(
            f"$.model: {model[:80]!r} is in Azure: download it, import it with `slipway model import`, then "
            f"{BUILD_REMEDY}",
            path="$.model",
        )


def _check_variables(variables: dict[str, Scalar]) -> None:
    for name, value in variables.items():
        if name in SET_HERE:
            path = child("$.environment_variables", name)
            raise InvalidInput(f"{path}: {SET_HERE[name]}: remove it", path=path)
        if name in ENGINE_VARIABLES:
            path, key = child("$.environment_variables", name), ENGINE_VARIABLES[name]
            raise InvalidInput(f"{path}: this is the deployment's own key {key}: write it there", path=path)
        if isinstance(value, str) and "${{" in value:  # nothing fills it in: the process would meet this text
            path = child("$.environment_variables", name)
            raise InvalidInput(
                f"{path}: {value[:80]!r} is not supported: deployments cannot read secrets yet, nor anything else "
                "written as ${{…}}. Write the value itself; everybody sees it who may look at the deployment",
                path=path,
            )


def _check_request_settings(settings: RequestSettings) -> None:
    limits = {
        "request_timeout_ms": (settings.request_timeout_ms, 1, MAX_REQUEST_TIMEOUT_MS),
        "max_queue_wait_ms": (settings.max_queue_wait_ms, 0, MAX_REQUEST_TIMEOUT_MS),
        "max_concurrent_requests_per_instance": (settings.max_concurrent_requests_per_instance, 1, 100_000),
    }
    for name, (value, low, high) in limits.items():
        if value is not None and not low <= value <= high:
            path = f"$.request_settings.{name}"
            raise InvalidInput(f"{path}: {value} is not between {low} and {high}", path=path)
