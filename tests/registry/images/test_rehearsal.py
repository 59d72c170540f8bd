"""What the registry makes of the process that rehearses an image, played here by a few lines."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry.core.errors import BuildFailed
from registry.images.rehearsal import Rehearsals

DIGEST = f"sha256:{'0' * 64}"
GOLDEN = {"schema": 1, "answers": [{"sample": "rows.json", "status": 200, "content_type": "a/b", "body": "W10="}]}
PRELUDE = """
import json, os, sys, time
order = json.loads(sys.stdin.readline())
def tell(**news): print(json.dumps(news), flush=True)
"""
REGISTRY = """
import sys
from pathlib import Path
from registry.images.rehearsal import Rehearsals
played = [sys.executable, "-c", sys.argv[1]]
Rehearsals(Path("/nowhere"), played).rehearse("cancer", sys.argv[2], [], lambda line: print(line, flush=True))
"""


def rehearse(program: str, lines: list[str] | None = None, within_s: float = 30) -> bytes:
    rehearsals = Rehearsals(Path("/srv/node"), [sys.executable, "-c", PRELUDE + program], within_s)
    told = [] if lines is None else lines
    return rehearsals.rehearse("cancer", DIGEST, [Path("/srv/stage")], told.append).answers[0].body


def test_it_is_given_its_order_and_tells_lines_and_at_last_the_answers() -> None:
    lines: list[str] = []
    assert rehearse(f"tell(line=json.dumps(order))\ntell(golden={GOLDEN})", lines) == b"[]"
    order = {"name": "cancer", "digest": DIGEST, "folders": ["/srv/stage"], "node": "/srv/node"}
    assert [json.loads(line) for line in lines] == [order]


def test_it_inherits_the_machines_variables_and_none_of_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ("SLIPWAY_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(secret, "opensesame")
    for setting in ("UV_FIND_LINKS", "SLIPWAY_NODE_CACHE_GB", "SLIPWAY_INSTANCE"):
        monkeypatch.setenv(setting, "7")
    lines: list[str] = []

    rehearse(f"tell(line=json.dumps(dict(os.environ)))\ntell(golden={GOLDEN})", lines)

    inherited = json.loads(lines[0])
    assert "opensesame" not in inherited.values()
    assert inherited["PATH"] == os.environ["PATH"]
    settings = {name for name, value in inherited.items() if value == "7"}
    assert settings == {"UV_FIND_LINKS", "SLIPWAY_NODE_CACHE_GB", "SLIPWAY_INSTANCE"}


def test_its_error_fails_the_build() -> None:
    with pytest.raises(BuildFailed, match=r"^sample rows\.json was answered with 500: ValueError: no \(score\.py:3\)$"):
        rehearse("tell(error='sample rows.json was answered with 500: ValueError: no (score.py:3)')")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemError('what now')", r"broke off \(exit code 1\): SystemError: what now$"),
        ("os.kill(os.getpid(), 9)", r"broke off \(exit code -9\)$"),
        ("print('{\"gold', end='', flush=True)", r"broke off \(exit code 0\)$"),
        ("print('no news')", "broke off"),
    ],
)
def test_one_that_breaks_off_fails_the_build(program: str, message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        rehearse(program)


def test_one_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    program = f"""
import subprocess
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
tell(line="hanging")
time.sleep(600)
"""
    lines: list[str] = []
    with pytest.raises(BuildFailed, match=r"^the image's samples were not answered within 2 s$"):
        rehearse(program, lines, within_s=2)
    assert lines == ["hanging"]
    assert ended(int((tmp_path / "pid").read_text()))


def test_one_that_reads_no_order_is_no_fault_of_ours() -> None:
    rehearsals = Rehearsals(Path("/srv/node"), [sys.executable, "-c", "import os; os.close(0)"], 30)
    with pytest.raises(BuildFailed, match="broke off"):
        rehearsals.rehearse("cancer", DIGEST, [Path(f"/{'x' * 100_000}")], lambda line: None)


def test_a_killed_registry_closes_its_stdin() -> None:
    waiting = PRELUDE + "tell(line=str(os.getpid()))\nsys.stdin.read()\n"
    registry = subprocess.Popen(
        [sys.executable, "-c", REGISTRY, waiting, DIGEST],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert registry.stdout is not None
    pidfd = os.pidfd_open(int(registry.stdout.readline()))
    registry.send_signal(signal.SIGKILL)
    registry.communicate()
    assert select.select([pidfd], [], [], 30)[0], "it is still there"
    os.close(pidfd)


def ended(pid: int) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], 30)[0])
    finally:
        os.close(pidfd)
