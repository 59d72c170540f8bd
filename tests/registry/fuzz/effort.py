"""How hard to try: in the suite the same few cases each time, so that it fails for a change and not by chance; `make
fuzz` draws others, and as many as it is told."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("SLIPWAY_FUZZ_EXAMPLES", "0"))

EFFORT = settings(
    max_examples=EXAMPLES or 12,
    derandomize=EXAMPLES == 0,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
