"""Documents: what is accepted, what is refused, and how the refusal names the place and the remedy."""

from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import load_online_deployment, load_online_endpoint

from registry.core.deploying.documents import as_text, load_deployment, load_endpoint
from registry.core.deploying.endpoints import RetryRule
from registry.core.deploying.engine_settings import Batching
from registry.core.deploying.traffic_keys import from_source
from registry.core.errors import InvalidInput
from registry.core.loading import parse_json, parse_yaml

ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: cancer
description: Diagnoses
auth_mode: key
tags: {team: alpha}
traffic: {blue: 90, green: 10}
"""

DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: cancer
model: azureml:cancer:1
environment: {image: "cancer-onnx:1"}
environment_variables: {GREETING: hello}
instance_type: Standard_DS3_v2
instance_count: 2
request_settings: {request_timeout_ms: 3000, max_concurrent_requests_per_instance: 4}
liveness_probe: {initial_delay: 10, period: 10, timeout: 2, success_threshold: 1, failure_threshold: 30}
scale_settings: {type: default}
"""


def test_an_azure_endpoint_file_has_the_fields_that_azure_reads(tmp_path: Path) -> None:
    (tmp_path / "endpoint.yml").write_text(ENDPOINT)
    theirs = load_online_endpoint(tmp_path / "endpoint.yml")
    ours = load_endpoint(parse_yaml(ENDPOINT))
    assert (ours.name, ours.description, ours.traffic) == (theirs.name, theirs.description, theirs.traffic)
    assert as_text(ours.tags, "$.tags") == theirs.tags
    assert ours.auth_mode == theirs.auth_mode


def test_an_azure_deployment_file_has_the_fields_that_azure_reads(tmp_path: Path) -> None:
    (tmp_path / "deployment.yml").write_text(DEPLOYMENT)
    theirs = load_online_deployment(tmp_path / "deployment.yml")
    ours = load_deployment(parse_yaml(DEPLOYMENT))
    assert (ours.name, ours.endpoint_name) == (theirs.name, theirs.endpoint_name)
    assert (ours.model, ours.environment.image) == ("azureml:cancer:1", theirs.environment.image)
    assert ours.instance_count == theirs.instance_count
    assert ours.environment_variables == theirs.environment_variables
    assert ours.request_settings.request_timeout_ms == theirs.request_settings.request_timeout_ms


def test_our_own_keys_sit_beside_azures() -> None:
    sources = [
        ({"header": "X-User-ID"}, "header:x-user-id"),
        ({"cookie": "UID"}, "cookie:UID"),
        ({"query": "user"}, "query:user"),
        ({"json": "inputs[0].user-id"}, "json:inputs[0].user-id"),
    ]
    for key, source in sources:
        loaded = load_endpoint({"name": "cancer", "traffic_key": key}).traffic_key
        assert loaded is not None
        assert loaded.source == source
        assert from_source(source) == loaded
    assert load_deployment({"environment": {"image": "a:1"}, "retry": "never"}).retry is RetryRule.NEVER


def test_the_engine_is_automatic_and_remembers_nothing_unless_said() -> None:
    plain = load_deployment({"environment": {"image": "a:1"}})
    assert (plain.batching, plain.response_cache) == (Batching(), None)
    said = {"batching": {"enabled": True, "max_rows": 32, "max_bytes": 4096}, "response_cache": {"max_bytes": "1.5Mi"}}
    loaded = load_deployment({"environment": {"image": "a:1"}} | said)
    assert loaded.batching == Batching(enabled=True, max_rows=32, max_bytes=4096)
    assert loaded.batching.most_bytes == 4096
    assert loaded.response_cache is not None
    assert (loaded.response_cache.most_bytes, loaded.response_cache.ttl_s) == (1_572_864, None)


def test_json_and_yaml_say_the_same() -> None:
    assert load_endpoint(parse_json(b'{"name": "cancer"}')) == load_endpoint(parse_yaml(b"name: cancer"))


def test_scalars_in_maps_become_text() -> None:
    assert as_text({"WORKERS": 4, "DEBUG": True, "RATE": 0.5}, "$") == {
        "WORKERS": "4",
        "DEBUG": "True",
        "RATE": "0.5",
    }


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ({"name": "cancer", "trafic": {}}, "$.trafic", "did you mean 'traffic'"),
        ({"name": "x"}, None, "invalid endpoint name"),
        ({"name": 7}, "$.name", "expected `str | null`, got `int`"),
        ({"auth_mode": "aad_token"}, "$.auth_mode", "write aml_token"),
        ({"mirror_traffic": {"green": "all"}}, "$.mirror_traffic[...]", "got `str`"),
        ({"identity": {"type": "system_assigned"}}, "$.identity.type", "not supported"),
        ({"public_network_access": "disabled"}, "$.public_network_access", "only 'enabled'"),
        ({"traffic": {"blue": "all"}}, "$.traffic[...]", "got `str`"),
        ({"traffic_key": {"header": "no spaces"}}, "$.traffic_key.header", "not a header's name"),
        ({"traffic_key": {"header": "x.user"}}, "$.traffic_key.header", "not a header's name"),
        ({"traffic_key": {"cookie": "a;b"}}, "$.traffic_key.cookie", "not a cookie's name"),
        ({"traffic_key": {"query": "user[id]"}}, "$.traffic_key.query", "not a query parameter's name"),
        ({"traffic_key": {"json": "$.user.id"}}, "$.traffic_key.json", "use names with positions, as user.id"),
        ({"traffic_key": {"json": "user['id']"}}, "$.traffic_key.json", "not a path within a body"),
        ({"traffic_key": {"json": "a" * 64 + ".b" * 20}}, "$.traffic_key.json", "at most 100 characters"),
        ({"traffic_key": {}}, "$.traffic_key", "names nothing: write one of header"),
        ({"traffic_key": {"header": "a", "json": "b"}}, "$.traffic_key", "names header and json"),
        ({"traffic_key": {"heder": "x"}}, "$.traffic_key.heder", "did you mean 'header'"),
        ([], "$", "expected `object`"),
        ("text", "$", "expected `object`"),
    ],
)
def test_an_endpoint_document_is_refused_by_name(document: Any, path: str | None, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_endpoint(document)
    assert says in caught.value.message
    assert caught.value.details.get("path") == path


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"environment": None}, "$.environment", "slipway image build"),
        ({"environment": {}}, "$.environment", "slipway image build"),
        ({"environment": "azureml:env:1"}, "$.environment", "slipway image build"),
        ({"environment": {"conda_file": "c.yml"}}, "$.environment.conda_file", "slipway image build"),
        ({"environment": {"image": "a:1", "build": {"path": "."}}}, "$.environment.build", "Dockerfiles"),
        ({"environment": {"image": "A B"}}, None, "invalid image name 'A B'"),
        ({"environment": {"image": "a:1", "imge": 1}}, "$.environment.imge", "did you mean 'image'"),
        ({"code_configuration": {"code": "."}}, "$.code_configuration", "part of the image"),
        ({"model": {"path": "model.pkl"}}, "$.model.path", "slipway deployment create -f"),
        ({"model": "cancer"}, None, "not a model reference"),
        ({"instance_count": 0}, "$.instance_count", ">= 1"),
        ({"instance_cout": 1}, "$.instance_cout", "did you mean 'instance_count'"),
        ({"request_settings": {"timeout": 1}}, "$.request_settings.timeout", "unknown key"),
        ({"request_settings": {"request_timeout_ms": 0}}, "$.request_settings.request_timeout_ms", "between"),
        ({"request_settings": {"request_timeout_ms": 180_001}}, "$.request_settings.request_timeout_ms", "180000"),
        ({"scale_settings": {"type": "target_utilization"}}, "$.scale_settings.type", "instance_count"),
        ({"data_collector": {"collections": {}}}, "$.data_collector", "not supported yet"),
        ({"environment_variables": {"A": {"b": 1}}}, "$.environment_variables[...]", "got `object`"),
        ({"liveness_probe": {"period": 0}}, "$.liveness_probe.period", ">= 1"),
        ({"liveness_probe": {"success_threshold": 2}}, "$.liveness_probe.success_threshold", "invalid enum value 2"),
        ({"readiness_probe": {"path": "/health"}}, "$.readiness_probe.path", "probe paths are not supported"),
        ({"retry": "twice"}, "$.retry", "twice"),
        ({"batching": {"max_row": 8}}, "$.batching.max_row", "did you mean 'max_rows'"),
        ({"batching": {"max_rows": 0}}, "$.batching.max_rows", ">= 1"),
        ({"batching": {"enabled": "maybe"}}, "$.batching.enabled", "expected `bool | null`"),
        ({"batching": {"max_bytes": "1Kb"}}, "$.batching.max_bytes", "write 512Mi"),
        ({"batching": {"max_bytes": 10**30}}, "$.batching.max_bytes", ""),
        ({"response_cach": {}}, "$.response_cach", "did you mean 'response_cache'"),
        ({"response_cache": {"ttl_s": 60}}, "$.response_cache", "'max_bytes' is missing"),
        ({"response_cache": {"max_bytes": 0}}, "$.response_cache.max_bytes", "from 64Ki on"),
        ({"response_cache": {"max_bytes": "1Mi", "ttl_s": 0}}, "$.response_cache.ttl_s", ">= 1"),
        (
            {"environment_variables": {"SLIPWAY_BATCHING": "off"}},
            "$.environment_variables.SLIPWAY_BATCHING",
            "batching.e",
        ),
        ({"0 odd": 1}, '$["0 odd"]', "unknown key"),
        ({"$schema": "https://x/managedOnlineEndpoint.schema.json"}, "$.$schema", "another kind of file"),
        ({"model": "azureml://registries/azureml/models/bert/versions/1"}, "$.model", "slipway model import"),
        ({"app_insights_enabled": False}, "$.app_insights_enabled", "records every request"),
        ({"environment_variables": {"AZUREML_MODEL_DIR": "/x"}}, "$.environment_variables.AZUREML_MODEL_DIR", "lies"),
    ],
)
def test_a_deployment_document_is_refused_by_name(change: dict[str, Any], path: str | None, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_deployment({"name": "blue", "environment": {"image": "a:1"}} | change)
    assert says in caught.value.message
    assert caught.value.details.get("path") == path


def test_a_variable_that_nothing_fills_in_is_refused() -> None:
    variables = {"GREETING": "$HOME {{x}}", "PASSWORD": "${{secrets.pw}}"}
    with pytest.raises(InvalidInput, match="deployments cannot read secrets yet") as caught:
        load_deployment({"environment": {"image": "a:1"}, "environment_variables": variables})
    assert caught.value.details["path"] == "$.environment_variables.PASSWORD"
    del variables["PASSWORD"]
    assert load_deployment({"environment": {"image": "a:1"}, "environment_variables": variables}) is not None


def test_a_refused_key_may_be_null() -> None:
    load_deployment({"environment": {"image": "a:1", "conda_file": None}, "data_collector": None})


@pytest.mark.parametrize("parse", [parse_yaml, parse_json])
@pytest.mark.parametrize("text", [b"{", b"\xc3\x28", b"a: [", b'{"a": \x00}'])
def test_text_that_cannot_be_parsed_is_the_callers_mistake(parse: Any, text: bytes) -> None:
    with pytest.raises(InvalidInput, match="this is not"):
        parse(text)


def test_a_misspelt_image_is_told_as_that() -> None:
    with pytest.raises(InvalidInput, match=r"unknown key 'imag'; did you mean 'image'\?"):
        load_deployment({"name": "blue", "environment": {"imag": "cancer-onnx:1"}})
