"""What a node keeps and starts: images pulled by digest, environments, one scoring process per replica. No Ray.

Map::

    errors.py        what can go wrong between an image's digest and a running process
    prepare.py       from an image's name and digest to all that a scoring process needs
    signatures.py    who signed an image, and whether that suffices;  trust.py  whom to believe
    rehearse.py      a new image answers its samples, for the registry;  files.py  its parts as files
    quantise.py      the environment in which serving/quantiser works for the registry
    keeping/
        locks.py         shared and alone, among processes
        entries.py       one kind of what is kept: whole or not there, held by its users;  kept.py  its records
        room.py          all of it within a bound
        pull.py          manifest and blobs from the registry's /v2/, verified
        layers.py        digest → a layer's files, once per node
        unpack.py        a layer's files, and nothing that leads elsewhere
        cache.py         digest → unpacked image, once per node
        interpreters.py  "3.11" → a Python that is there
        environments.py  lock file → virtual environment, once per node
    running/
        launch.py        how a scoring process is called
        process.py       a scoring process: start, announce, terminate;  log_tail.py  its last words
        samples.py       an image's samples, sent to a scoring process before anybody else's requests
        golden.py        what they were answered with when the image was built
        serve_alone.py   one image in the foreground, without a cluster
        service.py       a process with an HTTP door
"""
