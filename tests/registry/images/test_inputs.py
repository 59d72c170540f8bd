import pytest

from registry.core.errors import BuildFailed
from registry.images.inputs import ModelInput, check_inputs
from registry.images.pack import Entry, entry_of_bytes

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"


def model(path: str = "model.onnx", content: bytes = ONNX) -> ModelInput:
    return ModelInput("cancer", 1, "run1", (entry_of_bytes(path, content),))


def code(content: bytes, path: str = "score.py") -> tuple[Entry, ...]:
    return (entry_of_bytes(path, content),)


@pytest.mark.parametrize(
    ("given", "files", "script", "python", "message"),
    [
        (model(), (), "score.py", "3.11", r"no score\.py"),
        (model(), code(b"def init(: ..."), "score.py", "3.11", r"score\.py, line 1"),
        (model(), code(b"def run(data): ..."), "score.py", "3.11", r"does not define init\(\)"),
        (model(content=b"PK"), (), None, "3.11", "not an ONNX model"),
        (model("model.pkl"), (), None, "3.11", "scoring_script"),
        (model(), code(b"", "azureml-models/x"), None, "3.11", "where the model goes"),
        (model(), (), None, "3", "python is '3'"),
    ],
)
def test_what_cannot_make_an_image_is_said_before_anything_is_packed(
    given: ModelInput, files: tuple[Entry, ...], script: str | None, python: str, message: str
) -> None:
    with pytest.raises(BuildFailed, match=message):
        check_inputs([given], files, script, python)
