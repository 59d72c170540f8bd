import asyncio
import errno
import resource
import threading
from collections.abc import Callable

import pytest

from registry.core.errors import Unavailable
from serving.telemetry.ingest import GroupCommit, WriteAhead
from serving.telemetry.layout import FolderInUse, Layout

Line = Callable[..., bytes]


def test_appended_lines_are_in_the_segment(layout: Layout, line: Line) -> None:
    write_ahead = WriteAhead(layout)
    write_ahead.append(line(counter=0))
    write_ahead.append(line(counter=1))
    assert layout.segment(1).read_bytes() == line(counter=0) + line(counter=1)


def test_a_segment_is_sealed_when_it_is_big_and_the_next_append_begins_another(layout: Layout, line: Line) -> None:
    write_ahead = WriteAhead(layout, roll_bytes=10)
    write_ahead.append(line())
    assert write_ahead.sealed() == [1]
    write_ahead.append(line())
    assert layout.segments() == [1, 2]


def test_a_segment_is_sealed_when_it_is_old(layout: Layout, line: Line) -> None:
    now = [100.0]
    write_ahead = WriteAhead(layout, roll_age_s=60, clock=lambda: now[0])
    write_ahead.append(line())
    now[0] = 159.0
    assert write_ahead.sealed() == []
    now[0] = 160.0
    assert write_ahead.sealed() == [1]


def test_after_a_restart_old_segments_are_sealed_and_their_numbers_never_used_again(layout: Layout, line: Line) -> None:
    WriteAhead(layout).append(line())
    again = WriteAhead(layout)
    assert again.sealed() == [1]
    again.append(line())
    assert layout.segments() == [1, 2]


def test_a_torn_line_is_cut_off_and_kept_aside(layout: Layout, line: Line) -> None:
    layout.segment(1).write_bytes(line(counter=0) + b"sw1\tboot")
    WriteAhead(layout)
    assert layout.segment(1).read_bytes() == line(counter=0)
    assert layout.torn(1).read_bytes() == b"sw1\tboot"


def test_a_full_disk_takes_nothing_half_and_the_next_append_works(layout: Layout, line: Line) -> None:
    write_ahead = WriteAhead(layout)
    write_ahead.append(line(counter=0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(line()) + 40, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_ahead.append(line(counter=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    write_ahead.append(line(counter=1))
    assert layout.segment(1).read_bytes() == line(counter=0)
    assert layout.segment(2).read_bytes() == line(counter=1)


def test_concurrent_posts_share_a_flush() -> None:
    written: list[bytes] = []
    may_write = threading.Event()

    def append(data: bytes) -> None:
        may_write.wait(10)
        written.append(data)

    async def post_many() -> None:
        commit = GroupCommit(append)
        posts = [asyncio.create_task(commit.store(b"%d\n" % n)) for n in range(20)]
        asyncio.get_running_loop().call_soon(may_write.set)
        await asyncio.gather(*posts)

    asyncio.run(post_many())
    assert b"".join(written) == b"".join(b"%d\n" % n for n in range(20))
    assert len(written) <= 2


def test_a_refused_write_is_told_to_every_sender_and_the_next_is_tried() -> None:
    refuse = [True]

    def append(data: bytes) -> None:
        if refuse[0]:
            raise OSError(errno.ENOSPC, "No space left on device")

    async def post() -> None:
        commit = GroupCommit(append)
        outcomes = await asyncio.gather(commit.store(b"a\n"), commit.store(b"b\n"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        refuse[0] = False
        await commit.store(b"a\n")

    asyncio.run(post())


def test_only_one_process_may_write_to_a_folder(layout: Layout) -> None:
    layout.lock()
    with pytest.raises(FolderInUse, match="another telemetry process"):
        layout.lock()
