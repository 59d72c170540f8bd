"""The four clients of tritonclient behind one form of call: each gives JSON-like answers, and waits for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio

from tests.serving.scoring.process import Process

CLIENTS = {
    "http": tritonclient.http,
    "http.aio": tritonclient.http.aio,
    "grpc": tritonclient.grpc,
    "grpc.aio": tritonclient.grpc.aio,
}


class Triton:
    """A client of one kind; any method of the real one may be called."""

    def __init__(self, kind: str, process: Process) -> None:
        self.kind = kind
        self.over_grpc = kind.startswith("grpc")
        self.module = CLIENTS[kind]
        self._address = process.grpc if self.over_grpc else process.http

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call it on a client that is opened and closed for it; over gRPC, messages come as JSON."""
        if self.over_grpc and method.startswith("get_"):
            options["as_json"] = True
        if self.kind.endswith("aio"):
            return asyncio.run(self._awaited(lambda client: getattr(client, method)(*arguments, **options)))
        with self.module.InferenceServerClient(self._address) as client:
            return getattr(client, method)(*arguments, **options)

    async def _awaited(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        async with self.module.InferenceServerClient(self._address) as client:
            return await ask(client)

    def tensor(self, name: str, datatype: str, array: Any, **options: Any) -> Any:
        """Make an input; ``binary_data`` matters over HTTP only."""
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **({} if self.over_grpc else options))
        return tensor

    def output(self, name: str, **options: Any) -> Any:
        if self.over_grpc:
            options.pop("binary_data", None)
        return self.module.InferRequestedOutput(name, **options)
