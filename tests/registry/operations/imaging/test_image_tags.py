from collections.abc import Iterator

import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.image_views import ImageChange, ImageMove
from registry.core.imaging.images import Image
from registry.core.security.access import ANYBODY, Caller, Role
from registry.operations.imaging.catalog import resolve_image
from registry.operations.imaging.image_tags import change_image, get_history, tag_image, untag_image
from registry.operations.security.caller import set_caller
from registry.operations.workspace import Workspace
from tests.registry.operations.imaging.test_catalog import record


@pytest.fixture(autouse=True)
def _nobody_is_left_behind() -> Iterator[None]:
    yield
    set_caller(ANYBODY)


@pytest.fixture
def first(workspace: Workspace) -> Image:
    return record(workspace, "a")


@pytest.fixture
def second(workspace: Workspace, first: Image) -> Image:
    return record(workspace, "b")


def test_a_tag_moves_and_a_number_does_not(workspace: Workspace, first: Image, second: Image) -> None:
    tag_image(workspace, "cancer-onnx:1", "stable")
    assert resolve_image(workspace, "cancer-onnx:stable").digest == first.digest
    assert tag_image(workspace, "cancer-onnx:2", "stable").tags == ["2", "latest", "stable"]
    assert resolve_image(workspace, "cancer-onnx:stable").digest == second.digest
    with pytest.raises(InvalidInput, match="numbers images itself"):
        tag_image(workspace, "cancer-onnx:1", "3")


def test_a_tag_that_is_taken_away_leads_nowhere_and_its_image_stays(workspace: Workspace, first: Image) -> None:
    tag_image(workspace, "cancer-onnx:1", "stable")
    assert untag_image(workspace, "cancer-onnx:stable").tags == ["1", "latest"]
    with pytest.raises(NotFound, match="cancer-onnx has the tags 1, latest"):
        resolve_image(workspace, "cancer-onnx:stable")
    with pytest.raises(NotFound):
        untag_image(workspace, "cancer-onnx:stable")


@pytest.mark.parametrize("reference", ["cancer-onnx:1", "cancer-onnx", f"cancer-onnx@sha256:{'a' * 64}"])
def test_only_a_tag_that_somebody_set_can_be_taken_away(workspace: Workspace, first: Image, reference: str) -> None:
    with pytest.raises(InvalidInput):
        untag_image(workspace, reference)


def test_the_ledger_tells_what_each_tag_meant_and_who_moved_it(workspace: Workspace) -> None:
    set_caller(Caller(name="ada", role=Role.OWNER))
    first = record(workspace, "a")
    tag_image(workspace, "cancer-onnx:1", "stable")
    set_caller(Caller(name="bob", role=Role.OWNER))
    second = record(workspace, "b")
    tag_image(workspace, "cancer-onnx:2", "stable")
    tag_image(workspace, "cancer-onnx:2", "stable")
    untag_image(workspace, "cancer-onnx:stable")

    moves = get_history(workspace, "cancer-onnx")
    assert [(move.tag, move.before, move.digest, move.who) for move in moves] == [
        ("1", None, first.digest, "ada"),
        ("latest", None, first.digest, "ada"),
        ("stable", None, first.digest, "ada"),
        ("2", None, second.digest, "bob"),
        ("latest", first.digest, second.digest, "bob"),
        ("stable", first.digest, second.digest, "bob"),
        ("stable", second.digest, None, "bob"),
    ]
    assert _meanings(get_history(workspace, "cancer-onnx", moves[2].at_ms)) == dict.fromkeys(
        ("1", "latest", "stable"), first.digest
    )
    assert _meanings(get_history(workspace, "cancer-onnx", moves[-1].at_ms)) == {
        "1": first.digest,
        "2": second.digest,
        "latest": second.digest,
    }
    assert get_history(workspace, "cancer-onnx", 1) == []


def test_a_name_that_never_was_has_no_history(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        get_history(workspace, "nothing")


def test_labels_and_description_change_and_the_digest_does_not(workspace: Workspace, first: Image) -> None:
    change = ImageChange(labels={"team": "diagnostics", "a": None, "never": None}, description="the first")
    changed = change_image(workspace, "cancer-onnx:1", change)
    assert (changed.labels, changed.description, changed.digest) == (
        {"team": "diagnostics"},
        "the first",
        first.digest,
    )
    assert change_image(workspace, "cancer-onnx", ImageChange(labels={"b": "c"})).description == "the first"
    with pytest.raises(InvalidInput):
        change_image(workspace, "cancer-onnx", ImageChange(labels={"": "c"}))


def _meanings(moves: list[ImageMove]) -> dict[str, str | None]:
    return {move.tag: move.digest for move in moves}
