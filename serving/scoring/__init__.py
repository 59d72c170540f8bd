"""The scoring server: one process, one image, one model. Imports nothing else of ours and runs on Python 3.9.

Map, in the order a request passes::

    __main__.py        wiring: arguments, environment, lifeline, announcement, drain
    http_server.py     HTTP/1.1 on sockets (httptools); fast_path.py answers without a task when it can
    app.py             the door table: which path is which door; the edge's secret
    azure.py           POST /score            invocations.py  POST /invocations
    oip.py             /v2 over HTTP          grpc_door.py    /inference.GRPCInferenceService
    health.py          /, /ping, /-/status, /-/ready, /v2/health
    oip_codec.py       Open Inference Protocol bodies: JSON and binary tensors
    grpc_codec.py      the same over gRPC;  grpc_messages.py  its messages, in a pool of their own
    json_arrays.py     JSON arrays to numpy, checked;  json_rows.py  and back;  raw_tensors.py  tensors as bytes
    bare_tokens.py     JSON that holds NaN and Infinity
    tensors.py         names, datatypes and shapes of a model; what fits them
    dataplane.py       the one way to the model: admission, deadline, inline or on a thread
    runtimes/          what runs the model: onnxruntime, the user's init() and run(), or mlflow;
                       runtimes/providers.py  which execution provider runs an ONNX model
    probe.py           a container's health check asks whether the process is ready
    image.py           the image's description;  errors.py  every error;  protocol.py  words to the supervisor
"""
