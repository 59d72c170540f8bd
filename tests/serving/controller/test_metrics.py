from serving.controller.metrics import exposition
from serving.wire.replica import ReplicaReport, ReplicaState
from serving.wire.routing import RoutingTable

LABELS = 'deployment="blue",endpoint="cancer",revision="2"'


def reported(number: int, worker_count: int = 1) -> ReplicaReport:
    return ReplicaReport(
        replica=f"r{number}",
        supervisor="s",
        endpoint="cancer",
        deployment="blue",
        revision=2,
        state=ReplicaState.READY,
        in_flight=3,
        waiting=2,
        refused=5,
        cache_hits=7,
        cache_misses=3,
        rss_bytes=1000,
        worker_count=worker_count,
    )


def test_replicas_are_counted_by_state_and_their_load_is_summed() -> None:
    text = exposition([reported(number) for number in range(2)], RoutingTable(generation=7)).decode()
    assert f'slipway_replicas{{{LABELS},state="ready"}} 2.0' in text
    assert f"slipway_in_flight{{{LABELS}}} 6.0" in text
    assert f"slipway_waiting{{{LABELS}}} 4.0" in text
    assert f"slipway_resident_memory_bytes{{{LABELS}}} 2000.0" in text
    assert "slipway_routing_generation 7.0" in text


def test_workers_are_counted_as_the_parts_of_a_replica_that_they_are() -> None:
    def ready(processes: int) -> str:
        return exposition([reported(number, 6) for number in range(processes)], RoutingTable(generation=7)).decode()

    assert f'slipway_replicas{{{LABELS},state="ready"}} 2.0' in ready(12)
    assert f'slipway_replicas{{{LABELS},state="ready"}} 1.5' in ready(9)


def test_what_replicas_have_counted_is_told_of_each() -> None:
    text = exposition([reported(number) for number in range(2)], RoutingTable(generation=7)).decode()
    of_first = 'deployment="blue",endpoint="cancer",replica="r0",revision="2"'
    assert f"slipway_refused_total{{{of_first}}} 5.0" in text
    assert f"slipway_executed_after_deadline_total{{{of_first}}} 0.0" in text
    assert f"slipway_cache_hits_total{{{of_first}}} 7.0" in text
    assert f"slipway_cache_misses_total{{{of_first}}} 3.0" in text
    assert text.count("slipway_refused_total{") == 2
