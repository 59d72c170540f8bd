"""Ports made real: metadata over SQLAlchemy Core (SQLite or PostgreSQL) and blobs over obstore.

One module per noun turns records into rows and back; each function takes a ``Connection`` and leaves transactions,
rules, clock and ids to the operations above it. Nothing above this floor imports SQLAlchemy or obstore.

Map::

    engines.py, metadata.py, write_queue.py, faults.py, upsert.py   a database, whichever it is
    blobs.py      bytes by digest, wherever they are kept
    schema/       every table;  migrations/  the ways there
    tracking/     experiments and runs: what training scripts record
    modelling/    models and datasets, their versions and where they came from
    imaging/      images: built, pushed, tagged, signed, pruned
    deploying/    endpoints and deployments: what should run
    security/     who may do what, who did it, and secrets
    upkeep/       what is checked, and deleted for good
"""
