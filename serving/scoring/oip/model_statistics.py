"""A model's statistics in the form of Triton's ModelStatistics: as JSON over HTTP, as the message over gRPC."""

from __future__ import annotations

from typing import Any, Dict

from ..statistics import Statistics


def model_statistics(name: str, version: str, counted: Statistics, last_inference_ms: int) -> Dict[str, Any]:
    """Render what was counted. Decoding and encoding are not timed apart from computing; the three counts of that are
    equal, as perf_analyzer wants them."""
    succeeded, runs = counted.succeeded, counted.runs()
    return {
        "name": name,
        "version": version,
        "last_inference": last_inference_ms,
        "inference_count": counted.items,
        "execution_count": sum(count for _, count, _ in runs),
        "inference_stats": {
            "success": _duration(succeeded, counted.queue_s + counted.compute_s),
            "fail": _duration(counted.failed, counted.failed_s),
            "queue": _duration(succeeded, counted.queue_s),
            "compute_input": _duration(succeeded, 0),
            "compute_infer": _duration(succeeded, counted.compute_s),
            "compute_output": _duration(succeeded, 0),
            "cache_hit": _duration(counted.cache_hits, counted.cache_hit_s),
            "cache_miss": _duration(counted.cache_misses, counted.cache_miss_s),
        },
        "batch_stats": [
            {
                "batch_size": rows,
                "compute_input": _duration(count, 0),
                "compute_infer": _duration(count, took_s),
                "compute_output": _duration(count, 0),
            }
            for rows, count, took_s in runs
        ],
        "memory_usage": [],
        "response_stats": {},
    }


def _duration(count: int, total_s: float) -> Dict[str, int]:
    return {"count": count, "ns": round(total_s * 1e9)}
