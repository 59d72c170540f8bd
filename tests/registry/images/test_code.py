import io
import tarfile
from pathlib import Path

import pytest

from registry.core.errors import BuildFailed
from registry.images.code import code_entries
from tests.registry.core.hostile_tars import chain, padded, quadratic

SCRIPT = b"def init(): ...\ndef run(data): return data\n"


def test_the_code_folder_arrives_as_it_was_sent(tmp_path: Path) -> None:
    archive = tmp_path / "code.tar"
    with tarfile.open(archive, "w") as tar:
        for path, content in (("./score.py", SCRIPT), ("pkg/data.bin", b"\0" * 2000)):
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

    found = {entry.path: b"".join(entry.read()) for entry in code_entries(archive)}
    assert found == {"score.py": SCRIPT, "pkg/data.bin": b"\0" * 2000}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("../x", tarfile.REGTYPE, "climbs"),
        ("/etc/x", tarfile.REGTYPE, "absolute"),
        ("link", tarfile.SYMTYPE, "not a plain file"),
        ("hard", tarfile.LNKTYPE, "not a plain file"),
        ("null", tarfile.CHRTYPE, "not a plain file"),
    ],
)
def test_a_code_folder_that_leads_elsewhere_is_refused(tmp_path: Path, name: str, kind: bytes, message: str) -> None:
    archive = tmp_path / "code.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = "/etc/passwd"
        tar.addfile(info)

    with pytest.raises(BuildFailed, match=message):
        code_entries(archive)


@pytest.mark.parametrize("tar", [chain(b"x", padded(b"6 a=b\n")), quadratic(35_000)])
def test_headers_that_claim_too_much_are_refused(tmp_path: Path, tar: bytes) -> None:
    (tmp_path / "code.tar").write_bytes(tar)

    with pytest.raises(BuildFailed, match="bytes of headers"):
        code_entries(tmp_path / "code.tar")


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "code.tar").write_bytes(b"PK not a tar" * 100)

    with pytest.raises(BuildFailed, match="did not arrive as a tar"):
        code_entries(tmp_path / "code.tar")
