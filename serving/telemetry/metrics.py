"""What Prometheus scrapes from telemetry: counted as lines come, from 0 in each life of the process."""

import msgspec
from prometheus_client import CollectorRegistry, Counter, generate_latest

from serving.wire.comparison import Outcome


class _Counted(msgspec.Struct):
    """What is counted of a line."""

    endpoint: str
    primary: str
    target: str
    outcome: Outcome
    count: int = 1


class CopyCounts:
    """Copies by what became of them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("endpoint", "primary", "target", "outcome")
        self._copies = Counter("slipway_mirror_copies", "Copies of requests", labels, registry=self._registry)
        self._decoder = msgspec.json.Decoder(_Counted)

    def count(self, lines: bytes) -> None:
        """Count lines about copies; what is none is not."""
        for line in lines.splitlines():
            try:
                one = self._decoder.decode(line)
            except msgspec.MsgspecError:
                continue
            self._copies.labels(one.endpoint, one.primary, one.target, one.outcome.value).inc(one.count)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
