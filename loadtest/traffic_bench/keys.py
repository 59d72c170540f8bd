"""Keys: replaced under load, held to their rate limits, and what the time of a wrong one tells."""

import http.client
import time
from statistics import median

import httpx
import uvloop

from loadtest.bench.engine_workspace import Bench, Served
from loadtest.bench.model import train
from loadtest.bench.open_loop import run_open_load
from loadtest.registry_bench.measures import Measure, at_most
from loadtest.traffic_bench.clients import Asking

NAME, PAIR = "keyed", ("primary", "secondary")
REPLACED, OVERLAP_S, PAUSE_S = 6, 4.0, 0.5
LIMITS = {"100/s": 100.0, "600/m": 10.0}  # as it is written, and requests a second
AT_ONCE, TIMES_THE_LIMIT, LIMITED_S = 10, 4, 15.0
LOOKS = 3000  # at each wrong key


def keys(bench: Bench) -> list[Measure]:
    """Measure what keys promise, at an endpoint of their own."""
    body = train(bench.folder / f"{NAME}.onnx")
    served = bench.serve_model(NAME, (bench.folder / f"{NAME}.onnx").read_bytes(), blue={})
    return [*rotation(bench, served, body), *limits(bench, served, body), wrong_keys(bench, served, body)]


def rotation(bench: Bench, served: Served, body: bytes) -> list[Measure]:
    """Replace both keys in turn while clients use them, who learn of the new one within the overlap of the old."""
    held = dict(zip(PAIR, (dict(served.headers), _new_key(bench, "regenerate-key", PAIR[1])), strict=True))
    valid_yet = 0
    with Asking(served, body) as asking:
        for number in range(REPLACED):
            bench.say(f"replacing a key, {number + 1} of {REPLACED}")
            name = PAIR[number % 2]
            asking.headers = before = held[name]
            time.sleep(PAUSE_S)
            held[name] = _new_key(bench, "regenerate-key", name, f"--overlap={OVERLAP_S:g}s")
            time.sleep(OVERLAP_S / 2)
            asking.headers = held[name]
            time.sleep(OVERLAP_S / 2 + PAUSE_S)
            valid_yet += _status(served, body, before) != 401
    case = f"{REPLACED} keys replaced under load, {OVERLAP_S:g} s of overlap"
    return [
        at_most(f"{case}: failed of {len(asking.got):,} requests", asking.failed, "requests", 0),
        at_most(f"{case}: valid after it", valid_yet, "keys", 0),
    ]


def limits(bench: Bench, served: Served, body: bytes) -> list[Measure]:
    """Ask several times as often as a key may; what comes through beside what may come at once is its limit."""
    measures = []
    for number, (limit, per_s) in enumerate(LIMITS.items()):
        bench.say(f"asking {TIMES_THE_LIMIT} times as often as {limit}")
        headers = _new_key(bench, "create-key", f"limited-{number}", f"--rate-limit={limit}", f"--burst={AT_ONCE}")
        request = served.request("/score", body)._replace(headers=headers)
        asked_per_s = TIMES_THE_LIMIT * per_s
        load = uvloop.run(run_open_load(request, rate_per_s=asked_per_s, seconds=LIMITED_S, limit_s=1.0))
        through_per_s = (load.statuses[200] - AT_ONCE) / LIMITED_S
        off = 100 * abs(through_per_s - per_s) / per_s
        measures.append(at_most(f"a limit of {limit}: {through_per_s:.2f} a second came through, off by", off, "%", 5))
        unsaid = load.refused_without_retry_after
        measures.append(at_most(f"a limit of {limit}: 429 without Retry-After", unsaid, "requests", 0))
    return measures


def wrong_keys(bench: Bench, served: Served, body: bytes) -> Measure:
    """Compare the times of keys of which nothing, half, and all but the last character is right, in turn."""
    bench.say("asking with wrong keys")
    key = served.headers["authorization"].removeprefix("Bearer ")
    wrong = [key[:right] + _other(key[right:]) for right in (0, len(key) // 2, len(key) - 1)]
    took_us: dict[str, list[float]] = {one: [] for one in wrong}
    connection = http.client.HTTPConnection(served.host, served.port, timeout=10)
    for _ in range(LOOKS):
        for one in wrong:
            begin = time.perf_counter()
            connection.request("POST", f"/endpoints/{NAME}/score", body, {"authorization": f"Bearer {one}"})
            answer = connection.getresponse()
            answer.read()
            took_us[one].append(1e6 * (time.perf_counter() - begin))
            assert answer.status == 401
    connection.close()
    medians = [median(times) for times in took_us.values()]
    told = ", ".join(f"{one:.1f}" for one in medians)
    case = f"wrong keys, right in 0, half and all but one character: {told} µs; the slowest is slower by"
    return at_most(case, 100 * (max(medians) / min(medians) - 1), "%", 2)


def _new_key(bench: Bench, command: str, name: str, *options: str) -> dict[str, str]:
    """Make or replace a key; return the header that has it."""
    made = bench.slipway.json("endpoint", command, NAME, "--key", name, *options)
    return {"authorization": f"Bearer {made['key']}"}


def _status(served: Served, body: bytes, headers: dict[str, str]) -> int:
    return httpx.post(served.url("/score"), content=body, headers=headers, trust_env=False).status_code


def _other(text: str) -> str:
    return "".join("B" if letter == "A" else "A" for letter in text)
