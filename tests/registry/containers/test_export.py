"""An image of ours on a base: what the container image says, where it goes, and that it is always the same."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.containers.credentials import Login
from registry.containers.distribution import Distribution
from registry.containers.export import export_image
from registry.core.errors import Forbidden, InvalidInput, Unauthenticated, Unavailable
from registry.core.imaging.container_locations import RegistryLocation
from registry.core.imaging.images import Image
from registry.operations.workspace import Workspace
from tests.registry.containers.bases import write_layout
from tests.registry.containers.conftest import OrderMaker, built_image, image_inputs
from tests.registry.containers.plain_registry import PlainRegistry
from tests.servers.processes import Absent, require

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
PYTHON = "/opt/slipway/environment/bin/python"


def quiet(progress: float, line: str) -> None:
    pass


def read(layout: Path, tag: str = "1") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the manifest and config of a layout's image."""

    def blob(digest: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((layout / "blobs" / digest.replace(":", "/")).read_bytes())
        return found

    entries = json.loads((layout / "index.json").read_text())["manifests"]
    chosen = next(one for one in entries if one["annotations"]["org.opencontainers.image.ref.name"] == tag)
    manifest = blob(chosen["digest"])
    return manifest, blob(manifest["config"]["digest"])


def test_the_container_image_says_how_it_is_run(order: OrderMaker, exportable: Image, tmp_path: Path) -> None:
    export_image(order(f"oci:{tmp_path}/out", labels={"team": "diagnostics"}), quiet)
    _, config = read(tmp_path / "out")
    settings = config["config"]

    assert settings["Entrypoint"] == [PYTHON, "-P", "-m", "slipway_scoring", "--root", "/"]
    assert settings["User"] == "10001:10001"
    assert settings["ExposedPorts"] == {"5001/tcp": {}, "5002/tcp": {}}
    assert settings["Healthcheck"]["Test"] == ["CMD", PYTHON, "-P", "-m", "slipway_scoring.probe"]
    assert settings["WorkingDir"] == "/var/azureml-app"
    variables = dict(text.split("=", 1) for text in settings["Env"])
    assert variables["PATH"] == "/opt/slipway/environment/bin:/usr/bin"
    assert variables["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/cancer/1"
    assert (variables["SLIPWAY_HOST"], variables["SLIPWAY_HTTP_PORT"]) == ("0.0.0.0", "5001")
    labels = settings["Labels"]
    assert (labels["of"], labels["team"]) == ("the base", "diagnostics")
    assert labels["dev.slipway.source"] == f"cancer-onnx@{exportable.digest}"


def test_our_layers_lie_on_the_bases_as_both_are_stored(
    order: OrderMaker, exportable: Image, base: Path, tmp_path: Path
) -> None:
    export_image(order(f"oci:{tmp_path}/out"), quiet)
    manifest, config = read(tmp_path / "out")
    bottom, _ = read(base, "base")
    layers = [layer["digest"] for layer in manifest["layers"]]

    assert layers[: len(bottom["layers"])] == [layer["digest"] for layer in bottom["layers"]]
    assert manifest["layers"][0]["mediaType"].endswith("+gzip")
    assert set(layers) > {layer.digest for layer in exportable.layers}
    assert len(config["rootfs"]["diff_ids"]) == len(layers) == len(config["history"])
    top = tmp_path / "out" / "blobs" / layers[-1].replace(":", "/")
    with tarfile.open(top) as tar:
        assert tar.getnames() == ["image.json"]


def test_the_same_export_has_the_same_digest_whatever_it_goes_to(order: OrderMaker, tmp_path: Path) -> None:
    places = [f"oci:{tmp_path}/out", f"docker-archive:{tmp_path}/out.tar", f"oci-archive:{tmp_path}/again.tar"]
    assert len({export_image(order(place), quiet) for place in places}) == 1
    assert (tmp_path / "out.tar").read_bytes() == (tmp_path / "again.tar").read_bytes()


def test_vendored_wheels_are_installed_and_left_out(order: OrderMaker, vendored: Image, tmp_path: Path) -> None:
    export_image(replace(order(f"oci:{tmp_path}/out"), image=vendored), quiet)
    manifest, _ = read(tmp_path / "out", vendored.tags[0])
    kinds = [layer.get("annotations", {}).get("dev.slipway.layer", "") for layer in manifest["layers"]]
    assert [kind for kind in kinds if kind] == ["scoring", "environment", "model", "model"]
    names = set()
    for layer in manifest["layers"]:
        with tarfile.open(tmp_path / "out" / "blobs" / layer["digest"].replace(":", "/")) as tar:
            names |= set(tar.getnames())
    assert "opt/slipway/environment/bin/normalizer" in names
    assert not [name for name in names if name.endswith(".whl")]


def test_the_command_exports_and_says_what(
    slipway: Slipway, exportable: Image, base: Path, url: str, tmp_path: Path
) -> None:
    words = ("image", "export", "cancer-onnx:1", "--base", f"oci:{base}", "--to", f"oci:{tmp_path}/out")
    done = slipway(*words, "--output", "json", SLIPWAY_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["source"], said["to"]) == (f"cancer-onnx@{exportable.digest}", f"oci:{tmp_path}/out")
    assert (tmp_path / "out" / "blobs" / said["digest"].replace(":", "/")).is_file()
    assert slipway(*words, SLIPWAY_URL=url).stdout == f"oci:{tmp_path}/out  {said['digest']}\n"


def test_progress_grows_to_the_end(order: OrderMaker, tmp_path: Path) -> None:
    seen: list[float] = []
    export_image(order(f"docker-archive:{tmp_path}/out.tar"), lambda progress, line: seen.append(progress))
    assert seen == sorted(seen)
    assert seen[-1] > 0.99


def test_skopeo_reads_what_was_exported(order: OrderMaker, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        require(Absent("skopeo reads container images: apt install skopeo"))
    digest = export_image(order(f"oci:{tmp_path}/out"), quiet)
    export_image(order(f"docker-archive:{tmp_path}/out.tar"), quiet)

    def skopeo(*arguments: str) -> str:
        return subprocess.run(["skopeo", *arguments], check=True, capture_output=True, text=True).stdout

    assert json.loads(skopeo("inspect", f"oci:{tmp_path}/out:1"))["Digest"] == digest
    for kind in ("docker-archive", "oci-archive"):
        skopeo("copy", f"{kind}:{tmp_path}/out.tar", f"oci:{tmp_path}/{kind}:copied")
        _, config = read(tmp_path / kind, "copied")
        assert config["config"]["User"] == "10001:10001"


def test_the_workspaces_own_registry_takes_it_and_has_most_of_it(
    order: OrderMaker, exportable: Image, url: str, tmp_path: Path
) -> None:
    host = url.removeprefix("http://")
    chosen = order(f"registry:{host}/cancer-box:v1")
    digest = export_image(chosen, quiet)
    assert digest == export_image(order(f"oci:{tmp_path}/out"), quiet)

    place = f"registry:{host}/cancer-box:v1"
    again = export_image(order(f"oci:{tmp_path}/again", place), quiet)  # as a base it can be pulled again
    assert again != digest
    with httpx.Client(base_url=url) as http:
        manifest = http.get("/v2/cancer-box/manifests/v1")
        assert manifest.headers["docker-content-digest"] == digest
        for layer in exportable.layers:
            assert http.head(f"/v2/cancer-box/blobs/{layer.digest}").status_code == 200


def test_a_guarded_registry_is_given_the_workspaces_token(
    guarded_workspace: Workspace,
    guarded_url: str,
    secrets: dict[str, str],
    lock: bytes,
    base: Path,
    tmp_path: Path,
    order: OrderMaker,
) -> None:
    image = built_image(guarded_workspace, tmp_path / "guarded-images", image_inputs(lock))
    host = guarded_url.removeprefix("http://")
    chosen = replace(order(f"registry:{host}/cancer-box:v1"), registry_url=guarded_url, image=image)
    with pytest.raises(Unauthenticated, match="SLIPWAY_TOKEN"):
        export_image(chosen, quiet)
    with pytest.raises(Forbidden):
        export_image(replace(chosen, variables={"SLIPWAY_TOKEN": secrets["reader"]}), quiet)
    digest = export_image(replace(chosen, variables={"SLIPWAY_TOKEN": secrets["contributor"]}), quiet)
    headers = {"authorization": f"Bearer {secrets['reader']}"}
    manifest = httpx.get(f"{guarded_url}/v2/cancer-box/manifests/v1", headers=headers)
    assert manifest.headers["docker-content-digest"] == digest


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_registry_gets_what_it_has_not(order: OrderMaker, tmp_path: Path, scheme: str) -> None:
    login = tmp_path / "auth.json"
    registry = PlainRegistry("ada:secret", scheme)
    try:
        login.write_text(json.dumps({"auths": {registry.host: {"auth": "YWRhOnNlY3JldA=="}}}))
        chosen = order(f"registry:{registry.host}/team/cancer:v1", variables={"REGISTRY_AUTH_FILE": str(login)})
        digest = export_image(chosen, quiet)
        manifest, _ = registry.manifests["team/cancer", "v1"]
        layers = [layer["digest"] for layer in json.loads(manifest)["layers"]]
        assert registry.blobs.keys() >= set(layers)

        registry.asked.clear()
        assert export_image(chosen, quiet) == digest
        assert [path for method, path in registry.asked if method == "POST"] == []
    finally:
        registry.close()


def test_a_registry_that_wants_a_login_says_how_to_have_one(order: OrderMaker, tmp_path: Path) -> None:
    registry = PlainRegistry("ada:secret")
    try:
        variables = {"REGISTRY_AUTH_FILE": str(tmp_path / "none"), "SLIPWAY_TOKEN": "the-workspaces"}
        with pytest.raises(Unauthenticated, match="log in with `skopeo login`"):
            export_image(order(f"registry:{registry.host}/cancer:1", variables=variables), quiet)
    finally:
        registry.close()


def test_a_base_is_pulled_from_a_registry_whose_blobs_lie_elsewhere(
    order: OrderMaker, base: Path, tmp_path: Path
) -> None:
    registry = PlainRegistry("ada:secret", "basic")
    try:
        registry.take("python", "3.11", base)
        registry.elsewhere = set(registry.blobs)
        login = tmp_path / "auth.json"
        login.write_text(json.dumps({"auths": {registry.host: {"auth": "YWRhOnNlY3JldA=="}}}))
        place = f"registry:{registry.host}/python:3.11"
        export_image(order(f"oci:{tmp_path}/out", place, {"REGISTRY_AUTH_FILE": str(login)}), quiet)
        _, config = read(tmp_path / "out")
        assert config["config"]["Labels"]["org.opencontainers.image.base.name"] == f"{registry.host}/python:3.11"
        assert set(registry.given_elsewhere) == {None}  # our login is the registry's alone
    finally:
        registry.close()


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("oci:{here}/full", "holds something that is no OCI layout"),
        ("docker-archive:{here}/none/out.tar", "cannot write .*none/out.tar: No such file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_and_left_alone(
    order: OrderMaker, tmp_path: Path, to: str, message: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    with pytest.raises(InvalidInput, match=message):
        export_image(order(to.format(here=tmp_path)), quiet)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["diary.txt"]


def test_a_full_disk_is_told_and_what_was_there_stays(
    order: OrderMaker, tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    (tmp_path / "out.tar").write_text("the last good one")
    chosen = order(f"docker-archive:{tmp_path}/out.tar")
    with pytest.raises(InvalidInput, match=r"cannot write .*out\.tar: File too large"):
        export_image(chosen, lambda progress, line: small_files(100_000) if line == "environment installed" else None)
    small_files(1 << 40)
    assert (tmp_path / "out.tar").read_text() == "the last good one"
    assert not list(tmp_path.glob(".out.tar*"))


def test_no_room_for_what_is_read_is_told(
    order: OrderMaker, tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    large = write_layout(tmp_path / "large", {"usr/bin/python3.11": "x" * 100_000}, compression="")
    registry = PlainRegistry()
    try:
        registry.take("python", "1", large)
        small_files(50_000)
        with pytest.raises(InvalidInput, match=r"cannot keep what is read in .*: File too large: .* set TMPDIR"):
            export_image(order(f"oci:{tmp_path}/out", f"registry:{registry.host}/python:1"), quiet)
    finally:
        registry.close()


def test_a_base_that_is_not_there_is_told_as_the_base(order: OrderMaker, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=rf"^the base image \(--base\): cannot read {tmp_path}/nope: there is no"):
        export_image(order(f"oci:{tmp_path}/out", f"oci:{tmp_path}/nope"), quiet)


def test_a_login_is_not_sent_where_anybody_can_read_it() -> None:
    registry = PlainRegistry("ada:secret")
    try:
        location = RegistryLocation(f"https://{registry.host}", registry.host, "cancer", "1")
        with pytest.raises(Unavailable, match="wants the login sent unencrypted"):
            Distribution(location, Login("ada", "secret"))._token(f"http://{registry.host}/token", {}, None)
        assert registry.asked == []
    finally:
        registry.close()


def test_an_export_that_fails_leaves_no_half_file(order: OrderMaker, base: Path, tmp_path: Path) -> None:
    (tmp_path / "out.tar").write_text("the last good one")
    chosen = order(f"docker-archive:{tmp_path}/out.tar")
    manifest, _ = read(base, "base")
    layer = base / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")

    def damage(progress: float, line: str) -> None:
        if line == "environment installed":
            layer.write_bytes(layer.read_bytes()[:-1] + b"x")

    with pytest.raises(InvalidInput, match="is damaged"):
        export_image(chosen, damage)
    assert (tmp_path / "out.tar").read_text() == "the last good one"
    assert not list(tmp_path.glob(".out.tar*"))
