import tarfile
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from registry.core.activities import ActivityState
from registry.core.errors import InvalidInput, NotFound, SlipwayError
from registry.core.imaging.images import MANIFEST_TYPE, BuildRequest
from registry.core.imaging.samples import (
    GOLDEN_TYPE,
    MAX_SAMPLE_BYTES,
    MAX_SAMPLES,
    Answer,
    GoldenAnswers,
    SampleRequest,
)
from registry.operations.imaging.catalog import list_images, resolve_image
from registry.operations.imaging.golden import get_golden
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.images import start_build
from registry.operations.imaging.referrers import attach, referrers
from registry.operations.imaging.signing import signature_fault
from registry.operations.workspace import Workspace
from registry.store.imaging import manifests
from tests.registry.operations.imaging.building import ONNX, KnownRehearsals, build, register


def sample(workspace: Workspace, body: bytes = b'{"data": [[1]]}', **fields: Any) -> SampleRequest:
    return SampleRequest(name="rows.json", digest=workspace.blobs.put(body).digest, **fields)


def rehearsals(works: ImageWorks) -> KnownRehearsals:
    assert isinstance(works.rehearsals, KnownRehearsals)
    return works.rehearsals


def test_samples_are_part_of_the_image_and_their_answers_are_attached_to_it(
    workspace: Workspace, works: ImageWorks
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="cancer-onnx", model="cancer:1", sample_requests=[sample(workspace)])
    activity = build(workspace, works, request)

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    image = resolve_image(workspace, "cancer-onnx")
    (described,) = image.config.samples
    assert (described.name, described.path) == ("rows.json", "opt/slipway/samples/0/rows.json")
    layer = next(one for one in image.layers if "samples" in one.annotations.values())
    with tarfile.open(works.layout.path(layer.digest)) as tar:
        content = tar.extractfile(described.path)
        assert content is not None
        assert content.read() == b'{"data": [[1]]}'
    assert [answer.body for answer in get_golden(workspace, works, "cancer-onnx").answers] == [b"[0.5]"]
    assert len(referrers(workspace, "cancer-onnx", image.digest, GOLDEN_TYPE)) == 1


def test_the_same_image_is_not_rehearsed_again(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="cancer-onnx", model="cancer:1", sample_requests=[sample(workspace)])
    first, second = build(workspace, works, request), build(workspace, works, request)
    assert first.result == second.result
    assert rehearsals(works).asked == [first.result["digest"]]


def test_answers_that_somebody_pushed_neither_stand_for_a_rehearsal_nor_are_signed(
    workspace: Workspace, works: ImageWorks
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="mine", model="cancer:1", sample_requests=[sample(workspace)])
    digest = build(workspace, works, request).result["digest"]
    planted = GoldenAnswers(answers=[Answer(sample="rows.json", status=200, content_type="text/plain", body=b"666")])
    other = replace(request, name="other")
    with workspace.metadata.write() as tx:
        manifests.insert(tx, "other", digest, MANIFEST_TYPE, 1)
    for name in ("mine", "other"):
        attach(workspace, works, name, digest, GOLDEN_TYPE, msgspec.json.encode(planted))

    assert build(workspace, works, other).result["digest"] == digest
    assert rehearsals(works).asked == [digest, digest]
    build(workspace, works, request)
    assert rehearsals(works).asked == [digest, digest], "its own signature names the answers of the first rehearsal"
    for name in ("mine", "other"):
        assert [answer.body for answer in get_golden(workspace, works, name).answers] == [b"[0.5]"]
        assert signature_fault(workspace, works, resolve_image(workspace, name)) == ""


def test_an_image_whose_samples_are_not_answered_is_not_stored(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    rehearsals(works).refusal = "sample rows.json at /score was answered with 500: ValueError: no (score.py:3)"
    request = BuildRequest(name="cancer-onnx", model="cancer:1", sample_requests=[sample(workspace)])
    activity = build(workspace, works, request)

    assert (activity.state, activity.message) == (ActivityState.FAILED, rehearsals(works).refusal)
    assert list_images(workspace) == []
    (digest,) = rehearsals(works).asked
    with pytest.raises(NotFound):
        works.layout.path(digest)


def test_an_image_without_samples_has_no_answers(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer:1"))
    assert rehearsals(works).asked == []
    assert get_golden(workspace, works, "cancer-onnx").answers == []


def test_samples_that_no_image_can_carry_start_nothing(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    one = sample(workspace)
    wrong: dict[str, tuple[list[SampleRequest], type[SlipwayError]]] = {
        r"\$\.sample_requests: 17 samples are more than the 16": ([one] * (MAX_SAMPLES + 1), InvalidInput),
        r"\[0\]: rows.json has 1,048,577 bytes": ([sample(workspace, bytes(MAX_SAMPLE_BYTES + 1))], InvalidInput),
        "is no file's name": ([replace(one, name="a/b")], InvalidInput),
        "climbs": ([replace(one, name="..")], InvalidInput),
        "is no content type": ([replace(one, content_type="text/plain\r\nx: y")], InvalidInput),
        "binary tensors go to /infer": ([replace(one, content_type="application/octet-stream")], InvalidInput),
        "upload rows.json first": ([replace(one, digest=f"sha256:{'0' * 64}")], NotFound),
    }
    for message, (samples, kind) in wrong.items():
        with pytest.raises(kind, match=message):
            start_build(workspace, works, BuildRequest(name="ok", model="cancer:1", sample_requests=samples))
