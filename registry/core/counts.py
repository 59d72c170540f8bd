"""Numbers in sentences, for people."""


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 replica, 2 replicas."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
