"""``make fuzz``: every fuzzing test, again and again with other cases, until the minutes are over.

Whatever file of tests has ``fuzz`` in its path takes part. Each process of a test is watched: one that holds more than
``MAX_RSS_BYTES``, and a test file that ends long after its time, is a failure like an assertion.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = (300, 1_000, 3_000, 10_000)  # of a test, in each round
MAX_RSS_BYTES = 2 << 30
GRACE_S = 60.0  # for the test that is told to stop, and is told again
REMINDER_S = 10.0
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and their children, ignore it
    began, files, failed = time.monotonic(), fuzzing_files(), 0
    for number in range(100):
        for position, file in enumerate(files):
            left_s = minutes * 60 - (time.monotonic() - began)
            if left_s <= 0:
                print("no fault of ours was found" if not failed else f"{failed} files found faults")
                return 1 if failed else 0
            # An equal share of what is left of the first round; later rounds take what there is.
            share_s = left_s / (len(files) - position) if number == 0 else left_s
            examples = EXAMPLES[min(number, len(EXAMPLES) - 1)]
            done = f"{(time.monotonic() - began) / 60:4.1f} of {minutes:g} min"
            print(f"{done}  {file.relative_to(HERE.parent)}: {examples} examples of each test", flush=True)
            failed += not attack(file, examples, share_s)
    return 1 if failed else 0


def fuzzing_files() -> list[Path]:
    return sorted(path for path in HERE.rglob("test_*.py") if "fuzz" in str(path.relative_to(HERE)))


def attack(file: Path, examples: int, share_s: float) -> bool:
    """Run a file of tests for at most ``share_s``; say whether it found nothing, and print what it found."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", str(file), "-x", "-q", "--timeout", "0", "-p", "no:cacheprovider"],
            env={**os.environ, "SLIPWAY_FUZZ_EXAMPLES": str(examples)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        cut_short, fault = watch(process, share_s)
        log.seek(0)
        output = log.read().decode(errors="replace")
    if not fault and (process.returncode == 0 or (cut_short and " failed" not in output[-500:])):
        return True
    print(output, fault, sep="\n", flush=True)
    return False


def watch(process: "subprocess.Popen[bytes]", share_s: float) -> tuple[bool, str]:
    """Wait for the end. Return whether the process was told to stop, its time being over, and what went wrong or ""."""
    deadline, told = time.monotonic() + share_s, 0
    while process.poll() is None:
        time.sleep(0.5)
        held = max(rss_of(process.pid), default=0)
        late_s = time.monotonic() - deadline
        if held > MAX_RSS_BYTES or late_s > GRACE_S:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return told > 0, f"a process held {held >> 20} MiB" if held > MAX_RSS_BYTES else f"hung for {late_s:.0f} s"
        if late_s > told * REMINDER_S:  # one may be lost, in code that catches everything
            process.send_signal(signal.SIGINT)
            told += 1
    return told > 0, ""


def rss_of(pid: int) -> Iterator[int]:
    """Yield what the process and each of its descendants hold."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        yield int(fields[1]) * PAGE
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from rss_of(int(child))
    except (OSError, IndexError):
        return  # it has just ended


if __name__ == "__main__":
    sys.exit(main())
