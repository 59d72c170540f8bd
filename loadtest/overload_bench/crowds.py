"""What is sent, and what is made of the answers. One model is loaded at a time."""

import asyncio
import time
from collections.abc import Callable
from statistics import mean, median

import msgspec
import uvloop

from loadtest.bench.client import Load, run_load
from loadtest.bench.open_loop import OpenLoad, run_open_load
from loadtest.bench.subject import NotReady
from loadtest.overload_bench.workspace import Model
from loadtest.registry_bench.measures import Measure

DEADLINE_S = 1.0
FACTORS = (3, 4)
PEAK_CONNECTIONS = 16
POLITE_PER_S = 10.0
CROWDED_AFTER_S = 1.0
REPORTED_WITHIN_S = 2.0  # what a replica counted is at the controller by then


class Lengths(msgspec.Struct, frozen=True):
    """In seconds; ``rounds`` are those of the two keys."""

    peak_s: float
    overload_s: float
    rounds: int
    round_s: float

    def steps(self) -> int:
        """Say how many loads one model gets."""
        return 3 * len(FACTORS) + 1 + 2 * self.rounds


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """A load as it is reported; ``statuses`` counts answers, and under 0 what got none."""

    model: str
    case: str
    rate_per_s: float
    sent: int
    good_per_s: float
    p50_ms: float
    p99_ms: float
    statuses: dict[int, int]
    first_failure: str


class Findings:
    """What was sent, and the figures with their bars. ``step`` is called after each load."""

    def __init__(self, lengths: Lengths, step: Callable[[str], None]) -> None:
        self.crowds: list[Crowd] = []
        self.measures: list[Measure] = []
        self._lengths = lengths
        self._step = step

    def overload(self, model: Model) -> None:
        """Ask for several times what the model can do, between two looks at how much that is."""
        for factor in FACTORS:
            before = self._peak(model)
            load = self._open(model, f"{factor} × peak", model.keys[0], factor * before, self._lengths.overload_s)
            peak = mean((before, self._peak(model)))
            others = sum(count for status, count in load.statuses.items() if status not in (200, 429, 408))
            self._at_least(f"{model.name}, {factor} × overload: goodput ÷ peak", load.good_per_s / peak, "×", 0.9)
            late = load.statuses[408] / load.sent * 100
            self._at_most(f"{model.name}, {factor} × overload: answered 408", late, "%", 1)
            self._at_most(f"{model.name}, {factor} × overload: other failures", others, "", 0)
            unsaid = load.refused_without_retry_after
            self._at_most(f"{model.name}, {factor} × overload: 429 without Retry-After", unsaid, "", 0)
        time.sleep(REPORTED_WITHIN_S)
        self._at_most(f"{model.name}: executed after their deadline", model.executed_late(), "", 0)

    def two_keys(self, model: Model) -> None:
        """Let one key send a little, in turn alone and beside one that floods."""
        rate = max(FACTORS) * self._peak(model)
        polite = model.keys[1]
        ratios, refused = [], 0
        for _ in range(self._lengths.rounds):
            alone = self._open(model, "polite, alone", polite, POLITE_PER_S, self._lengths.round_s)
            beside = self._beside(model, polite, rate)
            ratios.append(beside.p99_ms / alone.p99_ms)
            refused += beside.sent - beside.statuses[200]
        self._at_most(f"{model.name}, two keys: the polite one's p99 ÷ alone", median(ratios), "×", 2)
        self._at_most(f"{model.name}, two keys: the polite one's failures", refused, "", 0)

    def _peak(self, model: Model) -> float:
        """Return the requests that the model answers in a second when it is always asked.

        Raises:
            NotReady: it did not answer one.
        """
        request = model.request(model.keys[0])
        load: Load = uvloop.run(run_load(request, connections=PEAK_CONNECTIONS, seconds=self._lengths.peak_s))
        if load.failures:
            raise NotReady(f"{model.name}: {load.failures} of {load.requests} requests failed: {load.first_failure}")
        self._step(f"{model.name}: peak")
        return load.requests / load.seconds

    def _open(self, model: Model, case: str, key: str, rate: float, seconds: float) -> OpenLoad:
        load: OpenLoad = uvloop.run(_send(model, key, rate, seconds))
        self._step(f"{model.name}: {case}")
        self._note(model, case, rate, load)
        return load

    def _beside(self, model: Model, polite: str, rate: float) -> OpenLoad:
        seconds = self._lengths.round_s

        async def begin_when_crowded() -> OpenLoad:
            await asyncio.sleep(CROWDED_AFTER_S)
            return await _send(model, polite, POLITE_PER_S, seconds)

        async def both() -> tuple[OpenLoad, OpenLoad]:
            flood = _send(model, model.keys[0], rate, seconds + CROWDED_AFTER_S)
            return await asyncio.gather(flood, begin_when_crowded())

        flood: OpenLoad
        load: OpenLoad
        flood, load = uvloop.run(both())
        self._step(f"{model.name}: two keys")
        self._note(model, "flood", rate, flood)
        self._note(model, "polite, beside the flood", POLITE_PER_S, load)
        return load

    def _note(self, model: Model, case: str, rate: float, load: OpenLoad) -> None:
        self.crowds.append(
            Crowd(
                model=model.name,
                case=case,
                rate_per_s=round(rate, 1),
                sent=load.sent,
                good_per_s=round(load.good_per_s, 1),
                p50_ms=round(load.p50_ms, 2),
                p99_ms=round(load.p99_ms, 2),
                statuses=dict(sorted(load.statuses.items())),
                first_failure=load.first_failure,
            )
        )

    def _at_least(self, case: str, value: float, unit: str, bar: float) -> None:
        self.measures.append(Measure(case=case, value=round(value, 3), unit=unit, bar=bar, at_least=True))

    def _at_most(self, case: str, value: float, unit: str, bar: float) -> None:
        self.measures.append(Measure(case=case, value=round(value, 3), unit=unit, bar=bar, at_least=False))


async def _send(model: Model, key: str, rate: float, seconds: float) -> OpenLoad:
    request = model.request(key, x_request_timeout_ms=str(round(DEADLINE_S * 1000)))
    return await run_open_load(request, rate_per_s=rate, seconds=seconds, limit_s=DEADLINE_S)
