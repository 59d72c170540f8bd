import os
import subprocess
import sys
from pathlib import Path

from loadtest.bench.cpu import cpu_seconds, usage

TICK = os.sysconf("SC_CLK_TCK")
BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def write(proc: Path, pid: int, parent: int, ticks: tuple[int, int, int, int], pss_kb: int = 0) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    times = " ".join(map(str, ticks))
    (folder / "stat").write_text(f"{pid} (a ) b) S {parent} 0 0 0 0 0 0 0 0 0 {times} 20 0 1 0 0\n")
    (folder / "smaps_rollup").write_text(f"Rss: 999 kB\nPss: {pss_kb} kB\nPss_Dirty: 7 kB\n")


def test_user_and_system_time_of_roots_and_all_their_descendants_count_once(tmp_path: Path) -> None:
    write(tmp_path, 10, 1, (100, 10, 0, 0), pss_kb=100)
    write(tmp_path, 11, 10, (200, 20, 0, 0), pss_kb=10)
    write(tmp_path, 12, 11, (0, 0, 5, 6), pss_kb=1)  # what its ended children used
    write(tmp_path, 20, 1, (9999, 0, 0, 0), pss_kb=9999)
    (tmp_path / "self").mkdir()
    found = usage([10, 11], tmp_path)
    assert found.cpu_s * TICK == 341
    assert found.pss_bytes == 111 * 1024


def test_a_process_that_is_gone_counts_nothing(tmp_path: Path) -> None:
    assert cpu_seconds([4242], tmp_path) == 0


def test_a_child_s_time_is_still_counted_after_it_has_ended() -> None:
    before = cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_seconds([os.getpid()]) - before >= 0.25
    assert usage([os.getpid()]).pss_bytes > 1_000_000
