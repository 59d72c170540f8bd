"""MLflow's own clients: the one of its scoring server, and the one of its deployments."""

import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from tests.serving.clients.places import Place
from tests.serving.edge.tables import KEY

ROWS = np.array([[1.0, 2.0, 3.0], [0.25, -8.0, 0.5]])
EXPECTED = [[-6.5], [-17.25]]


@pytest.mark.parametrize("linear_at", ["port"], indirect=True)  # it sends no key, which an edge wants
def test_the_scoring_servers_client_finds_it_ready_and_scores(linear_at: Place) -> None:
    host, port = linear_at.http.removeprefix("http://").split(":")
    client = ScoringServerClient(host, int(port))
    client.wait_server_ready(timeout=5)
    assert client.get_version()
    for data in (ROWS, pd.DataFrame(ROWS), pd.DataFrame(ROWS, columns=["a", "b", "c"])):
        answer = client.invoke(data, params={"temperature": 0.5})
        assert answer.get_predictions("ndarray").tolist() == EXPECTED
        assert answer.get_predictions().to_numpy().tolist() == EXPECTED
    with pytest.raises(Exception, match=r"error code 400.*expected shape"):
        client.invoke(ROWS[:, :2])


@pytest.mark.parametrize("linear_at", ["edge"], indirect=True)  # which knows endpoints
def test_the_deployments_client_scores_an_endpoint_by_its_name(
    linear_at: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", KEY)
    client = get_deploy_client(linear_at.http)
    for inputs in ({"inputs": ROWS.tolist()}, {"dataframe_split": {"columns": ["a", "b", "c"], "data": ROWS.tolist()}}):
        assert client.predict(endpoint="linear", inputs=inputs) == {"predictions": EXPECTED}
    with pytest.raises(requests.HTTPError, match=r"400 Client Error.*expected shape"):
        client.predict(endpoint="linear", inputs={"inputs": [[1.0]]})
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "wrong")
    with pytest.raises(requests.HTTPError, match="401"):
        client.predict(endpoint="linear", inputs={"inputs": ROWS.tolist()})
