"""Moving averages of how long things take."""

from __future__ import annotations

WEIGHT = 0.2  # of the newest figure


def moved(average: float, newest: float) -> float:
    """Move an average towards the newest figure, of which one that was interrupted counts four times the average."""
    most = 4 * average
    return average + WEIGHT * ((newest if newest < most else most) - average)
