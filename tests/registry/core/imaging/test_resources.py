import pytest

from registry.core.errors import InvalidInput
from registry.core.imaging.image_documents import load_image
from registry.core.imaging.resources import Resources


@pytest.mark.parametrize(
    ("memory", "size_bytes"), [("64Mi", 64 << 20), ("1.5Gi", 3 << 29), ("512M", 512_000_000), ("2G", 2 * 10**9)]
)
def test_memory_is_written_as_kubernetes_does(memory: str, size_bytes: int) -> None:
    assert Resources(memory=memory).memory_bytes == size_bytes


def test_nothing_said_is_no_bound() -> None:
    assert (Resources().memory_bytes, Resources().threads()) == (None, {})


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"memory": "2GB"}, "write 512Mi or 1.5Gi"),
        ({"memory": "1Mi"}, "no size from 64Mi on"),
        ({"memory": "-1Gi"}, "no size"),
        ({"cpu": 0}, "cpu"),
        ({"cpu": 0.5}, "cpu"),
        ({"gpu": 1}, "unknown key 'gpu'"),
    ],
)
def test_a_resource_that_means_nothing_is_refused(resources: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_image({"name": "cancer", "model": "cancer:1", "resources": resources})


def test_the_threads_of_an_instance_are_shared_by_its_workers_and_each_has_one_at_least() -> None:
    resources = Resources(cpu=4)
    threads = [resources.threads(workers)["OMP_NUM_THREADS"] for workers in (1, 2, 3, 4, 9)]
    assert threads == ["4", "2", "1", "1", "1"]
