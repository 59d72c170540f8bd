"""The calls of ``mlflow server`` 3.17.2 for experiments, runs, models, logged models and their files, read from its own
list of routes: none is missing. Left out are uploads in parts and by presigned address, which only a store that says so
is asked for, ``runs/log-model`` of MLflow 2, and what belongs to traces and language models."""

import re

from registry.api.app import FOREIGN

TRACKING = """
POST experiments/create experiments/update experiments/delete experiments/restore experiments/search
POST experiments/set-experiment-tag experiments/delete-experiment-tag
GET  experiments/get experiments/get-by-name experiments/search
POST runs/create runs/update runs/delete runs/restore runs/search runs/set-tag runs/delete-tag
POST runs/log-metric runs/log-parameter runs/log-batch runs/log-inputs runs/outputs
GET  runs/get metrics/get-history metrics/get-history-bulk-interval artifacts/list
"""
REGISTRY = """
POST   registered-models/create registered-models/rename registered-models/set-tag registered-models/alias
POST   registered-models/get-latest-versions
PATCH  registered-models/update
DELETE registered-models/delete registered-models/delete-tag registered-models/alias
GET    registered-models/get registered-models/search registered-models/get-latest-versions registered-models/alias
POST   model-versions/create model-versions/set-tag model-versions/transition-stage
PATCH  model-versions/update
DELETE model-versions/delete model-versions/delete-tag
GET    model-versions/get model-versions/search model-versions/get-download-uri
"""
LOGGED_MODELS = """
POST   logged-models logged-models/search logged-models/{}/params
PATCH  logged-models/{} logged-models/{}/tags
DELETE logged-models/{} logged-models/{}/tags/{}
GET    logged-models/{} logged-models/{}/artifacts/directories
"""
UI = """
GET  /get-artifact /model-versions/get-artifact /ajax-api/2.0/mlflow/logged-models/{}/artifacts/files
GET  /ajax-api/2.0/mlflow/metrics/get-history-bulk /ajax-api/2.0/mlflow/metrics/get-history-bulk-interval
POST /ajax-api/2.0/mlflow/experiments/search-datasets
"""
FILES = """
GET /mlflow-artifacts/artifacts /mlflow-artifacts/artifacts/{}
PUT /mlflow-artifacts/artifacts/{}
DELETE /mlflow-artifacts/artifacts/{}
"""
OURS = {(route.method, re.sub("{[^}]*}", "{}", route.path)) for route in FOREIGN}


def calls(text: str, prefix: str) -> set[tuple[str, str]]:
    lines = (line.split() for line in text.splitlines() if line)
    return {(method, prefix + path) for method, *paths in lines for path in paths}


def test_every_call_of_mlflows_core_is_there() -> None:
    core = TRACKING + REGISTRY + LOGGED_MODELS
    assert len(calls(core, "")) == 57
    for prefix in ("/api/2.0", "/ajax-api/2.0"):
        assert calls(core, f"{prefix}/mlflow/") | calls(FILES, prefix) <= OURS
    assert {("GET", f"{prefix}/mlflow/server-info") for prefix in ("/api/3.0", "/ajax-api/3.0")} <= OURS


def test_every_address_of_a_file_or_chart_in_mlflows_ui_is_there() -> None:
    assert calls(UI, "") <= OURS
