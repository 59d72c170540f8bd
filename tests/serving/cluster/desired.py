"""A desired state with one endpoint, one deployment and the revisions asked for."""

from registry.core.deploying.desired import DesiredDeployment, DesiredEndpoint, DesiredRevision, DesiredState
from registry.core.deploying.endpoints import RequestSettings, RetryRule, RevisionState


def desired(*numbers: int, instance_count: int = 2) -> DesiredState:
    """Return ``Cancer`` with deployment ``blue`` in revisions ``numbers``."""
    revisions = [
        DesiredRevision(
            number=number,
            image="cancer-onnx:latest",
            image_digest="sha256:" + "1" * 64,
            instance_count=instance_count,
            request_settings=RequestSettings(request_timeout_ms=5000),
            environment_variables={"B": "2", "A": "1"},
            retry=RetryRule.ONCE,
            models={"cancer": 1},
            state=RevisionState.LIVE,
            activity_id="a",
        )
        for number in numbers
    ]
    blue = DesiredDeployment(name="blue", revisions=revisions)
    endpoint = DesiredEndpoint(
        name="Cancer", keys=[], traffic={}, intervals=[], traffic_key=None, salt="s", deployments=[blue]
    )
    return DesiredState(version=1, endpoints=[endpoint])
