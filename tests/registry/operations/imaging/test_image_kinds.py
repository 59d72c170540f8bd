import hashlib
import tarfile
from typing import Any

import pytest
from msgspec.structs import replace

from registry.core.activities import ActivityState
from registry.core.errors import InvalidInput, NotFound, SlipwayError
from registry.core.imaging.acceleration import CPU, AccelerationRequest
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import BuildRequest, ImageKind
from registry.core.modelling.dataset_versions import NewDatasetVersion
from registry.core.rest import ImportedFile
from registry.images.pack import entry_of_bytes
from registry.operations.imaging.catalog import list_images, resolve_image
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.images import start_build
from registry.operations.modelling.dataset_versions import create_version as create_dataset
from registry.operations.workspace import Workspace
from tests.registry.operations.imaging.building import ONNX, SCRIPT, blobs_of, build, register, upload


def test_an_image_of_kind_docker_says_how_it_runs_as_a_container(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    settings = ContainerSettings(base="oci:base", port=8080, user="scorer")
    build(workspace, works, BuildRequest(name="net", kind=ImageKind.DOCKER, model="cancer:1", docker=settings))
    build(workspace, works, BuildRequest(name="plain", model="cancer:1"))

    net, plain = resolve_image(workspace, "net"), resolve_image(workspace, "plain")
    assert (net.config.kind, net.config.docker) == (ImageKind.DOCKER, settings)
    assert (plain.config.kind, plain.config.docker) == (ImageKind.SCORING, None)
    assert net.layers == plain.layers


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (ImageKind.SCORING, ContainerSettings(), r"\$\.docker: these are settings of an image of kind docker"),
        (ImageKind.DOCKER, ContainerSettings(port=0), r"\$\.docker\.port: 0 is no port"),
        (ImageKind.DOCKER, ContainerSettings(port=5002), r"\$\.docker\.grpc_port: 5002 is the HTTP port already"),
        (ImageKind.DOCKER, ContainerSettings(base="docker://x"), r"\$\.docker\.base: .*did you mean registry:x\?"),
        (ImageKind.DOCKER, ContainerSettings(user="root"), "does not run as root"),
        (ImageKind.DOCKER, ContainerSettings(user="0:0"), "does not run as root"),
        (ImageKind.DOCKER, ContainerSettings(user="a b"), "'a b' is no user"),
    ],
)
def test_settings_that_no_container_can_have_start_nothing(
    workspace: Workspace, works: ImageWorks, kind: ImageKind, settings: ContainerSettings, message: str
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    with pytest.raises(InvalidInput, match=message):
        start_build(workspace, works, BuildRequest(name="net", kind=kind, model="cancer:1", docker=settings))


def accelerated(workspace: Workspace, rows: bytes = b"1,2\n", **changes: Any) -> BuildRequest:
    """Register a model whose weights lie in a second file, and ask for its acceleration."""
    register(workspace, "net", model_onnx=ONNX, weights_bin=b"weights", card_md=b"# Net")
    digest = workspace.blobs.put(rows).digest
    asked = AccelerationRequest(data="rows.csv", digest=digest, max_accuracy_drop=0.2, require=[CPU])
    return BuildRequest(
        name="net-fast", kind=ImageKind.ACCELERATED, model="net:1", acceleration=replace(asked, **changes)
    )


def test_an_accelerated_image_holds_the_quantised_model_and_what_it_was_made_of(
    workspace: Workspace, works: ImageWorks
) -> None:
    activity = build(workspace, works, accelerated(workspace, label="target"))

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    assert "quantising 1,2\n" in activity.log
    image = resolve_image(workspace, "net-fast")
    made = image.config.acceleration
    assert image.config.kind is ImageKind.ACCELERATED
    assert made is not None
    assert made.original == f"sha256:{hashlib.sha256(ONNX).hexdigest()}"
    assert made.calibration == workspace.blobs.put(b"1,2\n").digest
    assert (made.label, made.quantised.drop, made.quantised.rows) == ("target", 0.1, 3)
    assert ([provider.name for provider in made.providers], made.require) == ([CPU], [CPU])
    files: dict[str, bytes] = {}
    for layer in image.layers:
        if "model" in layer.annotations.values():
            with tarfile.open(works.layout.path(layer.digest)) as tar:
                files |= {one.name: content.read() for one in tar if one.isreg() and (content := tar.extractfile(one))}
    assert files == {"opt/slipway/models/0/model.onnx": ONNX + b"\x42\x01q", "opt/slipway/models/0/card.md": b"# Net"}


def test_a_model_is_quantised_once_for_the_same_rows_and_again_when_its_layer_is_gone(
    workspace: Workspace, works: ImageWorks
) -> None:
    request = accelerated(workspace)
    first, second = build(workspace, works, request), build(workspace, works, request)
    assert second.result == first.result
    assert [line for line in second.log if line.startswith("quantis")] == [
        "quantised before: accuracy 1.0000 before, 0.9000 after, a drop of 0.1000"
    ]
    for layer in resolve_image(workspace, "net-fast").layers:
        works.layout.remove(layer.digest)
    third = build(workspace, works, request)
    assert third.result == first.result
    assert "quantising 1,2\n" in third.log
    works.layout.verify(third.result["digest"])

    stricter = replace(request.acceleration, max_accuracy_drop=0.0) if request.acceleration else None
    assert build(workspace, works, replace(request, acceleration=stricter)).state is ActivityState.FAILED


def test_a_model_that_loses_too_much_makes_no_image(workspace: Workspace, works: ImageWorks) -> None:
    activity = build(workspace, works, accelerated(workspace, max_accuracy_drop=0.0))

    assert activity.state is ActivityState.FAILED
    assert activity.message.startswith("quantising costs more than max_accuracy_drop allows: a drop of 0.1")
    assert list_images(workspace) == []
    assert blobs_of(works) == []


def test_rows_may_be_a_dataset(workspace: Workspace, works: ImageWorks) -> None:
    rows = workspace.blobs.put(b"3,4\n").digest
    create_dataset(workspace, "rows", NewDatasetVersion(files=[ImportedFile(path="a/rows.csv", digest=rows)]))
    request = accelerated(workspace, data="azureml:rows:1", digest=None)
    activity = build(workspace, works, request)

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    made = resolve_image(workspace, "net-fast").config.acceleration
    assert made is not None
    assert made.calibration == rows


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"digest": f"sha256:{'0' * 64}"}, NotFound, "upload the calibration rows first"),
        ({"data": "rows.xlsx"}, InvalidInput, r"'rows\.xlsx' is no \.npy, \.csv or \.json file"),
        ({"data": "runs:/nobody/rows.npy", "digest": None}, NotFound, "nobody"),
        ({"data": "azureml:rows:1", "digest": None}, NotFound, "there is no dataset 'rows'"),
        ({"data": "s3://bucket/rows.npy", "digest": None}, InvalidInput, "is no file of a run"),
        ({"require": ["CUDAExecutionProvider"]}, InvalidInput, "is not among the providers, so it is never tried"),
    ],
)
def test_an_acceleration_that_can_never_be_starts_nothing(
    workspace: Workspace, works: ImageWorks, changes: dict[str, Any], error: type[SlipwayError], message: str
) -> None:
    with pytest.raises(error, match=message):
        start_build(workspace, works, accelerated(workspace, **changes))


def test_a_script_or_no_rows_make_no_accelerated_image(workspace: Workspace, works: ImageWorks) -> None:
    request = accelerated(workspace)
    with pytest.raises(InvalidInput, match="an accelerated image is calibrated with rows"):
        start_build(workspace, works, replace(request, acceleration=None))
    with pytest.raises(InvalidInput, match="write kind: accelerated, not scoring"):
        start_build(workspace, works, replace(request, kind=ImageKind.SCORING))
    code = upload(workspace, entry_of_bytes("score.py", SCRIPT))
    activity = build(workspace, works, replace(request, code_digest=code, scoring_script="score.py"))
    assert activity.message.startswith("an accelerated image is an ONNX model that onnxruntime serves by itself")
