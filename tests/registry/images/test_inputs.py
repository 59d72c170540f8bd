from dataclasses import replace

import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.images import MAX_MODELS
from registry.images.inputs import ModelInput, check_inputs
from registry.images.pack import Entry, entry_of_bytes

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"


def model(path: str = "model.onnx", content: bytes = ONNX) -> ModelInput:
    return ModelInput("cancer", 1, "run1", (entry_of_bytes(path, content),))


def code(content: bytes, path: str = "score.py") -> tuple[Entry, ...]:
    return (entry_of_bytes(path, content),)


@pytest.mark.parametrize(
    ("given", "files", "script", "message"),
    [
        (model(), (), "score.py", r"no score\.py"),
        (model(), code(b"def init(: ..."), "score.py", r"score\.py, line 1"),
        (model(), code(b"def run(data): ..."), "score.py", r"does not define init\(\)"),
        (model(content=b"PK"), (), None, "not an ONNX model"),
        (model("model.pkl"), (), None, "scoring_script"),
        (model(), code(b"", "azureml-models/x"), None, "where the model goes"),
    ],
)
def test_what_cannot_make_an_image_is_said_before_anything_is_packed(
    given: ModelInput, files: tuple[Entry, ...], script: str | None, message: str
) -> None:
    with pytest.raises(BuildFailed, match=message):
        check_inputs([given], files, script)


def test_an_image_holds_a_bounded_number_of_models() -> None:
    many = [replace(model(), name=f"cancer{number}") for number in range(MAX_MODELS + 1)]

    with pytest.raises(BuildFailed, match="at most 16 models, not 17"):
        check_inputs(many, code(b"def init(): ...\ndef run(data): ..."), "score.py")
