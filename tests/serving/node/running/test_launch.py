import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from registry.core.deploying.endpoints import RequestSettings
from registry.core.deploying.engine_settings import ENGINE_VARIABLES, Batching, ResponseCache
from registry.core.imaging.images import ImageConfig, ImageKind, ModelInImage, Runtime
from registry.core.imaging.resources import Resources
from serving.node.errors import StartFailed
from serving.node.running.launch import Launch, command, environment, read_description

CONFIG = ImageConfig(
    schema=1,
    kind=ImageKind.SCORING,
    runtime=Runtime.SCRIPT,
    python="3.11",
    environment="sha256:" + "0" * 64,
    models=[ModelInImage(name="cancer", version=2, path="var/azureml-app/azureml-models/cancer/2")],
    scoring_script="score.py",
)


def launch(variables: dict[str, str] | None = None, secret: str | None = None) -> Launch:
    return Launch(
        python=Path("/env/bin/python"),
        image=Path("/image"),
        serve_as="cancer",
        backend="cancer.blue.1",
        request_settings=RequestSettings(request_timeout_ms=700),
        environment_variables=variables or {},
        secret=secret,
    )


def test_the_command_line_is_what_the_oldest_images_know() -> None:
    assert " ".join(command(launch(), CONFIG, 7)) == (
        "/env/bin/python -P -m slipway_scoring --root /image --host 127.0.0.1 --http-port 0 --grpc-port 0 "
        "--serve-as cancer --backend cancer.blue.1 --announce-fd 7 --request-timeout-ms 700 --max-concurrent 64"
    )


def test_the_environment_is_clean_but_for_what_is_named() -> None:
    inherited = {"PATH": "/bin", "HOME": "/h", "LANG": "C", "TZ": "UTC", "AWS_SECRET": "x", "PYTHONHOME": "/p"}

    assert environment(launch({"MODE": "a"}, "s3"), CONFIG, inherited) == {
        "PATH": "/env/bin:/bin",
        "HOME": "/h",
        "LANG": "C",
        "TZ": "UTC",
        "MODE": "a",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": "/image/opt/slipway/scoring",
        "AML_APP_ROOT": "/image/var/azureml-app",
        "AZUREML_MODEL_DIR": "/image/var/azureml-app/azureml-models/cancer/2",
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "SLIPWAY_EDGE_SECRET": "s3",
        "SLIPWAY_MAX_QUEUE_WAIT_MS": "500",
    }


def test_the_engine_is_set_by_variables_which_older_images_ignore() -> None:
    settings = dataclasses.replace(
        launch(),
        request_settings=RequestSettings(max_queue_wait_ms=0),
        batching=Batching(enabled=False, max_rows=8, max_bytes="1Ki"),
        response_cache=ResponseCache(max_bytes="1Mi", ttl_s=60),
    )
    variables = environment(settings, CONFIG, {})
    assert {name: variables[name] for name in ENGINE_VARIABLES} == {
        "SLIPWAY_MAX_QUEUE_WAIT_MS": "0",
        "SLIPWAY_BATCHING": "off",
        "SLIPWAY_BATCH_MAX_ROWS": "8",
        "SLIPWAY_BATCH_MAX_BYTES": "1024",
        "SLIPWAY_CACHE_MAX_BYTES": "1048576",
        "SLIPWAY_CACHE_TTL_S": "60",
    }
    assert (
        environment(dataclasses.replace(launch(), batching=Batching(enabled=True)), CONFIG, {})["SLIPWAY_BATCHING"]
        == "on"
    )


def test_workers_share_their_instances_cpus_and_requests() -> None:
    config = replace(CONFIG, resources=Resources(cpu=5))
    settings = RequestSettings(max_concurrent_requests_per_instance=9)
    one_of_two, one_of_eight = (
        dataclasses.replace(launch(), request_settings=settings, workers=workers) for workers in (2, 8)
    )
    assert environment(one_of_two, config, {})["OMP_NUM_THREADS"] == "2"
    assert environment(one_of_eight, config, {})["SLIPWAY_ONNX_THREADS"] == "1"
    assert command(one_of_two, config, 7)[-1] == "5"
    assert command(one_of_eight, config, 7)[-1] == "2"
    cached = dataclasses.replace(one_of_eight, response_cache=ResponseCache(max_bytes="1Mi"))
    assert environment(cached, config, {})["SLIPWAY_CACHE_MAX_BYTES"] == "131072"


def test_users_variables_extend_paths_and_replace_what_is_inherited_but_not_what_is_ours() -> None:
    users = {"PATH": "/mine", "PYTHONPATH": "/lib", "LANG": "de", "AZUREML_MODEL_DIR": "/x", "SLIPWAY_EDGE_SECRET": "x"}
    variables = environment(launch(users), CONFIG, {"LANG": "C", "PATH": "/bin"})

    assert variables["PATH"] == "/env/bin:/mine"
    assert variables["PYTHONPATH"] == "/image/opt/slipway/scoring:/lib"
    assert variables["LANG"] == "de"
    assert variables["AZUREML_MODEL_DIR"] == "/image/var/azureml-app/azureml-models/cancer/2"
    assert "SLIPWAY_EDGE_SECRET" not in variables


def test_several_models_are_found_below_one_folder() -> None:
    other = replace(CONFIG.models[0], name="scaler", path="var/azureml-app/azureml-models/scaler/2")
    variables = environment(launch(), replace(CONFIG, models=[*CONFIG.models, other]), {})

    assert variables["AZUREML_MODEL_DIR"] == "/image/var/azureml-app/azureml-models"


def test_an_images_cpu_is_its_threads_unless_the_deployment_says_otherwise() -> None:
    config = replace(CONFIG, resources=Resources(cpu=2))
    variables = environment(launch({"OMP_NUM_THREADS": "1"}), config, {})

    assert (variables["SLIPWAY_ONNX_THREADS"], variables["OMP_NUM_THREADS"]) == ("2", "1")
    assert "OMP_NUM_THREADS" not in environment(launch(), CONFIG, {})


def test_an_image_without_description_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no readable description"):
        read_description(tmp_path)
