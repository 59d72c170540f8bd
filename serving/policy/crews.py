"""How many crews look after a revision's replicas, and how many replicas each has. Pure."""

LEAST_CREWS = 2  # where there are two replicas: whichever process of one crew is killed, the other's replicas serve on


def crew_count(replicas: int, nodes: int) -> int:
    """Return how many crews a revision has: one for each node and two at least, and none without a replica."""
    return min(replicas, max(nodes, LEAST_CREWS))


def crew_share(replicas: int, crews: int, rank: int) -> int:
    """Return how many of the replicas the crew of a rank, counted from 0, looks after; together they have them all."""
    return replicas // crews + (rank < replicas % crews)
