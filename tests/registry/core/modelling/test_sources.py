import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.modelling.sources import parse_source
from registry.core.names import MAX_FOLDER_BYTES, MODEL_NAME
from registry.core.tracking.artifacts import LoggedModelFiles, RunFiles, VersionFiles, parse_address, version_uri

MODEL_ID = f"m-{'0' * 32}"


@pytest.mark.parametrize(
    ("source", "means"),
    [
        ("runs:/r1/model", (RunFiles("r1"), "model")),
        ("runs:/r1/deep/model/", (RunFiles("r1"), "deep/model")),
        ("runs:/r1", (RunFiles("r1"), "")),
        (f"models:/{MODEL_ID}", (LoggedModelFiles(MODEL_ID), "")),
        (f"models:/{MODEL_ID}/part", (LoggedModelFiles(MODEL_ID), "part")),
        ("models:/my model/3", (VersionFiles("my model", 3), "")),
        ("mlflow-artifacts:/7/r1/artifacts/model", (RunFiles("r1", "7"), "model")),
        ("mlflow-artifacts://host:5000/7/r1/artifacts/model", (RunFiles("r1", "7"), "model")),
        (f"mlflow-artifacts:/7/models/{MODEL_ID}/artifacts", (LoggedModelFiles(MODEL_ID, "7"), "")),
        ("mlflow-artifacts:/registered-models/cancer/3", (VersionFiles("cancer", 3), "")),
        ("runs:/r1/100 % sure", (RunFiles("r1"), "100 % sure")),
        ("s3://bucket/model", None),
        ("https://example.com/model", None),
    ],
)
def test_a_source_names_files_here_or_lies_outside(source: str, means: object) -> None:
    assert parse_source(source) == means


@pytest.mark.parametrize(
    "source",
    [
        *("", "model", "./model", "/etc/passwd", "//host/share", "file:///etc/passwd", "FILE:/etc/passwd"),
        *("file:etc", " file:///etc/passwd", "local:/x", "C:\\model", "C:/model", "\\\\host\\share", "c:model"),
        *("runs:/r1/../r2/model", "runs:/r1/%2e%2e/x", "runs:/r1/%252e%252e/x", "runs:/r1/%25252E./x"),
        *("runs:/r1/a\\..\\b", "runs:/r1/a%5c..%5cb", "runs:/r1/a%00", "runs:/r1/a\n", "runs:/..", "s3://b/../x"),
        *("runs:/r1//x", "runs://r1/x", "runs:r1/x", "runs:/", "runs:/r1/./x", "s3://b/%2E%2e/x", "s3://b?a=/../x"),
        *("models:/cancer", "models:/cancer/latest", "models:/cancer@champion", "models:/a/1/MLmodel", "models:/"),
        *("models:/../1", "mlflow-artifacts:/etc/passwd", "mlflow-artifacts:/7/r1/artifacts/../../x"),
        *(
            "mlflow-artifacts://host",
            "mlflow-artifacts:/7/r1/artifacts/%2e%2e/x",
            "mlflow-artifacts:/7/r1/artifacts//x",
        ),
        "runs:/r1/%" + "25" * 20 + "2e",
    ],
)
def test_a_source_cannot_climb_or_be_a_path_of_a_machine(source: str) -> None:
    with pytest.raises(InvalidInput):
        parse_source(source)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=130), st.integers(1, 10**6))
def test_a_versions_address_leads_back_to_it(name: str, version: int) -> None:
    if MODEL_NAME.match(name) and len(name.encode()) <= MAX_FOLDER_BYTES:
        uri = version_uri(name, version)
        assert parse_address(uri.removeprefix("mlflow-artifacts:/")) == (VersionFiles(name, version), "")
        assert set("%?# ").isdisjoint(uri)
