"""From a command to a served image: with everything at hand, with the environment still to be made, and ten at once."""

import shutil
from statistics import median

from loadtest.images_bench.registry import ONNX, SCRIPTED, Bench, onnx_document, scripted_document
from loadtest.images_bench.served import served
from loadtest.registry_bench.measures import Measure

TOGETHER = 10


def environments(bench: Bench) -> list[Measure]:
    """Serve an ONNX image again and again, and a script with scikit-learn each time without its environment.

    Raises:
        NotReady: an image was not served, or did not answer.
    """
    bench.build(onnx_document(bench.folder))
    bench.build(scripted_document(bench.folder))
    served(bench, ONNX)
    cached = median(served(bench, ONNX) for _ in range(bench.rounds))
    served(bench, SCRIPTED)  # the wheels are in uv's cache from now on
    made = median(_without(bench, "environments") for _ in range(bench.rounds))
    return [
        Measure(case="ONNX image served, all cached", value=cached, unit="s", bar=1.5, at_least=False),
        Measure(case="scikit-learn image served, environment to be made", value=made, unit="s", bar=8, at_least=False),
    ]


def together(bench: Bench) -> list[Measure]:
    """Serve ten of one image on a node that has nothing of it, beside one: they download once and make one environment.

    Raises:
        NotReady: an image was not served, or did not answer.
    """
    bench.build(scripted_document(bench.folder))
    served(bench, SCRIPTED)
    rounds = [(_without(bench, "", TOGETHER), _without(bench, "")) for _ in range(bench.rounds)]
    ratio = median(ten / one for ten, one in rounds)
    return [Measure(case="ten served together, nothing cached ÷ one", value=ratio, unit="×", bar=2, at_least=False)]


def _without(bench: Bench, kept: str, count: int = 1) -> float:
    shutil.rmtree(bench.slipway.folder / "node" / kept)
    return served(bench, SCRIPTED, count)
