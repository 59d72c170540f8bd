"""Nouns and rules of the workspace. Standard library and msgspec only: no I/O, no clock, no randomness.

Map; the floors above have the same rooms::

    tracking/   experiments and runs: what training scripts record
    modelling/  models and datasets, their versions and where they came from
    imaging/    images: built, pushed, tagged, signed, pruned
    deploying/  endpoints and deployments: what should run
    security/   who may do what, who did it, and secrets

Beside them: errors, names, paths, times, somebody else's tars in bounded memory, and what several rooms share.
"""
