"""``make bench-traffic``: what traffic promises its users, as cases in one workspace.

Map::

    split.py       a ramp, changes under load, and how soon all edges obey
    workspace.py   its two edges; crowd.py: its users
    undo.py        back and forth between two releases
    keys.py        rotation, rate limits, and what a wrong key's time tells
    mirror.py      what the report says of a planted disagreement, and what a bad target costs who is answered
    clients.py     who does not stop asking
"""
