"""The traffic split: intervals of buckets, and the bucket of a traffic key. Pure; the twin of what the edge does."""

from collections.abc import Mapping

from registry.core.deploying.endpoints import TRAFFIC_SCALE

_WORD = 0xFFFFFFFF
_P1, _P2, _P3, _P4, _P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393


def intervals_of(weights: Mapping[str, float]) -> list[tuple[int, str]]:
    """Return the upper bound and deployment of each interval of buckets, bounds ascending and ending at 10,000.

    ``weights`` are percent that sum to 100, or nothing. Deployments lie in the reverse order of their names whatever
    they weigh, so with two of them each keeps its own end of the range: ``green`` grows from bucket 0 at the expense
    of ``blue``, and none of its users moves back. A middle one of three or more moves only if the ones before it do.
    """
    bounds: list[tuple[int, str]] = []
    reached, total = 0.0, sum(weights.values())
    for deployment, percent in sorted(weights.items(), reverse=True):
        reached += percent
        bound = round(reached * TRAFFIC_SCALE / total)
        if bound > (bounds[-1][0] if bounds else 0):
            bounds.append((bound, deployment))
    return bounds


def bucket_of(endpoint: str, traffic_key: str) -> int:
    """Return the bucket, 0 to 9,999, of a traffic key (the value of the endpoint's traffic header).

    It is ``xxh32(endpoint + "/" + traffic_key, seed 0) mod 10000``, the endpoint's name in lower case, the text in
    UTF-8; HAProxy's converter ``xxh32(0),mod(10000)`` gives the same. The name makes splits of two endpoints
    independent of each other.
    """
    return xxh32(f"{endpoint.lower()}/{traffic_key}".encode()) % TRAFFIC_SCALE


def xxh32(data: bytes) -> int:
    """Return the 32-bit xxHash of ``data`` with seed 0 (xxHash's specification, section "XXH32")."""
    size, position = len(data), 0
    if size >= 16:
        lanes = [(_P1 + _P2) & _WORD, _P2, 0, -_P1 & _WORD]
        while position + 16 <= size:
            for lane in range(4):
                lanes[lane] = _rotate(lanes[lane] + _word(data, position) * _P2, 13) * _P1 & _WORD
                position += 4
        result = sum(_rotate(value, turn) for value, turn in zip(lanes, (1, 7, 12, 18), strict=True))
    else:
        result = _P5
    result += size
    while position + 4 <= size:
        result = _rotate(result + _word(data, position) * _P3, 17) * _P4 & _WORD
        position += 4
    for byte in data[position:]:
        result = _rotate(result + byte * _P5, 11) * _P1 & _WORD
    result &= _WORD
    result = (result ^ result >> 15) * _P2 & _WORD
    result = (result ^ result >> 13) * _P3 & _WORD
    return result ^ result >> 16


def _word(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "little")


def _rotate(value: int, turn: int) -> int:
    value &= _WORD
    return (value << turn | value >> (32 - turn)) & _WORD
