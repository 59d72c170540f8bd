"""The field's own clients against a registry that wants tokens: skopeo, and the Python client of the ORAS project."""

import json
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import oras.client
import pytest

from registry.containers.credentials import Login
from registry.containers.distribution import Distribution
from registry.core.errors import Unauthenticated
from registry.core.imaging.container_locations import RegistryLocation
from registry.images.keeping.layout import ImageLayout
from tests.registry.api.oci.conftest import BuildElsewhere, digest_of
from tests.servers.processes import Absent, require
from tests.servers.skopeo import Skopeo


@pytest.fixture(scope="session")
def skopeo() -> Skopeo:
    try:
        return Skopeo()
    except Absent as reason:
        require(reason)


@pytest.fixture
def address(guarded_url: str) -> str:
    return urlsplit(guarded_url).netloc


@pytest.fixture
def source(elsewhere: ImageLayout, build_elsewhere: BuildElsewhere) -> tuple[str, str]:
    """An image of ours in another workspace: skopeo's name for it, and its digest."""
    digest = build_elsewhere("one")
    elsewhere.tag("cancer:1", digest)
    return f"oci:{elsewhere.folder}:cancer:1", digest


COPY = ("copy", "--preserve-digests", "--dest-tls-verify=false", "--src-tls-verify=false")


def test_skopeo_copies_in_looks_copies_out_and_deletes(
    skopeo: Skopeo, address: str, secrets: dict[str, str], source: tuple[str, str], tmp_path: Path
) -> None:
    origin, digest = source
    there, owner = f"docker://{address}/team/cancer", f"ada:{secrets['owner']}"
    skopeo.ok(*COPY, "--dest-creds", f"ci:{secrets['contributor']}", origin, f"{there}:stable")
    look = ("--tls-verify=false", "--creds", f"reader:{secrets['reader']}")
    inspected = json.loads(skopeo.ok("inspect", *look, f"{there}:stable"))
    assert (inspected["Digest"], inspected["RepoTags"]) == (digest, ["1", "latest", "stable"])
    assert json.loads(skopeo.ok("list-tags", *look, there))["Tags"] == ["1", "latest", "stable"]
    copy = tmp_path / "copy"
    skopeo.ok(*COPY, "--src-creds", f"reader:{secrets['reader']}", f"{there}:1", f"oci:{copy}:cancer")
    assert ImageLayout(copy).index().manifests[0].digest == digest
    ImageLayout(copy).verify(digest)
    # From one repository into another: the blobs are not sent again.
    skopeo.ok(*COPY, "--src-creds", owner, "--dest-creds", owner, f"{there}:1", f"docker://{address}/elsewhere:1")
    skopeo.ok("delete", "--tls-verify=false", "--creds", owner, f"{there}:stable")
    assert json.loads(skopeo.ok("list-tags", *look, there))["Tags"] == []


def test_skopeo_is_told_why_it_is_refused(
    skopeo: Skopeo, address: str, secrets: dict[str, str], source: tuple[str, str]
) -> None:
    origin, _ = source
    there = f"docker://{address}/team/cancer:1"
    unknown = skopeo("copy", "--dest-tls-verify=false", origin, there)
    assert unknown.returncode != 0
    assert "unauthorized" in unknown.stderr.lower() or "authentication required" in unknown.stderr
    reader = skopeo(*COPY, "--dest-creds", f"reader:{secrets['reader']}", origin, there)
    assert "this takes the role contributor" in reader.stderr
    # Without --preserve-digests skopeo compresses the layers on its way: another image, which no node could read.
    squeezed = skopeo("copy", "--dest-tls-verify=false", "--dest-creds", f"ci:{secrets['contributor']}", origin, there)
    assert "push the image as it was built, with `skopeo copy --preserve-digests`" in squeezed.stderr


@pytest.fixture
def client(address: str, secrets: dict[str, str]) -> oras.client.OrasClient:
    client = oras.client.OrasClient(hostname=address, insecure=True, auth_backend="basic")
    client.auth.set_basic_auth("ci", secrets["contributor"])
    return client


@pytest.mark.parametrize("chunked", [False, True])
def test_oras_keeps_files_beside_the_images(
    client: oras.client.OrasClient, address: str, tmp_path: Path, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = bytes(range(256)) * 1000
    Path("bill.json").write_bytes(content)
    target = f"{address}/team/bill:v1"
    notes = {"made": "by hand"}
    pushed = client.push(
        target=target,
        files=["bill.json:application/spdx+json"],
        manifest_annotations=notes,
        do_chunked=chunked,
        chunk_size=100_000,
    )
    assert pushed.status_code == 201
    assert client.get_tags(f"{address}/team/bill") == ["v1"]
    manifest = client.get_manifest(target)
    assert (manifest["annotations"]["made"], manifest["layers"][0]["digest"]) == ("by hand", digest_of(content))
    (out,) = client.pull(target=target, outdir=str(tmp_path / "out"))
    assert Path(out).read_bytes() == content


def test_what_oras_keeps_is_no_image(
    client: oras.client.OrasClient,
    address: str,
    guarded_url: str,
    secrets: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("note.txt").write_text("hello")
    client.push(target=f"{address}/notes:1", files=["note.txt"])
    headers = {"authorization": f"Bearer {secrets['reader']}"}
    assert httpx.get(f"{guarded_url}/api/v1/images", headers=headers).json() == {"images": []}


def test_our_own_client_of_other_registries_speaks_to_this_one(
    address: str, guarded_url: str, secrets: dict[str, str], elsewhere: ImageLayout, build_elsewhere: BuildElsewhere
) -> None:
    digest = build_elsewhere("one")
    manifest = elsewhere.manifest(digest)
    there = RegistryLocation(guarded_url, address, "team/copy", "stable")
    with closing(Distribution(there, Login("ci", secrets["contributor"]))) as client:
        for blob in (manifest.config, *manifest.layers):
            assert not client.has(blob.digest)
            assert not client.mount(blob.digest, "elsewhere")
            client.push(blob, elsewhere.stream(blob.digest))
            assert client.mount(blob.digest, "team/copy")
        client.push_manifest(elsewhere.path(digest).read_bytes(), manifest.media_type)
        assert client.manifest("1") == (elsewhere.path(digest).read_bytes(), manifest.media_type)
        with client.blob(manifest.config.digest) as chunks:
            assert digest_of(b"".join(chunks)) == manifest.config.digest
    with closing(Distribution(there, None)) as nobody, pytest.raises(Unauthenticated, match="log in with"):
        nobody.manifest("1")
