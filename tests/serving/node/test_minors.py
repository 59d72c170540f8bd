"""The scoring process under every Python that this machine has, from 3.9 on."""

import asyncio
from contextlib import closing
from pathlib import Path

import grpc
import httpx
import pytest

from registry.core.imaging.images import Runtime
from registry.core.imaging.signatures import SignaturePolicy, Trust
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.lock import compile_lock, own_requirements
from registry.images.pack import entry_of_bytes
from registry.images.scoring import scoring_package, scoring_requirements
from serving.node.errors import InterpreterMissing
from serving.node.keeping.interpreters import find_interpreter
from serving.node.keeping.room import open_room
from serving.node.prepare import prepare_image
from serving.node.running.launch import Launch
from serving.node.running.process import ScoringProcess
from tests.serving.node.conftest import PullRegistry

SCRIPT = """
import os, sys

def init():
    global content
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.txt")) as file:
        content = file.read()

def run(data):
    return ["%d.%d" % sys.version_info[:2], content]
"""

TENSOR = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [[%s]]}]}'


@pytest.mark.parametrize("minor", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_an_image_scores_under_its_own_python(tmp_path: Path, registry: PullRegistry, minor: str) -> None:
    try:
        find_interpreter(minor)
    except InterpreterMissing as missing:
        pytest.skip(f"NOT TESTED: {missing.message}")
    inputs = BuildInputs(
        models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.txt", b"a model"),)),),
        runtime=Runtime.SCRIPT,
        code=(entry_of_bytes("score.py", SCRIPT.encode()),),
        scoring_script="score.py",
        lock=compile_lock([], own_requirements(scoring_requirements(), Runtime.SCRIPT), minor, "amd64"),
        python=minor,
        architecture="amd64",
        scoring=scoring_package(Runtime.SCRIPT),
    )
    digest = build_image(registry.layout, inputs, lambda progress, line: None).digest
    trust = Trust(policy=SignaturePolicy.OFF)
    prepared = prepare_image(
        registry.url, "cancer", digest, open_room(tmp_path / "node", None), trust, lambda line: None
    )
    launch = Launch(python=prepared.python, image=prepared.image, serve_as="cancer", backend="cancer.blue.1")

    async def story() -> None:
        process = ScoringProcess.start(launch, tmp_path / "log")
        announcement = await process.ready(60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{announcement.http_port}") as http:
            answer = await http.post("/score", json={"data": [[1]]})
            # What JSON decoders raise differs between their versions, and Python 3.9 has only old ones.
            for body, status in ((TENSOR % "NaN", 200), (TENSOR % "true", 400), (TENSOR % "", 400), ("{", 400)):
                assert (await http.post("/v2/models/cancer/infer", content=body)).status_code == status
        assert answer.json() == [minor, "a model"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{announcement.grpc_port}") as channel:
            ready = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
            assert await ready(b"") == b"\x08\x01"
        assert await process.terminate(10) == 0

    with closing(prepared):
        asyncio.run(story())
