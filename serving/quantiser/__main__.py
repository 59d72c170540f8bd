"""One job: read, quantise, measure, judge. Tells what it does on stdout, a JSON object in each line.

``{"line": …}`` is for the log, and the last is ``{"result": …}``, or ``{"error": …}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import onnx
import onnxruntime as ort

from .measure import Comparison, Run, answers, as_arrays, compare, row_ms
from .model import batch_size, external_files, input_specs, quantise, session_of
from .rows import Refused, read_rows

DIGITS = 6  # of what is kept: the last bits of a float are the machine's


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # what the tools print is no line of ours
    try:
        job = json.loads(Path(sys.argv[1]).read_text())
        _tell(out, result=work(job, lambda line: _tell(out, line=line)))
    except Refused as refused:
        _tell(out, error=str(refused))


def work(job: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Do a job and return its result.

    Raises:
        Refused: it cannot be done, or the model lost more than the job allows.
    """
    model, quantised = Path(job["model"]), Path(job["quantised"])
    original = session_of(model)
    specs = input_specs(original)
    size = batch_size(specs)
    rows = read_rows(Path(job["rows"]), job["format"], job["label"], specs)
    calibrated, held = rows.parts()
    say(f"quantising {model.name}: {calibrated.count} rows to calibrate with, {held.count} held out to compare")
    with tempfile.TemporaryDirectory(prefix="slipway-quantise-") as scratch:
        operators = quantise(model, quantised, calibrated, size, Path(scratch))
    say(f"quantised: {', '.join(operators)}")
    runs = [_run_of(original), _run_of(session_of(quantised))]
    before, after = (answers(run, held, size) for run in runs)
    compared = compare(before, after, held.labels)
    for line in _table(model, quantised, compared, row_ms(runs, next(held.batches(1)))):
        say(line)
    if compared.drop > job["max_drop"]:
        raise Refused(
            f"quantising costs more than max_accuracy_drop allows: {compared.measure} {compared.before:.4f} before, "
            f"{compared.after:.4f} after, a drop of {compared.drop:.4f} where {job['max_drop']:g} is the bound "
            f"({held.count} rows; largest difference of a number {compared.max_error:.4g}): give more or better "
            "calibration rows, or a higher bound"
        )
    return {
        "rows": held.count,
        "measure": compared.measure,
        "before": round(compared.before, DIGITS),
        "after": round(compared.after, DIGITS),
        "drop": round(compared.drop, DIGITS),
        "max_error": float(f"{compared.max_error:.3g}"),
        "mean_error": float(f"{compared.mean_error:.3g}"),
        "operators": operators,
        "external": external_files(model),
        "tools": {"onnx": onnx.__version__, "onnxruntime": ort.__version__},
    }


def _run_of(session: ort.InferenceSession) -> Run:
    return lambda feed: as_arrays(session.run(None, feed))


def _table(model: Path, quantised: Path, compared: Comparison, times_ms: list[float]) -> list[str]:
    sizes = [path.stat().st_size for path in (model, quantised)]
    rows = [
        ("", "before", "after", ""),
        ("size", f"{sizes[0]:,} B", f"{sizes[1]:,} B", f"{sizes[1] / sizes[0]:.2f} of it"),
        ("a row", f"{times_ms[0]:.4f} ms", f"{times_ms[1]:.4f} ms", f"{times_ms[1] / times_ms[0]:.2f} of it, median"),
        (compared.measure, f"{compared.before:.4f}", f"{compared.after:.4f}", f"drop {compared.drop:.4f}"),
        ("a number", "", f"{compared.mean_error:.4g}", f"off in the mean, {compared.max_error:.4g} at most"),
    ]
    return [f"{name:<10} {before:>14} {after:>14}  {rest}".rstrip() for name, before, after, rest in rows]


def _tell(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
