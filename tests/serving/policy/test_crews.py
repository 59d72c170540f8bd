import pytest

from serving.policy.crews import crew_count, crew_share


@pytest.mark.parametrize(
    ("replicas", "nodes", "crews"),
    [
        (1, 1, 1),
        (2, 1, 2),  # whichever is lost, one replica serves on
        (10, 1, 2),
        (10, 2, 2),
        (10, 4, 4),  # one for each node
        (3, 8, 3),  # none without a replica
        (1, 8, 1),
    ],
)
def test_a_revision_has_a_crew_for_each_node_and_two_at_least(replicas: int, nodes: int, crews: int) -> None:
    assert crew_count(replicas, nodes) == crews


@pytest.mark.parametrize(
    ("replicas", "crews", "shares"), [(1, 1, [1]), (10, 2, [5, 5]), (11, 3, [4, 4, 3]), (5, 5, [1, 1, 1, 1, 1])]
)
def test_crews_share_the_replicas_evenly(replicas: int, crews: int, shares: list[int]) -> None:
    assert [crew_share(replicas, crews, rank) for rank in range(crews)] == shares
