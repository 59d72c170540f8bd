"""The story that ``make demo`` tells, on real data and with real clients."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.progress import Progress
from rich.table import Table

from loadtest.demo.clients import EndpointClient, Rows
from loadtest.demo.command import CommandFailed, NotStarted, Slipway, train
from loadtest.demo.stage import Stage

CONFIGS = Path("configs")
EXAMPLES = CONFIGS / "examples" / "breast_cancer"
USERS = [f"user-{number}" for number in range(1000)]
DEPLOYMENTS = {"blue": "cancer-onnx", "green": "cancer-gbm"}


class Demo:
    """The steps in their order; each leaves what the next needs."""

    def __init__(self, stage: Stage, slipway: Slipway, environment: dict[str, str]) -> None:
        self.stage = stage
        self.slipway = slipway
        self.environment = environment
        self.url = ""
        self.began_ms = int(time.time() * 1000)

    def start(self, port_options: list[str]) -> None:
        """Start the workspace. Raises NotStarted: it could not, and what had begun has ended by itself."""
        self.stage.title("Start the workspace")
        with self.stage.step("registry, telemetry, Ray, controller and edge"):
            try:
                self.slipway.run("up", "--detach", *port_options)
            except CommandFailed as error:
                raise NotStarted(str(error)) from error
        self.view = self.slipway.json("status")
        self.url = self.view["url"]

    def clear(self) -> None:
        """Delete the endpoint that an earlier demo made: the story begins without it."""
        if any(endpoint["name"] == "cancer" for endpoint in self.slipway.json("endpoint", "list")):
            with self.stage.step("delete endpoint cancer, of the demo before"):
                self.slipway.run("endpoint", "delete", "cancer", "--yes")

    def train_models(self) -> None:
        self.stage.title("Train two models with ordinary MLflow scripts")
        requirements = EXAMPLES / "requirements-training.txt"
        with (
            self.stage.step("logistic regression to ONNX; gradient boosting in an environment of its own"),
            ThreadPoolExecutor() as pool,
        ):
            onnx = pool.submit(train, EXAMPLES / "train_logistic.py", self.url, self.environment)
            gbm = pool.submit(train, EXAMPLES / "train_gbm.py", self.url, self.environment, requirements)
            self.onnx_run, self.gbm_run = onnx.result(), gbm.result()
        self.holdout = {"blue": self._holdout(self.onnx_run), "green": self._holdout(self.gbm_run)}

    def register_models(self) -> None:
        self.stage.title("Register both as versions of model cancer")
        self.versions = {}
        for deployment, run in (("blue", self.onnx_run), ("green", self.gbm_run)):
            with self.stage.step(f"run {run[:12]} → model cancer"):
                made = self.slipway.json("model", "register", "cancer", "--run", run, "--path", "model")
            self.versions[deployment] = made["version"]

    def build_images(self) -> None:
        self.stage.title("Build two images")
        for deployment, image in DEPLOYMENTS.items():
            document = CONFIGS / f"image-{'onnx' if deployment == 'blue' else 'gbm'}.yaml"
            with self.stage.step(f"{image}: resolve, lock, pack"):
                model = f"model=azureml:cancer:{self.versions[deployment]}"
                self.slipway.json("image", "build", "-f", str(document), "--set", model)

    def deploy(self) -> None:
        self.stage.title("Create endpoint cancer with deployments blue and green")
        document = str(CONFIGS / "endpoint-sticky.yaml")
        with self.stage.step("endpoint cancer, split by header x-user-id"):
            key = self.slipway.json("endpoint", "create", "-f", document)["keys"]["primary"]
        with (
            self.stage.step("deployments blue (two replicas) and green: place, load, become ready"),
            ThreadPoolExecutor() as pool,
        ):
            list(pool.map(self._create_deployment, DEPLOYMENTS))
        with self.stage.step("traffic: blue 90 %, green 10 %"):
            self._set_traffic("blue=90 green=10")
        self.client = EndpointClient(self.view["edge_url"], self.view["grpc_address"], "cancer", key)
        self.key = key

    def score_everything(self) -> None:
        self.stage.title("Score the held-out rows through every door, and compare with the models' own predictions")
        doors = {"blue": ("FP32", "probabilities", 1e-4), "green": ("FP64", "output_0", 1e-9)}
        for deployment, (datatype, output, tolerance) in doors.items():
            rows, expected = self.holdout[deployment]
            with self.stage.step(f"{deployment}: /score, /v2/models/cancer/infer, gRPC ModelInfer, {len(rows)} rows"):
                name = self.client.input_name(deployment)
                answers = {
                    "/score": self.client.score(rows, deployment),
                    "OIP over HTTP": self.client.infer(rows, deployment, name, datatype),
                    "OIP over gRPC": self.client.infer_grpc(rows, deployment, name, datatype, output),
                }
            for door, answer in answers.items():
                worst = float(np.abs(answer - expected).max()) if answer.shape == expected.shape else float("inf")
                text = f"{deployment} {door}: {len(answer)} predictions, largest difference {worst:.1e}"
                self.stage.check(worst <= tolerance, text)

    def show_split(self) -> None:
        self.stage.title("Traffic: split, stickiness, override, live change")
        first = self._ask("1,000 users, 90/10")
        share = Counter(first)
        text = f"blue answered {share['blue']}, green {share['green']} of {len(USERS)}"
        self.stage.check(share["blue"] + share["green"] == len(USERS) and abs(share["blue"] - 900) <= 30, text)
        again = self._ask("the same users again")
        self.stage.check(again == first, "every user met the same deployment again")
        rows, _ = self.holdout["green"]
        self.stage.check(
            self.client.score(rows[:1], "green").shape == (1, 2), "azureml-model-deployment: green overrides the split"
        )
        with self.stage.step("traffic: blue 50 %, green 50 %, live"):
            self._set_traffic("blue=50 green=50")
        after = self._ask("1,000 users, 50/50")
        share = Counter(after)
        text = f"blue answered {share['blue']}, green {share['green']} of {len(USERS)}"
        self.stage.check(share["blue"] + share["green"] == len(USERS) and abs(share["blue"] - 500) <= 50, text)
        moved_back = sum(before == "green" and now == "blue" for before, now in zip(first, after, strict=True))
        self.stage.check(moved_back == 0, "no user of green was moved back to blue")

    def show_telemetry(self) -> None:
        self.stage.title("What telemetry recorded")
        with self.stage.step("read back the requests table"):
            rows = self._summary()
        recorded = sum(row["requests"] for row in rows)
        self.stage.check(
            recorded >= self.client.sent, f"{recorded} requests recorded, at least {self.client.sent} sent"
        )
        failures = sum(row["failures"] for row in rows)
        self.stage.check(failures == 0, f"{failures} failures")
        table = Table(
            "deployment", "image digest", "replicas", "requests", "failures", "p50", "p99", header_style="bold"
        )
        ready = Counter(r["deployment"] for r in self.slipway.json("status")["replicas"] if r["state"] == "ready")
        for row in rows:
            shown = self.slipway.json("deployment", "show", f"cancer/{row['deployment']}")
            digest = next(
                (r["image_digest"] for r in shown["revisions"] if row["backend"].endswith(f".{r['number']}")), "-"
            )
            table.add_row(
                f"cancer/{row['deployment']}",
                digest[7:19],
                str(ready[row["deployment"]]),
                str(row["requests"]),
                str(row["failures"]),
                f"{row['p50_ms']:.0f} ms",
                f"{row['p99_ms']:.0f} ms",
            )
        self.stage.console.print(table)

    def show_addresses(self) -> None:
        """Say how to reach what runs: for a workspace that stays."""
        edge = self.view["edge_url"]
        row = [round(value, 3) for value in self.holdout["blue"][0][0]]
        self.stage.console.print(
            f"\nregistry and MLflow tracking  {self.url}\n"
            f"scoring, HTTP                 {edge}/endpoints/cancer/score\n"
            f"scoring, gRPC                 {self.view['grpc_address']}, model cancer\n"
            f"key                           {self.key}\n"
            f"the command line              export SLIPWAY_DIR={self.slipway.folder}\n\n"
            f"try: curl -s -H 'Authorization: Bearer {self.key}' -H 'Content-Type: application/json' "
            f"-d '{json.dumps({'data': [row]})}' {edge}/endpoints/cancer/score",
            highlight=False,
            soft_wrap=True,
        )

    def _holdout(self, run: str) -> tuple[Rows, Rows]:
        answer = httpx.get(
            f"{self.url}/api/2.0/mlflow/runs/get", params={"run_id": run}, timeout=10.0, trust_env=False
        ).raise_for_status()
        root = answer.json()["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        answer = httpx.get(
            f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{root}/holdout.json", timeout=10.0, trust_env=False
        ).raise_for_status()
        content = answer.json()
        return np.asarray(content["rows"]), np.asarray(content["predictions"])

    def _create_deployment(self, deployment: str) -> None:
        model = f"model=azureml:cancer:{self.versions[deployment]}"
        self.slipway.json("deployment", "create", "-f", str(CONFIGS / f"deployment-{deployment}.yaml"), "--set", model)

    def _set_traffic(self, weights: str) -> None:
        self.slipway.run("endpoint", "update", "--name", "cancer", "--traffic", weights)

    def _ask(self, text: str) -> list[str]:
        rows, _ = self.holdout["blue"]
        with Progress(console=self.stage.console, transient=True) as progress:
            task = progress.add_task(f"  {text}", total=len(USERS))
            return self.client.answering(USERS, rows[0], lambda: progress.advance(task))

    def _summary(self) -> list[dict[str, Any]]:
        for _ in range(50):
            minutes = (time.time() * 1000 - self.began_ms) / 60_000
            rows = self.slipway.json("requests", "cancer", "--summary", "--since", str(minutes))
            if sum(row["requests"] for row in rows) >= self.client.sent:
                break
            time.sleep(0.2)
        return list(rows)
