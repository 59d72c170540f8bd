"""The control plane: what exists and what should exist.

Map, from the floor up (each may import only what stands above it here)::

    core/        nouns and rules; standard library and msgspec only
    store/       metadata (SQLAlchemy Core) and blobs (obstore)
    images/      lock, pack and lay out an image
    containers/  an image on a base, as docker and podman run it; made where the command runs
    operations/  verbs, one module per noun, over the store
    api/         the REST doors
    client/      Python SDK over httpx; knows core and nothing else of ours
    cli/         the ``slipway`` command

Never imports ray or serving.
"""
