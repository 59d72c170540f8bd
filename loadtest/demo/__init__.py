"""``make demo``: what a team does on its first day, from a training script to scored requests.

Map::

    __main__.py   a workspace of its own: started, the story told, ended
    story.py      the story, step by step
    ports.py      the default ports, or free ones
    command.py    the ``slipway`` command, called as a person would
    clients.py    HTTP and gRPC clients of the endpoint
    stage.py      progress: what is happening, and how long it took
"""
