import pytest

from registry.core.errors import BuildFailed
from registry.core.imaging.images import Runtime
from registry.images.inputs import ModelInput, check_inputs
from registry.images.mlmodel import MLmodel, find_mlmodel, mlflow_requirements
from registry.images.pack import Entry, entry_of_bytes

SKLEARN = b"flavors: {python_function: {loader_module: mlflow.sklearn}, sklearn: {}}\nmlflow_version: 3.1.4\n"
ONNX = b"flavors: {python_function: {loader_module: mlflow.onnx}, onnx: {data: model.onnx}}\nmlflow_version: 3.1.4\n"
GRAPH = b"\x08\x0a\x3a\x02\x0a\x00"


def files(**named: bytes) -> tuple[Entry, ...]:
    return tuple(
        entry_of_bytes(name.replace("__", "/").replace("_onnx", ".onnx"), body) for name, body in named.items()
    )


def runtime(*given: Entry) -> Runtime:
    return check_inputs([ModelInput("cancer", 1, None, given)], (), None)


def test_a_model_with_a_python_function_needs_no_code() -> None:
    assert runtime(*files(model__MLmodel=SKLEARN)) is Runtime.MLFLOW


def test_a_python_function_that_holds_an_onnx_file_runs_itself() -> None:
    assert runtime(*files(model__MLmodel=SKLEARN, model__artifacts__net_onnx=GRAPH)) is Runtime.MLFLOW


def test_a_model_of_the_flavour_onnx_is_run_by_onnxruntime_alone() -> None:
    assert runtime(*files(model__MLmodel=ONNX, model__model_onnx=GRAPH)) is Runtime.ONNX


def test_a_model_without_python_function_is_told_what_to_do() -> None:
    with pytest.raises(BuildFailed, match="or one that MLflow logged with a python_function"):
        runtime(*files(model__MLmodel=b"flavors: {sklearn: {}}\n"))


def test_the_outermost_model_is_meant() -> None:
    found = find_mlmodel("cancer:1", files(model__artifacts__inner__MLmodel=ONNX, model__MLmodel=SKLEARN))
    assert found is not None
    assert found.runs_itself
    assert find_mlmodel("cancer:1", files(model__model_onnx=GRAPH)) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (files(a__MLmodel=SKLEARN, b__MLmodel=SKLEARN), "model cancer:1 has 2 MLmodel files side by side: a/MLmodel"),
        (files(MLmodel=b"- 1"), "MLmodel of model cancer:1 is not what MLflow writes"),
        (files(MLmodel=b"a: ["), "MLmodel of model cancer:1 is not what MLflow writes"),
        (files(MLmodel=b"\xff"), "MLmodel of model cancer:1 is not what MLflow writes"),
        (files(MLmodel=bytes((1 << 20) + 1)), "1,048,577 bytes"),
    ],
)
def test_what_is_no_mlmodel_is_refused(given: tuple[Entry, ...], message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        find_mlmodel("cancer:1", given)


@pytest.mark.parametrize(
    ("users", "own"),
    [
        (["scikit-learn==1.5"], ["mlflow-skinny==3.1.4", "pandas"]),
        (["mlflow==3.1.4", "scikit-learn"], []),
        (["MLflow[extras]>=2"], []),
        (["mlflow_skinny==3.0"], ["pandas"]),
        (["mlflow-export==1"], ["mlflow-skinny==3.1.4", "pandas"]),
    ],
)
def test_mlflow_itself_is_added_unless_it_is_named(users: list[str], own: list[str]) -> None:
    assert mlflow_requirements(MLmodel({"python_function": {}}, "3.1.4"), users) == own


def test_a_model_that_does_not_say_which_mlflow_logged_it_gets_a_new_one() -> None:
    assert mlflow_requirements(MLmodel({}), []) == ["mlflow-skinny>=2.22", "pandas"]


@pytest.mark.parametrize(
    ("users", "own"),
    [
        ([], ["setuptools<81", "mlflow-skinny==2.9.2", "pandas"]),
        (["mlflow==2.9.2"], ["setuptools<81"]),
        (["setuptools==70", "mlflow==2.9.2"], []),
    ],
)
def test_an_older_mlflow_gets_the_setuptools_that_it_imports(users: list[str], own: list[str]) -> None:
    assert mlflow_requirements(MLmodel({}, "2.9.2"), users) == own
