"""One workspace for all end-to-end tests but those of its own life."""

from collections.abc import Iterator

import pytest

from tests.e2e.town import BROKEN, ECHO, Town, make_onnx


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    try:
        town.up()
        model = town.log_model(make_onnx(town.folder / "model.onnx"))
        town.build("town-onnx", model)
        town.build("town-echo", model, ECHO)
        town.build("town-broken", model, BROKEN)
        document = {"name": "town", "auth_mode": "key", "traffic_key": {"header": "x-user-id"}}
        town.key = town.json("endpoint", "create", "-f", town.document("endpoint", document))["keys"]["primary"]
        town.deploy("blue", "town-onnx", instance_count=2)
        town.deploy("green", "town-echo", request_settings={"request_timeout_ms": 2000})
        town.slipway("endpoint", "update", "--name", "town", "--traffic", "blue=100")
        yield town
    finally:
        town.slipway("down", check=False)
