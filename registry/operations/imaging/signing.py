"""Sign images with the workspace's own key, and keep which keys its nodes trust. The private key is in the vault."""

import base64
import logging
from contextlib import suppress

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from registry.core.errors import Conflict, InvalidInput, NotFound, SlipwayError
from registry.core.imaging.images import MANIFEST_TYPE, Image
from registry.core.imaging.samples import GOLDEN_TYPE, read_golden
from registry.core.imaging.signatures import (
    MAX_KEY_NAME,
    SIGNATURE_TYPE,
    Attached,
    NewTrustedKey,
    Signature,
    SignaturePolicy,
    SignedImage,
    SigningKeys,
    Trust,
    TrustedKey,
    check_key_id,
    fault_of,
    key_id,
    parse_public_key,
    signed_goldens,
    statement_text,
)
from registry.operations.imaging.catalog import list_images, resolve_image
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.referrers import attach, payload_of, referrers
from registry.operations.security.caller import who
from registry.operations.security.vault import put_within, read_within
from registry.operations.workspace import Workspace
from registry.store import counters, settings
from registry.store.imaging import manifests
from registry.store.imaging import trusted_keys as rows
from registry.store.metadata import Connection

# What is built here is signed here, so what nobody signed need not start: a registry that others push to is safe too.
DEFAULT_POLICY = SignaturePolicy.REQUIRE
_OWN_NAME = "this workspace"
_log = logging.getLogger("slipway.registry.images")


def signing_keys(workspace: Workspace) -> SigningKeys:
    """Return the policy and every trusted key, from old to new."""
    with workspace.metadata.read() as tx:
        return SigningKeys(policy=_policy(tx), keys=rows.all_keys(tx))


def trust_within(tx: Connection) -> Trust:
    """Return what nodes are told, inside the caller's transaction."""
    return Trust(policy=_policy(tx), keys={key.id: key.public_key for key in rows.all_keys(tx)})


def set_policy(workspace: Workspace, policy: SignaturePolicy) -> SigningKeys:
    """Choose what happens to replicas whose image has no good signature, from their next start on."""
    with workspace.metadata.write() as tx:
        settings.write(tx, settings.SIGNATURE_POLICY, policy)
        counters.increment(tx, counters.DESIRED_STATE)
    workspace.signal.notify()
    return signing_keys(workspace)


def add_key(workspace: Workspace, wanted: NewTrustedKey) -> TrustedKey:
    """Trust another's public key.

    Raises:
        InvalidInput: it is no Ed25519 key, or its name is none.
        Conflict: it is trusted already.
    """
    public_key = parse_public_key(wanted.public_key)
    if not 0 < len(wanted.name.strip()) <= MAX_KEY_NAME:
        raise InvalidInput(f"name the key in 1 to {MAX_KEY_NAME} characters: whose is it?", path="$.name")
    with workspace.metadata.write() as tx:
        before = rows.find(tx, key_id(public_key))
        if before is not None:
            raise Conflict(f"{before.id} is trusted already, as {before.name!r}", id=before.id)
        key = _add(tx, workspace, public_key, wanted.name, own=False)
    workspace.signal.notify()
    return key


def remove_key(workspace: Workspace, wanted_id: str) -> None:
    """Trust a key no more: no replica starts by its signature again, and those that run go on.

    Raises:
        InvalidInput: the id is none.
        NotFound: no such key is trusted.
        Conflict: it is the one that this workspace signs with.
    """
    with workspace.metadata.write() as tx:
        key = rows.find(tx, check_key_id(wanted_id))
        if key is None:
            raise NotFound(f"no key {wanted_id} is trusted: `slipway trust list` shows those that are", id=wanted_id)
        if key.signing:
            raise Conflict(f"this workspace signs with {key.id}: `slipway trust rotate` makes another first", id=key.id)
        rows.delete(tx, key.id)
        counters.increment(tx, counters.DESIRED_STATE)
    workspace.signal.notify()


def rotate_key(workspace: Workspace) -> TrustedKey:
    """Make a new key to sign with. The one before stays trusted. Raises Unavailable if the vault cannot be used."""
    with workspace.metadata.write() as tx:
        key = _make_key(tx, workspace)
    workspace.signal.notify()
    return key


def sign_reference(workspace: Workspace, works: ImageWorks, reference: str) -> SignedImage:
    """Sign the image that a reference means now, whoever built it.

    Raises:
        InvalidInput: the reference is none.
        NotFound: it names nothing.
        Unavailable: the vault cannot be used.
    """
    return sign_image(workspace, works, resolve_image(workspace, reference))


def sign_image(workspace: Workspace, works: ImageWorks, image: Image) -> SignedImage:
    """Sign an image and the recorded answers that it has. Raises Unavailable if the vault cannot be used."""
    return _sign(workspace, works, image.name, image.digest, golden_of(workspace, works, image))


def sign_build(workspace: Workspace, works: ImageWorks, name: str, digest: str, golden: str) -> SignedImage:
    """Sign an image that is stored and has no tag yet, so that no tag ever means one without a signature, and with it
    the recorded answers of digest ``golden``, or "" if it has none.

    Raises:
        Unavailable: the vault cannot be used.
    """
    with workspace.metadata.write() as tx:
        manifests.insert(tx, name, digest, MANIFEST_TYPE, workspace.now_ms())
    return _sign(workspace, works, name, digest, golden)


def _sign(workspace: Workspace, works: ImageWorks, name: str, digest: str, golden: str) -> SignedImage:
    """Attach the signature: the same for the same."""
    with workspace.metadata.write() as tx:
        key = rows.signing(tx) or _make_key(tx, workspace)
        seed = read_within(tx, workspace, _secret_name(key.id))
    workspace.signal.notify()
    statement = statement_text(digest, golden)
    made = SigningKey(seed).sign(statement.encode()).signature
    signature = Signature(statement=statement, key=key.id, signature=base64.b64encode(made).decode())
    payload = msgspec.json.encode(signature, order="deterministic")
    artefact = attach(workspace, works, name, digest, SIGNATURE_TYPE, payload)
    return SignedImage(digest=digest, signature=artefact, key=key.id)


def sign_what_was_built(workspace: Workspace, works: ImageWorks) -> None:
    """Make the workspace's key if it has none, and sign the images of a database that was just brought here from before
    images were signed: they were built here. That there is no key says nothing, as a deleted workspace has none."""
    try:
        with workspace.metadata.write() as tx:
            unsigned = settings.read(tx, settings.IMAGES_TO_SIGN) is not None
            settings.delete(tx, settings.IMAGES_TO_SIGN)
            if rows.signing(tx) is None:
                _make_key(tx, workspace)
    except SlipwayError as error:  # the registry starts all the same; whoever builds or deploys is told
        _log.warning("this workspace has no key to sign images with: %s", error.message)
        return
    for image in list_images(workspace) if unsigned else []:
        try:
            sign_image(workspace, works, image)
        except (SlipwayError, OSError) as error:
            _log.warning("%s@%s is not signed: %s", image.name, image.digest, error)


def signature_fault(workspace: Workspace, works: ImageWorks, image: Image) -> str:
    """Return what is wrong with an image's signatures, or "" if a trusted key has signed it. Policy apart."""
    with workspace.metadata.read() as tx:
        trust = trust_within(tx)
    found = _signatures(workspace, works, image.name, image.digest)
    attached = _goldens(workspace, works, image.name, image.digest) if image.config.samples else []
    if any(golden in ("", *attached) for golden in signed_goldens(image.digest, found, trust, is_signed_by)):
        return ""
    return fault_of(image.digest, attached[-1] if attached else "", found, trust, is_signed_by)


def golden_of(workspace: Workspace, works: ImageWorks, image: Image) -> str:
    """Return the digest of the recorded answers to an image's samples, or "" if there are none.

    They are those that a trusted key has signed; the newest that are attached only while none has.
    """
    if not image.config.samples:
        return ""
    with workspace.metadata.read() as tx:
        trust = trust_within(tx)
    attached = _goldens(workspace, works, image.name, image.digest)
    return _signed_of(workspace, works, image.name, image.digest, attached, trust) or (attached[-1] if attached else "")


def signed_golden(workspace: Workspace, works: ImageWorks, name: str, digest: str) -> str:
    """Return the digest of the recorded answers that the workspace itself has signed for an image, or ""."""
    with workspace.metadata.read() as tx:
        own = Trust(keys={key.id: key.public_key for key in rows.all_keys(tx) if key.own})
    return _signed_of(workspace, works, name, digest, _goldens(workspace, works, name, digest), own)


def _signed_of(
    workspace: Workspace, works: ImageWorks, name: str, digest: str, attached: list[str], trust: Trust
) -> str:
    named = signed_goldens(digest, _signatures(workspace, works, name, digest), trust, is_signed_by)
    return next((golden for golden in named if golden in attached), "")


def _signatures(workspace: Workspace, works: ImageWorks, name: str, digest: str) -> list[Attached]:
    """Return what is attached as signatures, from old to new; one that cannot be read has no content."""
    found = []
    for one in referrers(workspace, name, digest, SIGNATURE_TYPE):
        try:
            found.append(Attached(one.digest, payload_of(works, one.digest)[1]))
        except (NotFound, InvalidInput):
            found.append(Attached(one.digest, b""))
    return found


def _goldens(workspace: Workspace, works: ImageWorks, name: str, digest: str) -> list[str]:
    """Return the digests of recorded answers that are attached and can be read, from old to new."""
    found = []
    for one in referrers(workspace, name, digest, GOLDEN_TYPE):
        with suppress(NotFound, InvalidInput):  # whoever verifies the image is told
            golden, content = payload_of(works, one.digest)
            read_golden(content)
            found.append(golden)
    return found


def is_signed_by(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature is by a key."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def _policy(tx: Connection) -> SignaturePolicy:
    return SignaturePolicy(settings.read(tx, settings.SIGNATURE_POLICY) or DEFAULT_POLICY)


def _make_key(tx: Connection, workspace: Workspace) -> TrustedKey:
    key = SigningKey.generate()
    public_key = bytes(key.verify_key)
    put_within(tx, workspace, _secret_name(key_id(public_key)), bytes(key))
    return _add(tx, workspace, public_key, _OWN_NAME, own=True)


def _add(tx: Connection, workspace: Workspace, public_key: bytes, name: str, *, own: bool) -> TrustedKey:
    key = TrustedKey(
        id=key_id(public_key),
        public_key=base64.b64encode(public_key).decode(),
        name=name,
        own=own,
        signing=own,
        created_ms=workspace.now_ms(),
        who=who(),
    )
    rows.insert(tx, key)
    counters.increment(tx, counters.DESIRED_STATE)
    return key


def _secret_name(key: str) -> str:
    return f"signing-key/{key}"
