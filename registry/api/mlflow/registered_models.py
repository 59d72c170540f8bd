"""MLflow's registered models, their tags and aliases."""

from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.mlflow.model_versions import VersionNumber, answer_version, version_json
from registry.api.route import answer, workspace_of
from registry.core.errors import InvalidInput
from registry.core.modelling.models import ModelEntry, VersionEntry, read_version
from registry.operations.modelling import model_labels, model_lists, models
from registry.operations.security.caller import who


class CreateModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    tags: list[wire.KeyValue] = []
    description: str = ""


class ModelName(msgspec.Struct, frozen=True, kw_only=True):
    name: str


class UpdateModel(ModelName, frozen=True, kw_only=True):
    description: str | None = None


class RenameModel(ModelName, frozen=True, kw_only=True):
    new_name: str


class LatestVersions(ModelName, frozen=True, kw_only=True):
    stages: list[str] = []


class ModelTag(ModelName, frozen=True, kw_only=True):
    key: str
    value: str = ""


class AliasName(ModelName, frozen=True, kw_only=True):
    alias: str


class Alias(AliasName, frozen=True, kw_only=True):
    version: VersionNumber


async def create_model(request: Request) -> Response:
    """Make a registered model."""
    wanted = await wire.read_message(request, CreateModel)

    def create() -> ModelEntry:
        tags = wire.as_dict(wanted.tags)
        return models.create_model(workspace_of(request), wanted.name, description=wanted.description, tags=tags)

    return answer({"registered_model": model_json(await run_sync(create), [])})


async def get_model(request: Request) -> Response:
    """Show a registered model."""
    return await _answer_model(request, wire.query_value(request, "name"))


async def update_model(request: Request) -> Response:
    """Replace a registered model's description."""
    wanted = await wire.read_message(request, UpdateModel)
    await run_sync(models.describe_model, workspace_of(request), wanted.name, wanted.description)
    return await _answer_model(request, wanted.name)


async def rename_model(request: Request) -> Response:
    """Give a registered model another name."""
    wanted = await wire.read_message(request, RenameModel)
    await run_sync(models.rename_model, workspace_of(request), wanted.name, wanted.new_name, who())
    return await _answer_model(request, wanted.new_name)


async def delete_model(request: Request) -> Response:
    """Delete a registered model."""
    wanted = await wire.read_message(request, ModelName)
    await run_sync(models.delete_model, workspace_of(request), wanted.name, who())
    return answer({})


async def get_latest_versions(request: Request) -> Response:
    """List the newest version in each stage."""
    if request.method == "POST":
        wanted = await wire.read_message(request, LatestVersions)
    else:
        stages = request.query_params.getlist("stages")
        wanted = LatestVersions(name=wire.query_value(request, "name"), stages=stages)
    found = await run_sync(model_lists.newest_versions, workspace_of(request), wanted.name, wanted.stages)
    return answer({"model_versions": [version_json(version) for version in found]})


async def set_tag(request: Request) -> Response:
    """Set a registered model's tag."""
    said = await wire.read_message(request, ModelTag)
    await run_sync(models.set_tag, workspace_of(request), said.name, said.key, said.value)
    return answer({})


async def delete_tag(request: Request) -> Response:
    """Delete a registered model's tag."""
    said = await wire.read_message(request, ModelTag)
    await run_sync(models.delete_tag, workspace_of(request), said.name, said.key)
    return answer({})


async def set_alias(request: Request) -> Response:
    """Point an alias at a version."""
    said = await wire.read_message(request, Alias)
    arguments = (said.name, said.alias, read_version(str(said.version)), who())
    await run_sync(model_labels.set_alias, workspace_of(request), *arguments)
    return answer({})


async def delete_alias(request: Request) -> Response:
    """Take an alias away."""
    said = await wire.read_message(request, AliasName)
    await run_sync(model_labels.delete_alias, workspace_of(request), said.name, said.alias, who())
    return answer({})


async def get_by_alias(request: Request) -> Response:
    """Show the version that an alias points at."""
    name, alias = wire.query_value(request, "name"), wire.query_value(request, "alias")
    found = await run_sync(model_labels.find_by_alias, workspace_of(request), name, alias)
    if found is None:  # MLflow's client looks for exactly this code
        raise InvalidInput(f"Registered model alias {alias} not found.", alias=alias)
    return answer_version(found)


def model_json(model: ModelEntry, newest: list[VersionEntry]) -> dict[str, Any]:
    aliases = [{"alias": alias, "version": str(version)} for alias, version in model.aliases.items()]
    return wire.present(
        {
            "name": model.name,
            "creation_timestamp": model.created_ms,
            "last_updated_timestamp": model.updated_ms,
            "description": model.description,
            "latest_versions": [version_json(version) for version in newest],
            "tags": wire.pairs(model.tags),
            "aliases": aliases,
        }
    )


async def _answer_model(request: Request, name: str) -> Response:
    found, newest = await run_sync(model_lists.get_listed, workspace_of(request), name)
    return answer({"registered_model": model_json(found, newest)})
