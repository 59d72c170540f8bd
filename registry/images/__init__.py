"""Build an image from models, a scoring script and requirements, and keep it as an OCI image layout on disk.

Map::

    inputs.py    all that an image is made of, checked
    checks.py    what can be known of a script and a model file without running them
    code.py      the user's code folder as it arrives
    environments/  from where dependencies are taken;  curated/ those that have a name
    mlmodel.py   what MLflow wrote about a model that it logged
    lock.py      resolve requirements to a lock file with hashes (uv)
    wheels.py    the wheels of a lock, for images that carry them;  wheel_index.py  fetched
    scoring.py   the scoring process' own source, as data
    layers/      which file goes into which layer
    kinds/       in what the kinds of images differ
    errand.py    work that a process of its own does;  rehearsal.py  samples answered;  quantise.py  models quantised
    pack.py      files → the bytes of a deterministic tar
    deflate.py   gzip, the same bytes for ever
    build.py     layers, config, manifest → digest
    keeping/     the OCI image layout on disk: blobs, tags, written once and verified; what refers to what
    pushed/      blobs and images that come from elsewhere

Nothing here knows of the database or of the clock; of HTTP only what fetches wheels does.
"""
