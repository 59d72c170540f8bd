"""One machine: start, watch and stop every process of a workspace.

Map::

    paths.py      the workspace folder and its private runtime folder
    records.py    which process is ours: pid, start time, session; how to find what is left of it
    plan.py       what to start, in which order, and how each says that it is ready; pure
    ports.py      which ports are free, and who has a taken one
    runner.py     start, adopt, restart, stop
    workspace.py  open, bring up, hold up, take down
    observation.py, memory.py, standing.py   what runs, what it costs, how the deployments stand
"""
