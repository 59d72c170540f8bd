"""The registry's application: every route on one screen, and what wraps them."""

from importlib.metadata import version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from registry.api import activities, blobs, datasets, runs, system
from registry.api.deploying import deployments, endpoints, keys
from registry.api.errors import ErrorMiddleware, answer_http_exception
from registry.api.imaging import environments, image_prune, image_tags, images, signatures
from registry.api.mlflow import (
    artifacts,
    downloads,
    experiments,
    inputs,
    logged_models,
    metrics,
    model_searches,
    model_versions,
    registered_models,
    run_files,
    run_search,
    tracking,
)
from registry.api.modelling import models
from registry.api.oci import blobs as oci_blobs
from registry.api.oci import manifests as oci_manifests
from registry.api.oci import uploads as oci_uploads
from registry.api.openapi import openapi_document
from registry.api.page import front_page
from registry.api.route import ApiRoute, At, Waiting, under
from registry.api.router import PlainPathsFirst
from registry.api.security import audit, secrets, tokens
from registry.api.security.access import AccessGuard, Protection, guarded
from registry.api.security.audit import AuditMiddleware
from registry.api.security.guard import BrowserGuard
from registry.api.upkeep import purge, workspace_deletion
from registry.core import rest
from registry.core.activities import Activity
from registry.core.deploying.access_tokens import AccessToken
from registry.core.deploying.desired import DesiredState, DesiredVersion
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument
from registry.core.deploying.endpoints import Deployment, Endpoint
from registry.core.deploying.history import EndpointHistory, HistoryQuery
from registry.core.deploying.keys import KeyRules
from registry.core.deploying.plans import Plan
from registry.core.deploying.routes import KeysToRoute, RoutedKeys
from registry.core.deploying.undo import UndoAnswer, UndoOrder, UndoPlan
from registry.core.imaging.environments import CuratedEnvironment, CuratedEnvironmentList
from registry.core.imaging.image_prune import PruneOrder, PrunePlan
from registry.core.imaging.image_views import ImageChange, ImageDiff, ImageHistory, ImageQuery, ImageTag, PairToCompare
from registry.core.imaging.images import BuildRequest, Image
from registry.core.imaging.samples import GoldenAnswers
from registry.core.imaging.signatures import (
    ImageToSign,
    ImageToVerify,
    NewTrustedKey,
    PolicyChange,
    SignedImage,
    SigningKeys,
    TrustedKey,
)
from registry.core.modelling.dataset_versions import DatasetList, DatasetVersion, NewDatasetVersion
from registry.core.modelling.lineage import DatasetLineage, ModelLineage
from registry.core.modelling.models import Model, ModelEntry, ModelVersion
from registry.core.purge import PurgeOrder, PurgePlan
from registry.core.security.audit import AuditList
from registry.core.security.secrets import Secret, SecretList, SecretValue
from registry.core.security.tokens import MadeToken, TokenList, WantedToken
from registry.core.services import Service
from registry.core.tracking.run_code import NewRunCode, RunCode
from registry.core.tracking.run_views import RunDetails, RunDiff, RunList
from registry.core.workspace_deletion import DeletionOrder, DeletionPlan
from registry.images.pushed.uploads import Uploads
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.security.audit import AuditLog
from registry.operations.security.tokens import TokenTable
from registry.operations.workspace import Workspace

SYSTEM = [
    ApiRoute("GET", "/health", system.health, None, rest.Health),
    ApiRoute("GET", "/version", system.get_version, None, str),
]

DEPLOYMENT = "/endpoints/{endpoint}/deployments/{deployment}"

WORKSPACE = [
    ApiRoute("GET", "/openapi.json", system.openapi, None, dict),
    ApiRoute("GET", "/services", activities.list_services, None, rest.ServiceList),
    ApiRoute("PUT", "/services/{name}", activities.announce_service, rest.ServiceAnnouncement, Service),
    # deleting for good
    ApiRoute("GET", "/purge", purge.preview, None, PurgePlan, query=PurgeOrder),
    ApiRoute("POST", "/purge", purge.perform, PurgeOrder, PurgePlan),
    ApiRoute("GET", "/workspace/deletion", workspace_deletion.preview, None, DeletionPlan),
    ApiRoute("POST", "/workspace/deletion", workspace_deletion.perform, DeletionOrder, Activity, 202),
    # runs
    ApiRoute("GET", "/runs", runs.list_runs, None, RunList, query=runs.RunQuery),
    ApiRoute("GET", "/runs/{run}", runs.get_run, None, RunDetails),
    ApiRoute("GET", "/runs/{run}/diff/{other}", runs.compare_runs, None, RunDiff),
    ApiRoute("GET", "/runs/{run}/code", runs.get_code, None, RunCode),
    ApiRoute("PUT", "/runs/{run}/code", runs.record_code, NewRunCode, RunCode),
    ApiRoute("DELETE", "/runs/{run}", runs.delete_run, status=204),
    ApiRoute("POST", "/runs/{run}/restore", runs.restore_run, status=204),
    ApiRoute("GET", "/dataset-lineage", runs.get_dataset_lineage, None, DatasetLineage, query=runs.DatasetQuery),
    # models and blobs
    ApiRoute("GET", "/models", models.list_models, None, rest.ModelList),
    ApiRoute("GET", "/models/{name}", models.get_model, None, Model),
    ApiRoute("PATCH", "/models/{name}", models.describe_model, rest.CardText, ModelEntry),
    ApiRoute("DELETE", "/models/{name}", models.delete_model, status=204),
    ApiRoute("POST", "/models/{name}/restore", models.restore_model, None, Model),
    ApiRoute("GET", "/models/{name}/history", models.get_history, None, rest.ModelHistory, query=At),
    ApiRoute("GET", "/models/{name}/lineage", models.get_lineage, None, ModelLineage),
    ApiRoute("PUT", "/models/{name}/aliases/{alias}", models.set_alias, rest.AliasTarget, ModelEntry),
    ApiRoute("DELETE", "/models/{name}/aliases/{alias}", models.delete_alias, status=204),
    ApiRoute("POST", "/models/{name}/imports", models.import_version, rest.NewImport, ModelVersion, 201),
    ApiRoute("POST", "/models/{name}/versions", models.register_version, rest.NewVersion, ModelVersion, 201),
    ApiRoute("GET", "/models/{name}/versions/{version}", models.get_version, None, ModelVersion),
    ApiRoute("PATCH", "/models/{name}/versions/{version}", models.describe_version, rest.CardText, ModelVersion),
    ApiRoute("DELETE", "/models/{name}/versions/{version}", models.delete_version, status=204),
    ApiRoute("POST", "/models/{name}/versions/{version}/restore", models.restore_version, None, ModelVersion),
    ApiRoute("PUT", "/blobs/{digest}", blobs.put_blob, bytes, rest.BlobInfo, 201),
    ApiRoute("GET", "/blobs/{digest}", blobs.get_blob, None, bytes),
    # datasets
    ApiRoute("GET", "/datasets", datasets.list_datasets, None, DatasetList),
    ApiRoute("GET", "/datasets/{name}", datasets.get_dataset, None, DatasetList),
    ApiRoute("POST", "/datasets/{name}/versions", datasets.create_version, NewDatasetVersion, DatasetVersion, 201),
    ApiRoute("GET", "/datasets/{name}/versions/{version}", datasets.get_version, None, DatasetVersion),
    ApiRoute("DELETE", "/datasets/{name}/versions/{version}", datasets.delete_version, status=204),
    ApiRoute("POST", "/datasets/{name}/versions/{version}/restore", datasets.restore_version, None, DatasetVersion),
    # images
    ApiRoute("GET", "/images", images.list_images, None, rest.ImageList, query=ImageQuery),
    ApiRoute("POST", "/images", images.build_image, BuildRequest, Activity, 202),
    ApiRoute("GET", "/images/{reference:path}", images.get_image, None, Image),
    ApiRoute("PATCH", "/images/{reference:path}", image_tags.change_image, ImageChange, Image),
    ApiRoute("GET", "/image-golden/{reference:path}", images.get_golden, None, GoldenAnswers),
    ApiRoute("POST", "/image-tags", image_tags.tag_image, ImageTag, Image),
    ApiRoute("DELETE", "/image-tags/{reference:path}", image_tags.untag_image, status=204),
    ApiRoute("GET", "/image-history/{name:path}", image_tags.get_history, None, ImageHistory, query=At),
    ApiRoute("GET", "/image-prune", image_prune.preview, None, PrunePlan, query=PruneOrder),
    ApiRoute("POST", "/image-prune", image_prune.perform, PruneOrder, PrunePlan),
    ApiRoute("GET", "/image-diff", image_tags.compare_images, None, ImageDiff, query=PairToCompare),
    ApiRoute("GET", "/environments", environments.list_environments, None, CuratedEnvironmentList),
    ApiRoute("GET", "/environments/{reference}", environments.get_environment, None, CuratedEnvironment),
    ApiRoute("POST", "/image-verifications", signatures.verify_image, ImageToVerify, Activity, 202),
    ApiRoute("POST", "/image-signatures", signatures.sign_image, ImageToSign, SignedImage, 201),
    ApiRoute("GET", "/signing-keys", signatures.list_keys, None, SigningKeys),
    ApiRoute("POST", "/signing-keys", signatures.add_key, NewTrustedKey, TrustedKey, 201),
    ApiRoute("POST", "/signing-keys/rotate", signatures.rotate_key, None, TrustedKey, 201),
    ApiRoute("DELETE", "/signing-keys/{id}", signatures.remove_key, status=204),
    ApiRoute("PUT", "/signature-policy", signatures.set_policy, PolicyChange, SigningKeys),
    # endpoints and deployments
    ApiRoute("GET", "/endpoints", endpoints.list_endpoints, None, rest.EndpointList),
    ApiRoute(
        "PUT",
        "/endpoints/{name}",
        endpoints.put_endpoint,
        EndpointDocument,
        rest.EndpointAnswer,
        query=rest.EndpointPresence,
    ),
    ApiRoute(
        "POST", "/endpoints/{name}/plan", endpoints.plan_endpoint, EndpointDocument, Plan, query=rest.EndpointPresence
    ),
    ApiRoute("GET", "/endpoints/{name}", endpoints.get_endpoint, None, Endpoint),
    ApiRoute("DELETE", "/endpoints/{name}", endpoints.delete_endpoint, status=204, query=rest.EndpointDeletion),
    ApiRoute("POST", "/endpoints/{name}/route", endpoints.route_keys, KeysToRoute, RoutedKeys),
    ApiRoute("PATCH", "/endpoints/{name}/traffic", endpoints.set_traffic, rest.TrafficChange, Endpoint),
    ApiRoute("GET", "/endpoints/{name}/history", endpoints.get_history, None, EndpointHistory, query=HistoryQuery),
    ApiRoute("PATCH", "/endpoints/{name}/mirror-traffic", endpoints.set_mirror_traffic, rest.MirrorChange, Endpoint),
    ApiRoute("POST", "/endpoints/{name}/keys", keys.create_key, rest.WantedKey, rest.NewKey, 201),
    ApiRoute("POST", "/endpoints/{name}/keys/regenerate", keys.regenerate_key, rest.KeyChoice, rest.NewKey),
    ApiRoute("POST", "/endpoints/{name}/token", keys.issue_token, rest.TokenChoice, AccessToken, 201),
    ApiRoute("POST", "/endpoint-token-key/rotate", keys.rotate_token_key, status=204),
    ApiRoute("PUT", "/endpoints/{name}/keys/{key}", keys.change_key, KeyRules, Endpoint),
    ApiRoute("DELETE", "/endpoints/{name}/keys/{key}", keys.delete_key, status=204),
    ApiRoute("PATCH", "/endpoints/{name}/ttl", endpoints.set_ttl, rest.TtlChange, Endpoint),
    ApiRoute("GET", "/endpoints/{name}/undo", endpoints.preview_undo, None, UndoPlan, query=UndoOrder),
    ApiRoute("POST", "/endpoints/{name}/undo", endpoints.undo_endpoint, UndoOrder, UndoAnswer, 202),
    ApiRoute("GET", "/endpoints/{endpoint}/deployments", deployments.list_deployments, None, rest.DeploymentList),
    ApiRoute("PUT", DEPLOYMENT, deployments.put_deployment, DeploymentDocument, rest.DeploymentAnswer, 202),
    ApiRoute("POST", f"{DEPLOYMENT}/plan", deployments.plan_deployment, DeploymentDocument, Plan),
    ApiRoute("GET", DEPLOYMENT, deployments.get_deployment, None, Deployment),
    ApiRoute("PATCH", f"{DEPLOYMENT}/ttl", deployments.set_ttl, rest.TtlChange, Deployment),
    ApiRoute("DELETE", DEPLOYMENT, deployments.delete_deployment, status=204),
    ApiRoute(
        "POST",
        f"{DEPLOYMENT}/revisions/{{number}}/state",
        deployments.set_revision_state,
        rest.RevisionReport,
        Deployment,
    ),
    ApiRoute("GET", "/desired-state", deployments.get_desired_state, None, DesiredState, query=Waiting),
    ApiRoute("GET", "/desired-version", deployments.get_desired_version, None, DesiredVersion),
    # activities
    ApiRoute("GET", "/activities", activities.list_activities, None, rest.ActivityList),
    ApiRoute("GET", "/activities/{id}", activities.get_activity, None, Activity, query=Waiting),
    ApiRoute("POST", "/activities/{id}/progress", activities.report_progress, rest.ProgressReport, Activity),
    # access
    ApiRoute("GET", "/tokens", tokens.list_tokens, None, TokenList),
    ApiRoute("POST", "/tokens", tokens.create_token, WantedToken, MadeToken, 201),
    ApiRoute("DELETE", "/tokens/{name}", tokens.revoke_token, status=204),
    ApiRoute("GET", "/secrets", secrets.list_secrets, None, SecretList),
    ApiRoute("PUT", "/secrets/{name}", secrets.set_secret, SecretValue, Secret),
    ApiRoute("DELETE", "/secrets/{name}", secrets.delete_secret, status=204),
    ApiRoute("GET", "/audit", audit.list_entries, None, AuditList, query=audit.AuditQuery),
]

OCI = [
    ApiRoute("GET", "/v2/", oci_manifests.get_support, None, dict),
    ApiRoute("GET", "/v2/{name:path}/manifests/{reference}", oci_manifests.pull, None, bytes),
    ApiRoute("PUT", "/v2/{name:path}/manifests/{reference}", oci_manifests.push, bytes, status=201),
    ApiRoute("DELETE", "/v2/{name:path}/manifests/{reference}", oci_manifests.delete, status=202),
    ApiRoute("GET", "/v2/{name:path}/referrers/{digest}", oci_manifests.list_referrers, None, dict),
    ApiRoute("GET", "/v2/{name:path}/tags/list", oci_manifests.list_tags, None, dict, query=oci_manifests.Page),
    ApiRoute(
        "POST", "/v2/{name:path}/blobs/uploads/", oci_uploads.begin, bytes, status=202, query=oci_uploads.Beginning
    ),
    ApiRoute("GET", "/v2/{name:path}/blobs/uploads/{upload}", oci_uploads.show, status=204),
    ApiRoute("PATCH", "/v2/{name:path}/blobs/uploads/{upload}", oci_uploads.go_on, bytes, status=202),
    ApiRoute(
        "PUT", "/v2/{name:path}/blobs/uploads/{upload}", oci_uploads.finish, bytes, status=201, query=oci_uploads.Ending
    ),
    ApiRoute("DELETE", "/v2/{name:path}/blobs/uploads/{upload}", oci_uploads.cancel, status=204),
    ApiRoute("GET", "/v2/{name:path}/blobs/{digest}", oci_blobs.pull, None, bytes),
    ApiRoute("DELETE", "/v2/{name:path}/blobs/{digest}", oci_blobs.delete, status=202),
]

ROUTES = [*SYSTEM, *under("/api/v1", WORKSPACE), *OCI]


# What MLflow's own client calls; MLflow's documentation describes it, so our document leaves it out.
MLFLOW = [
    # experiments
    ApiRoute("POST", "/mlflow/experiments/create", experiments.create_experiment),
    ApiRoute("GET", "/mlflow/experiments/get", experiments.get_experiment),
    ApiRoute("GET", "/mlflow/experiments/get-by-name", experiments.get_experiment_by_name),
    ApiRoute("GET", "/mlflow/experiments/search", experiments.search_experiments),
    ApiRoute("POST", "/mlflow/experiments/search", experiments.search_experiments),
    ApiRoute("POST", "/mlflow/experiments/update", experiments.update_experiment),
    ApiRoute("POST", "/mlflow/experiments/delete", experiments.delete_experiment),
    ApiRoute("POST", "/mlflow/experiments/restore", experiments.restore_experiment),
    ApiRoute("POST", "/mlflow/experiments/set-experiment-tag", experiments.set_experiment_tag),
    ApiRoute("POST", "/mlflow/experiments/delete-experiment-tag", experiments.delete_experiment_tag),
    ApiRoute("POST", "/mlflow/experiments/search-datasets", run_search.search_datasets),
    # runs
    ApiRoute("POST", "/mlflow/runs/create", tracking.create_run),
    ApiRoute("GET", "/mlflow/runs/get", tracking.get_run),
    ApiRoute("POST", "/mlflow/runs/update", tracking.update_run),
    ApiRoute("POST", "/mlflow/runs/delete", tracking.delete_run),
    ApiRoute("POST", "/mlflow/runs/restore", tracking.restore_run),
    ApiRoute("POST", "/mlflow/runs/search", run_search.search_runs),
    ApiRoute("POST", "/mlflow/runs/log-metric", tracking.log_metric),
    ApiRoute("POST", "/mlflow/runs/log-parameter", tracking.log_param),
    ApiRoute("POST", "/mlflow/runs/set-tag", tracking.set_tag),
    ApiRoute("POST", "/mlflow/runs/delete-tag", tracking.delete_tag),
    ApiRoute("POST", "/mlflow/runs/log-batch", tracking.log_batch),
    ApiRoute("POST", "/mlflow/runs/log-inputs", inputs.log_inputs),
    ApiRoute("POST", "/mlflow/runs/outputs", inputs.log_outputs),
    ApiRoute("GET", "/mlflow/metrics/get-history", metrics.get_history),
    ApiRoute("GET", "/mlflow/metrics/get-history-bulk", metrics.get_histories),
    ApiRoute("GET", "/mlflow/metrics/get-history-bulk-interval", metrics.sample_histories),
    ApiRoute("GET", "/mlflow/artifacts/list", run_files.list_artifacts),
    # registered models and their versions
    ApiRoute("POST", "/mlflow/registered-models/create", registered_models.create_model),
    ApiRoute("GET", "/mlflow/registered-models/get", registered_models.get_model),
    ApiRoute("POST", "/mlflow/registered-models/rename", registered_models.rename_model),
    ApiRoute("PATCH", "/mlflow/registered-models/update", registered_models.update_model),
    ApiRoute("DELETE", "/mlflow/registered-models/delete", registered_models.delete_model),
    ApiRoute("GET", "/mlflow/registered-models/search", model_searches.search_models),
    ApiRoute("GET", "/mlflow/registered-models/get-latest-versions", registered_models.get_latest_versions),
    ApiRoute("POST", "/mlflow/registered-models/get-latest-versions", registered_models.get_latest_versions),
    ApiRoute("POST", "/mlflow/registered-models/set-tag", registered_models.set_tag),
    ApiRoute("DELETE", "/mlflow/registered-models/delete-tag", registered_models.delete_tag),
    ApiRoute("POST", "/mlflow/registered-models/alias", registered_models.set_alias),
    ApiRoute("DELETE", "/mlflow/registered-models/alias", registered_models.delete_alias),
    ApiRoute("GET", "/mlflow/registered-models/alias", registered_models.get_by_alias),
    ApiRoute("POST", "/mlflow/model-versions/create", model_versions.create_version),
    ApiRoute("GET", "/mlflow/model-versions/get", model_versions.get_version),
    ApiRoute("PATCH", "/mlflow/model-versions/update", model_versions.update_version),
    ApiRoute("DELETE", "/mlflow/model-versions/delete", model_versions.delete_version),
    ApiRoute("GET", "/mlflow/model-versions/search", model_searches.search_versions),
    ApiRoute("GET", "/mlflow/model-versions/get-download-uri", model_versions.get_download_uri),
    ApiRoute("POST", "/mlflow/model-versions/transition-stage", model_versions.transition_stage),
    ApiRoute("POST", "/mlflow/model-versions/set-tag", model_versions.set_tag),
    ApiRoute("DELETE", "/mlflow/model-versions/delete-tag", model_versions.delete_tag),
    # logged models
    ApiRoute("POST", "/mlflow/logged-models", logged_models.create_logged_model),
    ApiRoute("POST", "/mlflow/logged-models/search", model_searches.search_logged_models),
    ApiRoute("GET", "/mlflow/logged-models/{model_id}", logged_models.get_logged_model),
    ApiRoute("PATCH", "/mlflow/logged-models/{model_id}", logged_models.finalize_logged_model),
    ApiRoute("DELETE", "/mlflow/logged-models/{model_id}", logged_models.delete_logged_model),
    ApiRoute("POST", "/mlflow/logged-models/{model_id}/params", logged_models.log_params),
    ApiRoute("PATCH", "/mlflow/logged-models/{model_id}/tags", logged_models.set_tags),
    ApiRoute("DELETE", "/mlflow/logged-models/{model_id}/tags/{key:path}", logged_models.delete_tag),
    ApiRoute("GET", "/mlflow/logged-models/{model_id}/artifacts/directories", logged_models.list_directory),
    ApiRoute("GET", "/mlflow/logged-models/{model_id}/artifacts/files", downloads.get_logged_model_file),
    # files
    ApiRoute("GET", "/mlflow-artifacts/artifacts", artifacts.list_artifacts),
    ApiRoute("GET", "/mlflow-artifacts/artifacts/{path:path}", artifacts.get_artifact),
    ApiRoute("PUT", "/mlflow-artifacts/artifacts/{path:path}", artifacts.put_artifact),
    ApiRoute("DELETE", "/mlflow-artifacts/artifacts/{path:path}", artifacts.delete_artifacts),
]
MLFLOW_UI = [
    ApiRoute("GET", "/get-artifact", downloads.get_run_file),
    ApiRoute("GET", "/model-versions/get-artifact", downloads.get_version_file),
]
MLFLOW_V3 = [ApiRoute("GET", "/mlflow/server-info", artifacts.get_server_info)]

FOREIGN = [
    *MLFLOW_UI,
    *(route for prefix in ("/api/2.0", "/ajax-api/2.0") for route in under(prefix, MLFLOW)),
    *(route for prefix in ("/api/3.0", "/ajax-api/3.0") for route in under(prefix, MLFLOW_V3)),
]


PAGE = ApiRoute("GET", "/", front_page)  # for people: not in the document either


def build_app(workspace: Workspace, works: ImageWorks, protection: Protection | None = None) -> Starlette:
    """Return the ASGI application over a workspace and its images. The caller closes the workspace.

    ``protection`` is what it asks of its callers; without it, it answers this machine and wants no tokens.
    """
    protection = protection or Protection()
    table = TokenTable(workspace) if protection.tokens else None
    log = AuditLog(workspace)
    app = Starlette(
        middleware=[
            Middleware(AuditMiddleware, log, workspace.now_ms),
            Middleware(ErrorMiddleware),
            Middleware(BrowserGuard, protection.hosts),
            Middleware(AccessGuard, table),
        ],
        exception_handlers={HTTPException: answer_http_exception},
    )
    app.router = PlainPathsFirst([guarded(route) for route in (*ROUTES, *FOREIGN, PAGE)])
    app.state.workspace = workspace
    app.state.image_works = works
    app.state.uploads = Uploads(works.layout)
    app.state.openapi = openapi_document(ROUTES, version("slipway"))
    app.state.tokens = table
    app.state.audit = log
    return app
