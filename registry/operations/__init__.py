"""Verbs, one module per noun: plain functions over a ``Workspace``. Rules and transactions live here; no HTTP.

Every change is one transaction; what may be waited for is announced through ``workspace.signal`` after its commit.
"""
