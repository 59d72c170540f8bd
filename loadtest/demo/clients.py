"""Clients of an endpoint: Azure ML's scoring door, the Open Inference Protocol over HTTP and over gRPC."""

import asyncio
from collections.abc import Callable

import httpx
import numpy as np
import tritonclient.grpc as triton
from numpy.typing import NDArray

Rows = NDArray[np.float64]
DEPLOYMENT_HEADER = "azureml-model-deployment"
USER_HEADER = "x-user-id"
CONNECTIONS = 8


class EndpointClient:
    """One endpoint at one edge, with one key. ``sent`` counts the requests, to be held against telemetry."""

    def __init__(self, edge_url: str, grpc_address: str, endpoint: str, key: str) -> None:
        self.endpoint = endpoint
        self.sent = 0
        self._grpc_address = grpc_address
        self._headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=edge_url, headers=self._headers, timeout=30.0, trust_env=False)

    def score(self, rows: Rows, deployment: str) -> Rows:
        """Return the predictions of ``POST /score``."""
        self.sent += 1
        answer = self._http.post(
            f"/endpoints/{self.endpoint}/score", json={"data": rows.tolist()}, headers={DEPLOYMENT_HEADER: deployment}
        )
        answer.raise_for_status()
        return np.asarray(answer.json(), dtype=np.float64)

    def infer(self, rows: Rows, deployment: str, name: str, datatype: str) -> Rows:
        """Return the predictions of the Open Inference Protocol over HTTP."""
        tensor = {"name": name, "shape": list(rows.shape), "datatype": datatype, "data": rows.ravel().tolist()}
        self.sent += 1
        answer = self._http.post(
            f"/v2/models/{self.endpoint}/infer", json={"inputs": [tensor]}, headers={DEPLOYMENT_HEADER: deployment}
        )
        answer.raise_for_status()
        output = answer.json()["outputs"][0]
        return np.asarray(output["data"], dtype=np.float64).reshape(output["shape"])

    def infer_grpc(self, rows: Rows, deployment: str, name: str, datatype: str, output: str) -> Rows:
        """Return the predictions of ModelInfer, asked with Triton's own client."""
        tensor = triton.InferInput(name, list(rows.shape), datatype)
        tensor.set_data_from_numpy(rows.astype(np.float32 if datatype == "FP32" else np.float64))
        self.sent += 1
        with triton.InferenceServerClient(self._grpc_address) as client:
            result = client.infer(self.endpoint, [tensor], headers=self._headers | {DEPLOYMENT_HEADER: deployment})
        return np.asarray(result.as_numpy(output), dtype=np.float64)

    def input_name(self, deployment: str) -> str:
        """Return the name of the model's first input, from its metadata; a script without a signature takes any."""
        self.sent += 1
        answer = self._http.get(f"/v2/models/{self.endpoint}", headers={DEPLOYMENT_HEADER: deployment})
        answer.raise_for_status()
        inputs = answer.json()["inputs"]
        return str(inputs[0]["name"]) if inputs else "input_0"

    def answering(self, users: list[str], row: Rows, advance: Callable[[], None]) -> list[str]:
        """Send one request for each user and return which deployment answered each; "" for a failure."""
        return asyncio.run(self._answering(users, row, advance))

    async def _answering(self, users: list[str], row: Rows, advance: Callable[[], None]) -> list[str]:
        gate = asyncio.Semaphore(CONNECTIONS)
        body = {"data": row.reshape(1, -1).tolist()}
        async with httpx.AsyncClient(
            base_url=str(self._http.base_url), headers=self._headers, timeout=30.0, trust_env=False
        ) as client:

            async def ask(user: str) -> str:
                self.sent += 1
                async with gate:
                    answer = await client.post(
                        f"/endpoints/{self.endpoint}/score", json=body, headers={USER_HEADER: user}
                    )
                advance()
                return answer.headers.get(DEPLOYMENT_HEADER, "") if answer.status_code == 200 else ""

            return list(await asyncio.gather(*(ask(user) for user in users)))
