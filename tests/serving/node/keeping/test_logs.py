import os
from pathlib import Path

from serving.node.keeping.logs import begin_log, forget_old, shorten


def write(folder: Path, name: str, text: str, age_s: int) -> Path:
    path = folder / f"{name}.log"
    path.write_text(text)
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.log"))


def test_of_the_logs_of_processes_that_are_gone_the_newest_stay(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"log-{number}", "x" * 10, age_s=number)
    forget_old(tmp_path, kept_files=4)
    assert names(tmp_path) == ["log-0", "log-1", "log-2", "log-3"]
    forget_old(tmp_path, kept_bytes=25)
    assert names(tmp_path) == ["log-0", "log-1"]


def test_a_log_that_is_held_stays_however_old(tmp_path: Path) -> None:
    old = write(tmp_path, "old", "what happened\n", age_s=100)
    write(tmp_path, "new", "x", age_s=0)
    with begin_log(old):
        assert old.read_text() == "what happened\n"
        forget_old(tmp_path, kept_files=0)
        assert names(tmp_path) == ["old"]
    forget_old(tmp_path, kept_files=0)
    assert names(tmp_path) == []


def test_a_log_that_is_too_long_begins_anew_and_its_last_lines_stay_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "busy.log"
    with path.open("ab", buffering=0) as process:
        process.write(b"".join(b"line %03d\n" % number for number in range(100)))
        shorten(path, most_bytes=900, tail_bytes=50)
        assert path.stat().st_size == 900
        process.write(b"line 100\n")
        shorten(path, most_bytes=900, tail_bytes=50)
        process.write(b"line 101\n")
    assert path.read_text() == "line 101\n"
    assert (tmp_path / "busy-earlier.log").read_text().split("\n")[-6:] == [
        *(f"line {number:03d}" for number in range(96, 101)),
        "",
    ]
