"""What a script does to stdout, stderr and logging: it is seen, and the server's own log goes on."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Start = Callable[..., Any]


def log_of(start: Start, init: str, run: str = "return data", **parts: Any) -> str:
    lines = "\n".join(f"    {line}" for line in init.splitlines())
    script = f"import io, json, logging, logging.config, os, subprocess, sys\ndef init():\n{lines}\n"
    script += f"def run(data):\n    {run}\n"
    process = start(script=script, **parts)
    assert process.news["state"] == "ready", process.log_text()
    answer = httpx.post(f"http://{process.http}/score", content=b"hello", headers={"x-request-id": "r1"})
    if answer.status_code == 500:
        assert "slipway.scoring.script r1 - request r1 failed: run() raised" in process.log_text()
    process.child.terminate()
    assert process.child.wait(10) == 0
    text: str = process.log_text()
    assert "slipway.scoring - draining" in text  # the server's own lines, to the last
    return text


def test_lines_of_a_request_name_it(start: Start) -> None:
    log = log_of(start, "print('starting')", "print('working'); logging.info('on it'); return 1")
    assert "slipway.scoring.print - starting" in log
    assert "slipway.scoring.print r1 - working" in log
    assert "root r1 - on it" in log


def test_a_script_may_configure_logging_as_if_nobody_had(start: Start) -> None:
    init = "logging.basicConfig(level=logging.DEBUG, format='MINE %(message)s')\nlogging.debug('fine')"
    log = log_of(start, init, "raise ValueError('no')")
    assert log.splitlines().count("MINE fine") == 1


def test_a_script_may_force_logging_elsewhere(start: Start) -> None:
    log = log_of(start, "logging.basicConfig(force=True, level=logging.ERROR)", "raise ValueError('no')")
    assert "run() raised ValueError: no" in log


def test_a_script_that_turns_off_what_loggers_exist_turns_off_its_own(start: Start) -> None:
    log = log_of(start, "logging.config.dictConfig({'version': 1})", "raise ValueError('no')")
    assert "run() raised ValueError: no" in log


@pytest.mark.parametrize(
    "init",
    [
        "sys.stdout = io.StringIO()\nsys.stderr = io.StringIO()",
        "sys.stdout = sys.stderr = None",
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')",
        "sys.stdout.close()",
        "os.close(2)",
    ],
)
def test_a_script_may_take_the_streams(start: Start, init: str) -> None:
    log_of(start, init, "raise ValueError('no')")


def test_stdout_is_a_file_for_what_wants_one(start: Start) -> None:
    init = """
sys.stdout.reconfigure(encoding="utf-8")
subprocess.run(["echo", "of a child"], stdout=sys.stdout, check=True)
subprocess.run(["echo", "of another"], check=True)
os.write(1, b"of C\\n")
sys.stdout.buffer.write(b"of the buffer\\n")
sys.stdout.write("not ")
print("whole", end="")
"""
    log = log_of(start, init.strip())
    for line in ("of a child", "of another", "of C", "of the buffer"):
        assert line in log.splitlines()
    assert "slipway.scoring.print - not whole" in log  # when the process ended


def test_a_line_without_end_is_logged_piece_by_piece(start: Start) -> None:
    log = log_of(start, "for _ in range(100): print('x' * 10_000, end='')")
    assert log.count("slipway.scoring.print - xxx") > 10


def test_ids_that_move_the_cursor_are_logged_escaped(start: Start) -> None:
    process = start(script="def init(): ...\ndef run(data): print('hello')\n")
    httpx.post(f"http://{process.http}/score", content=b"", headers=[(b"x-request-id", b"a\x9bb")])
    assert "slipway.scoring.print 'a\\x9bb' - hello" in process.log_text()


def test_logging_json_in_the_app_is_obeyed(make_image: Any, start: Start, tmp_path: Any) -> None:
    document = """{"version": 1, "formatters": {"f": {"class":
        "azureml_inference_server_http.log_config.AMLLogFormatter", "format": "FILE %(message)s"}},
        "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f", "stream": "ext://sys.stderr"}},
        "root": {"level": "INFO", "handlers": ["h"]}}"""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/logging.json").write_text(document)
    (tmp_path / "app/score.py").write_text("import logging\ndef init(): logging.info('hi')\ndef run(data): ...\n")
    process = start(script="", environment={"AML_APP_ROOT": str(tmp_path / "app")})
    assert process.news["state"] == "ready", process.log_text()
    assert httpx.get(f"http://{process.http}/").text == "Healthy"
    assert "FILE hi" in process.log_text().splitlines()
    assert "slipway.scoring - ready" in process.log_text()


def test_a_logging_json_that_is_none_fails_the_load(start: Start, tmp_path: Any) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/logging.json").write_text('{"version": 9}')
    (tmp_path / "app/score.py").write_text("def init(): ...\ndef run(data): ...\n")
    process = start(script="", environment={"AML_APP_ROOT": str(tmp_path / "app")})
    assert process.news["error"].startswith("logging.json in the code folder cannot be used: ")


def test_a_failing_init_shows_what_the_model_folder_holds(start: Start) -> None:
    process = start(script="def init(): open('model.pkl')\ndef run(data): ...\n", model=b"x")
    assert process.child.wait(10) == 3
    first, _, then = process.log_text().partition("AZUREML_MODEL_DIR is ")[2].partition("\n")
    assert first.startswith("/")
    assert first.endswith("/7, which holds:")
    assert then.startswith("    model.onnx\n")
