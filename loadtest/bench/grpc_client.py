"""The load over gRPC: N channels in a closed loop, each sending one serialised message again and again."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

import grpc

from loadtest.bench.client import FINISH_WITHIN_S, Load, percentile

METHOD = "/inference.GRPCInferenceService/ModelInfer"


class GrpcRequest(NamedTuple):
    """What every channel sends; ``message`` is a serialised ModelInferRequest."""

    host: str
    port: int
    message: bytes
    metadata: Mapping[str, str] = {}


async def run_grpc_load(request: GrpcRequest, *, connections: int, seconds: float) -> Load:
    """Load for ``seconds``, then let what is in flight finish."""
    latencies_s: list[float] = []
    failures: list[str] = []
    begin = time.perf_counter()
    await asyncio.gather(*(_calls(request, begin + seconds, latencies_s, failures) for _ in range(connections)))
    taken = time.perf_counter() - begin
    ordered = sorted(latencies_s)
    p50, p95, p99 = (percentile(ordered, share) * 1000 for share in (0.50, 0.95, 0.99))
    return Load(len(ordered), len(failures), taken, p50, p95, p99, failures[0] if failures else "")


async def _calls(request: GrpcRequest, until: float, latencies_s: list[float], failures: list[str]) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]  # or all channels would share one connection
    metadata = tuple(request.metadata.items())
    async with grpc.aio.insecure_channel(f"{request.host}:{request.port}", options=options) as channel:
        infer = channel.unary_unary(METHOD)
        while (began := time.perf_counter()) < until:
            try:
                await infer(request.message, metadata=metadata, timeout=FINISH_WITHIN_S)
            except grpc.aio.AioRpcError as error:
                failures.append(f"{error.code().name}: {error.details()}")
            latencies_s.append(time.perf_counter() - began)
