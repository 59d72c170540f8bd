"""Scoring processes that several tests of a module ask, since clients bring their own sockets."""

from collections.abc import Iterator

import pytest
from onnx import TensorProto

from tests.serving.scoring.models import identity_model, linear_model, write_image
from tests.serving.scoring.process import Process

# One input of each datatype that onnxruntime takes, by its name.
KINDS = {
    "BOOL": TensorProto.BOOL,
    **{f"INT{bits}": getattr(TensorProto, f"INT{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": getattr(TensorProto, f"UINT{bits}") for bits in (8, 16, 32, 64)},
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


@pytest.fixture(scope="module")
def linear_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    yield from _running(tmp_path_factory, linear_model())


@pytest.fixture(scope="module")
def kinds_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A model of one input for each datatype, returned as ``<name>_out``."""
    yield from _running(tmp_path_factory, identity_model(KINDS))


def _running(folders: pytest.TempPathFactory, model: bytes) -> Iterator[Process]:
    process = Process(write_image(folders.mktemp("served") / "image", model=model))
    process.wait()
    yield process
    process.close()
