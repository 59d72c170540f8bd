"""Every error between an image's digest and a running scoring process.

::

    NodeError                   the message is one that can be shown to a person as it is
    ├── PullFailed              the registry has no such image, or does not give it
    │   └── RegistryAway        it does not answer
    ├── ImageRefused            a blob is not what its digest says, or a layer holds what it may not
    ├── SignatureRefused        nobody who is trusted has signed the image, and that is required
    ├── DiskRefused             the node's disk is full, or refuses to write
    ├── InterpreterMissing      no Python of the image's minor version is on this node
    ├── EnvironmentFailed       the lock file could not be installed
    └── StartFailed             the scoring process did not become ready
        ├── ScriptFailed        it announced why: the user's error line
        ├── ProcessDied         it ended without announcing
        ├── StartTimedOut       it did neither in time
        ├── SampleFailed        it serves, and cannot answer a sample request of the image
        └── NotReproduced       it answers one otherwise than when the image was built
"""


class NodeError(Exception):
    """Base of the tree."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PullFailed(NodeError):
    pass


class RegistryAway(PullFailed):
    pass


class ImageRefused(NodeError):
    """``blob`` is the digest of the refused blob."""

    def __init__(self, message: str, blob: str) -> None:
        super().__init__(message)
        self.blob = blob


class SignatureRefused(NodeError):
    pass


class DiskRefused(NodeError):
    pass


class InterpreterMissing(NodeError):
    pass


class EnvironmentFailed(NodeError):
    pass


class StartFailed(NodeError):
    pass


class ScriptFailed(StartFailed):
    pass


class ProcessDied(StartFailed):
    """``returncode`` as in subprocess: negative for a signal."""

    def __init__(self, message: str, returncode: int) -> None:
        super().__init__(message)
        self.returncode = returncode


class StartTimedOut(StartFailed):
    pass


class SampleFailed(StartFailed):
    pass


class NotReproduced(StartFailed):
    pass
