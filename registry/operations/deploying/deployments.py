"""Deployments: each change is a new revision with an activity, which the controller makes live or failed."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from registry.core.activities import ActivityKind
from registry.core.deploying.documents import DeploymentDocument, as_text
from registry.core.deploying.endpoints import AzureLabels, Deployment, EnvironmentLabels, Revision, RevisionState
from registry.core.deploying.fields import DEPLOYMENT_FIELDS, DERIVED_FIELDS, exact_image, stored_deployment, written_in
from registry.core.deploying.history import ChangeKind
from registry.core.deploying.plans import Plan, plan_fields
from registry.core.deploying.workers import worker_count, workers_come_from
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.imaging.images import Image
from registry.core.names import check_name, parse_model_reference
from registry.core.rest import DeploymentAnswer
from registry.operations.activities import begin_within
from registry.operations.deploying.endpoints import get_within as get_endpoint_within
from registry.operations.deploying.endpoints import lifetime
from registry.operations.deploying.history import note_within
from registry.operations.deploying.revisions import end_deploy_within, give_up_starting_within, make_live_within
from registry.operations.deploying.undo import give_up_undo_within, hear_within
from registry.operations.imaging.catalog import resolve_within
from registry.operations.modelling.models import resolve_within as resolve_version_within
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import activities, counters
from registry.store.deploying import deployments
from registry.store.metadata import Connection


def put_deployment(workspace: Workspace, endpoint: str, name: str, document: DeploymentDocument) -> DeploymentAnswer:
    """Make a deployment or change it: a new revision that is starting, and its activity.

    One with the same image and settings that is live or starting is kept, so that whoever was interrupted can ask
    again; another that was still starting is given up.

    Raises:
        InvalidInput: a name is not legal or not the document's; the image does not hold the document's model;
            WORKER_COUNT is no number of processes.
        NotFound: no such endpoint or image.
        Conflict: a deployment of the endpoint has this name in other letter case.
    """
    with workspace.metadata.write() as tx:
        decided = _decide(tx, workspace, endpoint, name, document)
        changes = _plan(tx, decided, document, written_in(document)).changes
        deployments.put(tx, decided.after)
        endpoint = decided.after.endpoint
        same = decided.current if decided.current and decided.is_there else None
        if same is not None and (activity := activities.find(tx, same.activity_id)) is not None:
            return DeploymentAnswer(deployment=_get(tx, endpoint, name), activity=activity, changes=changes)
        number = counters.increment(tx, _counter(decided.after))
        give_up_undo_within(tx, workspace, endpoint, f"superseded by revision {number} of {name}")
        if decided.before is not None:
            give_up_starting_within(tx, workspace, _get(tx, endpoint, name), f"superseded by revision {number}")
        subject = f"{endpoint}/{name}"
        activity = begin_within(tx, workspace, ActivityKind.DEPLOY, subject, f"revision {number} waits for a replica")
        revision = replace(decided.wanted, number=number, activity_id=activity.id)
        deployments.insert_revision(tx, endpoint, name, revision)
        counters.increment(tx, counters.DESIRED_STATE)
        answer = DeploymentAnswer(deployment=_get(tx, endpoint, name), activity=activity, changes=changes)
    workspace.signal.notify()
    return answer


def plan_deployment(
    workspace: Workspace, endpoint: str, name: str, document: DeploymentDocument, written: Collection[str]
) -> Plan:
    """Say what ``put_deployment`` would do, and do nothing. ``written`` are the paths that the file holds.

    Raises: as ``put_deployment``.
    """
    with workspace.metadata.read() as tx:
        return _plan(tx, _decide(tx, workspace, endpoint, name, document), document, written)


class _Decision(NamedTuple):
    """What a document makes of a deployment. ``current`` is the newest revision that serves or is to serve."""

    before: Deployment | None
    after: Deployment  # without revisions
    current: Revision | None
    wanted: Revision  # without number and activity
    image: Image

    @property
    def is_there(self) -> bool:
        """Whether what is wanted runs already, or is starting to: the same image with the same settings."""
        current = self.current
        if current is None or exact_image(current) != exact_image(self.wanted):
            return False
        return current == replace(
            self.wanted,
            number=current.number,
            image=current.image,
            state=current.state,
            message=current.message,
            activity_id=current.activity_id,
            created_ms=current.created_ms,
            who=current.who,
        )


def _decide(tx: Connection, workspace: Workspace, endpoint: str, name: str, document: DeploymentDocument) -> _Decision:
    check_name("deployment", name)
    endpoint = get_endpoint_within(tx, endpoint).name
    _check_document_names(document, endpoint, name)
    image = resolve_within(tx, document.environment.image)
    _check_model(tx, document, image)
    before = deployments.find(tx, endpoint, name)
    if before is not None and before.name != name:
        raise Conflict(f"deployment {name!r} exists as {before.name!r}: case makes no difference", name=before.name)
    now_ms = workspace.now_ms()
    ttl_s, expires_ms = lifetime(before, document.ttl_s, now_ms)
    after = Deployment(
        endpoint=endpoint,
        name=name,
        description=document.description,
        tags=as_text(document.tags, "$.tags"),
        labels=_labels(document),
        created_ms=before.created_ms if before else now_ms,
        updated_ms=now_ms,
        keep_warm_s=document.keep_warm_s,
        ttl_s=ttl_s,
        expires_ms=expires_ms,
    )
    current = before.wanted[-1] if before and before.wanted else None
    return _Decision(before, after, current, _revision(document, image, now_ms), image)


def _plan(tx: Connection, decided: _Decision, document: DeploymentDocument, written: Collection[str]) -> Plan:
    before, after = decided.before, decided.after
    fields = plan_fields(
        DEPLOYMENT_FIELDS | DERIVED_FIELDS,
        msgspec.to_builtins(document),
        stored_deployment(after, decided.wanted),
        None if before is None else stored_deployment(before, decided.current),
        written,
        {"worker_count": workers_come_from(decided.image.config, decided.wanted.environment_variables)},
    )
    number = None if decided.is_there else counters.read(tx, _counter(after)) + 1
    return Plan.of(f"{after.endpoint}/{after.name}", fields, exists=before is not None, revision=number)


def set_revision_state(
    workspace: Workspace, endpoint: str, name: str, number: int, *, state: RevisionState, message: str
) -> Deployment:
    """Note what became of a starting revision. Saying it twice changes nothing.

    One that is live takes the place of the one before, which stays warm; of an undo, when all that it waits for are.

    Raises:
        NotFound: no such endpoint, deployment or revision.
        Conflict: the revision is no longer starting.
    """
    with workspace.metadata.write() as tx:
        deployment = _get(tx, endpoint, name)
        revision = _revision_of(deployment, number)
        if revision.state is state:
            return deployment
        if revision.state is not RevisionState.STARTING:
            raise Conflict(
                f"revision {number} of {endpoint}/{name} is {revision.state}: it cannot become {state}", number=number
            )
        if not hear_within(tx, workspace, deployment, revision, state, message):
            _judge(tx, workspace, deployment, revision, state, message)
        counters.increment(tx, counters.DESIRED_STATE)
        after = _get(tx, endpoint, name)
    workspace.signal.notify()
    return after


def get_deployment(workspace: Workspace, endpoint: str, name: str) -> Deployment:
    """Return one deployment with all its revisions. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return _get(tx, endpoint, name)


def list_deployments(workspace: Workspace, endpoint: str) -> list[Deployment]:
    """Return an endpoint's deployments, by name. Raises NotFound if there is no such endpoint."""
    with workspace.metadata.read() as tx:
        return deployments.of_endpoint(tx, get_endpoint_within(tx, endpoint).name)


def delete_deployment(workspace: Workspace, endpoint: str, name: str) -> None:
    """Delete a deployment with its revisions; the numbers they had are not given again.

    Raises:
        NotFound: no such endpoint or deployment.
        Conflict: it has traffic, or gets copies of others'.
    """
    with workspace.metadata.write() as tx:
        deployment = _get(tx, endpoint, name)
        its_endpoint = get_endpoint_within(tx, endpoint)
        percent = its_endpoint.traffic.get(deployment.name, 0)
        if percent:
            raise Conflict(
                f"deployment {deployment.name!r} has {percent:g} % of the traffic of {deployment.endpoint!r}: "
                "give it to others first",
                deployment=deployment.name,
                traffic=percent,
            )
        if deployment.name in its_endpoint.mirror_traffic:
            raise Conflict(
                f"deployment {deployment.name!r} gets copies of {its_endpoint.mirror_traffic[deployment.name]:g} % of "
                f"the requests to {deployment.endpoint!r}: end that first, with `slipway endpoint update --name "
                f"{deployment.endpoint} --mirror-traffic {deployment.name}=0`",
                deployment=deployment.name,
            )
        delete_within(tx, workspace, deployment, ChangeKind.REMOVE, f"deployment {deployment.name} was deleted")
    workspace.signal.notify()


def set_ttl(workspace: Workspace, endpoint: str, name: str, ttl_s: int | None) -> Deployment:
    """Let a deployment be deleted by itself in ``ttl_s`` seconds from now; with None it stays. Raises NotFound."""
    with workspace.metadata.write() as tx:
        deployment, now_ms = _get(tx, endpoint, name), workspace.now_ms()
        expires_ms = None if ttl_s is None else now_ms + ttl_s * 1000
        after = replace(deployment, ttl_s=ttl_s, expires_ms=expires_ms, updated_ms=now_ms)
        deployments.put(tx, after)
    workspace.signal.notify()
    return after


def delete_within(tx: Connection, workspace: Workspace, deployment: Deployment, kind: ChangeKind, message: str) -> None:
    """Delete a deployment with its revisions, inside the caller's transaction; the caller notifies."""
    endpoint, name = deployment.endpoint, deployment.name
    give_up_undo_within(tx, workspace, endpoint, message)
    give_up_starting_within(tx, workspace, _get(tx, endpoint, name), message)
    deployments.delete(tx, endpoint, name)
    note_within(tx, workspace, endpoint, kind, message)
    counters.increment(tx, counters.DESIRED_STATE)


def _check_document_names(document: DeploymentDocument, endpoint: str, name: str) -> None:
    if document.name is not None and document.name != name:
        raise InvalidInput(f"$.name: the document says {document.name!r}, the address {name!r}", path="$.name")
    if document.endpoint_name is not None and document.endpoint_name.lower() != endpoint.lower():
        raise InvalidInput(
            f"$.endpoint_name: the document says {document.endpoint_name!r}, the address {endpoint!r}",
            path="$.endpoint_name",
        )


def _check_model(tx: Connection, document: DeploymentDocument, image: Image) -> None:
    if document.model is None:
        return
    wanted = parse_model_reference(document.model)
    # A number need not be looked up: the image holds the version, whatever became of it.
    try:
        version = wanted.version or resolve_version_within(tx, wanted).version
    except NotFound as error:
        raise InvalidInput(f"$.model: {error.message}", path="$.model") from error
    held = {model.name: model.version for model in image.config.models}
    if held.get(wanted.name) != version:
        holds = ", ".join(f"{name}:{number}" for name, number in sorted(held.items()))
        raise InvalidInput(
            f"$.model: image {document.environment.image} holds {holds}, not {wanted.name}:{version}: "
            "build an image with that model, or name the one it holds",
            path="$.model",
        )


def _revision(document: DeploymentDocument, image: Image, now_ms: int) -> Revision:
    variables = as_text(document.environment_variables, "$.environment_variables")
    return Revision(
        number=0,
        image=document.environment.image,
        image_digest=image.digest,
        instance_count=document.instance_count,
        worker_count=worker_count(image.config, variables),
        request_settings=document.request_settings,
        environment_variables=variables,
        retry=document.retry,
        models={model.name: model.version for model in image.config.models},
        state=RevisionState.STARTING,
        activity_id="",
        created_ms=now_ms,
        batching=document.batching,
        response_cache=document.response_cache,
        liveness_probe=document.liveness_probe,
        readiness_probe=document.readiness_probe,
        who=who(),
    )


def _labels(document: DeploymentDocument) -> AzureLabels:
    environment = document.environment
    return AzureLabels(
        properties=document.properties,
        type=document.type,
        instance_type=document.instance_type,
        environment=EnvironmentLabels(
            name=environment.name,
            version=None if environment.version is None else str(environment.version),
            description=environment.description,
            tags=as_text(environment.tags, "$.environment.tags"),
        ),
    )


def _counter(deployment: Deployment) -> str:
    return f"revision:{deployment.endpoint}/{deployment.name}".lower()


def _judge(
    tx: Connection, workspace: Workspace, deployment: Deployment, revision: Revision, state: RevisionState, message: str
) -> None:
    if state is RevisionState.LIVE:
        make_live_within(tx, workspace, deployment, revision.number, message)
        _note_live(tx, workspace, deployment, revision)
    else:
        here = (tx, deployment.endpoint, deployment.name, revision.number)
        deployments.set_state(*here, state=state, message=message)
    end_deploy_within(tx, workspace, revision, state, message)


def _note_live(tx: Connection, workspace: Workspace, deployment: Deployment, revision: Revision) -> None:
    message = f"{deployment.name} revision {revision.number} is live"
    if deployment.live is not None:
        message += f" in place of revision {deployment.live.number}"
    note_within(tx, workspace, deployment.endpoint, ChangeKind.LIVE, message, by=revision.who)


def _get(tx: Connection, endpoint: str, name: str) -> Deployment:
    endpoint = get_endpoint_within(tx, endpoint).name
    deployment = deployments.find(tx, endpoint, name)
    if deployment is None:
        raise NotFound(f"endpoint {endpoint!r} has no deployment {name!r}", endpoint=endpoint, deployment=name)
    return deployment


def _revision_of(deployment: Deployment, number: int) -> Revision:
    for revision in deployment.revisions:
        if revision.number == number:
            return revision
    raise NotFound(f"{deployment.endpoint}/{deployment.name} has no revision {number}", number=number)
