"""What is pure about tables: merging, maps, commands, the configuration's text."""

from typing import Any

import pytest
from msgspec.structs import replace

from registry.core.deploying.keys import KeyHash, KeyRules, RateLimit, ReplacedKey
from registry.core.deploying.probes import HealthChecks, ReadinessProbe
from serving.edge.applier import plan
from serving.edge.config import render_config, shape_of
from serving.edge.errors import UnsafeValue
from serving.edge.maps import MAP_NAMES, map_text, maps_of
from serving.edge.merge import merge
from serving.wire.routing import RoutingTable, Server, ServerState, Sticky, Tombstone, TombstoneKind
from tests.serving.edge.tables import SALT

BLUE = "cancer.blue.1"
READY = ServerState.READY


def server(name: str, state: ServerState = READY) -> Server:
    return Server(id=name, http_address="127.0.0.1:7001", grpc_address="127.0.0.1:7101", state=state)


@pytest.fixture
def applied(make: Any) -> RoutingTable:
    route = make.endpoint("Cancer", source="header:x-user-id", blue=10000)
    table: RoutingTable = make.table(5, [route], [make.backend(BLUE, server("r0"), server("r1"))])
    return table


def test_a_table_that_is_not_newer_changes_nothing(applied: RoutingTable) -> None:
    for generation in (0, 4, 5):
        assert merge(applied, RoutingTable(generation=generation)) is applied


def test_what_is_missing_stays_and_what_is_buried_goes(applied: RoutingTable) -> None:
    kept = merge(applied, RoutingTable(generation=6))
    assert (kept.generation, kept.endpoints, kept.backends) == (6, applied.endpoints, applied.backends)
    for kind, name in (
        (TombstoneKind.SERVER, f"{BLUE}/r1"),
        (TombstoneKind.BACKEND, BLUE),
        (TombstoneKind.DEPLOYMENT, "Cancer/blue"),
        (TombstoneKind.ENDPOINT, "Cancer"),
    ):
        grave = Tombstone(kind=kind, name=name, generation=6)
        route = replace(applied.endpoints[0], deployments=[])
        shown = [] if kind is TombstoneKind.ENDPOINT else [route]
        left = merge(applied, RoutingTable(generation=6, endpoints=shown, tombstones=[grave]))
        names = [f"{b.name}/{s.id}" for b in left.backends for s in b.servers] + [b.name for b in left.backends]
        names += [e.name for e in left.endpoints] + [
            f"{e.name}/{d.name}" for e in left.endpoints for d in e.deployments
        ]
        assert name not in names


def test_the_maps_as_text(applied: RoutingTable) -> None:
    maps = maps_of(applied)
    digest = applied.endpoints[0].keys[0].sha256
    texts = {name.removeprefix("maps/").removesuffix(".map"): map_text(entries) for name, entries in maps.items()}
    assert texts == {
        "endpoints": "cancer Cancer\n",
        "keys": f"{digest.upper()}/cancer primary\n",
        "splits": "cancer 10000,blue\n",
        "deployments": f"cancer/blue blue,{BLUE},128\n",
        "versions": f"cancer/1 blue,{BLUE},128\n",
        "sources": f"cancer header:x-user-id,{SALT}\n",
        "scopes": "",
        "mirrors": "",
    }


def test_a_key_with_rules_as_text(applied: RoutingTable) -> None:
    rules = KeyRules(deployments=["Blue", "gone"], rate_limit=RateLimit(requests=100), expires_ms=5_000)
    old = [ReplacedKey("c" * 64, 4_000), ReplacedKey("d" * 64, 6_000)]
    route = replace(applied.endpoints[0], keys=[KeyHash("partner", "b" * 64, rules, old)])
    maps = maps_of(replace(applied, endpoints=[route]))
    assert maps[MAP_NAMES.keys] == {
        "B" * 64 + "/cancer": "partner,5000,1,1,10000,100000",
        "C" * 64 + "/cancer": "partner,4000,1,1,10000,100000",
        "D" * 64 + "/cancer": "partner,5000,1,1,10000,100000",
    }
    assert maps[MAP_NAMES.splits] == {"cancer": "10000,blue", "cancer/partner": "10000,blue"}
    assert maps[MAP_NAMES.scopes] == {"cancer/partner.blue": "blue"}


def test_the_first_key_with_rules_needs_a_reload_and_no_other(applied: RoutingTable) -> None:
    def with_rules(rules: KeyRules) -> RoutingTable:
        return replace(applied, endpoints=[replace(applied.endpoints[0], keys=[KeyHash("partner", "b" * 64, rules)])])

    plain, first, second = (with_rules(KeyRules(expires_ms=end)) for end in (None, 5_000, 6_000))
    assert plan(shape_of(plain), plain, first).reload
    way = plan(shape_of(first), first, second)
    assert (way.reload, len(way.commands)) == (False, 1)
    assert not plan(shape_of(first), first, plain).reload


def test_a_change_of_what_is_mirrored_is_one_command_and_the_first_one_a_reload(
    applied: RoutingTable, make: Any
) -> None:
    plain = make.endpoint("Cancer", source="header:x-user-id", blue=10000, green=0)
    mirrored = replace(plain, mirrors=[(10000, "Green"), (1, "red")])
    before = replace(applied, endpoints=[plain])
    after = replace(applied, endpoints=[mirrored])
    assert plan(shape_of(before), before, after).reload
    way = plan(shape_of(after), before, after)
    assert (way.reload, way.commands) == (False, [f"add map {MAP_NAMES.mirrors} cancer 10000,green,1,red"])


def test_a_split_is_changed_by_one_command(applied: RoutingTable, make: Any) -> None:
    both = make.endpoint("Cancer", source="header:x-user-id", blue=10000, green=0)
    before = replace(applied, endpoints=[both])
    after = replace(before, endpoints=[replace(both, intervals=[(500, "green"), (10000, "blue")])])
    way = plan(shape_of(before), before, after)
    assert (way.reload, way.commands) == (False, [f"set map {MAP_NAMES.splits} cancer 500,green,10000,blue"])


CHECKS = "check inter 500 fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down"


def test_servers_come_drain_and_go_by_commands(applied: RoutingTable, make: Any) -> None:
    servers = [server("r0", ServerState.DRAINING), server("r2")]
    way = plan(shape_of(applied), applied, replace(applied, backends=[make.backend(BLUE, *servers)]))
    settings = f"maxconn 256 {CHECKS}"
    alone = "sni var(txn.alone)"
    other = "proto h2 check-proto h1 addr 127.0.0.1 port 7001"
    assert way.commands == [
        f"set server {BLUE}/r0 state drain",
        f"set server {BLUE}.grpc/r0 state drain",
        f"add server {BLUE}/r2 127.0.0.1:7001 {settings} {alone}",
        f"enable health {BLUE}/r2",
        f"enable server {BLUE}/r2",
        f"add server {BLUE}.grpc/r2 127.0.0.1:7101 {settings} {other}",
        f"enable health {BLUE}.grpc/r2",
        f"enable server {BLUE}.grpc/r2",
        f"set server {BLUE}/r1 state drain",
        f"set server {BLUE}.grpc/r1 state drain",
    ]
    assert way.leaving == [f"{BLUE}/r1", f"{BLUE}.grpc/r1"]


def test_a_backend_is_checked_as_its_readiness_probe_says(applied: RoutingTable, make: Any) -> None:
    probe = ReadinessProbe(period=5, timeout=4, success_threshold=2, failure_threshold=3)
    backend = replace(make.backend("cancer.green.1", server("r9")), checks=HealthChecks.of(probe))
    text = render_config(replace(applied, backends=[backend]))
    assert text.count("    timeout check 4000ms\n") == text.count("check inter 5000 fall 3 rise 2 observe layer4") == 2


def test_only_a_new_backend_or_source_of_traffic_keys_needs_a_reload(applied: RoutingTable, make: Any) -> None:
    loaded = shape_of(applied)
    more = replace(applied, backends=[*applied.backends, make.backend("cancer.green.1")])
    source = replace(applied, endpoints=[make.endpoint("Cancer", source="cookie:uid", blue=10000)])
    assert plan(loaded, applied, more).reload
    assert plan(loaded, applied, source).reload
    assert not plan(loaded, applied, RoutingTable(generation=9)).reload


def test_equal_tables_are_equal_text_and_other_endpoints_change_no_text(applied: RoutingTable, make: Any) -> None:
    text = render_config(applied)
    assert text == render_config(replace(applied, generation=9, endpoints=[*applied.endpoints, make.endpoint("b-c")]))
    assert text.endswith(f"""
backend {BLUE} from http.replicas
    timeout server 1200ms
    timeout check 3000ms
    http-check send meth GET uri "/-/ready?backend={BLUE}" hdr x-slipway-edge "${{SLIPWAY_EDGE_SECRET}}"
    http-check expect status 200
    server r0 127.0.0.1:7001 maxconn 256 {CHECKS} sni var(txn.alone)
    server r1 127.0.0.1:7001 maxconn 256 {CHECKS} sni var(txn.alone)

backend {BLUE}.grpc from grpc.replicas
    timeout server 1200ms
    timeout check 3000ms
    http-check send meth GET uri "/-/ready?backend={BLUE}" hdr x-slipway-edge "${{SLIPWAY_EDGE_SECRET}}"
    http-check expect status 200
    server r0 127.0.0.1:7101 maxconn 256 {CHECKS} proto h2 check-proto h1 addr 127.0.0.1 port 7001
    server r1 127.0.0.1:7101 maxconn 256 {CHECKS} proto h2 check-proto h1 addr 127.0.0.1 port 7001

""")


@pytest.mark.parametrize("value", ["a;b", "a\nb", "a b", "", "ä", "x" * 700, "../a", "${X}", '"'])
def test_no_value_outside_its_pattern_is_ever_written(applied: RoutingTable, make: Any, value: str) -> None:
    tables = [
        replace(applied, endpoints=[replace(applied.endpoints[0], name=value)]),
        replace(applied, endpoints=[replace(applied.endpoints[0], sticky=Sticky(source=f"header:{value}", salt=SALT))]),
        replace(applied, endpoints=[replace(applied.endpoints[0], sticky=Sticky(source="cookie:uid", salt=value))]),
        replace(applied, endpoints=[replace(applied.endpoints[0], intervals=[(10000, value)])]),
        replace(applied, backends=[make.backend(BLUE, replace(server("r0"), http_address=value))]),
        replace(applied, backends=[make.backend(BLUE, replace(server("r0"), id=value))]),
        replace(applied, backends=[make.backend(value)]),
    ]
    for table in tables:
        with pytest.raises(UnsafeValue):
            maps_of(table)
            render_config(table)
