"""How long a workspace takes to come up, a second deployment to score, and everything to go: ``make bench-start``.

Exit codes: 0 the bars are met, 1 one is not.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from loadtest.bench.model import train
from loadtest.bench.subject import free_port
from loadtest.bench.workspace import DEPLOYMENTS, ENDPOINT, PORTS, deploy_model
from loadtest.demo.command import Slipway

ROUNDS = 5
SETTLED_WITHIN_S = 120.0
REPORT = Path("build/bench-start.json")
# The middle of ROUNDS, in seconds. "Down" is what Ctrl-C takes.
BARS = {"up": 20.0, "second deployment scores": 6.0, "down": 10.0}


def measure(console: Console) -> dict[str, list[float]]:
    """Return the seconds of each step, round by round, in a workspace of its own."""
    seconds: dict[str, list[float]] = {name: [] for name in BARS}
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        slipway = Slipway(folder / "workspace", dict(os.environ))
        body = train(folder / "model.onnx")
        ports = {port: free_port() for port in PORTS}
        up = ["up", "--detach", *(f"--{port}-port={number}" for port, number in ports.items())]
        key = ""
        try:
            for number in range(ROUNDS):
                with console.status(f"round {number + 1} of {ROUNDS}"):
                    seconds["up"].append(_timed(lambda: slipway.run(*up)))
                    key = key or deploy_model(slipway, folder / "model.onnx", folder)
                    _wait_for_replicas(slipway)
                    seconds["second deployment scores"].append(_timed(_second(slipway, folder, ports, key, body)))
                    seconds["down"].append(_timed(lambda: slipway.run("down")))
        finally:
            slipway.run("down")
    return seconds


def _wait_for_replicas(slipway: Slipway) -> None:
    """Return when every deployment has its replica: ``up`` does not wait for them.

    Raises:
        TimeoutError: one never has.
    """
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while sum(replica["state"] == "ready" for replica in slipway.json("status")["replicas"]) < len(DEPLOYMENTS):
        if time.monotonic() > deadline:
            raise TimeoutError(f"a deployment had no replica {SETTLED_WITHIN_S:.0f} s after `slipway up`")
        time.sleep(0.5)


def _second(slipway: Slipway, folder: Path, ports: dict[str, int], key: str, body: bytes) -> Callable[[], None]:
    """Return the step: a new revision in a known environment, from the command to the first scored request."""

    def deploy_and_score() -> None:
        document = folder / "blue.yaml"
        content = json.loads(document.read_text()) | {"environment_variables": {"ROUND": str(time.time())}}
        document.write_text(json.dumps(content))
        slipway.run("deployment", "create", "-f", str(document))
        url = f"http://127.0.0.1:{ports['http']}/endpoints/{ENDPOINT}/score"
        headers = {"authorization": f"Bearer {key}", "azureml-model-deployment": "blue"}
        httpx.post(url, content=body, headers=headers, trust_env=False).raise_for_status()

    return deploy_and_score


def _timed(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


def main() -> int:
    """Measure, print a table, write the report."""
    console = Console()
    seconds = measure(console)
    table = Table("step", "median", "least", "most", "bar")
    for name, values in seconds.items():
        shown = [f"{value:.1f} s" for value in (statistics.median(values), min(values), max(values), BARS[name])]
        table.add_row(name, *shown)
    console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    rows = [{"name": "slipway", "case": name, "seconds": values} for name, values in seconds.items()]
    REPORT.write_text(json.dumps({"host": platform.node(), "rows": rows}, indent=2))
    return int(any(statistics.median(values) > BARS[name] for name, values in seconds.items()))


if __name__ == "__main__":
    sys.exit(main())
