"""The second build of what did not change, a build of which only the script changed, and what an image weighs."""

from statistics import median
from typing import Any

from loadtest.bench.subject import NotReady
from loadtest.images_bench.registry import SCRIPT, Bench, onnx_document, scripted_document
from loadtest.registry_bench.measures import Measure


def builds(bench: Bench) -> list[Measure]:
    """Build again, build with another script, and weigh.

    Raises:
        NotReady: an equal build has another digest, or a changed script more than one new layer.
    """
    _, image = bench.build(onnx_document(bench.folder))
    again = [_same(bench, image) for _ in range(bench.rounds)]
    _, before = bench.build(scripted_document(bench.folder))
    changed = []
    for number in range(bench.rounds):
        seconds, after = bench.build(scripted_document(bench.folder, f"{SCRIPT}\n# {number}\n"))
        new = {layer["digest"] for layer in after["layers"]} - {layer["digest"] for layer in before["layers"]}
        if len(new) != 1:
            raise NotReady(f"a changed script made {len(new)} new layers")
        changed.append(seconds)
    over_kb = (image["size_bytes"] - _locks(image) - bench.model_bytes) / 1000
    return [
        Measure(case="second build, nothing changed", value=median(again), unit="s", bar=1.0, at_least=False),
        Measure(case="only the script changed", value=median(changed), unit="s", bar=2.0, at_least=False),
        Measure(case="ONNX image over model and lock", value=over_kb, unit="kB", bar=100, at_least=False),
    ]


def _same(bench: Bench, image: Any) -> float:
    seconds, again = bench.build(onnx_document(bench.folder))
    if again["digest"] != image["digest"]:
        raise NotReady("the second build of the same inputs has another digest")
    return seconds


def _locks(image: Any) -> int:
    sizes = [layer["size"] for layer in image["layers"] if "environment" in layer["annotations"].values()]
    return sum(sizes)
