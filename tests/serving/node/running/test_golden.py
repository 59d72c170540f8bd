import hashlib
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from registry.core.imaging.images import Descriptor
from registry.core.imaging.samples import GOLDEN_TYPE, Answer, GoldenAnswers
from serving.node.errors import ImageRefused, PullFailed
from serving.node.keeping.pull import Puller
from serving.node.running.golden import golden_answers, newest_answers

IMAGE = f"sha256:{'0' * 64}"


class Registry(Protocol):
    url: str
    asked: list[str]
    attached: dict[str, list[Descriptor]]

    def attach(self, subject: str, artifact_type: str, payload: bytes) -> Descriptor: ...

    def close(self) -> None: ...


def golden(body: bytes) -> GoldenAnswers:
    answer = Answer(sample="rows.json", status=200, content_type="application/json", body=body)
    return GoldenAnswers(answers=[answer])


def attach(registry: Registry, answers: GoldenAnswers) -> None:
    registry.attach(IMAGE, GOLDEN_TYPE, msgspec.json.encode(answers))


def ask(registry: Registry, folder: Path) -> GoldenAnswers | None:
    with Puller(registry.url) as puller:
        return newest_answers(puller, "cancer", IMAGE, folder)


def ask_for(registry: Registry, folder: Path, answers: GoldenAnswers) -> GoldenAnswers:
    digest = f"sha256:{hashlib.sha256(msgspec.json.encode(answers)).hexdigest()}"
    with Puller(registry.url) as puller:
        return golden_answers(puller, "cancer", IMAGE, folder, digest)


def test_an_image_without_recorded_answers_has_none(registry: Registry, tmp_path: Path) -> None:
    registry.attach(IMAGE, "application/vnd.example", b"{}")
    assert ask(registry, tmp_path) is None


def test_the_newest_answers_are_kept_so_that_no_registry_is_asked_again(registry: Registry, tmp_path: Path) -> None:
    attach(registry, golden(b"[1]"))
    attach(registry, golden(b"[2]"))
    assert ask(registry, tmp_path) == golden(b"[2]")
    attach(registry, golden(b"[3]"))
    asked = len(registry.asked)
    assert ask(registry, tmp_path) == golden(b"[2]")
    assert len(registry.asked) == asked


def test_kept_answers_that_were_changed_are_asked_for_again(registry: Registry, tmp_path: Path) -> None:
    attach(registry, golden(b"[1]"))
    ask(registry, tmp_path)
    [kept] = tmp_path.glob("*.json")
    good = kept.read_bytes()
    kept.write_bytes(good.replace(b"rows", b"cows"))
    assert ask(registry, tmp_path) == golden(b"[1]")
    assert [(file, file.read_bytes()) for file in tmp_path.glob("*.json")] == [(kept, good)]


def test_without_a_registry_answers_that_are_not_here_cannot_be_had(registry: Registry, tmp_path: Path) -> None:
    registry.close()
    with pytest.raises(PullFailed):
        ask(registry, tmp_path)
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("content", [b"[]", b"\xff", b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_what_is_attached_and_holds_no_answers_is_passed_over(
    registry: Registry, tmp_path: Path, content: bytes
) -> None:
    registry.attach(IMAGE, GOLDEN_TYPE, content)
    assert ask(registry, tmp_path) is None
    assert list(tmp_path.glob("*.json")) == []
    registry.attached[IMAGE].clear()
    attach(registry, golden(b"[1]"))
    registry.attach(IMAGE, GOLDEN_TYPE, content)
    assert ask(registry, tmp_path) == golden(b"[1]")


def test_answers_are_had_by_their_digest_whatever_else_is_attached_and_kept(registry: Registry, tmp_path: Path) -> None:
    attach(registry, golden(b"[1]"))
    attach(registry, golden(b"[2]"))
    assert ask(registry, tmp_path) == golden(b"[2]")
    assert ask_for(registry, tmp_path, golden(b"[1]")) == golden(b"[1]")
    registry.attached[IMAGE].clear()
    assert ask_for(registry, tmp_path, golden(b"[1]")) == golden(b"[1]")
    with pytest.raises(ImageRefused, match="cannot be had"):
        ask_for(registry, tmp_path, golden(b"[3]"))
