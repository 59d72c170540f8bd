import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.layers import check_link, check_member


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE])
def test_files_and_folders_are_admitted(kind: bytes) -> None:
    assert check_member(member("opt/x", kind)) == "opt/x"


@pytest.mark.parametrize(
    "kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"S", b"?"]
)
def test_nothing_else_is(kind: bytes) -> None:
    with pytest.raises(InvalidInput, match="neither a file nor a folder"):
        check_member(member("opt/x", kind, "y"))


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a/./b", "a//b", "", "a\0b"])
def test_a_path_leads_below_where_it_is_put(name: str) -> None:
    with pytest.raises(InvalidInput, match="not a path that an archive may hold"):
        check_member(member(name, tarfile.REGTYPE))


@pytest.mark.parametrize(
    ("path", "target"), [("a", "b"), ("a", "b/c"), ("a/b", "../c"), ("a/b", ".."), ("a/b/c", "../../x/y"), ("a/b", "c")]
)
def test_a_link_may_lead_elsewhere_in_the_image(path: str, target: str) -> None:
    check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", ".."),
        ("a", "../x"),
        ("a/b", "../../x"),
        ("a", "/etc/passwd"),
        ("a", ""),
        ("a/b", "../"),
        ("a/b", "..//etc"),
        ("a/b", "c/../../.."),
        ("a/b/c", "../x/.."),
        ("a", "."),
        ("a/b", "./../.."),
        ("a", "b\0c"),
    ],
)
def test_a_link_that_may_lead_out_is_refused(path: str, target: str) -> None:
    with pytest.raises(InvalidInput, match="may lead out of the image"):
        check_link(path, target)


@given(st.lists(st.sampled_from(["..", ".", "", "x", "y"]), max_size=6), st.integers(1, 4))
def test_no_admitted_link_climbs_out(parts: list[str], depth: int) -> None:
    try:
        check_link("/".join("abcd"[:depth]), "/".join(parts))
    except InvalidInput:
        return
    position = depth - 1
    for part in parts:
        position += {"..": -1, ".": 0, "": 0}.get(part, 1)
        assert position >= 0
