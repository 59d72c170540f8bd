"""Models and their versions, aliases, history and lineage."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import At, answer, nothing, read_query, read_record, workspace_of
from registry.core import rest
from registry.core.modelling.models import ModelEntry, ModelVersion, read_version
from registry.operations.modelling import lineage, model_labels, model_versions, models
from registry.operations.security.caller import who


async def list_models(request: Request) -> Response:
    """List models."""
    return answer(rest.ModelList(models=await run_sync(models.list_models, workspace_of(request))))


async def get_model(request: Request) -> Response:
    """Show a model."""
    return answer(await run_sync(models.get_model, workspace_of(request), _name(request)))


async def describe_model(request: Request) -> Response:
    """Replace a model's card."""
    card = await read_record(request, rest.CardText)
    arguments = (_name(request), card.description)
    return answer(await run_sync(models.describe_model, workspace_of(request), *arguments))


async def delete_model(request: Request) -> Response:
    """Hide a model with its versions."""
    await run_sync(models.delete_model, workspace_of(request), _name(request), who())
    return nothing()


async def restore_model(request: Request) -> Response:
    """Show a deleted model again, with the versions that were deleted with it."""
    return answer(await run_sync(models.restore_model, workspace_of(request), _name(request), who()))


async def register_version(request: Request) -> Response:
    """Register a version from a run's artifacts."""
    new = await read_record(request, rest.NewVersion)
    arguments = (_name(request), new.run_id, new.path, new.description, who())
    return answer(await run_sync(model_versions.register_version, workspace_of(request), *arguments), 201)


async def import_version(request: Request) -> Response:
    """Make uploaded blobs a version."""
    new = await read_record(request, rest.NewImport)

    def make() -> ModelVersion:
        return model_versions.import_version(
            workspace_of(request),
            _name(request),
            new.files,
            path=new.path,
            description=new.description,
            who=who(),
        )

    return answer(await run_sync(make), 201)


async def get_version(request: Request) -> Response:
    """Show a version, by its number, an alias or 'latest'."""
    version = request.path_params["version"]
    return answer(await run_sync(models.get_version, workspace_of(request), _name(request), version))


async def describe_version(request: Request) -> Response:
    """Replace a version's card."""
    card = await read_record(request, rest.CardText)
    arguments = (_name(request), _number(request), card.description)
    return answer(await run_sync(model_versions.describe_version, workspace_of(request), *arguments))


async def delete_version(request: Request) -> Response:
    """Hide a version."""
    arguments = (_name(request), _number(request), who())
    await run_sync(model_versions.delete_version, workspace_of(request), *arguments)
    return nothing()


async def restore_version(request: Request) -> Response:
    """Show a deleted version again."""
    arguments = (_name(request), _number(request), who())
    return answer(await run_sync(model_versions.restore_version, workspace_of(request), *arguments))


async def set_alias(request: Request) -> Response:
    """Point an alias at a version."""
    target = await read_record(request, rest.AliasTarget)

    def move() -> ModelEntry:
        workspace, name = workspace_of(request), _name(request)
        number = models.get_version(workspace, name, target.version).version
        return model_labels.set_alias(workspace, name, request.path_params["alias"], number, who())

    return answer(await run_sync(move))


async def delete_alias(request: Request) -> Response:
    """Take an alias away."""
    arguments = (_name(request), request.path_params["alias"], who())
    await run_sync(model_labels.delete_alias, workspace_of(request), *arguments)
    return nothing()


async def get_history(request: Request) -> Response:
    """Tell what each alias and stage meant, and who moved it."""
    at = read_query(request, At)
    moves = await run_sync(model_labels.get_history, workspace_of(request), _name(request), at.at_ms)
    return answer(rest.ModelHistory(name=_name(request), moves=moves))


async def get_lineage(request: Request) -> Response:
    """Tell where each version came from, and who uses it."""
    return answer(await run_sync(lineage.get_lineage, workspace_of(request), _name(request)))


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _number(request: Request) -> int:
    return read_version(request.path_params["version"])
