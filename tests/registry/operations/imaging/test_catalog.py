import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.image_views import ImageQuery
from registry.core.imaging.images import Image, ImageConfig, ImageKind, ModelInImage, Runtime
from registry.operations.imaging.catalog import list_images, numbered_reference, record_image, resolve_image
from registry.operations.workspace import Workspace

CONFIG = ImageConfig(
    schema=1,
    kind=ImageKind.SCORING,
    runtime=Runtime.ONNX,
    python="3.11",
    environment=f"sha256:{'e' * 64}",
    models=[ModelInImage(name="cancer", version=1, path="var/azureml-app/azureml-models/cancer/1")],
)


def record(workspace: Workspace, digest: str, name: str = "cancer-onnx") -> Image:
    return record_image(
        workspace, name=name, digest=f"sha256:{digest * 64}", config=CONFIG, layers=[], size_bytes=7, labels={"a": "b"}
    )


def test_images_are_numbered_and_the_newest_is_latest(workspace: Workspace) -> None:
    first, second = record(workspace, "a"), record(workspace, "b")
    assert (first.tags, second.tags) == (["1", "latest"], ["2", "latest"])
    assert resolve_image(workspace, "cancer-onnx:1").digest == first.digest
    assert resolve_image(workspace, "cancer-onnx") == second
    assert resolve_image(workspace, "cancer-onnx:1").tags == ["1"]


def test_names_are_numbered_on_their_own(workspace: Workspace) -> None:
    record(workspace, "a")
    assert record(workspace, "a", name="other").tags == ["1", "latest"]


def test_the_same_digest_again_keeps_its_number(workspace: Workspace) -> None:
    first = record(workspace, "a")
    record(workspace, "b")
    again = record(workspace, "a")
    assert again.created_ms == first.created_ms
    assert again.tags == ["1", "latest"]
    assert len(list_images(workspace)) == 2


def test_a_digest_resolves_to_the_whole_record(workspace: Workspace) -> None:
    image = record(workspace, "a")
    found = resolve_image(workspace, f"cancer-onnx@{image.digest}")
    assert (found.config, found.labels, found.size_bytes) == (CONFIG, {"a": "b"}, 7)


def test_images_are_found_by_name_tag_model_digest_and_label(workspace: Workspace) -> None:
    first, second, other = record(workspace, "a"), record(workspace, "b"), record(workspace, "c", name="other")

    def found(**query: str) -> list[str]:
        return [image.digest for image in list_images(workspace, ImageQuery(**query))]

    assert found() == [first.digest, second.digest, other.digest]
    assert found(name="cancer-onnx", tag="latest") == [second.digest]
    assert found(digest="aaaaaa") == found(digest=f"sha256:{'A' * 8}") == [first.digest]
    assert found(model="cancer") == found(model="cancer:1") == found()
    assert found(model="cancer:2") == found(model="canc") == []
    assert found(label="a") == found(label="a=b") == found()
    assert found(label="a=c") == found(label="b") == []


@pytest.mark.parametrize(
    "query", [{"name": "A"}, {"tag": "a b"}, {"digest": "abc"}, {"digest": "nothexnothex"}, {"model": "cancer:x:y"}]
)
def test_a_query_that_can_match_nothing_is_refused(workspace: Workspace, query: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        list_images(workspace, ImageQuery(**query))


def test_the_numbered_reference_is_the_one_to_keep(workspace: Workspace) -> None:
    assert numbered_reference(record(workspace, "a")) == "cancer-onnx:1"


def test_an_unknown_reference_lists_what_there_is(workspace: Workspace) -> None:
    record(workspace, "a")
    with pytest.raises(NotFound, match="cancer-onnx has the tags 1, latest"):
        resolve_image(workspace, "cancer-onnx:9")
    with pytest.raises(NotFound, match="no image has this name"):
        resolve_image(workspace, "nothing")
    with pytest.raises(NotFound):
        resolve_image(workspace, f"cancer-onnx@sha256:{'f' * 64}")
