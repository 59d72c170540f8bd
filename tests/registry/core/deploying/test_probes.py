"""What Azure ML's probe settings mean to who looks after a replica."""

from registry.core.deploying.probes import HealthChecks, LivenessProbe, ReadinessProbe


def test_what_is_not_written_is_automatic() -> None:
    probe = LivenessProbe()
    assert (probe.silence_s, probe.start_s, probe.ask_s) == (None, 120, 2)
    assert HealthChecks.of(ReadinessProbe()) == HealthChecks(period_ms=500, timeout_ms=3000, rise=1, fall=2)


def test_a_process_may_be_silent_for_as_many_periods_as_may_fail() -> None:
    assert LivenessProbe(period=5, failure_threshold=4).silence_s == 20
    assert LivenessProbe(period=5).silence_s == 150  # thirty failures are Azure's default
    assert LivenessProbe(failure_threshold=3).silence_s == 30  # and ten seconds


def test_a_process_has_its_delay_and_as_long_as_it_may_be_silent_to_become_ready() -> None:
    assert LivenessProbe(initial_delay=600).start_s == 720
    assert LivenessProbe(initial_delay=10, period=10, failure_threshold=30).start_s == 310


def test_an_edge_counts_in_the_probes_own_figures() -> None:
    probe = ReadinessProbe(period=10, timeout=2, success_threshold=2, failure_threshold=30)
    assert HealthChecks.of(probe) == HealthChecks(period_ms=10_000, timeout_ms=2000, rise=2, fall=30)
