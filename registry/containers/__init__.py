"""Make a runnable container image: an image of ours stacked on a base image, where the command runs.

Map, in the order an export passes; places are read by ``registry/core/imaging/container_locations.py``::

    opening.py        from a place to what is behind it
    sources.py        the port: an image's config and layers, and a layer's bytes
      layouts.py      a folder in OCI's layout;  archives.py  a file that skopeo, docker or podman saved
      remote.py       a registry, over the distribution API in distribution.py;  credentials.py  who we are there
    base.py           what a base must have: the processor, glibc, a Python of the image's minor version
    environment.py    the lock's packages as one layer, the same bytes wherever it is made
    stack.py          both together: config and manifest
    targets.py        the port of where it goes, and a folder, a file and a registry behind it
    export.py         all of it

Nothing of a base image is run, and its layers keep their bytes and their compression.
"""
