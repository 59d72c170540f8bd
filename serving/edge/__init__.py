"""The edge of a node: HAProxy, and the agent that owns it.

Map::

    settings.py      where the edge binds and keeps its files
    errors.py        what can go wrong, as one tree
    names.py         patterns of all that is written to HAProxy
    merge.py         the table to apply, from the one applied and the one that came; pure
    maps.py          a routing table as HAProxy's maps; pure
    config.py        a routing table as HAProxy's configuration (haproxy.cfg.j2); pure
    changes.py       from one table to the next: commands, or a reload; pure
    runtime.py       HAProxy's admin socket
    haproxy.py       the HAProxy process: start, reload, adopt, notice its death
    applier.py       one table after another, with the files in step
    ring.py          lines that a dead HAProxy left in its ring file
    log_receiver.py  lines from HAProxy to telemetry
    agent.py         wiring
"""
