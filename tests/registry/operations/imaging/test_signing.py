import base64
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from registry.core.activities import ActivityKind, ActivityState
from registry.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from registry.core.imaging.images import Image
from registry.core.imaging.samples import GOLDEN_TYPE, Answer, GoldenAnswers
from registry.core.imaging.signatures import SIGNATURE_TYPE, NewTrustedKey, SignaturePolicy, key_id
from registry.operations.activities import MAX_RUNNING, begin_activity, get_activity
from registry.operations.deploying.desired import get_desired_state
from registry.operations.imaging import signing
from registry.operations.imaging.golden import get_golden
from registry.operations.imaging.image_verify import start_verification, verify_image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.referrers import attach, referrers
from registry.operations.security.vault import list_secrets
from registry.operations.upkeep.workspace_deletion import preview, start_deletion
from registry.operations.workspace import Workspace, open_workspace
from registry.store import settings
from tests.registry.operations.signed_image import NAME, flip, make_image, push_artefact

FOREIGN = SigningKey(b"2" * 32)


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    return open_image_works(tmp_path / "images")


@pytest.fixture
def signed(workspace: Workspace, works: ImageWorks) -> Image:
    image = make_image(workspace, works)
    signing.sign_image(workspace, works, image)
    return image


def faults(workspace: Workspace, works: ImageWorks, image: Image) -> list[str]:
    return verify_image(workspace, works, image, lambda part, line: None)


def foreign_key() -> NewTrustedKey:
    return NewTrustedKey(name="build farm", public_key=base64.b64encode(bytes(FOREIGN.verify_key)).decode())


def remember_images_to_sign(workspace: Workspace) -> None:
    """Do as the migration of a database with images does."""
    with workspace.metadata.write() as tx:
        settings.write(tx, settings.IMAGES_TO_SIGN, "yes")


def test_the_first_signature_makes_the_workspaces_key(workspace: Workspace, works: ImageWorks) -> None:
    assert signing.signing_keys(workspace).keys == []
    image = make_image(workspace, works)
    made = signing.sign_image(workspace, works, image)
    again = signing.sign_image(workspace, works, image)

    [key] = signing.signing_keys(workspace).keys
    assert (key.id, key.own, key.signing) == (made.key, True, True)
    assert again == made
    assert [one.digest for one in referrers(workspace, NAME, image.digest, SIGNATURE_TYPE)] == [made.signature]
    assert list_secrets(workspace) == []  # it is the registry's own
    assert faults(workspace, works, image) == []


def test_what_is_signed_includes_the_recorded_answers(workspace: Workspace, works: ImageWorks, signed: Image) -> None:
    before = signing.golden_of(workspace, works, signed)
    other = GoldenAnswers(answers=[Answer(sample="a", status=200, content_type="text/plain", body=b"1")])
    attach(workspace, works, NAME, signed.digest, GOLDEN_TYPE, msgspec.json.encode(other))

    assert signing.golden_of(workspace, works, signed) == before, "newer ones that nobody signed do not count"
    assert faults(workspace, works, signed) == []
    unsigned = msgspec.structs.replace(signed, config=msgspec.structs.replace(signed.config, samples=[]))
    assert "is of other recorded answers" in signing.signature_fault(workspace, works, unsigned)


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [b"{}", b"{}"],
        [b"[]"],
        [b"\xff"],
        [b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
        [b'{"statement": "\\ud800", "key": "k", "signature": "x", "answers": [{"body": "?"}]}'],
        [b" " * (4 << 20) + b" "],
    ],
)
def test_an_artefact_that_is_none_counts_for_nothing_and_breaks_nothing(
    workspace: Workspace, works: ImageWorks, signed: Image, payloads: list[bytes]
) -> None:
    golden = signing.golden_of(workspace, works, signed)
    for kind in (SIGNATURE_TYPE, GOLDEN_TYPE):
        push_artefact(workspace, works, signed, kind, *payloads)

    assert faults(workspace, works, signed) == []
    assert signing.golden_of(workspace, works, signed) == golden
    assert get_golden(workspace, works, NAME).answers == []
    made = signing.sign_image(workspace, works, signed)
    signing.rotate_key(workspace)
    signing.remove_key(workspace, made.key)
    [fault] = faults(workspace, works, signed)
    assert "is not what a signature looks like" in fault


def test_a_new_key_signs_and_the_one_before_stays_trusted_until_it_is_removed(
    workspace: Workspace, works: ImageWorks, signed: Image
) -> None:
    [before] = signing.signing_keys(workspace).keys
    after = signing.rotate_key(workspace)

    assert [(key.id, key.signing) for key in signing.signing_keys(workspace).keys] == [
        (before.id, False),
        (after.id, True),
    ]
    assert faults(workspace, works, signed) == []
    with pytest.raises(Conflict, match="signs with"):
        signing.remove_key(workspace, after.id)
    signing.remove_key(workspace, before.id)
    [fault] = faults(workspace, works, signed)
    assert f"is by {before.id}, a key that this workspace does not trust" in fault
    assert signing.sign_image(workspace, works, signed).key == after.id
    assert faults(workspace, works, signed) == []


def test_others_keys_are_trusted_and_removed_by_name(workspace: Workspace) -> None:
    key = signing.add_key(workspace, foreign_key())
    assert (key.id, key.own, key.signing) == (key_id(bytes(FOREIGN.verify_key)), False, False)
    with pytest.raises(Conflict, match="trusted already, as 'build farm'"):
        signing.add_key(workspace, foreign_key())
    signing.remove_key(workspace, key.id)
    with pytest.raises(NotFound, match="no key"):
        signing.remove_key(workspace, key.id)


@pytest.mark.parametrize("wanted", ["", "ed25519-xyz", "../x"])
def test_an_id_that_is_none_is_refused(workspace: Workspace, wanted: str) -> None:
    with pytest.raises(InvalidInput, match="is no key's id"):
        signing.remove_key(workspace, wanted)


@pytest.mark.parametrize("name", ["", "  ", "a" * 129])
def test_a_key_needs_a_name(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidInput, match="whose is it"):
        signing.add_key(workspace, msgspec.structs.replace(foreign_key(), name=name))


@pytest.mark.parametrize(
    "change",
    [
        signing.rotate_key,
        lambda workspace: signing.add_key(workspace, foreign_key()),
        lambda workspace: signing.set_policy(workspace, SignaturePolicy.WARN),
    ],
)
def test_nodes_are_told_of_every_change(workspace: Workspace, change: Callable[[Workspace], object]) -> None:
    before = get_desired_state(workspace)
    assert (before.trust.policy, before.trust.keys) == (SignaturePolicy.REQUIRE, {})
    change(workspace)
    after = get_desired_state(workspace)

    assert after.version == before.version + 1
    assert after.trust != before.trust
    assert list(after.trust.keys) == [key.id for key in signing.signing_keys(workspace).keys]


def test_a_flipped_byte_in_any_blob_is_found_and_the_blob_named(
    workspace: Workspace, works: ImageWorks, signed: Image
) -> None:
    attached = [one.digest for one in referrers(workspace, NAME, signed.digest)]
    manifests = [works.layout.manifest(digest) for digest in (signed.digest, *attached)]
    parts = [part.digest for manifest in manifests for part in (manifest.config, *manifest.layers)]
    blobs = {signed.digest, *attached, *parts}
    assert len(blobs) > 9
    for blob in sorted(blobs):
        good = flip(works, blob)
        found = faults(workspace, works, signed)
        assert found
        assert all(f"{blob} is damaged" in fault for fault in found), blob
        works.layout.path(blob).unlink()
        assert f"{blob} is missing" in "; ".join(faults(workspace, works, signed))
        assert works.layout.write([good])[0] == blob
    assert faults(workspace, works, signed) == []


def test_an_unsigned_image_fails_unless_nobody_looks(workspace: Workspace, works: ImageWorks) -> None:
    image = make_image(workspace, works, samples=False)
    assert faults(workspace, works, image) == [f"image {image.digest}: it is not signed"]
    signing.set_policy(workspace, SignaturePolicy.OFF)
    assert faults(workspace, works, image) == []


def test_a_verification_is_an_activity_that_names_each_blob_it_reads(
    workspace: Workspace, works: ImageWorks, signed: Image
) -> None:
    flip(works, signed.layers[0].digest)
    activity = start_verification(workspace, works, f"{NAME}:1")
    while not get_activity(workspace, activity.id).state.ended:
        pass
    ended = get_activity(workspace, activity.id)
    assert ended.state is ActivityState.FAILED
    assert ended.message == f"layer {signed.layers[0].digest} is damaged"
    assert sum(line.startswith("reading layer") for line in ended.log) == len(signed.layers)


def test_a_verification_beyond_those_that_may_wait_is_refused(
    workspace: Workspace, works: ImageWorks, signed: Image
) -> None:
    for _ in range(MAX_RUNNING):
        begin_activity(workspace, ActivityKind.VERIFY, NAME, "waiting")
    with pytest.raises(Unavailable, match="32 activities of kind verify are running or waiting"):
        start_verification(workspace, works, f"{NAME}:1")


def test_images_from_before_there_were_signatures_are_signed_once(workspace: Workspace, works: ImageWorks) -> None:
    built = make_image(workspace, works)
    remember_images_to_sign(workspace)
    signing.sign_what_was_built(workspace, works)
    assert faults(workspace, works, built) == []

    later = make_image(workspace, works, samples=False)
    signing.sign_what_was_built(workspace, works)
    assert faults(workspace, works, later) != []


def test_what_is_pushed_to_a_registry_that_built_nothing_is_not_signed_when_it_starts_again(
    workspace: Workspace, works: ImageWorks
) -> None:
    signing.sign_what_was_built(workspace, works)
    pushed = make_image(workspace, works)
    signing.sign_what_was_built(workspace, works)
    assert faults(workspace, works, pushed) == [f"image {pushed.digest}: it is not signed"]


def test_what_is_pushed_to_a_deleted_workspace_is_not_signed_when_it_starts_again(
    workspace: Workspace, works: ImageWorks, signed: Image
) -> None:
    activity = start_deletion(workspace, works.layout, preview(workspace, works.layout).name, "ada")
    while not get_activity(workspace, activity.id).state.ended:
        pass
    assert signing.signing_keys(workspace).keys == []
    pushed = make_image(workspace, works)
    signing.sign_what_was_built(workspace, works)

    assert len(signing.signing_keys(workspace).keys) == 1
    assert faults(workspace, works, pushed) == [f"image {pushed.digest}: it is not signed"]


def test_an_image_that_cannot_be_signed_keeps_no_registry_from_starting(
    workspace: Workspace, works: ImageWorks, image: Image, caplog: pytest.LogCaptureFixture
) -> None:
    whole = make_image(workspace, works)
    remember_images_to_sign(workspace)
    signing.sign_what_was_built(workspace, works)  # ``image`` has no manifest in the layout
    assert f"{image.digest} is not signed" in caplog.text
    assert faults(workspace, works, whole) == [], "the others are"


def test_the_key_outlives_the_process(tmp_path: Path, works: ImageWorks) -> None:
    keys = []
    for _ in range(2):
        workspace = open_workspace(f"sqlite:///{tmp_path}/r.db", "memory://", tmp_path / "vault.key")
        keys.append(signing.sign_image(workspace, works, make_image(workspace, works)).key)
        workspace.close()
    assert keys[0] == keys[1]
