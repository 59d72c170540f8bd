import sys
from pathlib import Path

import pytest

from registry.images.keeping.layout import ImageLayout
from registry.images.quantise import Quantiser
from registry.operations.imaging.image_works import ImageWorks
from tests.registry.operations.imaging.building import PYTHON, QUANTISER, KnownLocks, KnownRehearsals


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    locks, node = KnownLocks(), tmp_path / "node"
    quantiser = Quantiser(locks, node, PYTHON, "amd64", tmp_path / "notes", [sys.executable, "-c", QUANTISER])
    return ImageWorks(ImageLayout(tmp_path / "images"), locks, "amd64", PYTHON, KnownRehearsals(), quantiser)
