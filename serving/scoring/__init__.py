"""The scoring server: one process, one image, one model. Imports nothing else of ours and runs on Python 3.9.

Map, in the order a request passes::

    __main__.py        wiring: arguments, environment, lifeline, announcement, drain
    http/              HTTP/1.1 (reading.py, connection.py), compression; fast_path.py: no task where nothing waits
    app.py             a request to its door and back: the edge's secret, the request id, errors
    routes.py          a path to its door
    doors.py           the door table: which path is which door, and in which shape each words its errors
    azure/             /score and /swagger.json, as Azure ML's server
    mlflow/            POST /invocations, as MLflow's server and SageMaker's containers
    kserve/            POST /v1/models/NAME:predict, as KServe's server
    oip/               /v2 over HTTP and inference.GRPCInferenceService, as Triton; gRPC's health and reflection
    health.py          /, /ping, /-/status, /-/ready
    openapi.py         /openapi.json: every door, from the door table; openapi_contents.py: schemas of the signature
    formats/           arrays as JSON, with and without NaN, and as bytes; MLflow's forms, CSV, Parquet; outputs as rows
    tensors.py         names, datatypes and shapes of a model; what fits them
    dataplane.py       the one way to the model: at once where it is quick, else through the engine
    engine/            who may come in, the line, the threads, and what runs together (batching.py, batches.py)
    answers.py         answers that come one after another, drawn on the model's thread as they are read
    statistics.py      how many requests, how long they waited and were worked on
    runtimes/          what runs the model: onnxruntime, the user's init() and run(), or mlflow
    probe.py           a container's health check asks whether the process is ready
    request_ids.py     what an id may be, so that it can be sent back
    image.py           the image's description;  errors.py  every error;  protocol.py  words to the supervisor
"""
