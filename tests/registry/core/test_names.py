import pytest

from registry.core.errors import InvalidInput
from registry.core.names import check_name, parse_image_reference, parse_model_reference


@pytest.mark.parametrize("name", ["cancer", "my model", "Überleben 2", "a%b#c?d", "-", "..a", "x" * 128, "ü" * 127])
def test_a_model_may_be_called_almost_anything(name: str) -> None:
    assert check_name("model", name) == name
    assert parse_model_reference(f"azureml:{name}:3") == (name, 3, None)
    assert parse_model_reference(f"{name}@champion") == (name, None, "champion")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a:b", "a@b", "a\\b", "a\nb", "a\x00", "a\x7f", " a", "a ", "\u2028", "x" * 129, "模" * 86],
)
def test_a_models_name_is_one_folders_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="invalid model name"):
        check_name("model", name)


@pytest.mark.parametrize("alias", ["champion", "v", "v1b", "12", "a-b_c", "x" * 255])
def test_an_alias_is_a_word(alias: str) -> None:
    assert check_name("alias", alias) == alias


@pytest.mark.parametrize("alias", ["", "latest", "LATEST", "v1", "V20", "a b", "a.b", "x" * 256])
def test_what_reads_as_a_version_is_no_alias(alias: str) -> None:
    with pytest.raises(InvalidInput, match="invalid alias name"):
        check_name("alias", alias)


@pytest.mark.parametrize("name", ["cancer", "team/cancer", "a/b/c-d/e__f.g", "a---b", "x" * 128])
def test_an_image_may_lie_in_a_folder(name: str) -> None:
    assert parse_image_reference(f"{name}:1") == (name, "1", None)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "A", "a/../b", "a_-b", "-a", "a.", "x" * 129, "ü"])
def test_an_images_name_is_ocis(name: str) -> None:
    with pytest.raises(InvalidInput, match="invalid image name"):
        check_name("image", name)
