"""What Prometheus scrapes from the controller. Read at each scrape; nothing is counted here."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from serving.wire.replica import ReplicaReport
from serving.wire.routing import RoutingTable

OF_REVISION = ("endpoint", "deployment", "revision")


def exposition(reports: list[ReplicaReport], table: RoutingTable) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Totals(reports))
    labels = OF_REVISION
    replicas = Gauge(
        "slipway_replicas", "Replicas by state; a worker is its part of one", (*labels, "state"), registry=registry
    )
    in_flight = Gauge("slipway_in_flight", "Requests in flight in the replicas", labels, registry=registry)
    waiting = Gauge("slipway_waiting", "Requests that wait for a model in the replicas", labels, registry=registry)
    memory = Gauge("slipway_resident_memory_bytes", "Resident memory of the replicas", labels, registry=registry)
    generation = Gauge("slipway_routing_generation", "Generation of the published routing table", registry=registry)
    generation.set(table.generation)
    processes = Counter((r.endpoint, r.deployment, r.revision, r.state, r.worker_count) for r in reports)
    for (*key, workers), count in processes.items():
        replicas.labels(*key).inc(count / workers)
    for report in reports:
        of = (report.endpoint, report.deployment, report.revision)
        in_flight.labels(*of).inc(report.in_flight)
        waiting.labels(*of).inc(report.waiting)
        memory.labels(*of).inc(report.rss_bytes)
    return generate_latest(registry)


class _Totals(Collector):
    """What each replica has counted since it began: a new one begins at 0 under a name of its own."""

    def __init__(self, reports: list[ReplicaReport]) -> None:
        self._reports = reports

    def collect(self) -> Iterator[CounterMetricFamily]:
        labels = (*OF_REVISION, "replica")
        refused = CounterMetricFamily("slipway_refused", "Requests refused for load (429)", labels=labels)
        late = CounterMetricFamily(
            "slipway_executed_after_deadline", "Requests begun when their time was over", labels=labels
        )
        hits = CounterMetricFamily("slipway_cache_hits", "Requests answered from a response cache", labels=labels)
        misses = CounterMetricFamily("slipway_cache_misses", "Requests that a cache could not answer", labels=labels)
        for report in self._reports:
            of = (report.endpoint, report.deployment, str(report.revision), report.replica)
            refused.add_metric(of, report.refused)
            late.add_metric(of, report.executed_after_deadline)
            hits.add_metric(of, report.cache_hits)
            misses.add_metric(of, report.cache_misses)
        yield from (refused, late, hits, misses)
