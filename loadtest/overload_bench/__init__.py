"""``make bench-overload``: what is left of a deployment when it is asked for several times what it can do.

Map::

    __main__.py    the bars, the table, build/bench-overload.json
    workspace.py   two models of 5 ms, one that sleeps and one that computes, each behind an endpoint with two keys
    crowds.py      overload with deadlines; one key that floods beside one that is polite
"""
