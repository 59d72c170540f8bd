"""What is sent, and what is made of it."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import httpx
import uvloop

from loadtest.bench.open_loop import OpenLoad, run_open_load
from loadtest.mirror_bench.workspace import PLANTED, Mirrored
from loadtest.registry_bench.measures import Measure

BAD = ("hangs", "dies", "fails")
SETTLED_WITHIN_S = 60.0
FLUSH_S = 2.0  # what is counted is written down every second
MINUTES = 24 * 60.0


class Findings:
    """The figures with their bars. ``step`` is called after each load."""

    def __init__(self, mirrored: Mirrored, step: Callable[[str], None]) -> None:
        self.measures: list[Measure] = []
        self._mirrored = mirrored
        self._step = step

    def agreement(self, requests: int) -> None:
        """Mirror so many requests to a target that answers a known part of them otherwise."""
        self._mirrored.mirror_to("green")
        failed = 0
        with httpx.Client(trust_env=False) as client:
            for number in range(requests):
                sent = self._mirrored.request(number)
                url = f"http://{sent.host}:{sent.port}{sent.path}"
                failed += client.post(url, content=sent.body, headers=dict(sent.headers)).status_code != 200
        pair = self._settled(requests)
        self._step("a planted disagreement")
        told = pair["compared"] + sum(pair[name] for name in ("dropped", "refused", "late", "failed"))
        off = abs(pair["agreement"] - (100 - PLANTED) / 100)
        self._note(f"{PLANTED} % planted: agreement off by", off, "", 0.01)
        self._note(f"{PLANTED} % planted: copies nothing is known of", requests - told, "", 0)
        self._note(f"{PLANTED} % planted: not compared", 100 * (requests - pair["compared"]) / requests, "%", 5)
        self._note(f"{PLANTED} % planted: failed", failed, "", 0)

    def bad_targets(self, rate_per_s: float, rounds: int, seconds: float) -> None:
        """Mirror everything to each bad target in turn, beside rounds in which nothing is mirrored."""
        ratios: dict[str, list[float]] = {target: [] for target in BAD}
        failed = dict.fromkeys(BAD, 0)
        for _ in range(rounds):
            for target in BAD:
                alone = self._load(None, rate_per_s, seconds)
                beside = self._load(target, rate_per_s, seconds)
                again = self._load(None, rate_per_s, seconds)
                ratios[target].append(2 * beside.p99_ms / (alone.p99_ms + again.p99_ms))
                failed[target] += beside.sent - beside.statuses[200]
        time.sleep(FLUSH_S)
        pairs = self._mirrored.report(MINUTES)["pairs"]
        for target in BAD:
            self._note(f"a target that {target}: p99 ÷ none mirrored", median(ratios[target]), "×", 1.05)
            self._note(f"a target that {target}: failed", failed[target], "", 0)
            told = sum(_copies(pair) for pair in pairs if f".{target}." in f"{pair['target_revision']}.")
            sent = round(rounds * rate_per_s * seconds)
            self._note(f"a target that {target}: copies nothing is known of", max(0, sent - told), "", 0)

    def _load(self, target: str | None, rate_per_s: float, seconds: float) -> OpenLoad:
        self._mirrored.mirror_to(target)
        request = self._mirrored.request(1)
        load: OpenLoad = uvloop.run(run_open_load(request, rate_per_s=rate_per_s, seconds=seconds, limit_s=1.0))
        self._step(f"mirrored to {target}" if target else "not mirrored")
        return load

    def _settled(self, requests: int) -> dict[str, Any]:
        """Return the pair of blue and green once it has all copies, or after a while."""
        end = time.monotonic() + SETTLED_WITHIN_S
        while True:
            pairs = [pair for pair in self._mirrored.report(MINUTES)["pairs"] if ".green." in pair["target_revision"]]
            if pairs and (_copies(pairs[0]) >= requests or time.monotonic() > end):
                return pairs[0]
            time.sleep(1)

    def _note(self, case: str, value: float, unit: str, most: float) -> None:
        self.measures.append(Measure(case=case, value=round(value, 4), unit=unit, bar=most, at_least=False))


def _copies(pair: dict[str, Any]) -> int:
    return int(sum(pair[name] for name in ("compared", "dropped", "refused", "late", "failed")))
