"""Which edge agent has applied which generation of the routing table."""

from serving.wire.routing import RoutingTable, ServerState

AWAY_AFTER_S = 40.0  # longer than an agent's long poll; an agent that is away releases nothing and holds nothing back


class Agents:
    """Remember acknowledgements, and tell when a replica is out of every edge. Time is an argument."""

    def __init__(self) -> None:
        self._applied: dict[str, tuple[int, float]] = {}
        self._out_since: dict[str, int] = {}  # replica → first generation without it, until all agents have that

    def acknowledge(self, agent: str, generation: int, now_s: float) -> None:
        """Record that ``agent`` runs with the table of ``generation``."""
        self._applied[agent] = (generation, now_s)
        by_all = min(self.generations(now_s).values())
        self._out_since = {replica: since for replica, since in self._out_since.items() if since > by_all}

    def observe(self, before: RoutingTable, after: RoutingTable) -> None:
        """Note the replicas that ``after`` no longer offers to new requests."""
        offered = _offered(after)
        for replica in _offered(before) - offered:
            self._out_since[replica] = after.generation
        for replica in offered:
            self._out_since.pop(replica, None)

    def released(self, replica: str, table: RoutingTable, now_s: float) -> bool:
        """Say whether no edge that is present still sends new requests to ``replica``."""
        if replica in _offered(table):
            return False
        since = self._out_since.get(replica, 0)  # 0: every agent has let go of it
        return all(
            generation >= since for generation, heard_s in self._applied.values() if now_s - heard_s <= AWAY_AFTER_S
        )

    def generations(self, now_s: float) -> dict[str, int]:
        """Return the applied generation of each agent that is present."""
        return {a: g for a, (g, heard_s) in sorted(self._applied.items()) if now_s - heard_s <= AWAY_AFTER_S}


def _offered(table: RoutingTable) -> set[str]:
    return {s.id for backend in table.backends for s in backend.servers if s.state is ServerState.READY}
