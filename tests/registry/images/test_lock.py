from pathlib import Path

import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.images import Runtime
from registry.images.lock import Locks, check_python, check_requirements, compile_lock, own_requirements, run_uv
from tests.registry.images.wheel_files import make_wheel


def test_comments_and_continuations_are_understood() -> None:
    text = "# top\nnumpy==1.26.4 \\\n  --hash=sha256:aa\n\nscikit-learn>=1.5  # why\n"
    text += "uvicorn[standard] ; python_version > '3'\n"

    assert check_requirements(text) == [
        "numpy==1.26.4    --hash=sha256:aa",
        "scikit-learn>=1.5",
        "uvicorn[standard] ; python_version > '3'",
    ]


@pytest.mark.parametrize(
    "line",
    ["-r /etc/passwd", "--index-url https://x", "-e .", "./local", "/abs", "pkg @ file:///x", "a/b", "git+https://x/y"],
)
def test_options_and_local_paths_are_refused(line: str) -> None:
    with pytest.raises(BuildFailed, match="line 2"):
        check_requirements(f"numpy\n{line}\n")


@pytest.mark.parametrize("line", ["mine @ https://h/${PGPASSWORD}/mine-1.0-py3-none-any.whl", "mine==${HOME}"])
def test_a_variable_is_refused_because_uv_would_fill_it_in(line: str) -> None:
    with pytest.raises(BuildFailed, match=r"line 2: .* has a variable"):
        check_requirements(f"numpy\n{line}\n")


def test_uv_is_not_given_what_is_secret_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "opensesame")

    done = run_uv(["pip", "compile", "-"], b"mine @ https://127.0.0.1:9/${PGPASSWORD}/mine-1.0-py3-none-any.whl\n")

    assert done.returncode != 0
    assert b"PGPASSWORD" in done.stderr
    assert b"opensesame" not in done.stderr


@pytest.mark.parametrize("version", ["3.8", "3.11.7", "2.7", "3", "--help", "4.0"])
def test_only_a_minor_version_from_3_9_is_a_python(version: str) -> None:
    with pytest.raises(BuildFailed):
        check_python(version)


def test_onnx_images_bring_their_runtime() -> None:
    assert own_requirements("# why\nnumpy>=1.24\n", Runtime.ONNX) == ["numpy>=1.24", "onnxruntime>=1.16"]
    assert own_requirements("# why\nnumpy>=1.24\n", Runtime.SCRIPT) == ["numpy>=1.24"]


def test_a_lock_holds_hashes_and_nothing_of_this_machine() -> None:
    lock = compile_lock(["click==8.1.7"], [], "3.11", "amd64").decode()

    assert lock.startswith("click==8.1.7 \\\n    --hash=sha256:")
    assert "#" not in lock
    assert "://" not in lock
    assert lock.encode() == compile_lock(["click==8.1.7"], [], "3.11", "amd64")


def test_what_cannot_be_resolved_fails_with_uvs_explanation() -> None:
    with pytest.raises(BuildFailed, match=r"(?s)Python 3\.11: .*there is no version of click==0\.0\.1"):
        compile_lock(["click==0.0.1"], [], "3.11", "amd64")


@pytest.mark.usefixtures("empty_index")
def test_a_requirement_that_no_index_has_is_named() -> None:
    with pytest.raises(BuildFailed, match=r"(?s)cannot be resolved for Python 3\.11: .*sklaern was not found"):
        compile_lock(["sklaern"], [], "3.11", "amd64")


@pytest.mark.usefixtures("empty_index")
def test_a_wheel_for_another_platform_only_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / "mine-1.0-py3-none-win_amd64.whl")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))

    with pytest.raises(BuildFailed, match=r"(?s)mine.* no wheels with a matching platform tag.*manylinux_2_28_x86_64"):
        compile_lock(["mine"], [], "3.11", "amd64")


@pytest.mark.usefixtures("empty_index")
def test_a_package_without_a_wheel_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine-1.0.tar.gz").write_bytes(b"source")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))

    with pytest.raises(BuildFailed, match=r"(?s)mine.* no usable wheels"):
        compile_lock(["mine"], [], "3.11", "amd64")


def test_a_conflict_with_the_scoring_process_says_whose_requirement_it_is() -> None:
    with pytest.raises(
        BuildFailed, match=r"(?s)numpy==0\.0\.1 .*\(numpy>=1\.21: what the scoring process itself needs\)"
    ):
        compile_lock(["numpy==0.0.1"], ["numpy>=1.21"], "3.11", "amd64")


def test_a_resolved_lock_is_remembered(tmp_path: Path) -> None:
    locks = Locks(tmp_path / "locks")
    first = locks.resolve(["click==8.1.7"], [], "3.11", "amd64")
    (remembered,) = (tmp_path / "locks").iterdir()
    remembered.write_bytes(b"as it was resolved then")

    assert first.startswith(b"click==8.1.7")
    assert locks.resolve(["click==8.1.7"], [], "3.11", "amd64") == b"as it was resolved then"
    assert locks.resolve(["click==8.1.7"], [], "3.12", "amd64") == first
