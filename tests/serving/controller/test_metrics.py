from serving.controller.metrics import exposition
from serving.wire.replica import ReplicaReport, ReplicaState
from serving.wire.routing import RoutingTable


def test_replicas_are_counted_by_state_and_their_load_is_summed() -> None:
    reports = [
        ReplicaReport(
            replica=f"r{number}",
            supervisor="s",
            endpoint="cancer",
            deployment="blue",
            revision=2,
            state=ReplicaState.READY,
            in_flight=3,
            rss_bytes=1000,
        )
        for number in range(2)
    ]
    text = exposition(reports, RoutingTable(generation=7)).decode()
    labels = 'deployment="blue",endpoint="cancer",revision="2"'
    assert f'slipway_replicas{{{labels},state="ready"}} 2.0' in text
    assert f"slipway_in_flight{{{labels}}} 6.0" in text
    assert f"slipway_resident_memory_bytes{{{labels}}} 2000.0" in text
    assert "slipway_routing_generation 7.0" in text
