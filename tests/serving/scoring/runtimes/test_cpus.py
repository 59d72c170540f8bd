"""The CPUs of a process, and the threads that an ONNX model takes of them."""

import os
from pathlib import Path

import pytest

from serving.scoring.errors import LoadFailed
from serving.scoring.runtimes.cpus import VARIABLE, allowed_cpus, threads_of

HERE = len(os.sched_getaffinity(0))
NONE = 10**9  # a quota of many CPUs


def a_machine(folder: Path, of_process: str, **files: str) -> tuple[Path, Path]:
    """Lay out what the kernel shows; ``__`` in a name stands for a folder, ``_max`` for a dot before it."""
    groups = folder / "groups"
    for name, text in files.items():
        path = groups / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cpu_cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shown = folder / "cgroup"
    shown.write_text(of_process)
    return shown, groups


@pytest.mark.parametrize(
    ("of_process", "files", "cpus"),
    [
        ("0::/\n", {"cpu_max": "max 100000\n"}, HERE),
        ("0::/\n", {"cpu_max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu_max": "190000 100000\n"}, 1),  # a second thread would be stopped for most of its time
        ("0::/\n", {"cpu_max": "20000 100000\n"}, 1),
        ("0::/\n", {"cpu_max": f"{NONE} 100000\n"}, HERE),
        ("0::/pod/box\n", {"pod__box__cpu_max": "max 100000\n", "pod__cpu_max": "100000 100000\n"}, 1),
        ("0::/host/of/it\n", {"cpu_max": "100000 100000\n"}, 1),  # the path of the host, the files of the container
        ("4:memory:/\n1:cpu,cpuacct:/box\n", {
            "cpu,cpuacct__box__cpu_cfs_quota_us": "100000\n", "cpu,cpuacct__box__cpu_cfs_period_us": "100000\n",
        }, 1),
        ("1:cpu:/\n0::/\n", {"cpu__cpu_cfs_quota_us": "-1\n", "cpu__cpu_cfs_period_us": "100000\n"}, HERE),
        ("0::/\n", {"cpu_max": ""}, HERE),
        ("0::/../box\n", {}, HERE),
        ("", {}, HERE),
    ],
)  # fmt: skip
def test_a_quota_of_the_process_or_above_it_bounds_its_cpus(
    of_process: str, files: dict[str, str], cpus: int, tmp_path: Path
) -> None:
    assert allowed_cpus(*a_machine(tmp_path, of_process, **files)) == cpus


def test_where_the_kernel_shows_no_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert allowed_cpus(tmp_path / "none", tmp_path) == HERE


@pytest.mark.parametrize(
    ("variables", "allowed", "threads"),
    [
        ({}, 4, (4, 1)),
        ({VARIABLE: ""}, 4, (4, 1)),
        ({VARIABLE: "1"}, 4, (1, 1)),
        ({VARIABLE: "2"}, 4, (2, 2)),
        ({VARIABLE: "8"}, 4, (4, 4)),
    ],
)
def test_a_model_takes_the_cpus_that_it_was_given(
    variables: dict[str, str], allowed: int, threads: tuple[int, int]
) -> None:
    assert threads_of(variables, allowed) == threads


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5"])
def test_what_is_no_number_of_threads_is_refused(text: str) -> None:
    with pytest.raises(LoadFailed, match=f"{VARIABLE} is '{text}': it must be a whole number from 1 on"):
        threads_of({VARIABLE: text}, 4)
