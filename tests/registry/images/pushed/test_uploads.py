import hashlib
import os
import threading
from pathlib import Path

import pytest

from registry.core.errors import Conflict, NotFound, Unavailable
from registry.core.imaging.pushes import DigestMismatch, InvalidChunk, TooManyUploads, UnknownUpload
from registry.images.keeping.layout import ImageLayout
from registry.images.pushed import uploads as module
from registry.images.pushed.uploads import IDLE_S, Uploads


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "images")


@pytest.fixture
def uploads(layout: ImageLayout) -> Uploads:
    return Uploads(layout)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write(uploads: Uploads, name: str, content: bytes) -> None:
    with uploads.open(name) as upload:
        upload.write(content)


def finish(uploads: Uploads, name: str, content: bytes) -> int:
    with uploads.open(name) as upload:
        return upload.commit(digest_of(content))


def test_pieces_become_a_blob(layout: ImageLayout, uploads: Uploads) -> None:
    name = uploads.begin()
    for piece in (b"one", b"", b"two"):
        write(uploads, name, piece)
    assert uploads.size(name) == 6
    assert finish(uploads, name, b"onetwo") == 6
    assert layout.path(digest_of(b"onetwo")).read_bytes() == b"onetwo"
    assert list(layout.uploads.iterdir()) == []
    with pytest.raises(UnknownUpload):
        uploads.size(name)


def test_an_upload_is_gone_on_with_by_another_process(layout: ImageLayout, uploads: Uploads) -> None:
    name = uploads.begin()
    write(uploads, name, b"one")
    later = Uploads(ImageLayout(layout.folder))
    write(later, name, b"two")
    write(uploads, name, b"three")  # what it knew of the digest is of a part only
    assert finish(later, name, b"onetwothree") == 11


def test_what_was_cut_off_on_the_disk_is_noticed(layout: ImageLayout, uploads: Uploads) -> None:
    name = uploads.begin()
    write(uploads, name, b"one and more")
    os.truncate(layout.uploads / name, 3)
    assert finish(uploads, name, b"one") == 3


def test_bytes_of_another_digest_leave_nothing(layout: ImageLayout, uploads: Uploads) -> None:
    name = uploads.begin()
    write(uploads, name, b"one")
    with pytest.raises(DigestMismatch, match="the 3 bytes that arrived have digest"):
        finish(uploads, name, b"two")
    assert list(layout.uploads.iterdir()) == []
    assert list(layout.entries()) == []


def test_two_requests_do_not_write_to_one_upload(uploads: Uploads) -> None:
    name = uploads.begin()
    with uploads.open(name) as upload:
        upload.write(b"one")
        for attempt in (lambda: uploads.open(name), lambda: uploads.cancel(name)):
            with pytest.raises(Conflict, match="another request writes"):
                attempt()
    assert finish(uploads, name, b"one") == 3


def test_whoever_comes_after_the_end_finds_nothing(layout: ImageLayout, uploads: Uploads) -> None:
    name = uploads.begin()
    write(uploads, name, b"one")
    with uploads.open(name) as upload:
        upload.commit(digest_of(b"one"))
        with pytest.raises(UnknownUpload, match="it was finished, cancelled, or left alone"):
            uploads.open(name)
    assert layout.path(digest_of(b"one")).read_bytes() == b"one"


def test_an_upload_that_is_discarded_with_its_workspace_is_told_so(layout: ImageLayout, uploads: Uploads) -> None:
    with uploads.open(uploads.begin()) as upload:
        upload.write(b"one")
        layout.discard_uploads()
        upload.write(b"two")
        with pytest.raises(UnknownUpload, match="begin another"):
            upload.commit(digest_of(b"onetwo"))
    assert list(layout.entries()) == []


def test_two_uploads_of_one_blob_at_once_both_succeed(layout: ImageLayout, uploads: Uploads) -> None:
    content = b"x" * 3_000_000
    names, sizes = [uploads.begin() for _ in range(4)], []

    def send(name: str) -> None:
        for start in range(0, len(content), 500_000):
            write(uploads, name, content[start : start + 500_000])
        sizes.append(finish(uploads, name, content))

    threads = [threading.Thread(target=send, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [len(content)] * 4
    assert [entry.digest for entry in layout.entries()] == [digest_of(content)]


def test_what_nobody_goes_on_with_is_swept_away(layout: ImageLayout, uploads: Uploads) -> None:
    old, young, busy = (uploads.begin() for _ in range(3))
    (layout.uploads / "left by somebody").write_bytes(b"")
    long_ago = (layout.uploads / old).stat().st_mtime - IDLE_S - 1
    with uploads.open(busy):
        for path in layout.uploads.iterdir():
            if path.name != young:
                os.utime(path, (long_ago, long_ago))
        new = uploads.begin()
        assert {path.name for path in layout.uploads.iterdir()} == {young, busy, new}


def test_there_are_only_so_many_at_once(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UPLOADS", 3)
    names = [uploads.begin() for _ in range(3)]
    with pytest.raises(TooManyUploads, match="3 uploads are under way"):
        uploads.begin()
    uploads.cancel(names[0])
    uploads.begin()


def test_a_blob_is_only_so_large(layout: ImageLayout, uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BLOB_BYTES", 5)
    name = uploads.begin()
    write(uploads, name, b"12345")
    with pytest.raises(InvalidChunk, match="not taken"):
        write(uploads, name, b"6")
    assert list(layout.uploads.iterdir()) == []


def test_a_full_disk_is_said_so_and_gets_its_space_back(layout: ImageLayout, uploads: Uploads) -> None:
    name = uploads.begin()
    (layout.uploads / name).unlink()
    (layout.uploads / name).symlink_to("/dev/full")
    with uploads.open(name) as upload, pytest.raises(Unavailable, match="the images' disk is full"):
        upload.write(b"x" * 100)
    assert list(layout.uploads.iterdir()) == []


def test_what_cannot_fit_is_refused_before_it_is_sent(uploads: Uploads) -> None:
    with uploads.open(uploads.begin()) as upload:
        upload.check_room(1)
        with pytest.raises(Unavailable, match=r"disk is full: 1,152,921,504,606,846,976 bytes are to come"):
            upload.check_room(1 << 60)


@pytest.mark.parametrize("name", ["", "..", "../oci-layout", "x" * 32, "A" * 32, "0" * 33])
def test_a_name_that_is_none_never_reaches_the_disk(uploads: Uploads, name: str) -> None:
    with pytest.raises(NotFound, match="there is no upload"):
        uploads.open(name)
