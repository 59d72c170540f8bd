"""``make bench-traffic``: what traffic promises, each figure beside its bar; writes ``build/bench-traffic.json``.

Exit codes: 0 every bar is met, 1 one is not, 2 a case could not be measured.
"""

import sys
from pathlib import Path

from loadtest.bench.cases import Case, run_cases
from loadtest.bench.traffic_undo import undo
from loadtest.traffic_bench.cases import split

CASES: dict[str, Case] = {"split": split, "undo": undo}

if __name__ == "__main__":
    sys.exit(run_cases("loadtest.bench.traffic", __doc__, CASES, Path("build/bench-traffic.json")))
