"""How replicas are looked after, by Azure ML v2's keys, in seconds. What is not written is automatic.

Two look: the supervisor of a scoring process ends one that is silent (``liveness_probe``), and every edge sends
requests to none that does not say that it is ready (``readiness_probe``). A refused connection takes a server out at
once, whatever is written.
"""

from typing import Annotated, Literal

import msgspec

Delay = Annotated[int, msgspec.Meta(ge=0, le=3600)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=3600)]
Times = Annotated[int, msgspec.Meta(ge=1, le=1000)]

PERIOD_S, FAILURES = 10, 30  # Azure's, of what is not written beside what is
START_S = 120  # within which a process is ready
ASK_S = 2  # an answer to the supervisor that takes longer is none
CHECK_MS, CHECK_FALL, CHECK_RISE = 500, 2, 1
# A process that holds its interpreter answers no check. With two failures it may do so for 6 s and keep its requests;
# one that is dead refuses both checks within a second.
CHECK_TIMEOUT_MS = 3000


class LivenessProbe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A process that answers nothing for ``period`` times ``failure_threshold`` is ended, and another is started.

    It has ``initial_delay`` and as long again to become ready.
    """

    initial_delay: Delay | None = None
    period: Seconds | None = None
    timeout: Seconds | None = None
    success_threshold: Literal[1] | None = None
    failure_threshold: Times | None = None

    @property
    def silence_s(self) -> int | None:
        """How long a process may be silent; None where nobody says it."""
        if self.period is None and self.failure_threshold is None:
            return None
        return (self.period or PERIOD_S) * (self.failure_threshold or FAILURES)

    @property
    def start_s(self) -> int:
        """How long a process may take until it is ready."""
        return (self.initial_delay or 0) + (self.silence_s or START_S)

    @property
    def ask_s(self) -> int:
        """How long an answer may take to count as one."""
        return self.timeout or ASK_S


class ReadinessProbe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Each edge asks every ``period``; no request comes sooner than ``initial_delay`` after the process began."""

    initial_delay: Delay | None = None
    period: Seconds | None = None
    timeout: Seconds | None = None
    success_threshold: Times | None = None
    failure_threshold: Times | None = None


class HealthChecks(msgspec.Struct, frozen=True, kw_only=True):
    """An edge's checks of one server."""

    period_ms: int = CHECK_MS
    timeout_ms: int = CHECK_TIMEOUT_MS
    rise: int = CHECK_RISE
    fall: int = CHECK_FALL

    @classmethod
    def of(cls, probe: ReadinessProbe) -> "HealthChecks":
        """Return the checks that a probe asks for."""
        return cls(
            period_ms=CHECK_MS if probe.period is None else probe.period * 1000,
            timeout_ms=CHECK_TIMEOUT_MS if probe.timeout is None else probe.timeout * 1000,
            rise=probe.success_threshold or CHECK_RISE,
            fall=probe.failure_threshold or CHECK_FALL,
        )
