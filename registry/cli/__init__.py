"""The ``slipway`` command. It has no rule of its own: every command is a call of the REST API, or starts a process.

Map::

    main.py       assembles the command from every package's contribution; turns errors into exit codes
    assembly.py   the command under assembly: groups that several packages may add to
    context.py    which workspace is meant
    output.py     tables for people, JSON for programs
    names.py      names given as arguments
    activity.py   follow a long-running operation
    commands.py   what the registry contributes
    tracking/ modelling/ imaging/ deploying/ security/ upkeep/   the commands of each room, a module per noun
"""
