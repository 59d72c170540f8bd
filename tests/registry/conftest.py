"""Workspaces on a fresh SQLite file and in-memory blobs, with a clock, ids and keys that tests can foretell."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from registry.operations.workspace import Workspace
from registry.store.blobs import open_blobs
from registry.store.metadata import open_metadata


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    clock, ids, keys = count(1_000), count(1), count(1)
    workspace = Workspace(
        metadata=open_metadata(f"sqlite:///{tmp_path}/registry.db"),
        blobs=open_blobs("memory://"),
        now_ms=lambda: next(clock),
        new_id=lambda: f"{next(ids):032x}",
        new_key=lambda: f"key-{next(keys)}",
    )
    yield workspace
    workspace.close()
