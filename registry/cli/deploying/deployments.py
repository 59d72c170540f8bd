"""``slipway deployment``."""

import os
from pathlib import Path

import msgspec
import typer

from registry.cli.activity import follow
from registry.cli.context import URL_OPTION, connect
from registry.cli.deploying.deployment_file import build_inline, read_deployment
from registry.cli.deploying.plans import note_changes
from registry.cli.deploying.settling import await_edges
from registry.cli.documents import FILE_OPTION, SET_OPTION, TTL_OPTION, of_file, with_ttl
from registry.cli.moments import read_ttl
from registry.cli.names import DEPLOYMENT_ARGUMENT, ENDPOINT_ARGUMENT, split_deployment
from registry.cli.output import (
    OUTPUT_OPTION,
    OutputFormat,
    console,
    expiry,
    note,
    pairs,
    print_done,
    print_json,
    print_record,
    print_rows,
    short,
    warn,
    when,
)
from registry.client import Client
from registry.core.counts import count
from registry.core.deploying.endpoints import Deployment, Endpoint, Revision
from registry.core.deploying.fields import Effect
from registry.core.rest import DeploymentAnswer

PER_PROCESSOR = 4  # processes; more is hardly what anybody means


def create(
    file: Path = FILE_OPTION,
    overrides: list[str] | None = SET_OPTION,
    ttl: str | None = TTL_OPTION,
    no_wait: bool = typer.Option(False, "--no-wait", help="Return when it is accepted, not when it serves."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Create a deployment, or a new revision of one, and wait until it is ready.

    A file with a model, code or a conda_file in it, and no image, has its image built first.

    Example: slipway deployment create -f configs/deployment-blue.yaml --set instance_count=2
    """
    client = connect(url)
    read = read_deployment(file, with_ttl(overrides, ttl))
    document = build_inline(client, read, file, output)
    with of_file(file):
        accepted = client.deployments.create(read.endpoint, read.name, document)
    _check_size(accepted.deployment)
    if output is OutputFormat.TABLE:
        _say_changes(accepted)
    if not no_wait:
        _follow(client, accepted, quiet=output is OutputFormat.JSON)
        await_edges(client)
    deployment = client.deployments.get(read.endpoint, read.name)
    if output is OutputFormat.JSON:
        print_json(deployment)
        return
    console.print(f"{deployment.endpoint}/{deployment.name}: {_latest(deployment)}", highlight=False, soft_wrap=True)
    if deployment.expires_ms is not None:
        note(f"it is deleted by itself at {when(deployment.expires_ms)}")
    if deployment.live:
        _note_traffic(client.endpoints.get(deployment.endpoint), deployment.name)


def list_deployments(
    endpoint: str = ENDPOINT_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """List an endpoint's deployments.

    Example: slipway deployment list cancer
    """
    columns = {
        "deployment": lambda deployment: deployment.name,
        "live": lambda deployment: f"revision {deployment.live.number}" if deployment.live else "-",
        "image": lambda deployment: deployment.live.image if deployment.live else "-",
        "digest": lambda deployment: short(deployment.live.image_digest) if deployment.live else "-",
        "replicas": lambda deployment: deployment.live.instance_count if deployment.live else 0,
        "workers": lambda deployment: deployment.live.worker_count if deployment.live else 0,
        "expires": lambda deployment: expiry(deployment.expires_ms),
        "newest": lambda deployment: "" if deployment.latest is deployment.live else _latest(deployment),
    }
    found = connect(url).deployments.list(endpoint)
    print_rows(found, columns, output, empty=f"{endpoint} has no deployments yet", whole=("live", "digest"))


def show(name: str = DEPLOYMENT_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Show a deployment with its revisions, and why one failed.

    Example: slipway deployment show cancer/blue
    """
    deployment = connect(url).deployments.get(*split_deployment(name))
    fields = {
        "deployment": f"{deployment.endpoint}/{deployment.name}",
        "description": deployment.description,
        "tags": pairs(deployment.tags),
        **_labels(deployment),
        "expires": expiry(deployment.expires_ms),
        "keep warm": f"{deployment.keep_warm_s} s",
        "newest": _latest(deployment),
    }
    for revision in deployment.revisions:
        fields[f"revision {revision.number}"] = (
            f"{revision.state}  {revision.image} ({short(revision.image_digest)})  "
            f"{_size(revision)}  {when(revision.created_ms)}  "
            f"{_settings(revision)}{revision.message}{_until(revision)}"
        )
    print_record(deployment, fields, output)


def update(
    name: str = DEPLOYMENT_ARGUMENT,
    ttl: str = typer.Option(..., help="Delete it by itself in 2h from now, or another time; or never."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Change when a deployment is deleted by itself. Its image and settings change with `create`.

    Example: slipway deployment update cancer/green --ttl 2h
    """
    deployment = connect(url).deployments.set_ttl(*split_deployment(name), read_ttl(ttl))
    print_done(f"deployment {name} expires: {expiry(deployment.expires_ms)}", deployment, output)


def delete(name: str = DEPLOYMENT_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Delete a deployment that gets no traffic.

    Example: slipway deployment delete cancer/green
    """
    client = connect(url)
    client.deployments.delete(*split_deployment(name))
    await_edges(client)
    print_done(f"deployment {name} deleted", {"deleted": name}, output)


def _labels(deployment: Deployment) -> dict[str, str]:
    """Say what an Azure ML file called things that nothing here acts on."""
    labels = deployment.labels
    environment = {name: value for name, value in msgspec.structs.asdict(labels.environment).items() if value}
    said = {
        "properties": pairs(labels.properties) if labels.properties else None,
        "type": labels.type,
        "instance type": labels.instance_type,
        "environment": pairs(environment) if environment else None,
    }
    return {name: value for name, value in said.items() if value}


def _settings(revision: Revision) -> str:
    """Say how the engine is set where somebody set it."""
    batching, cache = revision.batching, revision.response_cache
    said = {
        "batching": None if batching.enabled is None else "on" if batching.enabled else "off",
        "max_rows": batching.max_rows,
        "max_bytes": batching.max_bytes,
        "response_cache": cache and cache.max_bytes,
        "ttl_s": cache and cache.ttl_s,
    }
    return "".join(f"{name} {value}  " for name, value in said.items() if value is not None)


def _say_changes(accepted: DeploymentAnswer) -> None:
    deployment = accepted.deployment
    latest = deployment.latest
    if latest is not None and not any(change.effect is Effect.REVISION for change in accepted.changes):
        name = f"{deployment.endpoint}/{deployment.name}"
        note(f"{name} has this image with these settings already: no new revision")
    note_changes(accepted.changes, latest.number if latest else None)


def _until(revision: Revision) -> str:
    """Say until when a revision that was replaced runs on."""
    return f"  warm until {when(revision.warm_until_ms)}" if revision.warm_until_ms else ""


def _note_traffic(endpoint: Endpoint, name: str) -> None:
    """Say how a deployment without traffic gets some, without a figure that would take it from the others."""
    if endpoint.traffic.get(name):
        return
    split = " ".join(f"{one}=…" for one in (*sorted(endpoint.traffic), name)) if endpoint.traffic else f"{name}=100"
    note(f'it gets no traffic yet: slipway endpoint update --name {endpoint.name} --traffic "{split}"')


def _size(revision: Revision) -> str:
    """Return how many replicas there are, and what each consists of if that is more than one process."""
    replicas = count(revision.instance_count, "replica")
    return replicas if revision.worker_count == 1 else f"{replicas} of {count(revision.worker_count, 'worker')}"


def _check_size(deployment: Deployment) -> None:
    latest, processors = deployment.latest, os.cpu_count() or 1
    if latest is not None and latest.instance_count * latest.worker_count > PER_PROCESSOR * processors:
        processes = "each is a process" if latest.worker_count == 1 else "each worker is a process"
        warn(f"{_size(latest)} on {count(processors, 'processor')}: {processes} that holds the model")


def _follow(client: Client, accepted: DeploymentAnswer, *, quiet: bool) -> None:
    try:
        follow(client, accepted.activity, quiet=quiet)
    except KeyboardInterrupt:
        name = f"{accepted.deployment.endpoint}/{accepted.deployment.name}"
        note(f"{name} goes on starting: see `slipway deployment show {name}`")
        raise


def _latest(deployment: Deployment) -> str:
    latest = deployment.latest
    return f"revision {latest.number} {latest.state}" if latest else "no revision"
