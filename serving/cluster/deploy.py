"""Making Serve run exactly the applications of a ``ServeDeploySchema``, built here and not by Serve.

Handed the schema whole, Serve builds each application in a worker that it starts for that and ends after it: 2.4 to
2.8 s of importing Ray. The driver has Ray imported, so it builds them itself. An application's version is the digest of
what it was built from: what is unchanged stays untouched, and ``num_replicas`` and ``user_config`` change in place.
"""

import hashlib
from typing import Any

import msgspec
from ray.serve._private.build_app import BuiltApplication, build_app
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

from serving.cluster.application import build


def serve_client() -> Any:
    """Return Serve's client; it has no public twin that deploys without waiting, or without the dashboard."""
    return _get_global_client()


def make_so(config: dict[str, Any]) -> None:
    """Deploy the applications of ``config`` that are new or changed, delete those it does not name; wait for neither.

    Raises:
        pydantic.ValidationError: ``config`` is no ServeDeploySchema.
    """
    wanted = ServeDeploySchema.model_validate(config).applications
    client = serve_client()
    present = client.get_serve_details()["applications"]
    gone = sorted(set(present) - {application.name for application in wanted})
    if gone:
        client.delete_apps(gone, blocking=False)
    if wanted:
        client.deploy_applications(
            [_built(application) for application in wanted],
            wait_for_ingress_deployment_creation=False,
            wait_for_applications_running=False,
        )


def _built(application: ServeApplicationSchema) -> BuiltApplication:
    [settings] = application.deployments
    version = hashlib.sha256(msgspec.json.encode([application.import_path, application.args], order="deterministic"))
    target = build(application.args, settings.model_dump(exclude_unset=True) | {"version": version.hexdigest()})
    return build_app(target, name=application.name, route_prefix=application.route_prefix)
