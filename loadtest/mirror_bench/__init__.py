"""Mirrored traffic: what the report says of a planted disagreement, and what a bad target costs those who are answered.

Map::

    workspace.py   an endpoint with blue, which answers everybody, and targets of several kinds
    findings.py    what was sent, and the figures with their bars
    __main__.py    arguments, table, report
"""
