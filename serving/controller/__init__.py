"""The controller: makes the cluster and the edges match the registry's desired state.

Map::

    directory.py   what replicas say, and when each was last heard
    agents.py      which edge has applied which routing table
    settling.py    whether every edge obeys a change yet
    board.py       the published routing table: its generations, its copy on disk, who waits for the next
    registry.py    the link to the registry: desired state in, verdicts out
    reconcile.py   one pass: cluster schema, routing table, verdicts
    metrics.py     what Prometheus scrapes
    logs.py        the last lines of a deployment's replicas
    app.py         the HTTP doors, all on one screen
    server.py      wiring
"""
