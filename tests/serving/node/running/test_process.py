import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import pytest

from registry.images.build import BuiltImage
from serving.node.errors import ProcessDied, ScriptFailed, StartFailed, StartTimedOut
from serving.node.running.launch import Launch
from serving.node.running.process import ScoringProcess
from tests.serving.node.present import present

PRELUDE = """
import json, os, signal, sys, threading
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
def announce(**fields):
    with os.fdopen(int(arguments["--announce-fd"]), "w") as out:
        out.write(json.dumps({"protocol": 1, **fields}) + "\\n")
"""
READY = PRELUDE + "announce(state='ready', http_port=1, grpc_port=2, pid=os.getpid())\n"
SERVING = "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n" + READY + "sys.stdin.read()\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + "sys.stdin.read()\n"
PARENT_PROGRAM = """
import asyncio, sys
from pathlib import Path
from serving.node.running.launch import Launch
from serving.node.running.process import ScoringProcess
async def main():
    launch = Launch(python=Path(sys.executable), image=Path(sys.argv[1]), serve_as="cancer", backend="cancer.blue.1")
    process = ScoringProcess.start(launch, Path(sys.argv[2]))
    print((await process.ready(30)).pid, flush=True)
    await process.wait()
asyncio.run(main())
"""


class Registry(Protocol):
    url: str


class ImageMaker(Protocol):
    def __call__(self, main: str = "", lock: bytes = b"", script: str | None = None) -> BuiltImage: ...


Start = Callable[[str], ScoringProcess]


@pytest.fixture
def unpack(tmp_path: Path, registry: Registry, make_image: ImageMaker) -> Callable[[str], Path]:
    def unpack(main: str) -> Path:
        return present(tmp_path / "node", registry.url, make_image(main).digest)

    return unpack


@pytest.fixture
def start(tmp_path: Path, unpack: Callable[[str], Path]) -> Start:
    def start(main: str) -> ScoringProcess:
        launch = Launch(python=Path(sys.executable), image=unpack(main), serve_as="cancer", backend="cancer.blue.1")
        return ScoringProcess.start(launch, tmp_path / "log")

    return start


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


def test_a_process_announces_its_ports_and_ends_when_asked(start: Start) -> None:
    async def story() -> None:
        process = start(SERVING)
        announcement = await process.ready(30)

        assert (announcement.http_port, announcement.grpc_port, announcement.pid) == (1, 2, process.pid)
        assert process.returncode is None
        assert await process.terminate(30) == 0
        assert process.returncode == 0

    run(story())


def test_a_failed_announcement_is_the_error(start: Start) -> None:
    async def story() -> None:
        process = start(
            PRELUDE + "announce(state='failed', error='ValueError: no such column (score.py:12)')\nsys.exit(3)"
        )

        with pytest.raises(ScriptFailed) as failure:
            await process.ready(30)
        assert failure.value.message == "ValueError: no such column (score.py:12)"
        assert await process.wait() == 3

    run(story())


def test_a_process_that_dies_silently_shows_its_exit_and_its_logs_last_line(start: Start) -> None:
    async def story() -> None:
        with pytest.raises(ProcessDied, match=r"exit code 1 .* its log ends: ModuleNotFoundError: .*nowhere") as death:
            await start("import nowhere").ready(30)
        assert death.value.returncode == 1

    run(story())


def test_a_process_that_is_killed_shows_the_signal(start: Start) -> None:
    async def story() -> None:
        with pytest.raises(ProcessDied, match=r"was killed by SIGKILL before it was ready$") as death:
            await start("import os; os.kill(os.getpid(), 9)").ready(30)
        assert death.value.returncode == -signal.SIGKILL

    run(story())


def test_the_log_of_an_earlier_life_is_not_blamed(start: Start, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("an older error\n")

    async def story() -> None:
        with pytest.raises(ProcessDied, match=r"exit code 5 before it was ready$"):
            await start("raise SystemExit(5)").ready(30)

    run(story())
    assert (tmp_path / "log").read_text() == "an older error\n"


def test_a_process_that_does_not_announce_in_time_is_killed(start: Start) -> None:
    async def story() -> None:
        process = start("import sys; sys.stdin.read()")

        with pytest.raises(StartTimedOut, match=r"not ready within 0\.2 s"):
            await process.ready(0.2)
        assert await process.wait() == -signal.SIGKILL

    run(story())


def test_waiting_that_is_cancelled_kills_the_process(start: Start) -> None:
    async def story() -> None:
        process = start("import sys; sys.stdin.read()")
        waiting = asyncio.ensure_future(process.ready(60))
        await asyncio.sleep(0)
        waiting.cancel()

        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await process.wait() == -signal.SIGKILL

    run(story())


@pytest.mark.parametrize("words", ["'not json'", "'{}'", """'{"protocol": 9, "state": "ready"}'"""])
def test_an_announcement_that_is_none_is_refused(start: Start, words: str) -> None:
    async def story() -> None:
        main = PRELUDE + f"os.write(int(arguments['--announce-fd']), {words}.encode() + b'\\n')\nsys.stdin.read()"
        with pytest.raises(StartFailed, match=r"announced what is no|protocol 9"):
            await start(main).ready(30)

    run(story())


def test_a_process_that_ignores_the_request_is_killed_after_the_grace(start: Start) -> None:
    async def story() -> None:
        process = start(STUBBORN)
        await process.ready(30)

        assert await process.terminate(0.1) == -signal.SIGKILL

    run(story())


def test_what_a_script_started_ends_with_it(start: Start, tmp_path: Path) -> None:
    child = "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nprint(child.pid, flush=True)\n"

    async def story() -> None:
        process = start(child + SERVING)
        await process.ready(30)
        pidfd = os.pidfd_open(int((tmp_path / "log").read_text()))
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, gone.set)
        await process.terminate(30)
        await gone.wait()
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)

    run(story())


def test_a_process_ends_when_its_parent_is_killed(unpack: Callable[[str], Path], tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", PARENT_PROGRAM, str(unpack(SERVING)), str(tmp_path / "log")]
    parent = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert parent.stdout is not None
    pidfd = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()

    assert select.select([pidfd], [], [], 30)[0], "it is still there"
    os.close(pidfd)


def test_a_python_that_is_not_there_cannot_start(unpack: Callable[[str], Path], tmp_path: Path) -> None:
    async def story() -> None:
        launch = Launch(python=Path("/nowhere/python"), image=unpack(SERVING), serve_as="c", backend="c.b.1")
        with pytest.raises(StartFailed, match="cannot start /nowhere/python: No such file"):
            ScoringProcess.start(launch, tmp_path / "log")

    run(story())


def test_a_log_that_cannot_be_written_is_named(unpack: Callable[[str], Path], tmp_path: Path) -> None:
    async def story() -> None:
        launch = Launch(python=Path(sys.executable), image=unpack(SERVING), serve_as="c", backend="c.b.1")
        with pytest.raises(StartFailed, match=f"cannot write the log {tmp_path}/nowhere/log: No such file"):
            ScoringProcess.start(launch, tmp_path / "nowhere" / "log")

    run(story())
