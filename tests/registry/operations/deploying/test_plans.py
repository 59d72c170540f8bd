"""Plans: no key of a document is ignored, and what a plan says is what the change then does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, load_deployment, load_endpoint
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.fields import DEPLOYMENT_FIELDS, ENDPOINT_FIELDS, Effect, Source, written
from registry.core.deploying.plans import Action, Plan, PlannedField
from registry.core.errors import SlipwayError
from registry.core.imaging.images import Image
from registry.operations.deploying.deployments import (
    get_deployment,
    plan_deployment,
    put_deployment,
    set_revision_state,
)
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import get_endpoint, plan_endpoint, put_endpoint
from registry.operations.imaging.catalog import record_image
from registry.operations.workspace import Workspace

ENDPOINT = {"name": "cancer", "traffic_key": {"header": "x-user-id"}}
DEPLOYMENT = {"name": "blue", "endpoint_name": "cancer", "environment": {"image": "cancer-onnx:1"}}

# What a key can be changed to, where its type alone does not say what would be legal.
LEGAL: dict[str, list[Any]] = {
    "traffic": [{"blue": 100}],
    "keys": [{"partner": {}}, {"primary": {"allow_override": False}}],
    "mirror_traffic": [{"blue": 50}, {"blue": 7.5}],
    "model": ["azureml:cancer:1", "azureml:other:1"],
    "environment.image": ["cancer-onnx", "cancer-gbm:1"],
    "response_cache.max_bytes": ["1Mi", "2Mi"],
}
OF_TYPE: dict[type[inspect.Type], list[Any]] = {
    inspect.StrType: ["cancer", "other"],
    inspect.BoolType: [True, False],
    inspect.IntType: [7, 8],
    inspect.FloatType: [7.5, 8.5],
    inspect.DictType: [{"key": "one"}, {"key": "two"}],
    inspect.ListType: [["one"], ["two"]],
    inspect.NoneType: [],
}


@pytest.fixture
def database(tmp_path: Path) -> str:
    """One database only: what a plan decides by is read as everything else is."""
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture(autouse=True)
def live(workspace: Workspace, image: Image) -> None:
    """cancer/blue, live, and an image that it could have instead."""
    record_image(
        workspace, name="cancer-gbm", digest=f"sha256:{'b' * 64}", config=image.config, layers=[], size_bytes=7
    )
    put_endpoint(workspace, "cancer", load_endpoint(ENDPOINT))
    put_deployment(workspace, "cancer", "blue", load_deployment(DEPLOYMENT))
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.LIVE, message="")


def endpoint_plan(workspace: Workspace, values: dict[str, Any], name: str = "cancer") -> Plan:
    return plan_endpoint(workspace, name, load_endpoint(values), written(values, ENDPOINT_FIELDS))


def deployment_plan(workspace: Workspace, values: dict[str, Any], name: str = "blue") -> Plan:
    return plan_deployment(workspace, "cancer", name, load_deployment(values), written(values, DEPLOYMENT_FIELDS))


def field(plan: Plan, path: str) -> PlannedField:
    (found,) = [one for one in plan.fields if one.path == path]
    return found


# every key that there is, each with values of its type


def keys(record: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Walk a document's schema: each key that holds no further keys, and values that its type allows."""
    for one in inspect.type_info(record).fields if isinstance(record, type) else record.fields:  # type: ignore[attr-defined]
        here = f"{path}.{one.encode_name}" if path else one.encode_name
        options = one.type.types if isinstance(one.type, inspect.UnionType) else (one.type,)
        inner = [option for option in options if isinstance(option, inspect.StructType)]
        for option in inner:
            yield from keys(option, here)
        if not inner:
            yield here, LEGAL.get(here) or [value for option in options for value in of_type(option)]


def of_type(option: inspect.Type) -> list[Any]:
    """Return values that are legal by a key's type; a type that is not here is one that the test has to learn."""
    values: list[Any] | None = OF_TYPE.get(type(option))
    if isinstance(option, inspect.EnumType):
        values = [str(choice.value) for choice in option.cls]
    if isinstance(option, inspect.LiteralType):
        values = list(option.values)
    assert values is not None, f"what would another {option} be?"
    return values


def by_path(one: str | list[Any]) -> str:
    return one if isinstance(one, str) else ""


def changed(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy = msgspec.json.decode(msgspec.json.encode(values))
    *parents, last = path.split(".")
    inner = copy
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    if path.startswith("response_cache."):  # which must have a size
        inner.setdefault("max_bytes", "1Mi")
    return dict(copy)


@pytest.mark.parametrize(("path", "values"), list(keys(EndpointDocument)), ids=by_path)
def test_no_key_of_an_endpoint_is_ignored(workspace: Workspace, path: str, values: list[Any]) -> None:
    check_not_ignored(workspace, path, values, ENDPOINT, endpoint_plan, put_changed_endpoint)


@pytest.mark.parametrize(("path", "values"), list(keys(DeploymentDocument)), ids=by_path)
def test_no_key_of_a_deployment_is_ignored(workspace: Workspace, path: str, values: list[Any]) -> None:
    check_not_ignored(workspace, path, values, DEPLOYMENT, deployment_plan, put_changed_deployment)


def put_changed_endpoint(workspace: Workspace, values: dict[str, Any]) -> Any:
    return put_endpoint(workspace, "cancer", load_endpoint(values)).endpoint


def put_changed_deployment(workspace: Workspace, values: dict[str, Any]) -> Any:
    return put_deployment(workspace, "cancer", "blue", load_deployment(values)).deployment


def check_not_ignored(
    workspace: Workspace,
    path: str,
    values: list[Any],
    base: dict[str, Any],
    plan_of: Callable[[Workspace, dict[str, Any]], Plan],
    put: Callable[[Workspace, dict[str, Any]], Any],
) -> None:
    """Give a key one value after the other: each is an error, or the plan has it and the change does what it says."""
    seen: list[Any] = []
    for value in values:
        document = changed(base, path, value)
        try:
            planned = field(plan := plan_of(workspace, document), path)
        except SlipwayError as error:
            assert path.partition(".")[0] in error.message, f"{path} = {value!r} is refused without its name"
            continue
        assert planned.source is Source.FILE
        assert planned.value not in seen, f"{path} = {value!r} is as good as another value"
        seen.append(planned.value)
        before, wanted_before = what_is_there(workspace), wanted(workspace)
        put(workspace, document)
        if planned.changes:
            assert what_is_there(workspace) != before, f"{path} = {value!r} is stored nowhere"
        if planned.changes and planned.effect in (Effect.LIVE, Effect.REVISION):
            assert wanted(workspace) != wanted_before, f"{path} = {value!r} reaches nobody who serves"
        assert plan_of(workspace, document).action is Action.NOTHING, f"{plan} is not what was done"


def what_is_there(workspace: Workspace) -> bytes:
    """Return the endpoint and its deployment without their times."""
    endpoint = msgspec.structs.replace(get_endpoint(workspace, "cancer"), updated_ms=0)
    deployment = msgspec.structs.replace(get_deployment(workspace, "cancer", "blue"), updated_ms=0)
    return msgspec.json.encode([endpoint, deployment])


def wanted(workspace: Workspace) -> Any:
    return get_desired_state(workspace).endpoints


# what a plan says


def test_a_plan_changes_nothing(workspace: Workspace) -> None:
    before, version = what_is_there(workspace), get_desired_state(workspace).version
    endpoint_plan(workspace, ENDPOINT | {"description": "other", "traffic": {"blue": 100}})
    deployment_plan(workspace, DEPLOYMENT | {"instance_count": 3})
    deployment_plan(workspace, DEPLOYMENT | {"name": "green"}, "green")
    assert (what_is_there(workspace), get_desired_state(workspace).version) == (before, version)


def test_a_file_that_says_what_is_there_changes_nothing(workspace: Workspace) -> None:
    assert endpoint_plan(workspace, ENDPOINT).action is Action.NOTHING
    plan = deployment_plan(workspace, DEPLOYMENT)
    assert (plan.action, plan.revision, plan.changes) == (Action.NOTHING, None, [])


def test_an_endpoint_that_is_not_there_would_be_created(workspace: Workspace) -> None:
    plan = endpoint_plan(workspace, {"name": "tumour"}, "tumour")
    assert (plan.subject, plan.action) == ("tumour", Action.CREATE)
    assert (field(plan, "traffic").value, field(plan, "traffic").source) == ({}, Source.DEFAULT)


def test_a_split_that_the_file_does_not_say_stays(workspace: Workspace) -> None:
    put_endpoint(workspace, "cancer", load_endpoint(ENDPOINT | {"traffic": {"blue": 100}}))
    traffic = field(endpoint_plan(workspace, ENDPOINT), "traffic")
    assert (traffic.value, traffic.source, traffic.changes) == ({"blue": 100.0}, Source.EXISTING, False)


def test_what_a_file_leaves_out_goes_back_to_its_default(workspace: Workspace) -> None:
    header = field(endpoint_plan(workspace, {"name": "cancer"}), "traffic_key.header")
    assert (header.value, header.before, header.source) == ("not used", "x-user-id", Source.DEFAULT)
    assert (header.effect, header.changes) == (Effect.LIVE, True)


def test_a_default_that_is_written_is_of_the_file(workspace: Workspace) -> None:
    path = "request_settings.request_timeout_ms"
    plan = deployment_plan(workspace, DEPLOYMENT | {"request_settings": {"request_timeout_ms": 5000}})
    assert (field(plan, path).source, plan.action) == (Source.FILE, Action.NOTHING)
    assert field(deployment_plan(workspace, DEPLOYMENT), path).source is Source.DEFAULT


def test_what_is_automatic_has_its_figure(workspace: Workspace) -> None:
    plan = deployment_plan(workspace, DEPLOYMENT)
    concurrency = field(plan, "request_settings.max_concurrent_requests_per_instance")
    assert (concurrency.value, concurrency.source) == (64, Source.AUTOMATIC)
    assert (field(plan, "worker_count").value, field(plan, "worker_count").source) == (1, Source.AUTOMATIC)


def test_an_image_is_what_its_reference_means_now(workspace: Workspace, image: Image) -> None:
    plan = deployment_plan(workspace, DEPLOYMENT | {"environment": {"image": "cancer-onnx:latest"}})
    assert (field(plan, "environment.image").value, plan.revision) == (f"cancer-onnx@{image.digest}", None)
    assert (field(plan, "models").value, field(plan, "models").source) == ({"cancer": 1}, Source.IMAGE)
    moved = record_image(
        workspace, name="cancer-onnx", digest=f"sha256:{'c' * 64}", config=image.config, layers=[], size_bytes=7
    )
    plan = deployment_plan(workspace, DEPLOYMENT | {"environment": {"image": "cancer-onnx:latest"}})
    assert (field(plan, "environment.image").value, plan.revision) == (f"cancer-onnx@{moved.digest}", 2)


def test_workers_that_are_written_are_of_the_file(workspace: Workspace) -> None:
    plan = deployment_plan(workspace, DEPLOYMENT | {"environment_variables": {"WORKER_COUNT": 3}})
    workers = field(plan, "worker_count")
    assert (workers.value, workers.before, workers.source, plan.revision) == (3, 1, Source.FILE, 2)


def test_what_only_the_registry_keeps_starts_no_revision(workspace: Workspace) -> None:
    document = DEPLOYMENT | {"tags": {"team": "diagnostics"}}
    plan = deployment_plan(workspace, document)
    assert (plan.action, plan.revision, [change.path for change in plan.changes]) == (Action.UPDATE, None, ["tags"])
    made = put_deployment(workspace, "cancer", "blue", load_deployment(document))
    assert (len(made.deployment.revisions), made.deployment.tags) == (1, {"team": "diagnostics"})
    assert [change.path for change in made.changes] == ["tags"]


def test_a_revision_that_failed_is_none_to_compare_with(workspace: Workspace) -> None:
    document = DEPLOYMENT | {"instance_count": 3}
    put_deployment(workspace, "cancer", "blue", load_deployment(document))
    set_revision_state(workspace, "cancer", "blue", 2, state=RevisionState.FAILED, message="no memory")
    assert deployment_plan(workspace, document).revision == 3
    assert deployment_plan(workspace, DEPLOYMENT).action is Action.NOTHING
