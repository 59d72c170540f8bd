import hashlib
import io
import tarfile

import httpx
import msgspec
import pytest

from registry.core.activities import Activity, ActivityState
from registry.core.imaging.images import LAYER_ANNOTATION, MANIFEST_TYPE, Image, Manifest
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.operations.workspace import Workspace
from registry.store.modelling import model_versions, models

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"


@pytest.fixture
def built(workspace: Workspace, http: httpx.Client) -> Activity:
    """A build of cancer-onnx:1, followed to its end over the API."""
    blob = workspace.blobs.put(ONNX)
    file = ModelFile(path="model.onnx", sha256=blob.digest.removeprefix("sha256:"), size=blob.size)
    with workspace.metadata.write() as tx:
        models.create(tx, "cancer", "", 1)
        model_versions.insert(
            tx, ModelVersion(name="cancer", version=1, run_id=None, path="", files=[file], created_ms=1)
        )
    started = http.post("/api/v1/images", json={"name": "cancer-onnx", "model": "cancer:1"})
    assert started.status_code == 202
    activity = msgspec.json.decode(started.content, type=Activity)
    while not activity.state.ended:
        query = {"after": len(activity.log), "wait_s": 30}
        followed = http.get(f"/api/v1/activities/{activity.id}", params=query, timeout=60)
        activity = msgspec.json.decode(followed.content, type=Activity)
    assert activity.state is ActivityState.SUCCEEDED, activity.message
    return activity


def test_what_was_built_is_listed_and_shown(built: Activity, http: httpx.Client) -> None:
    digest = built.result["digest"]
    shown = [http.get(f"/api/v1/images/cancer-onnx{by}").content for by in (":1", "", f"@{digest}")]

    assert msgspec.json.decode(shown[0], type=Image).digest == digest
    assert shown[0] == shown[1] == shown[2]
    assert http.get("/api/v1/images").json()["images"] == [msgspec.json.decode(shown[0])]


def test_an_image_is_pulled_by_tag_and_by_digest(built: Activity, http: httpx.Client) -> None:
    by_tag, by_digest = (
        http.get(f"/v2/cancer-onnx/manifests/{reference}") for reference in ("1", built.result["digest"])
    )

    assert by_tag.content == by_digest.content
    assert by_tag.headers["content-type"] == MANIFEST_TYPE
    assert by_tag.headers["docker-content-digest"] == built.result["digest"]
    assert f"sha256:{hashlib.sha256(by_tag.content).hexdigest()}" == built.result["digest"]
    manifest = msgspec.json.decode(by_tag.content, type=Manifest)
    for descriptor in (manifest.config, *manifest.layers):
        blob = http.get(f"/v2/cancer-onnx/blobs/{descriptor.digest}")
        assert f"sha256:{hashlib.sha256(blob.content).hexdigest()}" == descriptor.digest
        assert len(blob.content) == descriptor.size


def test_head_tells_size_and_digest_without_a_body(built: Activity, http: httpx.Client) -> None:
    manifest = http.head("/v2/cancer-onnx/manifests/latest")
    layer = msgspec.json.decode(http.get("/v2/cancer-onnx/manifests/latest").content, type=Manifest).layers[0]
    blob = http.head(f"/v2/cancer-onnx/blobs/{layer.digest}")

    assert (manifest.status_code, manifest.content) == (200, b"")
    assert manifest.headers["docker-content-digest"] == built.result["digest"]
    assert (blob.status_code, blob.content, int(blob.headers["content-length"])) == (200, b"", layer.size)


def test_a_range_of_a_blob_can_be_asked_for(built: Activity, http: httpx.Client) -> None:
    manifest = msgspec.json.decode(http.get("/v2/cancer-onnx/manifests/1").content, type=Manifest)
    path = f"/v2/cancer-onnx/blobs/{manifest.layers[0].digest}"
    part = http.get(path, headers={"range": "bytes=512-1023"})

    assert part.status_code == 206
    assert part.content == http.get(path).content[512:1024]


def test_tags_are_listed(built: Activity, http: httpx.Client) -> None:
    assert http.get("/v2/cancer-onnx/tags/list").json() == {"name": "cancer-onnx", "tags": ["1", "latest"]}


def test_the_image_carries_the_scoring_process_of_this_installation(built: Activity, http: httpx.Client) -> None:
    manifest = msgspec.json.decode(http.get("/v2/cancer-onnx/manifests/1").content, type=Manifest)
    layer = next(layer for layer in manifest.layers if layer.annotations[LAYER_ANNOTATION] == "scoring")
    with tarfile.open(fileobj=io.BytesIO(http.get(f"/v2/cancer-onnx/blobs/{layer.digest}").content)) as tar:
        assert "opt/slipway/scoring/slipway_scoring/__main__.py" in tar.getnames()


def test_the_distribution_api_says_that_it_is_there(http: httpx.Client) -> None:
    answer = http.get("/v2/")

    assert (answer.status_code, answer.headers["docker-distribution-api-version"]) == (200, "registry/2.0")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v2/none/manifests/latest", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/none/manifests/sha256:{'0' * 64}", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/none/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
        ("/v2/none/blobs/sha256:00", 400, "DIGEST_INVALID"),
        (f"/v2/none/blobs/sha512:{'0' * 128}", 400, "DIGEST_INVALID"),
        ("/v2/NONE/manifests/latest", 400, "NAME_INVALID"),
        ("/v2/none/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/none/other", 404, "MANIFEST_UNKNOWN"),
    ],
)
def test_errors_have_the_specifications_shape(http: httpx.Client, path: str, status: int, code: str) -> None:
    answer = http.get(path)

    assert answer.status_code == status
    assert [error["code"] for error in answer.json()["errors"]] == [code]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"name": "ok"}, 400, "model"),
        (
            {"name": "ok", "model": "cancer:1", "environment": {"pythn_version": "3.11"}},
            400,
            "did you mean 'python_version'",
        ),
        ({"name": "ok", "model": "cancer:1"}, 404, "no model 'cancer'"),
        ({"name": "ok", "model": "cancer:1", "environment": {"requirements": "--index-url https://x"}}, 422, "line 1"),
    ],
)
def test_a_request_that_cannot_work_is_refused_at_once(
    http: httpx.Client, body: dict[str, str], status: int, message: str
) -> None:
    answer = http.post("/api/v1/images", json=body)

    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
