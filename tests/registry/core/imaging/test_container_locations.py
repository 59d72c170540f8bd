from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.core.imaging.container_locations import (
    FileLocation,
    Location,
    RegistryLocation,
    Transport,
    parse_location,
)

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("oci:base", FileLocation(Transport.LAYOUT, Path("base"), None)),
        ("oci:/srv/base:3.11", FileLocation(Transport.LAYOUT, Path("/srv/base"), "3.11")),
        ("oci-archive:base.tar", FileLocation(Transport.OCI_ARCHIVE, Path("base.tar"), None)),
        ("docker-archive:../base.tar:slim", FileLocation(Transport.DOCKER_ARCHIVE, Path("../base.tar"), "slim")),
        ("oci:C:/odd/name", FileLocation(Transport.LAYOUT, Path("C:/odd/name"), None)),
        (
            "registry:ghcr.io/team/python:3.11",
            RegistryLocation("https://ghcr.io", "ghcr.io", "team/python", "3.11"),
        ),
        (
            "registry:docker.io/library/python",
            RegistryLocation("https://registry-1.docker.io", "docker.io", "library/python", "latest"),
        ),
        (
            f"registry:127.0.0.1:5000/base@{DIGEST}",
            RegistryLocation("http://127.0.0.1:5000", "127.0.0.1:5000", "base", DIGEST),
        ),
        ("registry:[::1]:5000/base", RegistryLocation("http://[::1]:5000", "[::1]:5000", "base", "latest")),
        ("registry:http://box:5000/base", RegistryLocation("http://box:5000", "box:5000", "base", "latest")),
    ],
)
def test_a_location_is_read_as_people_write_it(text: str, location: Location) -> None:
    assert parse_location(text) == location


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base.tar", "write oci:FOLDER"),
        ("docker://python:3.11", r"did you mean registry:python:3\.11"),
        ("oci:", "write oci:FOLDER"),
        ("oci:base:", "is no tag"),
        ("registry:base", "names no registry"),
        ("registry:box/Base", "is no image"),
        ("registry:box/base@sha256:1", "is no image"),
        ("registry:ftp://box/base", "names no registry"),
        ("registry:user:password@box/base", "names no registry"),
    ],
)
def test_what_names_no_place_is_refused_with_the_forms(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_location(text)
