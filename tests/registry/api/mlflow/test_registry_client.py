"""Every call of MLflow's model registry, by its real client."""

from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException


@pytest.fixture
def client(url: str) -> MlflowClient:
    return MlflowClient(url)


@pytest.fixture
def run_id(client: MlflowClient) -> str:
    """A run with two files below "model"."""
    run_id: str = client.create_run("0").info.run_id
    client.log_text(run_id, "first", "model/a.txt")
    client.log_text(run_id, "second", "model/deep/b.txt")
    return run_id


@pytest.fixture
def versions(client: MlflowClient, run_id: str) -> list[str]:
    """Three versions of "cancer"."""
    client.create_registered_model("cancer", tags={"team": "alpha"}, description="Diagnoses")
    return [client.create_model_version("cancer", f"runs:/{run_id}/model", run_id).version for _ in range(3)]


def code_of(function: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(MlflowException) as caught:
        function(*arguments, **named)
    return str(caught.value.error_code)


def test_a_model_is_made_found_changed_and_deleted(client: MlflowClient) -> None:
    made = client.create_registered_model("cancer", tags={"team": "alpha"}, description="Diagnoses")
    assert (made.name, made.tags, made.description) == ("cancer", {"team": "alpha"}, "Diagnoses")
    assert code_of(client.create_registered_model, "cancer") == "RESOURCE_ALREADY_EXISTS"
    assert client.update_registered_model("cancer", "# Card").description == "# Card"
    client.set_registered_model_tag("cancer", "stage", "beta")
    client.delete_registered_model_tag("cancer", "team")
    client.delete_registered_model_tag("cancer", "never was")
    assert client.get_registered_model("cancer").tags == {"stage": "beta"}
    client.delete_registered_model("cancer")
    assert code_of(client.get_registered_model, "cancer") == "RESOURCE_DOES_NOT_EXIST"
    assert client.search_registered_models() == []
    assert client.create_registered_model("cancer").tags == {}


def test_a_version_is_made_found_changed_and_deleted(client: MlflowClient, versions: list[str], run_id: str) -> None:
    assert versions == ["1", "2", "3"]
    version = client.get_model_version("cancer", "2")
    assert (version.version, version.run_id, version.status) == ("2", run_id, "READY")
    assert (version.source, version.current_stage) == (f"runs:/{run_id}/model", "None")
    assert client.update_model_version("cancer", "2", "better").description == "better"
    client.set_model_version_tag("cancer", "2", "checked", "yes")
    assert client.get_model_version("cancer", "2").tags == {"checked": "yes"}
    client.delete_model_version_tag("cancer", "2", "checked")
    assert client.get_model_version("cancer", "2").tags == {}
    client.delete_model_version("cancer", "3")
    assert code_of(client.get_model_version, "cancer", "3") == "RESOURCE_DOES_NOT_EXIST"
    assert code_of(client.delete_model_version, "cancer", "3") == "RESOURCE_DOES_NOT_EXIST"
    assert client.create_model_version("cancer", "s3://bucket/model").version == "4"


def test_numbers_go_on_when_a_model_is_deleted_and_made_again(client: MlflowClient, versions: list[str]) -> None:
    client.delete_registered_model("cancer")
    client.create_registered_model("cancer")
    assert client.create_model_version("cancer", "s3://bucket/model").version == "4"
    assert [version.version for version in client.search_model_versions("name = 'cancer'")] == ["4"]


def test_a_model_is_renamed_with_all_it_has(client: MlflowClient, versions: list[str], tmp_path: Any) -> None:
    client.set_registered_model_alias("cancer", "champion", "2")
    client.transition_model_version_stage("cancer", "3", "Staging")
    client.set_model_version_tag("cancer", "1", "old", "yes")
    client.rename_registered_model("cancer", "tumour")
    renamed = client.get_registered_model("tumour")
    assert (renamed.name, renamed.tags, renamed.description) == ("tumour", {"team": "alpha"}, "Diagnoses")
    assert client.get_model_version_by_alias("tumour", "champion").version == "2"
    assert client.get_model_version("tumour", "1").tags == {"old": "yes"}
    assert code_of(client.get_registered_model, "cancer") == "RESOURCE_DOES_NOT_EXIST"
    mlflow.artifacts.download_artifacts(
        client.get_model_version_download_uri("tumour", "1"), dst_path=str(tmp_path), tracking_uri=client.tracking_uri
    )
    assert (tmp_path / "1" / "deep" / "b.txt").read_text() == "second"
    client.create_registered_model("cancer")
    assert client.create_model_version("cancer", "s3://bucket/model").version == "4"
    assert code_of(client.rename_registered_model, "cancer", "tumour") == "RESOURCE_ALREADY_EXISTS"


def test_aliases_are_set_moved_found_and_deleted(client: MlflowClient, versions: list[str]) -> None:
    client.set_registered_model_alias("cancer", "champion", "1")
    client.set_registered_model_alias("cancer", "champion", 2)
    client.set_registered_model_alias("cancer", "challenger", "3")
    assert client.get_model_version_by_alias("cancer", "champion").version == "2"
    assert client.get_registered_model("cancer").aliases == {"champion": "2", "challenger": "3"}
    assert client.get_model_version("cancer", "2").aliases == ["champion"]
    client.delete_model_version("cancer", "2")
    client.delete_registered_model_alias("cancer", "challenger")
    client.delete_registered_model_alias("cancer", "never-was")
    assert client.get_registered_model("cancer").aliases == {}
    with pytest.raises(MlflowException, match="Registered model alias champion not found") as caught:
        client.get_model_version_by_alias("cancer", "champion")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    assert code_of(client.set_registered_model_alias, "cancer", "champion", "2") == "RESOURCE_DOES_NOT_EXIST"
    assert code_of(client.set_registered_model_alias, "cancer", "a b", "1") == "INVALID_PARAMETER_VALUE"


def test_stages_move_and_archive(client: MlflowClient, versions: list[str]) -> None:
    client.transition_model_version_stage("cancer", "1", "production")
    client.transition_model_version_stage("cancer", "2", "Staging")
    moved = client.transition_model_version_stage("cancer", "3", "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production"
    newest = {version.current_stage: version.version for version in client.get_latest_versions("cancer")}
    assert newest == {"Archived": "1", "Staging": "2", "Production": "3"}
    assert [one.version for one in client.get_latest_versions("cancer", ["staging"])] == ["2"]
    assert {one.version for one in client.get_registered_model("cancer").latest_versions} == {"1", "2", "3"}
    assert code_of(client.transition_model_version_stage, "cancer", "1", "Heaven") == "INVALID_PARAMETER_VALUE"
    assert (
        code_of(client.transition_model_version_stage, "cancer", "1", "Archived", archive_existing_versions=True)
        == "INVALID_PARAMETER_VALUE"
    )
    assert code_of(client.get_latest_versions, "nothing") == "RESOURCE_DOES_NOT_EXIST"


def test_models_are_searched(client: MlflowClient) -> None:
    for name, tags in (("b cell", {"team": "x"}), ("a cell", {"team": "y"}), ("other", {})):
        client.create_registered_model(name, tags=tags)

    def found(*arguments: Any, **named: Any) -> list[str]:
        return [model.name for model in client.search_registered_models(*arguments, **named)]

    assert found() == ["a cell", "b cell", "other"]
    assert found("name LIKE '% cell' AND tags.team != 'y'") == ["b cell"]
    assert found("name IN ('other', 'a cell')", order_by=["name DESC"]) == ["other", "a cell"]
    assert found(order_by=["last_updated_timestamp DESC"], max_results=2) == ["other", "a cell"]
    first = client.search_registered_models(max_results=2)
    assert [one.name for one in client.search_registered_models(max_results=2, page_token=first.token)] == ["other"]
    assert code_of(client.search_registered_models, "colour = 'red'") == "INVALID_PARAMETER_VALUE"
    assert code_of(client.search_registered_models, max_results=1001) == "INVALID_PARAMETER_VALUE"


def test_versions_are_searched(client: MlflowClient, versions: list[str], run_id: str) -> None:
    client.create_registered_model("other")
    client.create_model_version("other", "s3://bucket/model", tags={"big": "yes"})

    def found(*arguments: Any, **named: Any) -> list[tuple[str, str]]:
        return [(one.name, one.version) for one in client.search_model_versions(*arguments, **named)]

    assert found()[0] == ("other", "1")
    assert found("name = 'cancer'", order_by=["version_number ASC"]) == [("cancer", one) for one in versions]
    assert found(f"run_id = '{run_id}' AND version_number > 2") == [("cancer", "3")]
    assert found("source_path LIKE 's3:%' AND tags.big = 'yes'") == [("other", "1")]
    assert len(found(max_results=2)) == 2
    assert code_of(client.search_model_versions, max_results=200_001) == "INVALID_PARAMETER_VALUE"


def test_prompts_are_kept_and_left_out_of_searches(client: MlflowClient, url: str, versions: list[str]) -> None:
    mlflow.set_tracking_uri(url)
    try:
        mlflow.genai.register_prompt("greeting", "Hello {{ name }}", commit_message="the first")
        mlflow.genai.register_prompt("greeting", "Hi {{ name }}")
        mlflow.genai.set_prompt_alias("greeting", "live", 1)
        assert mlflow.genai.load_prompt("prompts:/greeting@live").template == "Hello {{ name }}"
        assert [prompt.name for prompt in client.search_prompts()] == ["greeting"]
    finally:
        mlflow.set_tracking_uri(None)
    assert [model.name for model in client.search_registered_models()] == ["cancer"]
    assert {version.name for version in client.search_model_versions()} == {"cancer"}


def test_a_version_without_files_here_is_downloaded_from_its_source(client: MlflowClient) -> None:
    client.create_registered_model("cancer")
    client.create_model_version("cancer", "s3://bucket/model")
    assert client.get_model_version_download_uri("cancer", "1") == "s3://bucket/model"


def test_names_that_uris_read_otherwise_are_downloaded(client: MlflowClient, run_id: str, tmp_path: Any) -> None:
    for number, name in enumerate(("a b", "100 % sure?", "c#d=e", "Überleben")):
        client.create_registered_model(name)
        client.create_model_version(name, f"runs:/{run_id}/model", run_id)
        uri = client.get_model_version_download_uri(name, "1")
        folder = tmp_path / str(number)
        folder.mkdir()
        mlflow.artifacts.download_artifacts(uri, dst_path=str(folder), tracking_uri=client.tracking_uri)
        assert (folder / "1" / "deep" / "b.txt").read_text() == "second"
