"""Signatures of images: sign, verify, and choose whose count."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.imaging.images import works_of
from registry.api.route import answer, nothing, read_record, workspace_of
from registry.core.imaging.signatures import ImageToSign, ImageToVerify, NewTrustedKey, PolicyChange
from registry.operations.imaging import signing
from registry.operations.imaging.image_verify import start_verification


async def verify_image(request: Request) -> Response:
    """Begin to read an image whole again and look at its signature."""
    wanted = await read_record(request, ImageToVerify)
    activity = await run_sync(start_verification, workspace_of(request), works_of(request), wanted.reference)
    return answer(activity, 202)


async def sign_image(request: Request) -> Response:
    """Sign an image with the workspace's key, whoever built it."""
    wanted = await read_record(request, ImageToSign)
    signed = await run_sync(signing.sign_reference, workspace_of(request), works_of(request), wanted.reference)
    return answer(signed, 201)


async def list_keys(request: Request) -> Response:
    """Show the policy, and the public keys whose signatures count."""
    return answer(await run_sync(signing.signing_keys, workspace_of(request)))


async def add_key(request: Request) -> Response:
    """Trust another's public key."""
    wanted = await read_record(request, NewTrustedKey)
    return answer(await run_sync(signing.add_key, workspace_of(request), wanted), 201)


async def rotate_key(request: Request) -> Response:
    """Make a new key to sign with; the one before stays trusted."""
    return answer(await run_sync(signing.rotate_key, workspace_of(request)), 201)


async def remove_key(request: Request) -> Response:
    """Trust a key no more."""
    await run_sync(signing.remove_key, workspace_of(request), request.path_params["id"])
    return nothing()


async def set_policy(request: Request) -> Response:
    """Choose what happens to replicas of images without a good signature."""
    change = await read_record(request, PolicyChange)
    return answer(await run_sync(signing.set_policy, workspace_of(request), change.policy))
