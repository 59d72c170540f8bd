import pytest

from registry.core.imaging.image_prune import ManifestFacts, reasons_to_keep

OLD, NOW = 10, 100


def fact(digest: str, **more: object) -> ManifestFacts:
    return ManifestFacts(**{"name": "cancer", "digest": digest, "created_ms": OLD, **more})  # type: ignore[arg-type]


def kept(*facts: ManifestFacts, keep: int | None = None) -> list[str]:
    return sorted(digest for _, digest in reasons_to_keep(facts, keep=keep, before_ms=NOW - 1))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"users": ("cancer/blue revision 3",)}, "cancer/blue revision 3 refers to it"),
        ({"tags": ("stable",)}, "it is tagged stable"),
        ({"numbers": (4,)}, "it is number 4"),
        ({"created_ms": NOW}, "it came only now"),
    ],
)
def test_each_reason_to_keep_a_manifest(more: dict[str, object], reason: str) -> None:
    assert reasons_to_keep([fact("a", **more)], keep=None, before_ms=NOW - 1) == {("cancer", "a"): reason}


def test_what_nothing_speaks_for_goes() -> None:
    assert kept(fact("a")) == []


def test_with_keep_only_the_newest_numbers_of_each_name_hold() -> None:
    facts = [fact(digest, numbers=(number,)) for number, digest in enumerate("abcd", 1)]
    others = [fact("x", name="other", numbers=(1,))]
    assert kept(*facts, *others) == ["a", "b", "c", "d", "x"]
    assert kept(*facts, *others, keep=2) == ["c", "d", "x"]
    assert kept(*facts, *others, keep=0) == []


def test_a_tag_or_a_revision_holds_an_image_whose_number_does_not() -> None:
    facts = [fact("a", numbers=(1,), users=("e/d revision 1",)), fact("b", numbers=(2,), tags=("s",)), fact("c")]
    assert kept(*facts, keep=0) == ["a", "b"]


def test_an_index_keeps_its_manifests_and_those_keep_what_is_attached_to_them() -> None:
    index = fact("index", tags=("latest",), children=("one", "elsewhere"))
    signature = fact("signature", subject="one")
    of_signature = fact("countersignature", subject="signature")
    assert kept(index, fact("one"), signature, of_signature, fact("two")) == [
        "countersignature",
        "index",
        "one",
        "signature",
    ]


def test_what_is_attached_goes_with_its_subject() -> None:
    assert kept(fact("image"), fact("signature", subject="image"), fact("lonely", subject="nowhere")) == []


def test_names_do_not_hold_each_other() -> None:
    assert kept(fact("index", tags=("latest",), children=("one",)), fact("one", name="other")) == ["index"]
