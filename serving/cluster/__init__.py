"""The only room that imports Ray: the supervisor, what to deploy, and the cluster's driver.

Map::

    schema.py       desired revisions → Serve's declarative configuration; pure, imports no Ray
    head.py         the command and environment of a one-machine cluster; pure, imports no Ray
    client.py       the controller's way to the driver; imports no Ray
    driver.py       a process of its own that holds the Ray connection: Ray may end it, not the controller
    application.py  what Serve imports on a node: one replica supervises one scoring process
    supervision.py  the supervisor's life, without Ray
"""
