"""Every key that azure-ai-ml's own schemas have is one that we accept with an equal value, or refuse with a reason."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

with warnings.catch_warnings():  # its schemas are older than its marshmallow
    warnings.simplefilter("ignore")
    from azure.ai.ml import load_online_deployment, load_online_endpoint
    from azure.ai.ml._schema._deployment.online.online_deployment import (
        KubernetesOnlineDeploymentSchema,
        ManagedOnlineDeploymentSchema,
    )
    from azure.ai.ml._schema._endpoint.online.online_endpoint import (
        KubernetesOnlineEndpointSchema,
        ManagedOnlineEndpointSchema,
    )

from registry.core.deploying.azure_meanings import DEPLOYMENT_REFUSED, ENDPOINT_REFUSED
from registry.core.deploying.documents import load_deployment, load_endpoint
from registry.core.deploying.fields import DEPLOYMENT_FIELDS, ENDPOINT_FIELDS
from registry.core.errors import InvalidInput

pytestmark = pytest.mark.filterwarnings("ignore::Warning:azure", "ignore::Warning:marshmallow")

ENDPOINT = {"name": "cancer"}
DEPLOYMENT = {
    "name": "blue",
    "endpoint_name": "cancer",
    "environment": {"image": "cancer-onnx:1"},
    "instance_type": "Standard_DS3_v2",
}
OUR_OWN = {
    "keys",
    *(
        "traffic_key.header",
        "traffic_key.cookie",
        "traffic_key.query",
        "traffic_key.json",
        "retry",
        "batching.enabled",
        "batching.max_rows",
        "batching.max_bytes",
    ),
    *("response_cache.max_bytes", "response_cache.ttl_s", "keep_warm_s", "ttl_s"),
}


def keys(schema: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Walk a marshmallow schema: each key that holds no further ones, and whether Azure only ever writes it."""
    for name, field in schema.fields.items():
        here = path + (field.data_key or name)
        inner = list(nested(field))
        for one in inner:
            yield from ((key, field.dump_only or read_only) for key, read_only in keys(one, f"{here}."))
        if not inner or any(not hasattr(one, "schema") for one in alternatives(field)):
            yield here, field.dump_only


def alternatives(field: Any) -> list[Any]:
    """Return what a key may hold instead of another: a reference as text, or the thing itself."""
    return list(getattr(field, "union_fields", None) or getattr(field, "_union_fields", None) or [field])


def nested(field: Any) -> Iterator[Any]:
    for one in alternatives(field):
        if hasattr(one, "schema"):
            yield one.schema
        for inside in (getattr(one, "value_field", None), getattr(one, "inner", None)):
            if inside is not None:
                yield from nested(inside)


def every_key(*schemas: Any) -> dict[str, bool]:
    """Return each key of the schemas, and whether nobody may write it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {key: read_only for schema in schemas for key, read_only in keys(schema(context={"base_path": "."}))}


ENDPOINT_KEYS = every_key(ManagedOnlineEndpointSchema, KubernetesOnlineEndpointSchema)
DEPLOYMENT_KEYS = every_key(ManagedOnlineDeploymentSchema, KubernetesOnlineDeploymentSchema)


def is_refused(key: str, refused: dict[str, str]) -> bool:
    parts = key.split(".")
    return any(f"$.{'.'.join(parts[:count])}" in refused for count in range(1, len(parts) + 1))


def test_every_key_of_an_azure_endpoint_has_a_meaning_here() -> None:
    assert {key for key in ENDPOINT_KEYS if key not in ENDPOINT_FIELDS and not is_refused(key, ENDPOINT_REFUSED)} == {
        "identity"  # which holds the others
    } & ENDPOINT_KEYS.keys()


def test_every_key_of_an_azure_deployment_has_a_meaning_here() -> None:
    unknown = {
        key for key in DEPLOYMENT_KEYS if key not in DEPLOYMENT_FIELDS and not is_refused(key, DEPLOYMENT_REFUSED)
    }
    assert unknown == {"environment"}  # as a reference, a text, which has a reason of its own


def test_what_is_ours_alone_is_not_azures() -> None:
    assert (
        ENDPOINT_FIELDS.keys() | DEPLOYMENT_FIELDS.keys()
    ) - ENDPOINT_KEYS.keys() - DEPLOYMENT_KEYS.keys() == OUR_OWN


def test_no_key_is_both_accepted_and_refused() -> None:
    for fields, refused in ((ENDPOINT_FIELDS, ENDPOINT_REFUSED), (DEPLOYMENT_FIELDS, DEPLOYMENT_REFUSED)):
        assert [key for key in fields if is_refused(key, refused)] == []


# values that Azure's reader takes


def put(document: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    *parents, last = key.split(".")
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(document))
    inner = copy
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    return copy


def azures(folder: Path, load: Any, document: dict[str, Any]) -> Any:
    (folder / "document.yml").write_text(yaml.safe_dump(document))
    return load(folder / "document.yml")


ENDPOINT_VALUES = [
    ("description", "Is it benign?"),
    ("tags", {"team": "diagnostics"}),
    ("properties", {"cost": "7"}),
    ("location", "westeurope"),
    ("auth_mode", "Key"),
    ("auth_mode", "aml_token"),
    ("traffic", {"blue": "90", "green": 10}),
    ("public_network_access", "Enabled"),
]


@pytest.mark.parametrize(("key", "value"), ENDPOINT_VALUES, ids=[key for key, _ in ENDPOINT_VALUES])
def test_an_endpoints_value_is_read_as_azure_reads_it(tmp_path: Path, key: str, value: Any) -> None:
    document = put(ENDPOINT, key, value)
    assert getattr(load_endpoint(document), key) == getattr(azures(tmp_path, load_online_endpoint, document), key)


DEPLOYMENT_VALUES = [
    ("description", "Second opinion"),
    ("tags", {"team": "diagnostics"}),
    ("properties", {"cost": "7"}),
    ("instance_type", "Standard_F4s_v2"),
    ("instance_count", "3"),
    ("environment_variables", {"OMP_NUM_THREADS": "2"}),
    ("request_settings.request_timeout_ms", "3000"),
    ("request_settings.max_concurrent_requests_per_instance", 4),
    ("request_settings.max_queue_wait_ms", 100),
    *((f"{probe}_probe.{key}", "7") for probe in ("liveness", "readiness") for key in ("initial_delay", "period")),
    *((f"{probe}_probe.{key}", 7) for probe in ("liveness", "readiness") for key in ("timeout", "failure_threshold")),
    ("liveness_probe.success_threshold", 1),
    ("scale_settings.type", "Default"),
    ("app_insights_enabled", "true"),
    ("egress_public_network_access", "Enabled"),
    ("environment.name", "sklearn"),
]


@pytest.mark.parametrize(("key", "value"), DEPLOYMENT_VALUES, ids=[key for key, _ in DEPLOYMENT_VALUES])
def test_a_deployments_value_is_read_as_azure_reads_it(tmp_path: Path, key: str, value: Any) -> None:
    document = put(DEPLOYMENT, key, value)
    ours, theirs = load_deployment(document), azures(tmp_path, load_online_deployment, document)
    for part in key.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    assert ours == theirs


@pytest.mark.parametrize("written", ["managed", "Managed", "kubernetes"])
def test_the_type_of_a_deployment_is_read_in_any_case(tmp_path: Path, written: str) -> None:
    document = put(DEPLOYMENT, "type", written)
    assert load_deployment(document).type == azures(tmp_path, load_online_deployment, document).type.lower()


REFUSED_VALUES: list[tuple[str, Any]] = [
    ("identity.type", "system_assigned"),
    ("identity.type", "user_assigned"),
    ("auth_mode", "aad_token"),
    ("public_network_access", "disabled"),
    ("compute", "azureml:cluster"),
    ("id", "any"),
    ("kind", "Managed"),
    ("scoring_uri", "https://cancer.example/score"),
    ("openapi_uri", "https://cancer.example/swagger.json"),
    ("provisioning_state", "Succeeded"),
]


@pytest.mark.parametrize(("key", "value"), REFUSED_VALUES, ids=[f"{key}={value}" for key, value in REFUSED_VALUES])
def test_what_an_endpoint_cannot_be_here_is_refused_with_a_reason(tmp_path: Path, key: str, value: Any) -> None:
    document = put(ENDPOINT, key, value)
    azures(tmp_path, load_online_endpoint, document)
    with pytest.raises(InvalidInput) as caught:
        load_endpoint(document)
    check_reason(caught.value, key)


REFUSED_OF_DEPLOYMENTS: list[tuple[str, Any]] = [
    ("model", {"path": "."}),
    ("model", "azureml://registries/azureml/models/bert/versions/1"),
    ("code_configuration", {"code": ".", "scoring_script": "document.yml"}),
    ("environment", "azureml:sklearn:1"),
    ("environment.build", {"path": "."}),
    ("environment.os_type", "windows"),
    ("environment.inference_config.liveness_route", {"port": 8080, "path": "/live"}),
    ("scale_settings", {"type": "target_utilization", "max_instances": 5}),
    ("app_insights_enabled", False),
    ("egress_public_network_access", "disabled"),
    ("model_mount_path", "/mnt/model"),
    ("data_collector", {"collections": {"request": {"enabled": "true"}}}),
    ("private_network_connection", True),
]


@pytest.mark.parametrize(("key", "value"), REFUSED_OF_DEPLOYMENTS, ids=[key for key, _ in REFUSED_OF_DEPLOYMENTS])
def test_what_a_deployment_cannot_be_here_is_refused_with_a_reason(key: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_deployment(put(DEPLOYMENT, key, value))
    check_reason(caught.value, key)


def check_reason(error: InvalidInput, key: str) -> None:
    path = error.details["path"].removeprefix("$.")
    assert path.startswith(key) or key.startswith(path)
    _, _, reason = error.message.partition(": ")
    assert len(reason) > len("remove it"), f"{key} is refused without a reason"
    assert "unknown key" not in error.message
