"""Images served alone, as ``slipway image serve`` does, one or several at once."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from loadtest.bench.subject import NotReady
from loadtest.images_bench.registry import Bench

_SERVING = re.compile(r"serving \S+ on (?P<url>http://\S+)")


def served(bench: Bench, image: str, count: int = 1) -> float:
    """Return the seconds from the command to the last line that says where it serves, and see that each answers.

    Raises:
        NotReady: one was not served, or did not answer.
    """
    began = time.monotonic()
    processes = [_start(bench, image) for _ in range(count)]
    try:
        urls = [_where(process) for process in processes]
        seconds = time.monotonic() - began
        for url in urls:
            httpx.get(f"{url}/v2/health/ready", trust_env=False).raise_for_status()
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)
    return seconds


def _start(bench: Bench, image: str) -> "subprocess.Popen[str]":
    command = [str(Path(sys.executable).with_name("slipway")), "image", "serve", image]
    command += ["--http-port", "0", "--grpc-port", "0", "--url", bench.url]
    environment = {**os.environ, "SLIPWAY_DIR": str(bench.slipway.folder)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def _where(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if found := _SERVING.search(line):
            return found["url"]
    raise NotReady(f"`slipway image serve` ended: {' / '.join(said[-3:])}")
