"""Build an image from a model, a scoring script and requirements, and keep it as an OCI image layout on disk.

Map::

    lock.py      resolve requirements to a lock file with hashes (uv)
    pack.py      files → the bytes of a deterministic tar
    layout.py    the OCI image layout on disk: blobs, tags, written once and verified
    checks.py    what can be known of a script and a model file without running them
    build.py     layers, config, manifest → digest

Nothing here knows of HTTP, of the database or of the clock.
"""
