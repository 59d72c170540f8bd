import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.core.errors import InvalidInput
from registry.core.imaging.images import GZIP_LAYER_TYPE, LAYER_ANNOTATION, LAYER_TYPE, Descriptor, LayerKind
from registry.core.imaging.layers import MAX_INFLATED_BYTES, check_link, check_member, plain_tar


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


def scoring_layer(media_type: str = GZIP_LAYER_TYPE) -> Descriptor:
    annotations = {LAYER_ANNOTATION: LayerKind.SCORING.value}
    return Descriptor(media_type=media_type, digest=f"sha256:{'0' * 64}", size=1, annotations=annotations)


def test_a_tar_is_read_as_it_is_and_the_scoring_process_inflated() -> None:
    assert plain_tar(io.BytesIO(b"tar"), scoring_layer(LAYER_TYPE)).read() == b"tar"
    assert plain_tar(io.BytesIO(gzip.compress(b"tar")), scoring_layer()).read() == b"tar"


@pytest.mark.parametrize(
    ("blob", "layer", "message"),
    [
        (gzip.compress(bytes(MAX_INFLATED_BYTES + 1)), scoring_layer(), "inflates to more than"),
        (gzip.compress(b"tar")[:-9], scoring_layer(), "cut short"),
        (b"PK", scoring_layer(), "no gzip"),
        (b"", scoring_layer(f"{LAYER_TYPE}+zstd"), "skopeo copy --preserve-digests"),
        (b"", replace(scoring_layer(), annotations={}), "skopeo copy --preserve-digests"),
    ],
)
def test_what_is_compressed_otherwise_is_refused(blob: bytes, layer: Descriptor, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        plain_tar(io.BytesIO(blob), layer)
