"""How hard fuzzing tries: in the suite the same cases each time, so that it fails for a change and not by chance; `make
fuzz` draws others, and as many as it is told by ``SLIPWAY_FUZZ_EXAMPLES``."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("SLIPWAY_FUZZ_EXAMPLES", "0"))


def effort(examples: int = 150) -> settings:
    """Return hypothesis' settings: ``examples`` in the suite."""
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=EXAMPLES == 0,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
