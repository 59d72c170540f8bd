"""A supervision without Ray, of real scoring processes, and a controller that writes down what it is told."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.core.deploying.endpoints import RequestSettings
from registry.core.deploying.probes import LivenessProbe, ReadinessProbe
from registry.core.imaging.images import CODE_PATH, SCORING_PATH
from registry.core.imaging.signatures import Trust
from serving import scoring
from serving.cluster import supervision
from serving.cluster.supervision import Supervision
from serving.node.running.blame_file import FOLDER
from serving.node.running.launch import NODE, Launch
from serving.scoring.runtimes.blame import WATCHED_AT
from serving.wire.replica import ReplicaSpec
from tests.e2e.town import has_ended
from tests.serving.edge.local_http import Answering, LocalHttp

pytestmark = pytest.mark.e2e

SECRET = "s3cret"
# A call through PyDLL keeps the interpreter for as long as it takes, as a regular expression without an end does.
SCRIPT = """
import ctypes, json, os, re, socket, time

kept = []

def is_listening(descriptor):
    try:
        one = socket.socket(fileno=descriptor)
    except OSError:
        return False
    listening = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    one.detach()
    return listening

def init():
    open("loaded", "w").close()

def run(data):
    asked = json.loads(data)
    if asked == "memory":
        kept.append(b"x" * (600 << 20))
        return len(kept)
    if asked == "endless":
        re.match(r"(a+)+$", "a" * 60 + "b")
    if str(asked).startswith("segfault"):
        ctypes.string_at(0)
    if asked == "sleep":
        time.sleep(3600)
    if asked == "deaf":
        listening = next(n for n in os.listdir("/proc/self/fd") if is_listening(int(n)))
        os.close(int(listening))
        return os.getpid()
    if asked == "daemon":
        pid = os.fork()
        if pid == 0:
            time.sleep(3600)
        return pid
    ctypes.PyDLL(None).usleep(int(asked * 1e6))
    return asked
"""


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a controller, and the reports it got."""
    reports: list[dict[str, Any]] = []

    class Door(Answering):
        def do_POST(self) -> None:  # noqa: N802
            reports.append(json.loads(self.body()))
            self.answer(200, b'{"released": true}')

    http = LocalHttp(Door)
    yield f"http://{http.address}", reports
    http.close()


@pytest.fixture
def script() -> str:
    return SCRIPT


@pytest.fixture
def probes() -> tuple[LivenessProbe, ReadinessProbe]:
    """How the deployment's file wants its processes to be looked after."""
    return LivenessProbe(), ReadinessProbe()


@pytest.fixture
def samples() -> list[str]:
    """The bodies of the image's sample requests."""
    return []


@pytest.fixture
def image(tmp_path: Path, script: str, samples: list[str]) -> Path:
    root = tmp_path / "image"
    model = f"{CODE_PATH}/azureml-models/linear/1"
    (root / model).mkdir(parents=True)
    (root / SCORING_PATH).mkdir(parents=True)
    (root / SCORING_PATH / "slipway_scoring").symlink_to(Path(str(scoring.__file__)).parent)
    (root / CODE_PATH / "score.py").write_text(script)
    for number, body in enumerate(samples):
        (root / f"sample-{number}.json").write_text(body)
    description = {
        "samples": [{"name": f"s{number}", "path": f"sample-{number}.json"} for number in range(len(samples))],
        "schema": 1,
        "kind": "scoring",
        "runtime": "script",
        "python": "3.11",
        "environment": "sha256:0",
        "models": [{"name": "linear", "version": 1, "path": model, "run_id": None}],
        "scoring_script": "score.py",
        "resources": {"memory": "512Mi"},
    }
    (root / "image.json").write_text(json.dumps(description))
    return root


@pytest.fixture
def supervised(
    told: tuple[str, list[dict[str, Any]]],
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    probes: tuple[LivenessProbe, ReadinessProbe],
) -> Iterator[int]:
    """Hold up one replica whose requests may take 2 s, and which may be silent for 2 s more: by this end of a pipe."""
    (tmp_path / "secret").write_text(SECRET)
    spec = ReplicaSpec(
        endpoint="cancer",
        deployment="blue",
        revision=1,
        backend="cancer.blue.1",
        image_name="cancer",
        image_digest="sha256:0",
        environment_variables={},
        request_settings=RequestSettings(request_timeout_ms=2000),
        registry_url="http://127.0.0.1:1",
        controller_url=told[0],
        state_dir=str(tmp_path),
        secret_file=str(tmp_path / "secret"),
        liveness_probe=probes[0],
        readiness_probe=probes[1],
    )

    async def prepared(self: Supervision, reporter: object) -> Launch:
        return Launch(
            python=Path(sys.executable),
            image=image,
            serve_as="cancer",
            backend=spec.backend,
            request_settings=spec.request_settings,
            secret=SECRET,
        )

    monkeypatch.setattr(Supervision, "_prepare", prepared)
    monkeypatch.setattr(supervision, "SILENCE_SLACK_S", 2.0)
    lifeline, held = os.pipe()
    one = Supervision(spec, "s1", None, Trust())
    thread = threading.Thread(target=one.run, args=(lifeline,))
    thread.start()
    yield held
    with contextlib.suppress(OSError):  # the test has closed it
        os.close(held)
    thread.join()
    os.close(lifeline)


def eventually(found: Callable[[], Any], within_s: float = 30.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def ask(report: dict[str, Any], what: object) -> httpx.Response:
    url = f"http://{report['http_address']}/score"
    return httpx.post(url, json=what, headers={"x-slipway-edge": SECRET}, timeout=60, trust_env=False)


@pytest.mark.parametrize("script", ["def init():\n    open('model.txt')\n\ndef run(data): ...\n"])
@pytest.mark.usefixtures("supervised")
def test_an_init_that_raises_is_called_that_with_where_its_log_is(told: tuple[str, list[dict[str, Any]]]) -> None:
    failed = eventually(lambda: next((r for r in told[1] if r["state"] == "failed"), None))
    assert failed["error"] == (
        "init() of score.py failed: FileNotFoundError: [Errno 2] No such file or directory: 'model.txt' (score.py:2)"
        "; see slipway logs cancer/blue"
    )


WAITS_FOR_A_FILE = """
import json, os, time

def init():
    pass

def run(data):
    begun, go = json.loads(data)
    open(begun, "w").close()
    while not os.path.exists(go):
        time.sleep(0.01)
"""


@pytest.mark.parametrize("script", [WAITS_FOR_A_FILE])
@pytest.mark.parametrize("samples", [['["sample-begun", "sample-go"]']])
@pytest.mark.usefixtures("supervised")
def test_a_process_is_not_ready_before_it_has_answered_its_samples(
    image: Path, told: tuple[str, list[dict[str, Any]]]
) -> None:
    folder = image / CODE_PATH
    eventually((folder / "sample-begun").exists)
    assert {r["state"] for r in told[1]} == {"preparing", "starting"}
    (folder / "sample-go").touch()
    eventually(lambda: next((r for r in told[1] if r["state"] == "ready"), None))


@pytest.mark.usefixtures("supervised")
def test_a_process_that_answers_nothing_is_killed_and_another_started(
    told: tuple[str, list[dict[str, Any]]],
) -> None:
    _, reports = told
    first = eventually(lambda: next((r for r in reports if r["state"] == "ready"), None))
    assert ask(first, 1.8).json() == 1.8  # the interpreter held for as long as a request may take
    assert eventually(lambda: next((r for r in reports if r["rss_bytes"]), None))["pid"] == first["pid"]

    os.kill(first["pid"], signal.SIGSTOP)
    gone = eventually(lambda: next((r for r in reports if r["state"] == "gone"), None))
    assert (gone["replica"], gone["message"]) == (
        first["replica"],
        "the scoring process did not answer for 4 s and was killed",
    )
    with pytest.raises(ProcessLookupError):
        os.kill(first["pid"], 0)

    second = eventually(lambda: next((r for r in reports if r["state"] == "ready" and r["pid"] != first["pid"]), None))
    assert second["replica"] != first["replica"]
    assert ask(second, 0).json() == 0
    heartbeats = [r["state"] for r in reports if r["replica"] == first["replica"]]
    assert heartbeats.count("ready") > 6  # also while it was silent: the controller must not take it for lost


@pytest.mark.parametrize("probes", [(LivenessProbe(period=1, failure_threshold=1), ReadinessProbe())])
@pytest.mark.usefixtures("supervised")
def test_a_liveness_probe_says_how_long_a_process_may_be_silent(told: tuple[str, list[dict[str, Any]]]) -> None:
    first = eventually(lambda: next((r for r in told[1] if r["state"] == "ready"), None))
    os.kill(first["pid"], signal.SIGSTOP)
    gone = eventually(lambda: next((r for r in told[1] if r["state"] == "gone"), None))
    assert gone["message"] == "the scoring process did not answer for 1 s and was killed"


LOADS_FOR_LONG = "import time\n\ndef init():\n    time.sleep(3600)\n\ndef run(data): ...\n"


@pytest.mark.parametrize("script", [LOADS_FOR_LONG])
@pytest.mark.parametrize("probes", [(LivenessProbe(initial_delay=1, period=1, failure_threshold=1), ReadinessProbe())])
@pytest.mark.usefixtures("supervised")
def test_a_liveness_probe_says_how_long_a_process_may_load(told: tuple[str, list[dict[str, Any]]]) -> None:
    failed = eventually(lambda: next((r for r in told[1] if r["state"] == "failed"), None))
    assert failed["error"].startswith("the scoring process was not ready within 2 s")


@pytest.mark.parametrize("probes", [(LivenessProbe(), ReadinessProbe(initial_delay=3600))])
def test_a_process_is_not_ready_before_its_probes_initial_delay(
    told: tuple[str, list[dict[str, Any]]], image: Path, supervised: int
) -> None:
    eventually(lambda: next((r for r in told[1] if r["state"] == "starting"), None))
    eventually((image / CODE_PATH / "loaded").exists)
    os.close(supervised)
    eventually(lambda: next((r for r in told[1] if r["state"] == "gone"), None))
    assert "ready" not in {r["state"] for r in told[1]}


@pytest.mark.usefixtures("supervised")
def test_a_process_that_holds_more_than_its_image_allows_is_killed_and_another_started(
    told: tuple[str, list[dict[str, Any]]],
) -> None:
    _, reports = told
    first = eventually(lambda: next((r for r in reports if r["state"] == "ready"), None))
    with contextlib.suppress(httpx.TransportError):  # it may be ended before it has answered
        ask(first, "memory")

    gone = eventually(lambda: next((r for r in reports if r["state"] == "gone"), None))
    assert gone["message"].startswith("the scoring process held ")
    assert f" bytes where its image allows {512 << 20:,} and was killed" in gone["message"]
    second = eventually(lambda: next((r for r in reports if r["state"] == "ready" and r["pid"] != first["pid"]), None))
    assert ask(second, 0).json() == 0


@pytest.mark.parametrize("hang", ["endless", "sleep"])  # with the interpreter in hand, and without
@pytest.mark.usefixtures("supervised")
def test_a_run_that_goes_on_when_nobody_waits_any_more_is_ended_with_its_process(
    told: tuple[str, list[dict[str, Any]]], hang: str
) -> None:
    _, reports = told
    first = eventually(lambda: next((r for r in reports if r["state"] == "ready"), None))
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        answer = pool.submit(ask_or_lose, first, hang, "r-1")
        gone = eventually(lambda: next((r for r in reports if r["state"] == "gone"), None))
        assert gone["message"] == (
            "the scoring process was in run() for over 4 s and was killed while it worked on request r-1"
        )
        assert time.monotonic() - began < 6  # 2 s for the request, 2 s more
        assert answer.result() == (500 if hang == "sleep" else 0)  # which the edge makes a 408, both of them


@pytest.mark.usefixtures("supervised")
def test_how_a_process_ended_is_told_to_the_others_and_in_the_report_of_the_next_and_in_the_log(
    told: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    _, reports = told
    for number in (1, 2):
        ready = eventually(partial(_report, reports, number - 1, pid=True))
        assert ask_or_lose(ready, f"segfault {number}", f"r-{number}") == 0
        again = eventually(partial(_report, reports, number))
        assert again["ended"] == f"the scoring process was killed by SIGSEGV while it worked on request r-{number}"
        assert abs(time.time() - again["ended_ms"] / 1000) < 30
        log = Path(ready["log_path"]).read_text()
        assert f"slipway.supervisor - {again['ended']}; another is started: restart {number}\n" in log
        assert "Fatal Python error: Segmentation fault" in log
    assert (tmp_path / NODE / FOLDER / "cancer.blue.1").read_bytes()[WATCHED_AT] == 1


@pytest.mark.usefixtures("supervised")
def test_a_process_that_no_longer_listens_is_killed_though_old_connections_work(
    told: tuple[str, list[dict[str, Any]]],
) -> None:
    _, reports = told
    first = eventually(lambda: next((r for r in reports if r["state"] == "ready"), None))
    assert ask(first, "deaf").json() == first["pid"]
    gone = eventually(lambda: next((r for r in reports if r["state"] == "gone"), None))
    assert gone["replica"] == first["replica"]


@pytest.mark.usefixtures("supervised")
def test_what_a_script_leaves_running_ends_with_its_process(told: tuple[str, list[dict[str, Any]]]) -> None:
    _, reports = told
    first = eventually(lambda: next((r for r in reports if r["state"] == "ready"), None))
    child = ask(first, "daemon").json()
    assert not has_ended(child)
    os.kill(first["pid"], signal.SIGKILL)
    eventually(lambda: has_ended(child))


def test_a_supervisor_whose_lifeline_ends_finishes_what_is_asked_and_goes(
    supervised: int, told: tuple[str, list[dict[str, Any]]]
) -> None:
    _, reports = told
    ready = eventually(lambda: next((r for r in reports if r["state"] == "ready"), None))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, ready, 1.5)
        eventually(lambda: next((r for r in reports if r["in_flight"]), None))
        os.close(supervised)
        assert answer.result().json() == 1.5
    eventually(lambda: reports[-1]["state"] == "gone")
    assert [r["state"] for r in reports if r["state"] in ("draining", "restarting")][:1] == ["draining"]
    with pytest.raises(ProcessLookupError):
        os.kill(ready["pid"], 0)


@pytest.mark.parametrize("script", ["import time\n\ndef init():\n    time.sleep(60)\n\ndef run(data): ...\n"])
def test_a_supervisor_whose_lifeline_ends_waits_for_no_model_to_load(
    supervised: int, told: tuple[str, list[dict[str, Any]]]
) -> None:
    _, reports = told
    eventually(lambda: next((r for r in reports if r["state"] == "starting"), None))
    os.close(supervised)
    eventually(lambda: reports[-1]["state"] == "gone", within_s=10.0)


def _report(reports: list[dict[str, Any]], restarts: int, *, pid: bool = False) -> dict[str, Any] | None:
    return next((one for one in reports if one["restarts"] == restarts and (one["pid"] or not pid)), None)


def ask_or_lose(report: dict[str, Any], what: object, request_id: str) -> int:
    """Return the status of an answer, 0 for none."""
    url, headers = f"http://{report['http_address']}/score", {"x-slipway-edge": SECRET, "x-request-id": request_id}
    try:
        return httpx.post(url, json=what, headers=headers, timeout=60, trust_env=False).status_code
    except httpx.TransportError:
        return 0
