"""What images cost: to build, to keep, to move and to start. One file per case; ``make bench-images`` runs them all.

Map::

    registry.py      a registry of its own with models in it, and the command against it
    builds.py        the second build, a changed script, the size
    transfers.py     a gigabyte pushed to the image registry and pulled again
    environments.py  from a command to a served image, with and without its environment at hand
    replicas.py      ten replicas of a deployment beside one
"""
