"""What of Azure ML's YAML one's own machines have not, with the reason and what to do instead.

What is here is refused by name; what has a row in ``fields`` is accepted. A test holds the two against the schemas of
``azure-ai-ml``: every key of theirs is in one of them.
"""

from collections.abc import Mapping
from typing import Any

from registry.core.errors import InvalidInput

BUILD_REMEDY = "build one with `slipway image build` and name it under environment.image"
_BUILT_IN = (
    "is part of the image here: `slipway deployment create -f` builds one of it where the file names none; else remove "
    "it, or build one with `slipway image build`"
)
INLINE_MODEL = f"the model {_BUILT_IN}"
_READ_ONLY = "Azure says this of what it has made, it is no setting: remove it"
_NOT_YET = "is not supported yet: remove it"
_ROUTES = f"containers with routes of their own are not supported: {BUILD_REMEDY}"
_AUTOSCALING = "autoscaling is not supported yet: write instance_count"
_RESOURCES = "what an instance may use is part of the image here: write resources in image.yaml"
_ENVIRONMENT = f"it is a reference into Azure: {BUILD_REMEDY}"

ENDPOINT_REFUSED = {
    "$.identity.principal_id": _READ_ONLY,
    "$.identity.tenant_id": _READ_ONLY,
    "$.identity.user_assigned_identities": "an endpoint has no cloud identity here: give the script its credentials",
    "$.compute": "endpoints are served by this workspace's own nodes, not by a cluster of Azure's: remove it",
    "$.id": _READ_ONLY,
    "$.kind": _READ_ONLY,
    "$.provisioning_state": _READ_ONLY,
    "$.scoring_uri": f"{_READ_ONLY}; an endpoint's address here is http://HOST:8000/endpoints/NAME/score",
    "$.openapi_uri": f"{_READ_ONLY}; it is http://HOST:8000/endpoints/NAME/swagger.json here",
}

DEPLOYMENT_REFUSED = {
    "$.id": _READ_ONLY,
    "$.provisioning_state": _READ_ONLY,
    "$.creation_context": _READ_ONLY,
    "$.code_configuration": f"the code {_BUILT_IN}",
    "$.data_collector": f"data collection {_NOT_YET}",
    "$.model_mount_path": "the model lies where Azure ML puts it, in AZUREML_MODEL_DIR; another path is not supported",
    "$.private_network_connection": "private networks are not supported: remove it",
    "$.resources": _RESOURCES,
    **{
        f"$.scale_settings.{key}": _AUTOSCALING
        for key in ("min_instances", "max_instances", "polling_interval", "target_utilization_percentage")
    },
    "$.environment.conda_file": f"what is installed {_BUILT_IN}",
    "$.environment.build": f"Dockerfiles are not supported: {BUILD_REMEDY}",
    "$.environment.inference_config": _ROUTES,
    **{
        f"$.environment.{key}": _ENVIRONMENT
        for key in ("id", "datastore", "intellectual_property", "creation_context", "latest_version")
    },
    "$.environment.auto_delete_setting": "images are deleted by `slipway image prune` here: remove it",
    "$.environment.$schema": "what is inside of a deployment's file has no schema of its own: remove it",
    **{
        f"$.model.{key}": INLINE_MODEL
        for key in (
            *("$schema", "name", "id", "type", "path", "version", "description", "properties", "tags", "stage"),
            *("utc_time_created", "flavors", "creation_context", "job_name", "latest_version", "datastore"),
            *("intellectual_property", "system_metadata", "default_deployment_template"),
            "allowed_deployment_templates",
        )
    },
    "$.liveness_probe.path": "probe paths are not supported: remove it",
    "$.readiness_probe.path": "probe paths are not supported: remove it",
}

# Of what these may be in Azure, one value holds here; for any other there is a reason and a remedy.
ENDPOINT_ONLY: dict[str, tuple[Any, str]] = {
    "$.identity.type": ("none", "an endpoint has no cloud identity here: give the script its credentials"),
    "$.public_network_access": ("enabled", "bind the edge to an address that only you can reach instead"),
}
DEPLOYMENT_ONLY: dict[str, tuple[Any, str]] = {
    "$.scale_settings.type": ("default", _AUTOSCALING),
    "$.environment.os_type": ("linux", "scoring processes run on Linux"),
    "$.app_insights_enabled": (True, "the edge records every request, and `slipway requests` shows them"),
    "$.egress_public_network_access": ("enabled", "replicas can reach what their machine can reach"),
}

# Variables that each scoring process is given, whatever a deployment says.
SET_HERE = {
    "AML_APP_ROOT": "it is the folder of the image's code",
    "AZUREML_MODEL_DIR": "it is where the image's model lies",
    "AZUREML_ENTRY_SCRIPT": "it is the image's scoring_script",
    "SLIPWAY_EDGE_SECRET": "it is the edge's own",
}


def check_meanings(value: Any, only: Mapping[str, tuple[Any, str]]) -> None:
    """Raise InvalidInput for a value that another machine may have, but this one has not."""
    for path, (accepted, remedy) in only.items():
        given = value
        for key in path.removeprefix("$.").split("."):
            given = given.get(key) if isinstance(given, dict) else None
        if given is not None and given != accepted:
            shown = str(accepted).lower() if isinstance(accepted, bool) else repr(accepted)
            raise InvalidInput(f"{path}: {given!r} is not supported, only {shown}: {remedy}", path=path)


def check_schema(value: Any, kind: str) -> None:
    """Raise InvalidInput if a file's ``$schema`` says that it is of another kind."""
    schema = value.get("$schema") if isinstance(value, dict) else None
    if isinstance(schema, str) and kind not in schema.lower():
        message = f"{schema[:120]!r} describes another kind of file, and this is to be read as {kind}'s"
        raise InvalidInput(f"$.$schema: {message}", path="$.$schema")
