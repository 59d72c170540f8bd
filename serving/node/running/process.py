"""One scoring process: start it, wait for its announcement, end it. It never outlives the process that started it.

Its exit is watched through a pidfd, so any event loop in any thread will do. It asks the kernel to be killed with the
*thread* that started it: call ``start`` from the loop's own thread, which lives as long as the loop.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from registry.core.imaging.images import CODE_PATH
from serving.node.errors import ProcessDied, ScriptFailed, StartFailed, StartTimedOut
from serving.node.running.launch import Launch, command, environment, read_description
from serving.node.running.log_tail import failure_of, last_line

_PROTOCOLS = (1,)
_READ_BYTES = 65_536
_FAILED_EXIT_S = 2.0  # between a failed announcement and its exit


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The scoring process' one line to us."""

    protocol: int
    state: Literal["ready", "failed"]
    http_port: int = 0
    grpc_port: int = 0
    pid: int = 0
    provider: str = ""  # onnxruntime's name of what runs the model; "" if nothing of its does
    error: str = ""


class ScoringProcess:
    """A running scoring process. Make one with ``start``; use it from that event loop only."""

    def __init__(self, process: "subprocess.Popen[bytes]", announce_fd: int, log: Path | None, log_start: int) -> None:
        loop = asyncio.get_running_loop()
        self._process = process
        self._log, self._log_start = log, log_start
        self._exited: asyncio.Future[int] = loop.create_future()
        self._announced: asyncio.Future[bytes] = loop.create_future()
        self._line = b""
        self._reader = announce_fd
        self._stop_reading = _watch(loop, announce_fd, self._on_announcement)
        self._stop_watching = _watch(loop, os.pidfd_open(process.pid), self._on_exit)

    @classmethod
    def start(cls, launch: Launch, log: Path | None) -> "ScoringProcess":
        """Start the process under the running loop. Its output is appended to ``log``; None leaves it on our own.

        Raises:
            StartFailed: the image's description, its Python or the log cannot be used.
        """
        log_start = log.stat().st_size if log and log.exists() else 0
        reader, writer = os.pipe()
        try:
            process = _spawn(launch, log, writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        return cls(process, reader, log, log_start)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._exited.result() if self._exited.done() else None

    @property
    def end(self) -> str:
        """How it ended, to be read behind its name."""
        code = self._exited.result()
        if code >= 0:
            return f"ended with exit code {code}"
        name = next((one.name for one in signal.Signals if one == -code), f"signal {-code}")
        return f"was killed by {name}"

    async def ready(self, timeout_s: float) -> Announcement:
        """Wait until it serves. If this raises anything, the process is being killed.

        Raises:
            ScriptFailed: it announced a failure; the message is its error line.
            ProcessDied: it ended without announcing; the message has its exit and its log's last line.
            StartTimedOut: it did not announce within ``timeout_s``.
        """
        try:
            futures: set[asyncio.Future[Any]] = {self._announced, self._exited}
            await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not self._announced.done() and not self._exited.done():
                raise StartTimedOut(f"the scoring process was not ready within {timeout_s:g} s{self._log_end()}")
            return await self._judge()
        except BaseException:
            self.kill()
            raise
        finally:
            self._stop_reading()

    async def wait(self) -> int:
        """Wait until it has ended and return its exit code, negative for a signal."""
        return await asyncio.shield(self._exited)

    async def terminate(self, grace_s: float) -> int:
        """Ask it to finish what is in flight and end; kill it after ``grace_s``. Return its exit code."""
        if not self._exited.done():
            os.kill(self._process.pid, signal.SIGTERM)  # not reaped before _on_exit: the number is its own
            await asyncio.wait({self._exited}, timeout=grace_s)
            self.kill()
        return await self.wait()

    def kill(self) -> None:
        """Kill it and what it started, now. Harmless when it has ended."""
        if not self._exited.done():
            _kill_group(self._process.pid)

    async def last_words(self, silence: str) -> StartFailed:
        """Return how it ended, once it has had a moment for that; ``silence`` is what it did if it still runs."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), _FAILED_EXIT_S)
        code = self.returncode
        if code is None:
            return StartFailed(f"the scoring process {silence}{self._log_end()}")
        return ProcessDied(f"the scoring process {self.end} before it was ready{self._log_end()}", code)

    def failure_of(self, request_id: str) -> str:
        """Return why a request failed, as its log says, or "" if that does not or is not kept."""
        return failure_of(self._log, request_id, self._log_start) if self._log else ""

    async def _judge(self) -> Announcement:
        while not self._announced.done():  # it has ended: what it wrote is in the pipe
            self._on_announcement()
        line = self._announced.result()
        if not line:
            raise await self.last_words("closed its announcement without a word")
        try:
            announcement = msgspec.json.decode(line, type=Announcement)
        except msgspec.MsgspecError as error:
            raise StartFailed(f"the scoring process announced what is no announcement: {error}") from error
        if announcement.protocol not in _PROTOCOLS:
            raise StartFailed(f"the scoring process speaks protocol {announcement.protocol}; we speak {_PROTOCOLS}")
        if announcement.state == "failed":
            with contextlib.suppress(TimeoutError):  # it exits by itself, so that its log is whole
                await asyncio.wait_for(self.wait(), _FAILED_EXIT_S)
            raise ScriptFailed(announcement.error or "the scoring process failed and did not say why")
        return announcement

    def _log_end(self) -> str:
        line = last_line(self._log, self._log_start) if self._log else ""
        return f"; its log ends: {line}" if line else ""

    def _on_announcement(self) -> None:
        try:
            chunk = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:  # a process that it left behind holds the other end
            chunk = b""
        self._line += chunk
        if not chunk or b"\n" in chunk:
            self._stop_reading()
            self._announced.set_result(self._line)

    def _on_exit(self) -> None:
        self._stop_watching()
        _kill_group(self._process.pid)  # before it is reaped, so that the number is still its own
        code = self._process.wait()
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if not self._exited.done():
            self._exited.set_result(code)


def _spawn(launch: Launch, log: Path | None, announce_fd: int) -> "subprocess.Popen[bytes]":
    config = read_description(launch.image)
    folder = launch.image / CODE_PATH
    with contextlib.ExitStack() as stack:
        try:
            output = stack.enter_context(log.open("ab")) if log else None
        except OSError as error:
            raise StartFailed(f"cannot write the log {log}: {error.strerror}") from error
        try:
            return subprocess.Popen(
                command(launch, config, announce_fd),
                stdin=subprocess.PIPE,  # the lifeline: it closes when this process ends, however it ends
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env=environment(launch, config, os.environ),
                cwd=folder if folder.is_dir() else launch.image,
                pass_fds=(announce_fd, *(hold.descriptor for hold in launch.holds)),
                start_new_session=True,  # a terminal's Ctrl-C is for us, and the group can be killed as one
            )
        except OSError as error:
            raise StartFailed(f"cannot start {launch.python}: {error.strerror}") from error


def _watch(loop: asyncio.AbstractEventLoop, descriptor: int, callback: Callable[[], None]) -> Callable[[], None]:
    """Call ``callback`` when ``descriptor`` is readable; the returned function stops that, once, and closes it."""
    open_descriptors = {descriptor}

    def stop() -> None:
        if open_descriptors:
            open_descriptors.clear()
            loop.remove_reader(descriptor)
            os.close(descriptor)

    loop.add_reader(descriptor, callback)
    return stop


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
