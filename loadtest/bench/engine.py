"""``make bench-engine``: what the engine promises, each figure beside its bar; writes ``build/bench-engine.json``.

Exit codes: 0 every bar is met, 1 one is not, 2 a case could not be measured.
"""

import sys
from pathlib import Path

from loadtest.bench.cases import Case, run_cases
from loadtest.bench.engine_cached import cached
from loadtest.bench.engine_lone import lone
from loadtest.bench.engine_mlp import mlp
from loadtest.bench.engine_poison import poison

CASES: dict[str, Case] = {"poison": poison, "lone": lone, "mlp": mlp, "cached": cached}

if __name__ == "__main__":
    sys.exit(run_cases("loadtest.bench.engine", __doc__, CASES, Path("build/bench-engine.json")))
