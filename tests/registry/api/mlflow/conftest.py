import pytest
from mlflow import MlflowClient


@pytest.fixture
def client(url: str) -> MlflowClient:
    """MLflow's real client of a running registry."""
    return MlflowClient(url)


@pytest.fixture
def run_id(client: MlflowClient) -> str:
    """A run of the default experiment."""
    run_id: str = client.create_run("0").info.run_id
    return run_id
