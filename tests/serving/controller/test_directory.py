from registry.core.deploying.endpoints import RetryRule
from serving.controller.agents import AWAY_AFTER_S, Agents
from serving.controller.directory import Directory
from serving.policy.replicas import SILENT_AFTER_S
from serving.wire.replica import ReplicaReport, ReplicaState
from serving.wire.routing import Backend, RoutingTable, Server, ServerState


def report(state: ReplicaState = ReplicaState.READY, replica: str = "r1", in_flight: int = 0) -> ReplicaReport:
    return ReplicaReport(
        replica=replica,
        supervisor="s",
        endpoint="cancer",
        deployment="blue",
        revision=1,
        state=state,
        http_address="127.0.0.1:1",
        grpc_address="127.0.0.1:2",
        in_flight=in_flight,
    )


def table(generation: int, **servers: ServerState) -> RoutingTable:
    listed = [
        Server(id=name, http_address="127.0.0.1:1", grpc_address="127.0.0.1:2", state=state)
        for name, state in sorted(servers.items())
    ]
    backend = Backend(
        name="cancer.blue.1",
        servers=listed,
        request_timeout_ms=5000,
        max_connections_per_server=128,
        retry=RetryRule.ONCE,
    )
    return RoutingTable(generation=generation, backends=[backend])


READY, DRAINING = ServerState.READY, ServerState.DRAINING


def test_a_new_state_is_news_and_a_heartbeat_is_not() -> None:
    directory = Directory()
    assert directory.record(report(), 0.0)
    assert not directory.record(report(in_flight=7), 0.5)
    assert directory.record(report(ReplicaState.DRAINING), 1.0)
    assert directory.record(report(ReplicaState.GONE), 1.5)
    assert directory.all() == []


def test_a_silent_replica_is_given_up_after_a_while() -> None:
    directory = Directory()
    directory.record(report(), 0.0)
    assert directory.forget_silent(SILENT_AFTER_S - 1) == []
    assert [r.replica for r in directory.forget_silent(SILENT_AFTER_S + 1)] == ["r1"]


def test_a_failure_stays_readable_while_its_revision_is_wanted() -> None:
    directory = Directory()
    directory.record(report(ReplicaState.FAILED), 0.0)
    assert directory.forget_silent(SILENT_AFTER_S + 1) == []
    directory.forget_failed_except(["cancer.blue.1"])
    assert len(directory.all()) == 1
    directory.forget_failed_except([])
    assert directory.all() == []


def test_a_restarted_controller_takes_the_tables_servers_as_alive_until_they_stay_silent() -> None:
    directory = Directory()
    directory.remember(table(5, r1=READY, r2=DRAINING), 100.0)
    assert [(r.replica, r.state) for r in directory.of_backend("cancer.blue.1")] == [
        ("r1", ReplicaState.READY),
        ("r2", ReplicaState.DRAINING),
    ]
    assert directory.forget_silent(100.0 + SILENT_AFTER_S - 1) == []


def test_a_replica_is_released_when_every_present_edge_has_applied_the_table_without_it() -> None:
    agents = Agents()
    before, after = table(1, r1=READY), table(2, r1=DRAINING)
    agents.acknowledge("edge-a", 1, 0.0)
    agents.acknowledge("edge-b", 1, 0.0)
    agents.observe(before, after)
    assert not agents.released("r1", before, 0.0)
    agents.acknowledge("edge-a", 2, 0.1)
    assert not agents.released("r1", after, 0.1)
    agents.acknowledge("edge-b", 2, 0.2)
    assert agents.released("r1", after, 0.2)


def test_an_edge_that_is_away_holds_nothing_back() -> None:
    agents = Agents()
    agents.acknowledge("edge-a", 1, 0.0)
    agents.observe(table(1, r1=READY), table(2))
    assert not agents.released("r1", table(2), 1.0)
    assert agents.released("r1", table(2), AWAY_AFTER_S + 1)
