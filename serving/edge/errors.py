"""Every error of the edge.

::

    EdgeError                   the message is one that can be shown to a person as it is
    ├── UnsafeValue             a value does not match its pattern; it was not sent to HAProxy
    ├── SettingsInvalid         a folder, port or secret cannot be used
    ├── AdminSocketAway         HAProxy's admin socket does not answer
    ├── CommandRefused          HAProxy answered a command with an error
    ├── ConfigRefused           HAProxy refuses the rendered configuration
    └── StartFailed             HAProxy ended, or did not answer in time, when started
"""


class EdgeError(Exception):
    """Base of the tree."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnsafeValue(EdgeError):
    """``kind`` names the pattern that ``value`` failed."""

    def __init__(self, kind: str, value: str) -> None:
        super().__init__(f"{value[:80]!r} cannot be a {kind} of the edge's configuration")
        self.kind = kind
        self.value = value


class SettingsInvalid(EdgeError):
    pass


class AdminSocketAway(EdgeError):
    pass


class CommandRefused(EdgeError):
    """``answer`` is HAProxy's own."""

    def __init__(self, command: str, answer: str) -> None:
        super().__init__(f"HAProxy refused {command!r}: {answer}")
        self.command = command
        self.answer = answer


class ConfigRefused(EdgeError):
    pass


class StartFailed(EdgeError):
    pass
