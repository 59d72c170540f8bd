"""MLflow's model versions. On its wire a version's number is text."""

from typing import Any, TypeAlias

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.modelling.models import ModelVersion, VersionEntry, read_stage, read_version
from registry.operations.modelling import model_versions, models
from registry.operations.security.caller import who

VersionNumber: TypeAlias = str | int


class CreateVersion(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    source: str
    run_id: str = ""
    tags: list[wire.KeyValue] = []
    run_link: str = ""
    description: str = ""
    model_id: str = ""


class VersionName(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: VersionNumber

    @property
    def number(self) -> int:
        """Raise InvalidInput if it is none."""
        return read_version(str(self.version))


class UpdateVersion(VersionName, frozen=True, kw_only=True):
    description: str | None = None


class MoveVersion(VersionName, frozen=True, kw_only=True):
    stage: str
    archive_existing_versions: bool = False


class VersionTag(VersionName, frozen=True, kw_only=True):
    key: str
    value: str = ""


async def create_version(request: Request) -> Response:
    """Register a version from a source."""
    wanted = await wire.read_message(request, CreateVersion)

    def create() -> ModelVersion:
        return model_versions.create_version(
            workspace_of(request),
            wanted.name,
            source=wanted.source,
            run_id=wanted.run_id,
            logged_model_id=wanted.model_id,
            run_link=wanted.run_link,
            description=wanted.description,
            tags=wire.as_dict(wanted.tags),
            who=who(),
        )

    return answer_version(await run_sync(create))


async def get_version(request: Request) -> Response:
    """Show a version."""
    return answer_version(await _get(request))


async def get_download_uri(request: Request) -> Response:
    """Say where a version's files are downloaded."""
    return answer({"artifact_uri": model_versions.download_uri(await _get(request))})


async def update_version(request: Request) -> Response:
    """Replace a version's description."""
    said = await wire.read_message(request, UpdateVersion)
    arguments = (said.name, said.number, said.description)
    return answer_version(await run_sync(model_versions.describe_version, workspace_of(request), *arguments))


async def transition_stage(request: Request) -> Response:
    """Put a version in a stage."""
    said = await wire.read_message(request, MoveVersion)

    def move() -> ModelVersion:
        return model_versions.move_to_stage(
            workspace_of(request),
            said.name,
            said.number,
            read_stage(said.stage),
            archive_others=said.archive_existing_versions,
            who=who(),
        )

    return answer_version(await run_sync(move))


async def delete_version(request: Request) -> Response:
    """Delete a version."""
    said = await wire.read_message(request, VersionName)
    await run_sync(model_versions.delete_version, workspace_of(request), said.name, said.number, who())
    return answer({})


async def set_tag(request: Request) -> Response:
    """Set a version's tag."""
    said = await wire.read_message(request, VersionTag)
    await run_sync(model_versions.set_tag, workspace_of(request), said.name, said.number, said.key, said.value)
    return answer({})


async def delete_tag(request: Request) -> Response:
    """Delete a version's tag."""
    said = await wire.read_message(request, VersionTag)
    await run_sync(model_versions.delete_tag, workspace_of(request), said.name, said.number, said.key)
    return answer({})


def version_json(version: VersionEntry) -> dict[str, Any]:
    return wire.present(
        {
            "name": version.name,
            "version": str(version.version),
            "creation_timestamp": version.created_ms,
            "last_updated_timestamp": version.updated_ms,
            "user_id": version.user_id,
            "current_stage": version.stage,
            "description": version.description,
            "source": version.source,
            "run_id": version.run_id,
            "run_link": version.run_link,
            "model_id": version.logged_model_id,
            "status": version.status,
            "status_message": version.status_message,
            "tags": wire.pairs(version.tags),
            "aliases": version.aliases,
        }
    )


def answer_version(version: VersionEntry) -> Response:
    """Answer with one version."""
    return answer({"model_version": version_json(version)})


async def _get(request: Request) -> ModelVersion:
    name, version = wire.query_value(request, "name"), read_version(wire.query_value(request, "version"))
    return await run_sync(models.get_version, workspace_of(request), name, str(version))
