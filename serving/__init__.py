"""The data plane: make reality match the registry, and answer requests.

Map::

    policy/      pure decisions: traffic split, readiness. No I/O, no clock
    wire/        records that cross a process border: routing table, replica report, request line
    scoring/     the scoring server: one process, one image; imports nothing else of ours
    quantiser/   an ONNX model to int8, in an environment of its own; imports nothing else of ours
    node/        what a node keeps: image cache, environments, a scoring process' launch
    edge/        HAProxy: its configuration, its runtime API, its access log
    cluster/     the only code that imports ray: crews, supervisors, and what to deploy
    embedded/    one machine: start, watch and stop every process of a workspace
    controller/  reconcile desired and actual; directory and routing table
    telemetry/   the requests table: write, compact, query
    cli/         the commands that start and show the processes above
"""
