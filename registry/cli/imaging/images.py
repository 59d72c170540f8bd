"""``slipway image``."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import typer

from registry.cli.activity import follow
from registry.cli.context import URL_OPTION, connect
from registry.cli.documents import FILE_OPTION, SET_OPTION, load_file, of_file
from registry.cli.output import (
    OUTPUT_OPTION,
    OutputFormat,
    console,
    print_json,
    print_record,
    print_rows,
    short,
    warn,
    when,
)
from registry.core.imaging.image_documents import load_image
from registry.core.imaging.image_views import ImageQuery
from registry.core.imaging.images import LAYER_ANNOTATION, PATH_ANNOTATION, ImageConfig
from registry.core.imaging.resources import Resources
from registry.core.imaging.samples import GoldenAnswers, Sample

_ANSWER_SHOWN = 100  # characters


def build(
    file: Path = FILE_OPTION,
    overrides: list[str] | None = SET_OPTION,
    vendor: bool = typer.Option(False, "--vendor", help="Carry the wheels, for nodes that reach no package index."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Build an image: resolve and lock its dependencies, pack its layers.

    Example: slipway image build -f configs/image-gbm.yaml --set model=cancer:2
    """
    client = connect(url)
    document = load_file(file, [*(overrides or []), *(["environment.vendor=true"] if vendor else [])], load_image)
    with of_file(file):
        activity = client.images.build(document, folder=file.resolve().parent, report=warn)
    ended = follow(client, activity, quiet=output is OutputFormat.JSON)
    image = client.images.get(ended.result["reference"])
    if output is OutputFormat.JSON:
        print_json(image)
    else:
        console.print(f"{ended.result['reference']}  {short(image.digest)}", highlight=False, soft_wrap=True)


def list_images(
    name: str | None = typer.Option(None, help="Only images of this name."),
    tag: str | None = typer.Option(None, help="Only what this tag points at."),
    model: str | None = typer.Option(None, help="Only what holds this model: cancer, or cancer:2."),
    digest: str | None = typer.Option(None, help="Only digests that begin so; six digits at least."),
    label: str | None = typer.Option(None, help="Only what has this metadata tag: team, or team=diagnostics."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """List the images, or those that the options ask for.

    Example: slipway image list --model cancer:2 --label team=diagnostics
    """
    query = ImageQuery(name=name, tag=tag, model=model, digest=digest, label=label)
    columns = {
        "image": lambda image: image.name,
        "tags": lambda image: ", ".join(image.tags),
        "digest": lambda image: short(image.digest),
        "models": lambda image: ", ".join(f"{model.name}:{model.version}" for model in image.config.models),
        "runtime": lambda image: image.config.runtime,
        "size": lambda image: f"{image.size_bytes / 1000:,.0f} kB",
        "created": lambda image: when(image.created_ms),
    }
    nothing = "no images yet: slipway image build" if query == ImageQuery() else "no image is as asked"
    print_rows(connect(url).images.list(query), columns, output, empty=nothing, whole=("digest",))


def show(
    reference: str = typer.Argument(help="NAME:TAG or NAME@DIGEST"),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show an image: its models, Python, environment, layers, and what its sample requests were answered with.

    Example: slipway image show cancer-gbm:latest
    """
    client = connect(url)
    image = client.images.get(reference)
    config = image.config
    fields = {
        "image": image.name,
        "tags": ", ".join(image.tags),
        "digest": image.digest,
        "kind": config.kind,
        "runtime": config.runtime,
        "python": config.python,
        "environment": config.environment,
        "models": ", ".join(f"{model.name}:{model.version} from run {model.run_id}" for model in config.models),
        "script": config.scoring_script or "none",
        "resources": _resources(config.resources),
        "labels": ", ".join(f"{key}={value}" for key, value in sorted(image.labels.items())) or "none",
        "created": when(image.created_ms),
        **_kind_fields(config),
    }
    for number, layer in enumerate(image.layers, 1):
        what = " ".join(layer.annotations.get(key, "") for key in (LAYER_ANNOTATION, PATH_ANNOTATION)).strip()
        fields[f"layer {number}"] = f"{what}  {short(layer.digest)}  {layer.size:,} bytes"
    if config.samples and output is OutputFormat.TABLE:
        fields |= _sample_fields(config.samples, client.images.golden(f"{image.name}@{image.digest}"))
    print_record(image, fields, output)


def _kind_fields(config: ImageConfig) -> dict[str, str]:
    """Return what an image of its kind has and others have not."""
    fields = {}
    if config.docker is not None:
        docker = config.docker
        fields["container"] = (
            f"ports {docker.port} and {docker.grpc_port}, user {docker.user}, on {docker.base or 'any base'}"
        )
    if config.acceleration is not None:
        made, result = config.acceleration, config.acceleration.quantised
        fields["quantised"] = (
            f"{result.measure} {result.before:.4f} before, {result.after:.4f} after, on {result.rows} rows; "
            f"model {short(made.original)}, rows {short(made.calibration)}"
        )
        fields["providers"] = ", ".join(provider.name for provider in made.providers)
        fields["requires"] = " or ".join(made.require) or "none of them"
    return fields


def _sample_fields(samples: Sequence[Sample], golden: GoldenAnswers) -> dict[str, str]:
    fields = {}
    for number, (sample, answer) in enumerate(zip_longest(samples, golden.answers[: len(samples)]), 1):
        text = f"{answer.status} {_cut(answer.body)}" if answer else "no answer recorded"
        fields[f"sample {number}"] = f"{sample.name} at {sample.door}, {sample.tolerance}: {text}"
    return fields


def _cut(body: bytes) -> str:
    """Return the beginning of an answer; bytes that are no text are escaped."""
    text = " ".join(body[: _ANSWER_SHOWN + 1].decode(errors="backslashreplace").split())
    return text if len(body) <= _ANSWER_SHOWN else f"{text[:_ANSWER_SHOWN]}…"


def _resources(resources: Resources) -> str:
    said = {"cpu": resources.cpu, "memory": resources.memory}
    return ", ".join(f"{key} {value}" for key, value in said.items() if value is not None) or "as the node has them"
