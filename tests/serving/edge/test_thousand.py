"""A thousand endpoints on one edge: what they take, and what a change to one of them touches."""

import re
from pathlib import Path
from typing import Any

from serving.edge.applier import plan
from serving.edge.config import shape_of
from serving.edge.maps import MAP_NAMES
from serving.wire.routing import RoutingTable, Server, ServerState

ENDPOINTS = 1000
MAX_BYTES = 50 << 20


def thousand(make: Any, generation: int, **of_the_seventh: int) -> RoutingTable:
    servers = [Server(id="r0", http_address="127.0.0.1:1", grpc_address="127.0.0.1:1", state=ServerState.READY)]
    names = [f"model-{number}" for number in range(ENDPOINTS)]
    endpoints = [make.endpoint(name, blue=10000) for name in names]
    if of_the_seventh:
        endpoints[7] = make.endpoint("model-7", **of_the_seventh)
    return RoutingTable(
        generation=generation,
        endpoints=endpoints,
        backends=[make.backend(f"{name}.blue.1", *servers) for name in names],
    )


def test_a_change_to_one_of_a_thousand_endpoints_is_one_map_entry(make: Any) -> None:
    before, after = thousand(make, 1, blue=10000, green=0), thousand(make, 2, blue=5000, green=10000)
    way = plan(shape_of(before), before, after)
    assert (way.reload, way.commands) == (False, [f"set map {MAP_NAMES.splits} model-7 5000,blue,10000,green"])


def test_a_thousand_endpoints_take_less_than_50_mb_and_a_change_to_one_reloads_nothing(
    edge: Any, controller: Any, make: Any
) -> None:
    controller.publish(thousand(make, 1, blue=10000, green=0))
    life = edge.life
    controller.publish(thousand(make, 2, blue=5000, green=10000))
    assert "5000,blue,10000,green" in edge.admin(f"get map {MAP_NAMES.splits} model-7")
    assert edge.life["boot"] == life["boot"]
    kilobytes = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{life['pid']}/smaps_rollup").read_text(), re.MULTILINE)
    assert kilobytes is not None
    assert int(kilobytes.group(1)) << 10 < MAX_BYTES
