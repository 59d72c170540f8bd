"""What Prometheus scrapes from the controller. Read at each scrape; nothing is counted here."""

from collections import Counter

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from serving.wire.replica import ReplicaReport
from serving.wire.routing import RoutingTable


def exposition(reports: list[ReplicaReport], table: RoutingTable) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    labels = ("endpoint", "deployment", "revision")
    replicas = Gauge(
        "slipway_replicas", "Replicas by state; a worker is its part of one", (*labels, "state"), registry=registry
    )
    in_flight = Gauge("slipway_in_flight", "Requests in flight in the replicas", labels, registry=registry)
    memory = Gauge("slipway_resident_memory_bytes", "Resident memory of the replicas", labels, registry=registry)
    generation = Gauge("slipway_routing_generation", "Generation of the published routing table", registry=registry)
    generation.set(table.generation)
    processes = Counter((r.endpoint, r.deployment, r.revision, r.state, r.worker_count) for r in reports)
    for (*key, workers), count in processes.items():
        replicas.labels(*key).inc(count / workers)
    for report in reports:
        of = (report.endpoint, report.deployment, report.revision)
        in_flight.labels(*of).inc(report.in_flight)
        memory.labels(*of).inc(report.rss_bytes)
    return generate_latest(registry)
