from pathlib import Path

from serving.cluster.head import RayPorts
from serving.embedded.paths import workspace_paths
from serving.embedded.plan import Ports, WorkspaceFile, plan_processes, stop_stages
from serving.embedded.records import INSTANCE_VARIABLE

WORKSPACE = WorkspaceFile(
    instance="mark", url="http://127.0.0.1:5000", ports=Ports(), ray=RayPorts(gcs=1, client=2, agent=3)
)


def test_every_process_carries_the_mark_and_waits_for_known_ones(tmp_path: Path) -> None:
    plans = plan_processes(workspace_paths(tmp_path), WORKSPACE)
    names = {plan.name for plan in plans}
    assert names == {"ray", "registry", "controller", "telemetry", "edge"}
    for plan in plans:
        assert plan.environment[INSTANCE_VARIABLE] == "mark"
        assert names.issuperset(plan.after)


def test_ray_is_reached_with_a_token_only(tmp_path: Path) -> None:
    ray = next(plan for plan in plan_processes(workspace_paths(tmp_path), WORKSPACE) if plan.name == "ray")
    assert ray.environment["RAY_AUTH_MODE"] == "token"


def test_the_edge_stops_before_everything_else(tmp_path: Path) -> None:
    first, rest = stop_stages(plan.name for plan in plan_processes(workspace_paths(tmp_path), WORKSPACE))
    assert first == ["edge"]
    assert set(rest) == {"ray", "registry", "controller", "telemetry"}


def test_two_workspaces_have_different_short_runtime_folders(tmp_path: Path) -> None:
    one, other = (workspace_paths(tmp_path / name).runtime for name in ("one", "other"))
    assert one != other
    assert len(str(one)) < 40
