import pytest

from registry.core.deploying.workers import share, worker_count
from registry.core.imaging.images import ImageConfig, ImageKind, Runtime
from registry.core.imaging.resources import Resources


def image(runtime: Runtime, cpu: int | None) -> ImageConfig:
    return ImageConfig(
        schema=1,
        kind=ImageKind.SCORING,
        runtime=runtime,
        python="3.11",
        environment="sha256:0",
        models=[],
        resources=Resources(cpu=cpu),
    )


@pytest.mark.parametrize(
    ("runtime", "cpu", "variables", "workers"),
    [
        (Runtime.SCRIPT, None, {}, 1),
        (Runtime.SCRIPT, 4, {}, 4),  # its Python uses one CPU
        (Runtime.SCRIPT, 1024, {}, 64),
        (Runtime.ONNX, 4, {}, 1),  # threads use them all
        (Runtime.MLFLOW, 4, {}, 1),
        (Runtime.SCRIPT, 4, {"WORKER_COUNT": "1"}, 1),  # what is written counts
        (Runtime.SCRIPT, None, {"WORKER_COUNT": "3"}, 3),
        (Runtime.ONNX, 4, {"WORKER_COUNT": "2"}, 2),
        (Runtime.MLFLOW, None, {"WORKER_COUNT": "64"}, 64),
    ],
)
def test_workers_are_as_many_as_are_written_or_as_suit_the_image(
    runtime: Runtime, cpu: int | None, variables: dict[str, str], workers: int
) -> None:
    assert worker_count(image(runtime, cpu), variables) == workers


@pytest.mark.parametrize(("amount", "workers", "each"), [(64, 1, 64), (64, 2, 32), (3, 2, 2), (1, 4, 1), (9, 8, 2)])
def test_shares_together_are_no_less_than_the_whole(amount: int, workers: int, each: int) -> None:
    assert share(amount, workers) == each
