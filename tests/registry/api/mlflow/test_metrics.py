"""Histories over HTTP: its client asks for them only one by one."""

from typing import Any

import httpx
import pytest

V2 = "/api/2.0/mlflow"


@pytest.fixture
def run_ids(http: httpx.Client) -> list[str]:
    """Two runs with a history of 50 points each."""
    made = []
    for _ in range(2):
        run_id = http.post(f"{V2}/runs/create", json={}).json()["run"]["info"]["run_id"]
        points = [{"key": "m", "value": step, "timestamp": step, "step": step} for step in range(50)]
        http.post(f"{V2}/runs/log-batch", json={"run_id": run_id, "metrics": points})
        made.append(run_id)
    return made


def test_a_history_is_read_page_by_page(http: httpx.Client, run_ids: list[str]) -> None:
    asked: dict[str, Any] = {"run_id": run_ids[0], "metric_key": "m", "max_results": 40}
    first = http.get(f"{V2}/metrics/get-history", params=asked).json()
    second = http.get(f"{V2}/metrics/get-history", params={**asked, "page_token": first["next_page_token"]}).json()
    assert [point["step"] for point in (*first["metrics"], *second["metrics"])] == list(range(50))
    assert first["metrics"][3] == {"key": "m", "value": 3.0, "timestamp": 3, "step": 3}
    assert "next_page_token" not in second


def test_histories_of_several_runs_come_together(http: httpx.Client, run_ids: list[str]) -> None:
    asked: dict[str, Any] = {"run_id": run_ids, "metric_key": "m", "max_results": 70}
    found = http.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk", params=asked).json()["metrics"]
    assert [point["run_id"] for point in found] == [run_ids[0]] * 50 + [run_ids[1]] * 20


def test_a_chart_gets_evenly_spread_points(http: httpx.Client, run_ids: list[str]) -> None:
    asked: dict[str, Any] = {"run_ids": run_ids, "metric_key": "m", "start_step": 0, "end_step": 49, "max_results": 8}
    found = http.get(f"{V2}/metrics/get-history-bulk-interval", params=asked).json()["metrics"]
    for run_id in run_ids:
        assert [point["step"] for point in found if point["run_id"] == run_id] == list(range(0, 50, 7))
    every = http.get(f"{V2}/metrics/get-history-bulk-interval", params={"run_ids": run_ids[0], "metric_key": "m"})
    assert len(every.json()["metrics"]) == 50


@pytest.mark.parametrize(
    ("path", "asked", "says"),
    [
        ("get-history", {"metric_key": "m"}, "Missing value for required parameter 'run_id'."),
        ("get-history", {"run_id": "RUN"}, "Missing value for required parameter 'metric_key'."),
        ("get-history", {"run_id": "RUN", "metric_key": "m", "max_results": "25001"}, "'max_results'"),
        ("get-history", {"run_id": "RUN", "metric_key": "m", "page_token": "x"}, "page token"),
        ("get-history-bulk", {"metric_key": "m"}, "at least one run"),
        ("get-history-bulk", {"metric_key": "m", "run_id": ["RUN"] * 101}, "At most 100"),
        ("get-history-bulk-interval", {"metric_key": "m"}, "at least one run"),
        ("get-history-bulk-interval", {"metric_key": "m", "run_ids": "RUN", "max_results": "2501"}, "use 1 to 2500"),
        ("get-history-bulk-interval", {"metric_key": "m", "run_ids": "RUN", "start_step": "1"}, "both must be"),
        ("get-history-bulk-interval", {"metric_key": "m", "run_ids": "RUN", "start_step": "a"}, "start_step"),
        (
            "get-history-bulk-interval",
            {"metric_key": "m", "run_ids": "RUN", "start_step": "2", "end_step": "1"},
            "end_step",
        ),
    ],
)
def test_a_mistake_is_a_400_that_names_it(
    http: httpx.Client, run_id: str, path: str, asked: dict[str, Any], says: str
) -> None:
    def fill(value: Any) -> Any:
        return [run_id] * len(value) if isinstance(value, list) else run_id if value == "RUN" else value

    response = http.get(f"{V2}/metrics/{path}", params={key: fill(value) for key, value in asked.items()})
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert says in response.json()["message"]
