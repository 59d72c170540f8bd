import pytest
from msgspec.structs import replace

from registry.core.deploying.desired import DesiredRevision
from registry.core.deploying.endpoints import RequestSettings, RetryRule, RevisionState
from serving.policy.replicas import Verdict, judge
from serving.wire.replica import ReplicaReport, ReplicaState


def revision(instance_count: int) -> DesiredRevision:
    return DesiredRevision(
        number=1,
        image="cancer:1",
        image_digest="sha256:" + "0" * 64,
        instance_count=instance_count,
        request_settings=RequestSettings(),
        environment_variables={},
        retry=RetryRule.ONCE,
        models={"cancer": 1},
        state=RevisionState.STARTING,
        activity_id="a",
    )


def report(state: ReplicaState, error: str = "", message: str = "") -> ReplicaReport:
    return ReplicaReport(
        replica=f"r-{state}",
        supervisor="s",
        endpoint="cancer",
        deployment="blue",
        revision=1,
        state=state,
        error=error,
        message=message,
    )


P, S, R, F = ReplicaState.PREPARING, ReplicaState.STARTING, ReplicaState.READY, ReplicaState.FAILED


@pytest.mark.parametrize(
    ("needed", "states", "verdict"),
    [
        (1, [], Verdict.WAITING),
        (1, [P], Verdict.WAITING),
        (1, [S], Verdict.WAITING),
        (1, [R], Verdict.READY),
        (2, [R], Verdict.WAITING),
        (2, [R, S], Verdict.WAITING),
        (2, [R, R], Verdict.READY),
        (2, [R, F], Verdict.FAILED),
        (1, [F], Verdict.FAILED),
    ],
)
def test_a_revision_is_ready_with_enough_replicas_and_fails_with_the_first(
    needed: int, states: list[ReplicaState], verdict: Verdict
) -> None:
    assert judge(revision(needed), [report(state) for state in states]).verdict is verdict


def test_a_revision_is_ready_when_every_worker_of_its_replicas_is() -> None:
    of_three = replace(revision(2), worker_count=3)
    five = judge(of_three, [report(R)] * 5)
    assert (five.verdict, five.message) == (Verdict.WAITING, "5 of 6 workers of 2 replicas ready")
    six = judge(of_three, [report(R)] * 6)
    assert (six.verdict, six.message) == (Verdict.READY, "6 of 6 workers of 2 replicas ready")


def test_a_failure_shows_the_scripts_own_line() -> None:
    judgement = judge(revision(1), [report(F, error="ValueError: no such column (score.py:12)")])
    assert judgement.message == "ValueError: no such column (score.py:12)"


def test_progress_grows_with_the_replicas_states() -> None:
    shares = [judge(revision(2), [report(state) for state in states]).progress for states in ([], [P], [P, S], [S, R])]
    assert shares == sorted(shares)
    assert len(set(shares)) == len(shares)


def test_waiting_tells_what_the_furthest_replica_does() -> None:
    judgement = judge(revision(2), [report(P, message="pulling"), report(S, message="loading the model")])
    assert judgement.message == "loading the model"


def test_a_ready_revision_tells_what_runs_it() -> None:
    on_the_cpu = replace(report(R), provider="CPUExecutionProvider")
    assert judge(revision(1), [on_the_cpu]).message == "1 of 1 replica ready on CPUExecutionProvider"
    assert judge(revision(1), [report(R)]).message == "1 of 1 replica ready"
