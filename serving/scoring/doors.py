"""The door table: which path is answered by which door, and in which shape each words its errors."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Dict

from .azure import score as azure
from .azure.score import Score
from .azure.settings import Settings
from .azure.swagger import Swagger
from .dataplane import DataPlane
from .errors import DeadlineExceeded, MethodNotAllowed, Overloaded, ScoringError, UnsupportedEncoding
from .health import Health
from .http.encodings import SUPPORTED
from .http.messages import Answer, Request, Response
from .kserve import predict as kserve
from .kserve.predict import Predict
from .mlflow import invocations as mlflow
from .mlflow.invocations import Invocations
from .oip import http_door as oip
from .oip.generate import Generate
from .oip.http_door import OpenInference
from .oip.http_management import Management
from .oip.served_model import ServedModel
from .openapi import OpenApi
from .runtimes.base import BodyLike, ScriptLike

Door = Callable[[Request], Coroutine[Any, Any, Answer]]
Doors = Dict[bytes, Dict[bytes, Door]]
OF_MLFLOW = (b"/invocations", b"/ping", b"/health", b"/version")


def door_table(
    plane: DataPlane,
    health: Health,
    name: str,
    version: str,
    azureml: Settings = Settings(),  # noqa: B008 - frozen
) -> Doors:
    """Every path of every door; ``*`` stands for any one segment. HEAD is answered as GET.

    ``name`` and ``version`` are the model's to its clients.
    """
    score, invocations = Score(plane), Invocations(plane)
    served = ServedModel(plane, name, version, health.is_ready)
    v1, v2, v2_management = Predict(plane, name), OpenInference(served), Management(served)
    generate = Generate(served)
    model: Doors = {
        b"": {b"GET": v2.model_metadata},
        b"/ready": {b"GET": v2.model_ready},
        b"/infer": {b"POST": v2.infer},
        b"/generate": {b"POST": generate.once},
        b"/generate_stream": {b"POST": generate.stream},
        b"/config": {b"GET": v2_management.config},
        b"/stats": {b"GET": v2_management.statistics},
        b"/trace/setting": {b"GET": v2_management.trace, b"POST": v2_management.trace},
    }
    shared_memory: Doors = {
        b"/status": {b"GET": v2_management.regions},
        b"/region/*/status": {b"GET": v2_management.region},
        b"/region/*/register": {b"POST": v2_management.register},
        b"/region/*/unregister": {b"POST": v2_management.unregister},
        b"/unregister": {b"POST": v2_management.unregister},
    }
    score_post = invocations.score if isinstance(plane.runtime, BodyLike) else score.post
    score_get: Dict[bytes, Door] = {b"GET": score.get} if isinstance(plane.runtime, ScriptLike) else {}
    doors: Doors = {
        b"/score": {b"POST": score_post, **score_get, b"OPTIONS": score.options},
        b"/swagger.json": {b"GET": Swagger(plane.runtime, name, azureml).get},
        b"/invocations": {b"POST": invocations.post},
        b"/v1/models": {b"GET": v1.models},
        b"/v1/models/%b" % name.encode(): {b"GET": v1.ready},
        b"/v1/models/%b:predict" % name.encode(): {b"POST": v1.predict},
        b"/v1/models/%b:explain" % name.encode(): {b"POST": v1.explain},
        b"/v2": {b"GET": v2.server_metadata},
        b"/v2/": {b"GET": v2.server_metadata},
        b"/v2/health/live": {b"GET": v2.live},
        b"/v2/health/ready": {b"GET": v2.ready},
        b"/v2/repository/index": {b"POST": v2_management.index},
        b"/v2/repository/models/*/load": {b"POST": v2_management.load},
        b"/v2/repository/models/*/unload": {b"POST": v2_management.unload},
        b"/v2/trace/setting": {b"GET": v2_management.trace, b"POST": v2_management.trace},
        b"/v2/logging": {b"GET": v2_management.log, b"POST": v2_management.log},
        **{b"/v2/systemsharedmemory%b" % rest: doors for rest, doors in shared_memory.items()},
        **{b"/v2/cudasharedmemory%b" % rest: doors for rest, doors in shared_memory.items()},
        b"/v2/models/stats": {b"GET": v2_management.statistics},
        **{b"/v2/models/%b%b" % (name.encode(), rest): doors for rest, doors in model.items()},
        **{b"/v2/models/%b/versions/%b%b" % (name.encode(), version.encode(), r): d for r, d in model.items()},
        b"/": {b"GET": health.root},
        b"/ping": {b"GET": health.ping},
        b"/health": {b"GET": health.ping},
        b"/version": {b"GET": invocations.version},
        b"/-/status": {b"GET": health.status},
        b"/-/ready": {b"GET": health.ready},
    }
    doors[b"/openapi.json"] = {b"GET": OpenApi(doors, error_response, plane.runtime, name).get}
    return doors


def error_response(path: bytes, error: ScoringError) -> Response:
    """Word an error in the shape of the door at ``path``; each protocol keeps its own statuses."""
    response = _worded(path, error)
    if isinstance(error, (Overloaded, DeadlineExceeded)) and error.retry_after_s is not None:
        response.headers.append((b"retry-after", b"%d" % error.retry_after_s))
    if isinstance(error, DeadlineExceeded):
        response.headers.append((b"x-slipway-error", error.code.encode()))  # at /score the edge makes it Azure's 408
    elif isinstance(error, MethodNotAllowed):
        response.headers.append((b"allow", error.allowed.encode()))
    elif isinstance(error, UnsupportedEncoding):
        response.headers.append((b"accept-encoding", SUPPORTED.encode()))
    return response


def _worded(path: bytes, error: ScoringError) -> Response:
    if path.startswith(b"/v2"):
        return oip.error_response(error)
    if path.startswith(b"/v1"):
        return kserve.error_response(error)
    return mlflow.error_response(error) if path in OF_MLFLOW else azure.error_response(error)
