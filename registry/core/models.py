"""Models: a name, and versions whose files never change."""

import msgspec


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version: its path below the model's folder, and the blob that is its content."""

    path: str
    sha256: str  # 64 hexadecimal digits
    size: int


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable version. ``files`` are sorted by path; ``run_id`` and ``path`` say where they came from."""

    name: str
    version: int
    run_id: str | None
    path: str
    description: str = ""
    files: list[ModelFile]
    created_ms: int


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """``versions`` ascend."""

    name: str
    versions: list[ModelVersion]
    created_ms: int
    updated_ms: int
