"""``make bench``: what a request costs, next to a hand-written server on the same model, interleaved in one run.

Map::

    __main__.py    the rounds, the ratio, the bar
    model.py       the breast-cancer logistic regression as ONNX, and requests for it
    raw_server.py  the peer: uvicorn and onnxruntime, as an honest engineer writes it
    workspace.py   Slipway with keys, split and telemetry on, reached by its command
    subject.py     what is measured: an address and the processes behind it
    cpu.py         CPU time and memory of processes, from /proc
    doors.py       the workspace's other doors, with --doors
    client.py      the load: keep-alive HTTP/1.1 in a closed loop; grpc_client.py over gRPC
    engine*.py     ``make bench-engine``: what the engine promises; engine_workspace.py serves its models and scripts
    measure.py     one round of load on one subject
    open_loop.py   the load at a given rate, whatever comes back; loadtest/overload_bench sends it
    report.py      build/bench.json and the table
"""
