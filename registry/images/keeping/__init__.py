"""The OCI image layout on disk, and how it stays whole.

Map::

    layout.py   blobs, tags, written once and verified
    stage.py    blobs on their way there;  disk.py  what the disk's errors mean
    links.py    what a manifest of any kind refers to
    compare.py  what differs between two images
"""
