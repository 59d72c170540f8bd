"""The hand-written peer: ``POST /score`` on uvicorn and onnxruntime, nothing else, as an honest engineer writes it.

Usage: python -m loadtest.bench.raw_server MODEL.onnx PORT
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ScoreRequest(msgspec.Struct):
    data: list[list[float]]


def build_app(model_path: str) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    outputs = [output.name for output in session.get_outputs()]
    decode = msgspec.json.Decoder(ScoreRequest).decode
    encode = msgspec.json.Encoder().encode

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] != "/score":
            await _answer(send, 404, b'{"error":"not found"}')
            return
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        try:
            rows = np.asarray(decode(body).data, dtype=np.float32)
            results = session.run(outputs, {name: rows})
        except (msgspec.DecodeError, ValueError, ort.capi.onnxruntime_pybind11_state.InvalidArgument) as error:
            await _answer(send, 400, encode({"error": str(error)}))
            return
        await _answer(send, 200, encode(results[0].tolist()))

    return app


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    model_path, port = sys.argv[1:]
    uvicorn.run(
        build_app(model_path),
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
