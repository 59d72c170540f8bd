import pytest

from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path


@pytest.mark.parametrize("path", ["score.py", "a/b/c.txt", "with space/é.bin", "..hidden/x", "a/...", "-"])
def test_plain_relative_paths_are_taken(path: str) -> None:
    assert check_archive_path(path) == path


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("../x", "climbs"),
        ("a/../../x", "climbs"),
        ("a/..", "climbs"),
        ("a//b", "empty or"),
        ("./a", "empty or"),
        ("a/", "empty or"),
        ("a\\b", "backslash"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("\udcff", "UTF-8"),
        ("x" * 1025, "longer"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused_with_the_reason(path: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        check_archive_path(path)
