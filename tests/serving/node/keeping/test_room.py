"""What a node keeps: shared, bounded, never taken from under who uses it, whole after any kill, and on a full disk."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from registry.core.errors import InvalidInput
from registry.images.build import BuiltImage
from registry.images.keeping.layout import ImageLayout
from serving.node.errors import DiskRefused, PullFailed
from serving.node.keeping.room import GB, open_room
from tests.servers.processes import Absent, require
from tests.serving.node.present import PULL_PROGRAM, held, present

# Kills itself at the n-th time that it opens, makes, links, renames or removes something below the node's folder.
KILLED_PROGRAM = (
    """
import os, signal, sys
node, at = sys.argv[1], int(sys.argv[4])
EVENTS = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.utime", "os.chmod", "os.truncate"}
seen = 0

def hook(event, args):
    global seen
    if event in EVENTS and node in str(args[:2]):
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""
    + PULL_PROGRAM
    + """
print("events", seen)
"""
)


class Registry(Protocol):
    url: str
    layout: ImageLayout
    asked: list[str]


class ImageMaker(Protocol):
    def __call__(
        self, main: str = "", lock: bytes = b"", script: str | None = None, model: bytes = b""
    ) -> BuiltImage: ...


class Build(Protocol):
    def __call__(self, main: str = "", model: bytes = b"a model") -> BuiltImage: ...


def model(image: Path) -> Path:
    return next(image.rglob("model.onnx"))


def cached_names(node: Path) -> list[str]:
    return [one.key for one in open_room(node, 20).cached()]


def key_of(image: BuiltImage) -> str:
    return image.digest.removeprefix("sha256:")


def left_behind(node: Path) -> list[str]:
    """What lies below tmp, and the layers that no image has."""
    open_room(node, 20).make(0)
    images = open_room(node, 20).cached()
    parts = {part for image in images for part in image.parts}
    return sorted({path.name for folder in ("tmp", "layers") for path in (node / folder).glob("*")} - parts)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def build(make_image: ImageMaker) -> Build:
    """Build an image of a script, and a model that may be any bytes."""
    script = "def init():\n    pass\n\ndef run(data):\n    return data\n"
    return lambda main="", model=b"a model": make_image(main, b"", script, model)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        require(Absent(f"a full disk, as no file system can be mounted here: {mounted.stderr.strip()}"))
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_two_images_share_the_layers_that_are_equal(node: Path, registry: Registry, build: Build) -> None:
    first, second = build("1", model=b"\x08\x0a" * 9), build("2", model=b"\x08\x0a" * 9)
    one = present(node, registry.url, first.digest)
    registry.asked.clear()
    other = present(node, registry.url, second.digest)

    assert len(registry.asked) == 3  # manifest, config, and the one layer that differs
    assert model(one).samefile(model(other))
    room = open_room(node, 20)
    assert {part for image in room.cached() for part in image.parts} == {
        path.name for path in (node / "layers").iterdir()
    }


def test_what_was_changed_since_is_pulled_again(node: Path, registry: Registry, build: Build) -> None:
    built = build()
    good = model(present(node, registry.url, built.digest)).read_bytes()
    path = model(present(node, registry.url, built.digest))
    path.chmod(0o644)
    path.write_bytes(bytes([good[0] ^ 1]) + good[1:])

    image, hold = held(node, registry.url, built.digest)
    assert model(image).read_bytes() == good
    hold.close()

    model(image).unlink()
    assert model(present(node, registry.url, built.digest)).read_bytes() == good
    assert left_behind(node) == []


def test_the_bound_is_kept_by_leaving_what_was_used_longest_ago(node: Path, registry: Registry, build: Build) -> None:
    first, second, third = (build(model=bytes([number]) * 3_000_000) for number in range(3))
    for image in (first, second, first):
        present(node, registry.url, image.digest)
    assert cached_names(node) == sorted([key_of(first), key_of(second)])

    present(node, registry.url, third.digest, gb=0.0095)  # what arrives is there twice for a moment
    assert key_of(third) in cached_names(node)
    assert key_of(second) not in cached_names(node)
    assert left_behind(node) == []


def test_what_is_in_use_stays_however_small_the_bound(node: Path, registry: Registry, build: Build) -> None:
    used, other = build(model=b"1" * 100_000), build(model=b"2" * 100_000)
    image, hold = held(node, registry.url, used.digest)
    present(node, registry.url, other.digest, gb=0.000_001)
    assert model(image).stat().st_size == 100_000
    assert open_room(node, 0.000_001).drop(open_room(node, 20).cached())[0].key == key_of(other)

    hold.close()
    assert [one.key for one in open_room(node, 0.000_001).make(0)] == [key_of(used)]
    assert left_behind(node) == []


def test_a_killed_process_uses_nothing_any_more(node: Path, registry: Registry, build: Build) -> None:
    built = build()
    program = PULL_PROGRAM + "sys.stdin.read()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", program, node, registry.url, built.digest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("/"):
        pass
    [entry] = open_room(node, 20).cached()
    assert entry.in_use
    assert open_room(node, 20).drop([entry]) == []

    process.kill()
    process.communicate()
    assert open_room(node, 20).drop([entry]) == [entry]
    assert not (node / "images" / key_of(built)).exists()
    assert list((node / "layers").iterdir()) == []
    assert [path.name for path in (node / "locks").iterdir()] == ["sweep"]


def test_ten_that_start_together_download_once(node: Path, registry: Registry, build: Build) -> None:
    built = build(model=b"1" * 1_000_000)
    images: list[Path] = []
    threads = [
        threading.Thread(target=lambda: images.append(present(node, registry.url, built.digest))) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(images) == 10
    assert len(set(images)) == 1
    assert len(registry.asked) == 2 + len(built.manifest.layers)


def test_killed_at_any_point_it_leaves_nothing_that_counts(tmp_path: Path, registry: Registry, build: Build) -> None:
    built = build("print(1)", b"1" * 100_000)

    def pull(number: int) -> "subprocess.Popen[str]":
        arguments = [str(tmp_path / str(number)), registry.url, built.digest, str(number)]
        return subprocess.Popen(
            [sys.executable, "-c", KILLED_PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )

    whole, _ = pull(0).communicate(timeout=60)
    events = int(whole.splitlines()[-1].removeprefix("events "))
    assert events > 50
    for number in range(1, events, events // 15):
        process = pull(number)
        process.communicate(timeout=60)
        assert process.returncode == -9
        node = tmp_path / str(number)
        for one in open_room(node, 20).cached():
            assert one.key == key_of(built), "what is listed is whole"
        image = present(node, registry.url, built.digest)
        assert model(image).read_bytes() == b"1" * 100_000
        assert left_behind(node) == []


def test_nothing_is_taken_from_under_those_who_begin_to_use_it(node: Path, registry: Registry, build: Build) -> None:
    images = [build(str(number), model=b"1" * 10_000) for number in range(2)]
    stop = threading.Event()
    faults: list[BaseException] = []

    def use(built: BuiltImage) -> None:
        try:
            for _ in range(15):
                image, hold = held(node, registry.url, built.digest)
                assert model(image).read_bytes() == b"1" * 10_000
                assert (image / "image.json").exists()
                hold.close()
        except BaseException as fault:
            faults.append(fault)

    def sweep() -> None:
        while not stop.is_set():
            open_room(node, 0.000_001).make(0)

    users = [threading.Thread(target=use, args=(built,)) for built in (*images, *images)]
    sweeper = threading.Thread(target=sweep)
    for thread in (sweeper, *users):
        thread.start()
    for thread in users:
        thread.join()
    stop.set()
    sweeper.join()

    assert faults == []


def test_a_full_disk_is_said_and_nothing_half_is_left(small_disk: Path, registry: Registry, build: Build) -> None:
    node = small_disk / "node"
    small, large = build(model=b"1" * 100_000), build(model=os.urandom(6_000_000))
    image, hold = held(node, registry.url, small.digest)

    with pytest.raises(DiskRefused, match="No space left on device: free some space, or keep less") as refusal:
        present(node, registry.url, large.digest)
    assert refusal.value.message.startswith("cannot keep layer ")
    assert model(image).read_bytes() == b"1" * 100_000
    assert cached_names(node) == [key_of(small)]
    assert left_behind(node) == []
    hold.close()


def test_on_a_disk_that_is_nearly_full_what_nobody_uses_makes_room(
    small_disk: Path, registry: Registry, build: Build
) -> None:
    node = small_disk / "node"
    first, second = build(model=b"1" * 1_500_000), build(model=b"2" * 1_500_000)
    present(node, registry.url, first.digest)
    present(node, registry.url, second.digest)

    assert cached_names(node) == [key_of(second)]


def test_a_registry_that_goes_away_half_way_leaves_the_layers_for_the_next_try(
    node: Path, registry: Registry, build: Build
) -> None:
    built = build()
    last = registry.layout.path(built.manifest.layers[-1].digest)
    last.rename(last.with_suffix(".away"))
    with pytest.raises(PullFailed):
        present(node, registry.url, built.digest)
    last.with_suffix(".away").rename(last)
    registry.asked.clear()

    present(node, registry.url, built.digest)
    assert len(registry.asked) == 3  # manifest, config, and the layer that was missing
    assert left_behind(node) == []


@pytest.mark.parametrize("bound", ["much", "0", "-1", "nan", "inf"])
def test_a_bound_that_is_none_is_said_so(tmp_path: Path, bound: str) -> None:
    with pytest.raises(InvalidInput, match="SLIPWAY_NODE_CACHE_GB"):
        open_room(tmp_path, bound)


def test_the_bound_is_twenty_gigabytes_unless_the_disk_is_small(tmp_path: Path) -> None:
    assert 0 < open_room(tmp_path, None).most_bytes <= 20 * GB
    assert open_room(tmp_path, "2.5").most_bytes == 2_500_000_000
