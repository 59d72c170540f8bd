"""What can be wrong with a push to the image registry; each protocol's codes are decided at its door.

::

    InvalidInput
    ├── DigestMismatch          the bytes are not those of the digest they were sent under
    ├── InvalidManifest         no manifest, or one that contradicts itself
    ├── MissingParts            a manifest of blobs or manifests that are not here
    ├── RefusedImage            an image of ours that no node would run
    └── InvalidChunk            a part of an upload that is not what its headers say
        └── WrongPlace          it does not begin where the last one ended
    NotFound
    └── UnknownUpload           never begun, finished, cancelled or too old
    Unavailable
    └── TooManyUploads          others must end first
"""

from registry.core.errors import InvalidInput, NotFound, Unavailable


class DigestMismatch(InvalidInput):
    pass


class InvalidManifest(InvalidInput):
    pass


class MissingParts(InvalidInput):
    pass


class RefusedImage(InvalidInput):
    pass


class InvalidChunk(InvalidInput):
    pass


class WrongPlace(InvalidChunk):
    pass


class UnknownUpload(NotFound):
    pass


class TooManyUploads(Unavailable):
    pass
