"""From a command to a served image: with everything at hand, and with the environment still to be made."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx

from loadtest.bench.subject import NotReady
from loadtest.images_bench.registry import ONNX, SCRIPTED, Bench, onnx_document, scripted_document
from loadtest.registry_bench.measures import Measure

READY_WITHIN_S = 300.0
_SERVING = re.compile(r"serving \S+ on (?P<url>http://\S+)")


def environments(bench: Bench) -> list[Measure]:
    """Serve an ONNX image again and again, and a script with scikit-learn each time without its environment.

    Raises:
        NotReady: an image was not served, or did not answer.
    """
    bench.build(onnx_document(bench.folder))
    bench.build(scripted_document(bench.folder))
    _serve(bench, ONNX)
    cached = median(_serve(bench, ONNX) for _ in range(bench.rounds))
    _serve(bench, SCRIPTED)  # the wheels are in uv's cache from now on
    made = median(_without_environments(bench) for _ in range(bench.rounds))
    return [
        Measure(case="ONNX image served, all cached", value=cached, unit="s", bar=1.5, at_least=False),
        Measure(case="scikit-learn image served, environment to be made", value=made, unit="s", bar=8, at_least=False),
    ]


def _without_environments(bench: Bench) -> float:
    shutil.rmtree(bench.slipway.folder / "node" / "environments")
    return _serve(bench, SCRIPTED)


def _serve(bench: Bench, image: str) -> float:
    """Return the seconds from the command to the line that says where it serves, and see that it answers."""
    command = [str(Path(sys.executable).with_name("slipway")), "image", "serve", image]
    command += ["--http-port", "0", "--grpc-port", "0", "--url", bench.url]
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SLIPWAY_DIR": str(bench.slipway.folder)},
    )
    try:
        url = _where(process)
        seconds = time.monotonic() - began
        httpx.get(f"{url}/v2/health/ready", trust_env=False).raise_for_status()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return seconds


def _where(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if found := _SERVING.search(line):
            return found["url"]
    raise NotReady(f"`slipway image serve` ended: {' / '.join(said[-3:])}")
