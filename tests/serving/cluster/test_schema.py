import json

from ray.serve.schema import ServeDeploySchema

from registry.core.deploying.desired import DesiredState
from serving.cluster.schema import Surroundings, render
from tests.serving.cluster.desired import desired

SURROUNDINGS = Surroundings(
    registry_url="http://127.0.0.1:5000",
    controller_url="http://127.0.0.1:5001",
    state_dir="/srv/slipway",
    secret_file="/srv/slipway/secrets/edge-secret",
)


def test_one_application_for_each_revision_as_text() -> None:
    (application,) = render(desired(1), SURROUNDINGS, 1)["applications"]
    assert json.dumps(application, indent=1) == json.dumps(
        {
            "name": "cancer.blue.1",
            "route_prefix": None,
            "import_path": "serving.cluster.application:build",
            "args": {
                "spec": {
                    "endpoint": "Cancer",
                    "deployment": "blue",
                    "revision": 1,
                    "backend": "cancer.blue.1",
                    "image_name": "cancer-onnx",
                    "image_digest": "sha256:" + "1" * 64,
                    "environment_variables": {"A": "1", "B": "2"},
                    "request_settings": {
                        "request_timeout_ms": 5000,
                        "max_concurrent_requests_per_instance": None,
                        "max_queue_wait_ms": 500,
                    },
                    "worker_count": 1,
                    "registry_url": "http://127.0.0.1:5000",
                    "controller_url": "http://127.0.0.1:5001",
                    "state_dir": "/srv/slipway",
                    "secret_file": "/srv/slipway/secrets/edge-secret",
                    "batching": {},
                    "response_cache": None,
                    "liveness_probe": {},
                    "readiness_probe": {},
                }
            },
            "deployments": [
                {
                    "name": "Crew",
                    "num_replicas": 2,
                    "user_config": {"trust": {"policy": "warn", "keys": {}}, "replicas": 2, "crews": 2},
                    "graceful_shutdown_timeout_s": 20.0,
                    "health_check_period_s": 5.0,
                    "health_check_timeout_s": 30.0,
                    "ray_actor_options": {"num_cpus": 0},
                }
            ],
        },
        indent=1,
    )


def test_serve_accepts_what_is_rendered() -> None:
    schema = ServeDeploySchema.model_validate(render(desired(1, 2), SURROUNDINGS, 1))
    assert [application.name for application in schema.applications] == ["cancer.blue.1", "cancer.blue.2"]


def test_ten_replicas_on_one_machine_are_two_crews() -> None:
    (application,) = render(desired(1, instance_count=10), SURROUNDINGS, 1)["applications"]
    (deployment,) = application["deployments"]
    assert deployment["num_replicas"] == 2
    assert deployment["user_config"]["replicas"] == 10


def test_nothing_desired_is_an_empty_configuration() -> None:
    config = render(DesiredState(version=0, endpoints=[]), SURROUNDINGS, 1)
    assert config == {"proxy_location": "Disabled", "applications": []}
