"""MLflow's client on a running registry; these tests run over both databases."""

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


@pytest.fixture
def database(each_database: str) -> str:
    return each_database
