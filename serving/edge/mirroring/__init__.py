"""The mirror process: one beside each edge agent, while anything is mirrored. It runs at a lower priority than all that
answers anybody, and shares no interpreter with it.

Map::

    intake.py    takes what scoring processes have answered, from the socket that the edge tells them
    lane.py      copies on their way to one deployment: how many wait, how many are under way, when it gives way
    sender.py    one copy to its end: sent, answered, compared
    http_copies.py, grpc_copies.py    to the edge and back
    reading.py   answers of every door → outputs by name
    ledger.py    what became of copies → lines for telemetry
    __main__.py  wiring
    keeper.py    the agent's side: starts it, starts it again, ends it
"""
