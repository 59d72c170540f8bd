"""Runs under kserve's own environment: reads calls as JSON from stdin, makes each with the SDK's client, and writes
what came of them as JSON.
"""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


async def main() -> None:
    written = sys.stdout
    sys.stdout = sys.stderr  # the SDK logs there
    json.dump([await made(call) for call in json.load(sys.stdin)], written)


async def made(call: dict[str, Any]) -> dict[str, Any]:
    client = (
        InferenceGRPCClient(call["url"], timeout=20)
        if call["protocol"] == "grpc"
        else InferenceRESTClient(RESTConfig(protocol=call["protocol"], timeout=20))
    )
    async with client:
        try:
            return {"answer": plain(await answered(client, call))}
        except Exception as error:
            message = error.details() if hasattr(error, "details") else str(error)
            return {"error": type(error).__name__, "message": message}


async def answered(client: Any, call: dict[str, Any]) -> Any:
    headers: Any = call.get("headers", {})
    target = [call["url"]]
    if call["protocol"] == "grpc":
        headers, target = tuple(headers.items()), []
    if call["call"] == "explain":
        return await client.explain(*target, call["model"], call["body"], headers)
    if call["call"] != "infer":
        named = {"model_name": call["model"]} if "model" in call else {}
        return await getattr(client, call["call"])(*target, headers=headers, **named)
    data = call["body"] if "body" in call else infer_request(call)
    if call["protocol"] == "grpc":
        return await client.infer(data, headers=headers)
    return await client.infer(*target, data, call["model"], headers)


def infer_request(call: dict[str, Any]) -> InferRequest:
    return InferRequest(
        call["model"],
        [infer_input(one) for one in call["inputs"]],
        call.get("id"),
        parameters=call.get("parameters"),
        request_outputs=[RequestedOutput(**one) for one in call["outputs"]] if "outputs" in call else None,
    )


def infer_input(one: dict[str, Any]) -> InferInput:
    """``binary`` chooses raw bytes; else the values go as they are, flat."""
    if "binary" not in one:
        return InferInput(one["name"], one["shape"], one["datatype"], one["data"])
    built = InferInput(one["name"], one["shape"], one["datatype"])
    built.set_data_from_numpy(np.array(one["data"], dtype=one["dtype"]).reshape(one["shape"]), one["binary"])
    return built


def plain(answer: Any) -> Any:
    if not hasattr(answer, "outputs"):
        return answer
    outputs = {one.name: one.as_numpy().tolist() for one in answer.outputs}
    return {"model_name": answer.model_name, "id": answer.id, "outputs": outputs}


if __name__ == "__main__":
    asyncio.run(main())
