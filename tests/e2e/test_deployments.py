"""A deployment's life in the cluster."""

import httpx
import pytest

from tests.e2e.town import SCALED, Steady, Town, eventually

pytestmark = pytest.mark.e2e


def test_a_failing_init_gets_no_traffic_and_its_activity_shows_the_scripts_own_line(town: Town) -> None:
    with Steady(town) as load:
        done = town.deploy("red", "town-broken", check=False)
        load.wait_for(10)
    assert done.returncode == 1
    assert "ValueError: no such column: age" in done.stderr
    assert "score.py:3" in done.stderr
    assert set(load.statuses) == {200}
    shown = town.json("deployment", "show", "town/red")
    assert [revision["state"] for revision in shown["revisions"]] == ["failed"]
    assert "Traceback" in town.slipway("logs", "town/red").stdout
    with town.client() as client:
        answer = client.post("/endpoints/town/score", json={}, headers={"azureml-model-deployment": "red"})
    assert answer.status_code == 404
    town.slipway("deployment", "delete", "town/red")


def test_a_replica_that_answers_otherwise_than_its_image_did_is_never_ready_and_the_difference_is_told(
    town: Town,
) -> None:
    town.build("town-scaled", "azureml:town:1", SCALED, sample={"data": [[1.0, 2.0], [3.0, 4.0]]})
    shown = town.slipway("image", "show", "town-scaled").stdout
    assert "town-scaled-sample.json at /score" in shown
    assert "200 [3.0, 7.0]" in shown
    done = town.deploy("grey", "town-scaled", environment_variables={"SCALE": "2"}, check=False)
    assert done.returncode == 1
    assert "not answered as when the image was built: $[0]: expected 3.0, got 6.0" in done.stderr
    town.deploy("grey", "town-scaled")
    assert len(town.replicas("grey")) == 1
    town.slipway("deployment", "delete", "town/grey")


def test_an_image_in_which_one_byte_was_changed_never_starts_and_its_activity_names_the_blob(town: Town) -> None:
    town.build("town-changed", "azureml:town:1", SCALED + "# and one byte will be another\n")
    blob = town.json("image", "show", "town-changed")["layers"][-1]["digest"]
    file = town.home / "workspace/registry/images/blobs/sha256" / blob.removeprefix("sha256:")
    good = file.read_bytes()
    file.write_bytes(good.replace(b"another", b"anotheR"))
    done = town.deploy("grey", "town-changed", check=False)
    assert done.returncode == 1
    assert f"blob {blob} of image town-changed arrived damaged" in done.stderr
    verified = town.slipway("image", "verify", "town-changed", check=False)
    assert (verified.returncode, f"layer {blob} is damaged" in verified.stderr) == (1, True)
    file.write_bytes(good)
    town.deploy("grey", "town-changed")
    town.slipway("deployment", "delete", "town/grey")


def test_a_new_revision_takes_over_without_a_failed_request(town: Town) -> None:
    before = {replica["replica"] for replica in town.replicas("blue")}
    with Steady(town) as load:
        town.deploy("blue", "town-onnx", instance_count=2, environment_variables={"REVISION": "two"}, keep_warm_s=0)
        load.wait_for(20)
        eventually(lambda: not before & {replica["replica"] for replica in town.replicas("blue")})
        load.wait_for(20)
    assert set(load.statuses) == {200}
    states = [revision["state"] for revision in town.json("deployment", "show", "town/blue")["revisions"]]
    assert states[-2:] == ["retired", "live"]


def test_a_deployment_with_traffic_is_not_deleted(town: Town) -> None:
    done = town.slipway("deployment", "delete", "town/blue", check=False)
    assert done.returncode == 1
    assert "traffic" in done.stderr


def test_every_request_is_a_row_and_no_line_is_missing(town: Town) -> None:
    marks = [f"row-{number}" for number in range(20)]
    with town.client() as client:
        for mark in marks:
            headers = {"x-ms-client-request-id": mark}
            client.post("/endpoints/town/score", json={"data": [[0, 0]]}, headers=headers)

    def recorded() -> bool:
        rows = town.json("requests", "town", "--limit", "1000")
        return {row["client_request_id"] for row in rows} >= set(marks)

    eventually(recorded)
    url = f"http://127.0.0.1:{town.ports['telemetry']}/v1/integrity"
    assert httpx.get(url, trust_env=False).json()["missing"] == 0


def test_a_model_tells_how_much_its_versions_were_asked(town: Town) -> None:
    with town.client() as client:
        client.post("/endpoints/town/score", json={"data": [[0, 0]]})

    def version_asked() -> int | None:
        shown = town.json("model", "show", "town")
        counted = {one["backend"] for one in shown["requests"]}
        for version in shown["lineage"]:
            if any(f"town.{use['deployment']}.{use['revision']}" in counted for use in version["deployments"]):
                return int(version["version"])
        return None

    eventually(lambda: version_asked() is not None)
    rows = town.json("requests", "--model", f"town:{version_asked()}", "--limit", "1000")
    assert {row["endpoint"] for row in rows} == {"town"}
