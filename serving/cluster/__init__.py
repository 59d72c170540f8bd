"""The only room that imports Ray: crews and their supervisors, what to deploy, and the cluster's driver.

Map::

    schema.py       desired revisions → Serve's declarative configuration; pure, imports no Ray
    head.py         the command and environment of a one-machine cluster; pure, imports no Ray
    client.py       the controller's way to the driver; imports no Ray
    driver.py       a process of its own that holds the Ray connection: Ray may end it, not the controller
    application.py  what Serve imports on a node: one of its replicas is a crew
    crew_process.py starts a crew's process and gives it orders; imports no Ray, as all below
    crew.py         a crew: forks a supervisor for each of its replicas
    supervision.py  a supervisor's life;  pulse.py, reporter.py  what it asks, and what it tells
"""
