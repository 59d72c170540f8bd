"""Verbs, one module per noun: plain functions over a ``Workspace``. Rules and transactions live here; no HTTP.

Every change is one transaction; what may be waited for is announced through ``workspace.signal`` after its commit.

Map::

    workspace.py  what everything below is done to;  activities.py  what takes long
    tracking/     experiments and runs: what training scripts record
    modelling/    models and datasets, their versions and where they came from
    imaging/      images: built, pushed, tagged, signed, pruned
    deploying/    endpoints and deployments: what should run
    security/     who may do what, who did it, and secrets
    upkeep/       what is checked, and deleted for good
"""
