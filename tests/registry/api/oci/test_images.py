"""Images of ours that arrive by a push: numbered, deployable, or refused as a whole."""

from pathlib import Path

import httpx
import msgspec

from registry.core.imaging.images import MANIFEST_TYPE, Manifest
from registry.images.keeping.layout import ImageLayout
from serving.node.keeping.cache import ImageCache
from serving.node.keeping.pull import Puller
from serving.node.keeping.room import open_room
from tests.registry.api.oci.conftest import BuildElsewhere, Repository, digest_of


def test_an_image_of_another_workspace_becomes_one_of_this(
    team: Repository, url: str, elsewhere: ImageLayout, build_elsewhere: BuildElsewhere, tmp_path: Path
) -> None:
    digest = build_elsewhere("one")
    assert team.push(elsewhere, digest, "stable").status_code == 201
    shown = team.http.get("/api/v1/images/team/cancer:1").json()
    assert (shown["digest"], shown["tags"]) == (digest, ["1", "latest", "stable"])
    team.http.put("/api/v1/endpoints/screening", json={})
    blue = {"environment": {"image": "team/cancer:stable"}, "model": "azureml:cancer:1"}
    deployed = team.http.put("/api/v1/endpoints/screening/deployments/blue", json=blue)
    assert deployed.status_code == 202, deployed.text
    used = team.http.delete(f"{team.url}/manifests/{digest}")
    assert (used.status_code, used.json()["errors"][0]["code"]) == (409, "DENIED")
    assert "screening/blue" in used.json()["errors"][0]["message"]
    with Puller(url) as puller:
        unpacked, hold = ImageCache(open_room(tmp_path / "node", None)).ensure(puller, team.name, digest, print)
    with hold:
        assert b"one" in (unpacked / "var/azureml-app/score.py").read_bytes()


def test_a_hostile_layer_is_one_error_and_nothing_is_kept(
    team: Repository, elsewhere: ImageLayout, build_elsewhere: BuildElsewhere
) -> None:
    built = elsewhere.manifest(build_elsewhere("one"))
    for layer in built.layers:
        team.blob(elsewhere.path(layer.digest).read_bytes())
    config = team.blob(elsewhere.path(built.config.digest).read_bytes(), built.config.media_type)
    evil = team.blob(b"no tar at all" * 100)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config,
        "layers": [*msgspec.to_builtins(built.layers), evil],
    }
    answer = team.put("one", document)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (400, "MANIFEST_INVALID")
    assert evil["digest"] in error["message"]
    digest = digest_of(msgspec.json.encode(document))
    assert team.http.get(f"{team.url}/manifests/{digest}").status_code == 404
    assert team.http.head(f"{team.url}/blobs/{digest}").status_code == 404
    assert team.http.get("/api/v1/images").json() == {"images": []}


def test_a_pushed_manifest_reads_as_ours_does(
    team: Repository, elsewhere: ImageLayout, build_elsewhere: BuildElsewhere
) -> None:
    digest = build_elsewhere("one")
    team.push(elsewhere, digest, "one")
    pulled: httpx.Response = team.http.get(f"{team.url}/manifests/1")
    assert pulled.content == elsewhere.path(digest).read_bytes()
    assert msgspec.json.decode(pulled.content, type=Manifest) == elsewhere.manifest(digest)
