"""What a node starts: not an image in which one byte was changed, nor one that nobody trusted has signed."""

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from registry.core.imaging.images import Image
from registry.core.imaging.samples import GOLDEN_TYPE, Answer, GoldenAnswers
from registry.core.imaging.signatures import SIGNATURE_TYPE, Signature, SignaturePolicy, Trust, key_id, statement_text
from registry.operations.deploying.desired import get_desired_state
from registry.operations.imaging import signing
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.referrers import attach, referrers
from registry.operations.imaging.signing import golden_of, sign_image
from registry.operations.workspace import Workspace
from serving.node.errors import ImageRefused, NodeError, SignatureRefused
from serving.node.keeping.room import open_room
from serving.node.prepare import Prepared, prepare_image
from tests.registry.conftest import serve
from tests.registry.operations.signed_image import NAME, flip, make_image, push_artefact


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    return open_image_works(tmp_path / "images")


@pytest.fixture
def signed(workspace: Workspace, works: ImageWorks) -> Image:
    image = make_image(workspace, works)
    sign_image(workspace, works, image)
    return image


@pytest.fixture
def url(workspace: Workspace, works: ImageWorks) -> Iterator[str]:
    with serve(workspace, works.layout.folder) as url:
        yield url


def trust_of(workspace: Workspace, policy: SignaturePolicy = SignaturePolicy.REQUIRE) -> Trust:
    return msgspec.structs.replace(get_desired_state(workspace).trust, policy=policy)


def start(url: str, image: Image, node: Path, trust: Trust, lines: list[str] | None = None) -> Prepared:
    report = ([] if lines is None else lines).append
    prepared = prepare_image(url, image.name, image.digest, open_room(node, 1), trust, report)
    prepared.close()
    return prepared


def attached(workspace: Workspace, works: ImageWorks, image: Image, kind: str) -> tuple[str, str]:
    """The digests of an artefact and of what it holds."""
    [artefact] = referrers(workspace, image.name, image.digest, kind)
    return artefact.digest, works.layout.manifest(artefact.digest).layers[0].digest


def test_a_flipped_byte_in_any_blob_refuses_the_image_and_names_the_blob(
    workspace: Workspace, works: ImageWorks, signed: Image, url: str, tmp_path: Path
) -> None:
    manifest = works.layout.manifest(signed.digest)
    golden, signature = (attached(workspace, works, signed, kind) for kind in (GOLDEN_TYPE, SIGNATURE_TYPE))
    parts = [manifest.config.digest, *(layer.digest for layer in manifest.layers)]
    trust = trust_of(workspace)
    for blob in (signed.digest, *parts, *golden, *signature):
        good = flip(works, blob)
        with pytest.raises(NodeError, match=blob) as refusal:
            start(url, signed, tmp_path / blob, trust)
        assert isinstance(refusal.value, SignatureRefused if blob in (*golden, *signature) else ImageRefused)
        assert not (tmp_path / blob / "environments").exists(), "nothing was installed for it"
        works.layout.path(blob).write_bytes(good)
    lines: list[str] = []
    assert start(url, signed, tmp_path / "node", trust, lines).golden is not None
    assert not [line for line in lines if line.startswith("warning")]


DEEP = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("policy", SignaturePolicy)
@pytest.mark.parametrize("payloads", [[], [b"{}", b"{}"], [b"[]"], [b"\xff"], [DEEP], [b" " * (5 << 20)]])
def test_a_signed_image_starts_whatever_else_is_attached_to_it(
    workspace: Workspace,
    works: ImageWorks,
    signed: Image,
    url: str,
    tmp_path: Path,
    policy: SignaturePolicy,
    payloads: list[bytes],
) -> None:
    for kind in (SIGNATURE_TYPE, GOLDEN_TYPE):
        push_artefact(workspace, works, signed, kind, *payloads)
    lines: list[str] = []
    assert start(url, signed, tmp_path / "node", trust_of(workspace, policy), lines).golden == GoldenAnswers(answers=[])
    assert not [line for line in lines if line.startswith("warning")]


def test_newer_answers_that_nobody_signed_do_not_count(
    workspace: Workspace, works: ImageWorks, signed: Image, url: str, tmp_path: Path
) -> None:
    planted = GoldenAnswers(answers=[Answer(sample="a", status=200, content_type="text/plain", body=b"666")])
    attach(workspace, works, NAME, signed.digest, GOLDEN_TYPE, msgspec.json.encode(planted))
    node = tmp_path / "node"
    assert start(url, signed, node, trust_of(workspace, SignaturePolicy.OFF)).golden == planted
    for policy in (SignaturePolicy.WARN, SignaturePolicy.REQUIRE):
        assert start(url, signed, node, trust_of(workspace, policy)).golden == GoldenAnswers(answers=[])


def test_a_foreign_signature_refuses_the_image_and_names_it(
    workspace: Workspace, works: ImageWorks, url: str, tmp_path: Path
) -> None:
    image = make_image(workspace, works)
    sign_image(workspace, works, make_image(workspace, works, samples=False))  # so that there is a key
    foreign = SigningKey(b"2" * 32)
    public = bytes(foreign.verify_key)
    statement = statement_text(image.digest, golden_of(workspace, works, image))
    made = base64.b64encode(foreign.sign(statement.encode()).signature).decode()
    for named in (key_id(public), next(iter(trust_of(workspace).keys))):
        content = msgspec.json.encode(Signature(statement=statement, key=named, signature=made))
        artefact = attach(workspace, works, image.name, image.digest, SIGNATURE_TYPE, content)
        with pytest.raises(SignatureRefused, match=f"signature {artefact}"):
            start(url, image, tmp_path / "node", trust_of(workspace))

    trusting = Trust(policy=SignaturePolicy.REQUIRE, keys={key_id(public): base64.b64encode(public).decode()})
    start(url, image, tmp_path / "node", trusting)


def test_a_warning_goes_on_with_a_line_and_off_looks_at_nothing(
    workspace: Workspace, works: ImageWorks, url: str, tmp_path: Path
) -> None:
    image = make_image(workspace, works)
    lines: list[str] = []
    start(url, image, tmp_path / "node", trust_of(workspace, SignaturePolicy.WARN), lines)
    said = f"warning: image {NAME}@{image.digest} has no signature that counts: it is not signed"
    assert [line for line in lines if "warning" in line] == [said]

    start(url, image, tmp_path / "node", trust_of(workspace, SignaturePolicy.OFF), lines)
    assert lines.count(said) == 1
    with pytest.raises(SignatureRefused, match="it is not signed"):
        start(url, image, tmp_path / "node", trust_of(workspace))


def test_a_cached_image_starts_while_the_registry_is_away_and_only_by_keys_that_are_trusted_now(
    workspace: Workspace, works: ImageWorks, signed: Image, tmp_path: Path
) -> None:
    with serve(workspace, works.layout.folder) as url:
        start(url, signed, tmp_path / "node", trust_of(workspace))
    start(url, signed, tmp_path / "node", trust_of(workspace))

    [before] = signing.signing_keys(workspace).keys
    signing.rotate_key(workspace)
    start(url, signed, tmp_path / "node", trust_of(workspace))
    signing.remove_key(workspace, before.id)
    with pytest.raises(SignatureRefused, match="cannot pull"):
        start(url, signed, tmp_path / "node", trust_of(workspace))


@pytest.mark.parametrize(
    "what", ["golden-*.json", "signatures.json", "entry.json", "root/var/azureml-app/score.py", "root/image.json"]
)
def test_what_is_changed_on_the_node_is_made_good(
    workspace: Workspace, works: ImageWorks, signed: Image, url: str, tmp_path: Path, what: str
) -> None:
    trust = trust_of(workspace)
    image = start(url, signed, tmp_path / "node", trust).image
    [file] = image.parent.glob(what)
    good = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    start(url, signed, tmp_path / "node", trust)
    assert file.read_bytes() == good
