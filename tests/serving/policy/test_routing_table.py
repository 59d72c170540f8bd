from msgspec.structs import replace

from registry.core.deploying.desired import DesiredDeployment, DesiredEndpoint, DesiredRevision, DesiredState
from registry.core.deploying.endpoints import RequestSettings, RetryRule, RevisionState
from registry.core.deploying.keys import KeyHash
from registry.core.deploying.split import lay_out
from registry.core.deploying.traffic_keys import TrafficKey
from serving.policy.routing_table import KEPT_NAME_TOMBSTONES, KEPT_SERVER_TOMBSTONES, next_table
from serving.wire.replica import ReplicaReport, ReplicaState
from serving.wire.routing import RoutingTable, ServerState, Sticky, Tombstone, TombstoneKind

EMPTY = RoutingTable(generation=0)


def revision(number: int, state: RevisionState) -> DesiredRevision:
    return DesiredRevision(
        number=number,
        image="cancer-onnx:1",
        image_digest="sha256:" + "0" * 64,
        instance_count=1,
        request_settings=RequestSettings(request_timeout_ms=700, max_concurrent_requests_per_instance=3),
        environment_variables={},
        retry=RetryRule.ONCE,
        models={"cancer": number},
        state=state,
        activity_id="a",
    )


def desired(traffic: dict[str, float] | None = None, **deployments: list[DesiredRevision]) -> DesiredState:
    endpoint = DesiredEndpoint(
        name="cancer",
        keys=[KeyHash("primary", "ab" * 32)],
        traffic=traffic or {},
        intervals=lay_out([], traffic or {}),
        traffic_key=TrafficKey(header="x-user-id"),
        salt="s" * 32,
        deployments=[DesiredDeployment(name=name, revisions=revisions) for name, revisions in deployments.items()],
    )
    return DesiredState(version=1, endpoints=[endpoint])


def replica(
    name: str, deployment: str = "blue", number: int = 1, state: ReplicaState = ReplicaState.READY
) -> ReplicaReport:
    return ReplicaReport(
        replica=name,
        supervisor="s",
        endpoint="cancer",
        deployment=deployment,
        revision=number,
        state=state,
        http_address="127.0.0.1:1",
        grpc_address="127.0.0.1:2",
    )


LIVE, STARTING, WARM = RevisionState.LIVE, RevisionState.STARTING, RevisionState.WARM


def test_copies_go_to_what_is_live() -> None:
    state = desired({"blue": 100}, blue=[revision(1, LIVE)], green=[revision(1, LIVE)], red=[revision(1, STARTING)])
    mirrored = replace(state.endpoints[0], mirror_traffic={"green": 10, "red": 50})
    table = next_table(EMPTY, replace(state, endpoints=[mirrored]), [])
    assert table.endpoints[0].mirrors == [(1000, "green")]


def test_the_edge_has_room_for_twice_what_one_worker_takes() -> None:
    of_two = replace(revision(1, LIVE), worker_count=2)  # of 3 requests of the instance, each takes 2
    table = next_table(EMPTY, desired({"blue": 100}, blue=[of_two]), [replica("r1"), replica("r0")])
    assert table.backends[0].max_connections_per_server == 4


def test_a_live_revision_with_its_replicas_becomes_a_route_and_a_backend() -> None:
    table = next_table(EMPTY, desired({"blue": 100}, blue=[revision(1, LIVE)]), [replica("r1"), replica("r0")])
    (endpoint,), (backend,) = table.endpoints, table.backends
    assert [(d.name, d.backend, d.model_versions) for d in endpoint.deployments] == [("blue", "cancer.blue.1", ["1"])]
    assert endpoint.intervals == [(10_000, "blue")]
    assert endpoint.sticky == Sticky(source="header:x-user-id", salt="s" * 32)
    assert [server.id for server in backend.servers] == ["r0", "r1"]
    assert (backend.request_timeout_ms, backend.max_connections_per_server) == (700, 6)


def test_nothing_changed_returns_the_very_table() -> None:
    wanted = desired({"blue": 100}, blue=[revision(1, LIVE)])
    table = next_table(EMPTY, wanted, [replica("r1")])
    assert next_table(table, wanted, [replica("r1")]) is table


def test_a_starting_revision_has_a_backend_but_no_route() -> None:
    wanted = desired({"blue": 100}, blue=[revision(1, LIVE), revision(2, STARTING)])
    table = next_table(EMPTY, wanted, [replica("r1"), replica("r2", number=2)])
    assert [backend.name for backend in table.backends] == ["cancer.blue.1", "cancer.blue.2"]
    assert [route.backend for route in table.endpoints[0].deployments] == ["cancer.blue.1"]


def test_going_back_to_a_warm_revision_moves_the_route_and_nothing_else() -> None:
    replicas = [replica("r1"), replica("r2", number=2)]
    wanted = desired({"blue": 100}, blue=[revision(1, WARM), revision(2, LIVE)])
    before = next_table(EMPTY, wanted, replicas)
    assert [route.backend for route in before.endpoints[0].deployments] == ["cancer.blue.2"]
    starting = desired({"blue": 100}, blue=[revision(1, STARTING), revision(2, LIVE)])
    assert next_table(before, starting, replicas) is before
    after = next_table(before, desired({"blue": 100}, blue=[revision(1, LIVE), revision(2, WARM)]), replicas)
    assert [route.backend for route in after.endpoints[0].deployments] == ["cancer.blue.1"]
    assert (after.backends, after.tombstones) == (before.backends, [])


def test_the_share_of_a_deployment_that_is_not_live_goes_to_the_others() -> None:
    wanted = desired({"blue": 90, "green": 10}, blue=[revision(1, LIVE)], green=[revision(1, STARTING)])
    assert next_table(EMPTY, wanted, []).endpoints[0].intervals == [(10_000, "blue")]


def test_what_goes_gets_a_tombstone_and_what_returns_loses_it() -> None:
    wanted = desired({"blue": 100}, blue=[revision(1, LIVE)])
    one = next_table(EMPTY, wanted, [replica("r1"), replica("r2")])
    two = next_table(one, wanted, [replica("r1")])
    assert [(t.kind, t.name, t.generation) for t in two.tombstones] == [
        (TombstoneKind.SERVER, "cancer.blue.1/r2", two.generation)
    ]
    three = next_table(two, wanted, [replica("r1"), replica("r2")])
    assert three.tombstones == []


def test_a_deleted_endpoint_is_buried_with_everything_below_it() -> None:
    one = next_table(EMPTY, desired({"blue": 100}, blue=[revision(1, LIVE)]), [replica("r1")])
    two = next_table(one, DesiredState(version=2, endpoints=[]), [replica("r1")])
    assert {(t.kind, t.name) for t in two.tombstones} == {
        (TombstoneKind.ENDPOINT, "cancer"),
        (TombstoneKind.DEPLOYMENT, "cancer/blue"),
        (TombstoneKind.BACKEND, "cancer.blue.1"),
        (TombstoneKind.SERVER, "cancer.blue.1/r1"),
    }


def test_a_draining_replica_stays_in_the_table_until_it_is_gone() -> None:
    wanted = desired({"blue": 100}, blue=[revision(1, LIVE)])
    table = next_table(EMPTY, wanted, [replica("r1", state=ReplicaState.DRAINING)])
    assert [server.state for server in table.backends[0].servers] == [ServerState.DRAINING]


def test_a_replica_that_is_not_up_yet_is_no_server() -> None:
    wanted = desired({"blue": 100}, blue=[revision(1, LIVE)])
    states = [ReplicaState.PREPARING, ReplicaState.STARTING, ReplicaState.RESTARTING, ReplicaState.FAILED]
    table = next_table(EMPTY, wanted, [replica(f"r-{state}", state=state) for state in states])
    assert table.backends[0].servers == []


def test_tombstones_of_names_are_bounded_too_and_the_newest_stay() -> None:
    deleted = [Tombstone(kind=TombstoneKind.ENDPOINT, name=f"e{n}", generation=n) for n in range(KEPT_NAME_TOMBSTONES)]
    before = next_table(EMPTY, desired(), [])
    table = next_table(replace(before, generation=9999, tombstones=deleted), DesiredState(version=2, endpoints=[]), [])
    names = {t.name for t in table.tombstones}
    assert (len(names), "cancer" in names, "e1" in names, "e0" in names) == (KEPT_NAME_TOMBSTONES, True, True, False)


def test_tombstones_of_servers_are_bounded_and_those_of_endpoints_are_kept() -> None:
    wanted = desired({"blue": 100}, blue=[revision(1, LIVE)])
    table = next_table(EMPTY, replace(wanted, endpoints=[replace(wanted.endpoints[0], name="old")]), [])
    for number in range(KEPT_SERVER_TOMBSTONES + 20):
        table = next_table(table, wanted, [replica(f"r{number}")])
    servers = [t for t in table.tombstones if t.kind is TombstoneKind.SERVER]
    assert len(servers) <= KEPT_SERVER_TOMBSTONES
    assert (TombstoneKind.ENDPOINT, "old") in {(t.kind, t.name) for t in table.tombstones}
