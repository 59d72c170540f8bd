"""``make bench-traffic``: what traffic promises, each figure beside its bar; writes ``build/bench-traffic.json``.

Exit codes: 0 every bar is met, 1 one is not, 2 a case could not be measured.
"""

import sys
from pathlib import Path

from loadtest.bench.cases import Case, run_cases
from loadtest.traffic_bench.keys import keys
from loadtest.traffic_bench.mirror import mirror
from loadtest.traffic_bench.split import split
from loadtest.traffic_bench.undo import undo

CASES: dict[str, Case] = {"split": split, "undo": undo, "keys": keys, "mirror": mirror}

if __name__ == "__main__":
    sys.exit(run_cases("loadtest.traffic_bench", __doc__, CASES, Path("build/bench-traffic.json")))
