"""The workspace on this machine as a whole: open it, bring it up, hold it up, take it down."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from registry.core.errors import Conflict, InvalidInput
from serving.cluster.head import RayPorts
from serving.embedded.paths import WorkspacePaths, make_private
from serving.embedded.plan import HOST, Ports, WorkspaceFile, plan_processes
from serving.embedded.ports import check_free, free_ports
from serving.embedded.records import end, is_alive, mark_of, read_records
from serving.embedded.runner import Runner, stop_workspace
from serving.node.proc import runs, start_ticks

_PORTS_OF = {
    "registry": ["registry"],
    "controller": ["controller"],
    "telemetry": ["telemetry"],
    "edge": ["http", "grpc"],
}


class UpState(msgspec.Struct, frozen=True, kw_only=True):
    """``up.json``: the process that holds the workspace up, and how far it is."""

    pid: int
    start_ticks: int
    states: dict[str, str]  # process → started, adopted, ready
    ready: bool = False
    error: str = ""
    stopping: bool = False


def open_workspace(paths: WorkspacePaths, ports: Ports) -> WorkspaceFile:
    """Return the workspace's file, made or brought up to ``ports``, with its secrets in place."""
    make_private(paths.home)
    make_private(paths.runtime)
    make_private(paths.secrets)
    for name in ("edge-secret", "ray-token"):
        path = paths.secrets / name
        if not path.exists():
            path.touch(0o600)
            path.write_text(secrets.token_hex(32))
    known = read_workspace_file(paths)
    if known is None:
        gcs, client, agent = free_ports(3)
        ray = RayPorts(gcs=gcs, client=client, agent=agent)
        known = WorkspaceFile(instance=secrets.token_hex(8), url="", ports=ports, ray=ray)
    workspace = msgspec.structs.replace(known, ports=ports, url=f"http://{HOST}:{ports.registry}")
    if not _running(paths):
        gcs, client, agent = free_ports(3)
        workspace = msgspec.structs.replace(workspace, ray=RayPorts(gcs=gcs, client=client, agent=agent))
    elif workspace.ports != known.ports:
        raise Conflict("the workspace is running on other ports: `slipway down` first")
    _write(paths.workspace_file, workspace)
    return workspace


def read_workspace_file(paths: WorkspacePaths) -> WorkspaceFile | None:
    """Return what is known of the workspace, or None if there is none in this folder.

    Raises:
        InvalidInput: the file is damaged, or cannot be read.
    """
    try:
        return msgspec.json.decode(paths.workspace_file.read_bytes(), type=WorkspaceFile)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidInput(f"cannot read {paths.workspace_file}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{paths.workspace_file} is damaged ({error}): `slipway down`, then delete it") from error


def hold_up(paths: WorkspacePaths, ports: Ports, say: Callable[[str, str], None], stop: threading.Event) -> None:
    """Bring the workspace up, restart what dies, and take it down when ``stop`` is set.

    Raises:
        Conflict: it is held up already, or a port is taken.
        Unavailable: a process did not start; what had started is stopped again.
    """
    make_private(paths.home)
    with _only_one(paths):
        running = _running(paths)
        check_free(ports, [port for name, names in _PORTS_OF.items() if name not in running for port in names])
        workspace = open_workspace(paths, ports)
        plans = plan_processes(paths, workspace)
        runner = Runner(paths, plans, workspace.instance)
        progress = _Progress(paths, say)
        try:
            if runner.start_all(progress.note, stop):
                progress.ready()
            while not stop.wait(0.1):
                for name in runner.restart_dead():
                    say(name, "restarted")
        except BaseException as error:
            progress.failed(str(error))
            raise
        finally:
            progress.stopping()
            runner.stop_all()
            _tidy(paths)


def take_down(paths: WorkspacePaths, within_s: float = 20.0) -> bool:
    """End every process of the workspace, also those whose holder was killed. Return whether there were any."""
    if not paths.home.is_dir():
        return False
    state = read_up_state(paths)
    found = bool(_running(paths))
    if state is not None and _is_holder(state):
        found = True
        os.kill(state.pid, signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while _is_holder(state) and time.monotonic() < deadline:
            time.sleep(0.05)
        end([state.pid] if _is_holder(state) else [], grace_s=0)
    with _lock(paths):  # whoever brings it up meanwhile waits for nobody: it is told
        stop_workspace(paths, _instance(paths))
        _tidy(paths)
    return found


def check_not_held(paths: WorkspacePaths) -> None:
    """Raise Conflict if a process holds the workspace up, or is about to stop doing so."""
    state = read_up_state(paths)
    if state is not None and _is_holder(state):
        raise Conflict(_why_held(paths))


def _instance(paths: WorkspacePaths) -> str:
    """Return the mark of the workspace's processes; without its file they still carry it themselves."""
    with contextlib.suppress(InvalidInput):
        if (workspace := read_workspace_file(paths)) is not None:
            return workspace.instance
    return mark_of(read_records(paths.run).values())


def read_up_state(paths: WorkspacePaths) -> UpState | None:
    """Return what the holder wrote last; nothing if that cannot be read."""
    try:
        return msgspec.json.decode((paths.home / "up.json").read_bytes(), type=UpState)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def holder_of_workspace(paths: WorkspacePaths) -> int | None:
    """Return the pid of the process that holds the workspace up, or None if there is none."""
    state = read_up_state(paths)
    return state.pid if state is not None and _is_holder(state) else None


def _is_holder(state: UpState) -> bool:
    return runs(state.pid, state.start_ticks)


def _running(paths: WorkspacePaths) -> set[str]:
    return {name for name, record in read_records(paths.run).items() if is_alive(record)}


def _tidy(paths: WorkspacePaths) -> None:
    (paths.home / "up.json").unlink(missing_ok=True)
    shutil.rmtree(paths.runtime, ignore_errors=True)


@contextlib.contextmanager
def _only_one(paths: WorkspacePaths) -> Iterator[None]:
    with _lock(paths) as locked:
        if not locked:
            raise Conflict(_why_held(paths))
        yield


@contextlib.contextmanager
def _lock(paths: WorkspacePaths) -> Iterator[bool]:
    with (paths.home / "up.lock").open("w") as file:
        locked = True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            locked = False
        yield locked


def _why_held(paths: WorkspacePaths) -> str:
    state = read_up_state(paths)
    if state is None or not _is_holder(state):
        return f"the workspace in {paths.home} is being started or stopped: try again in a few seconds"
    if state.stopping:
        return f"the workspace in {paths.home} is being stopped (pid {state.pid}): try again in a few seconds"
    return f"the workspace in {paths.home} is up already (pid {state.pid}): see `slipway status`"


class _Progress:
    """Tell a person here, and whoever waits in another process through ``up.json``."""

    def __init__(self, paths: WorkspacePaths, say: Callable[[str, str], None]) -> None:
        self._path = paths.home / "up.json"
        self._say = say
        self._state = UpState(pid=os.getpid(), start_ticks=start_ticks(os.getpid()), states={})
        _write(self._path, self._state)

    def note(self, name: str, state: str) -> None:
        self._say(name, state)
        self._update(states=self._state.states | {name: state})

    def ready(self) -> None:
        self._update(ready=True)

    def stopping(self) -> None:
        self._update(ready=False, stopping=True)

    def failed(self, error: str) -> None:
        self._update(error=error)

    def _update(self, **changes: object) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)
        _write(self._path, self._state)


def _write(path: Path, record: msgspec.Struct) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
    partial.replace(path)
