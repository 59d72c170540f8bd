import io
import tarfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import BuildFailed
from registry.core.images import IMAGE_LABEL, LAYER_ANNOTATION, ImageConfig, Runtime
from registry.images.build import BuildInputs, ModelInput, build_image
from registry.images.code import code_entries
from registry.images.layout import ImageLayout
from registry.images.lock import check_requirements
from registry.images.pack import Entry, entry_of_bytes, entry_of_file
from registry.images.scoring import scoring_package, scoring_requirements

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"
SCRIPT = b"def init(): ...\ndef run(data): return data\n"


def inputs(*files: Entry, script: bytes | None = None) -> BuildInputs:
    return BuildInputs(
        model=ModelInput("cancer", 1, "run1", files or (entry_of_bytes("model.onnx", ONNX),)),
        code=() if script is None else (entry_of_bytes("score.py", script),),
        scoring_script=None if script is None else "score.py",
        lock=b"numpy==2.0.0 --hash=sha256:00\n",
        python="3.11",
        architecture="amd64",
        scoring=(entry_of_bytes("__main__.py", b"print()"),),
    )


def quiet(progress: float, line: str) -> None:
    pass


def names(layout: ImageLayout, digest: str) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(layout.path(digest).read_bytes())) as tar:
        return [member.name for member in tar if member.isfile()]


def test_an_onnx_image_has_scoring_environment_and_model(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    built = build_image(layout, inputs(), quiet)

    content = {layer.annotations[LAYER_ANNOTATION]: names(layout, layer.digest) for layer in built.manifest.layers}
    assert content == {
        "scoring": ["opt/slipway/scoring/slipway_scoring/__main__.py"],
        "environment": ["opt/slipway/requirements.lock"],
        "model": ["var/azureml-app/azureml-models/cancer/1/model.onnx"],
    }
    assert built.config.runtime is Runtime.ONNX
    assert built.size_bytes == sum(path.stat().st_size for path in (tmp_path / "blobs/sha256").iterdir())


def test_a_script_image_has_the_code_on_top(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    built = build_image(layout, inputs(entry_of_bytes("model.joblib", b"x"), script=SCRIPT), quiet)

    top = built.manifest.layers[-1]
    assert top.annotations == {LAYER_ANNOTATION: "code"}
    assert names(layout, top.digest) == ["var/azureml-app/score.py"]
    assert (built.config.runtime, built.config.scoring_script) == (Runtime.SCRIPT, "score.py")


def test_the_description_is_in_the_configs_label(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    built = build_image(layout, inputs(), quiet)

    document = msgspec.json.decode(layout.path(built.manifest.config.digest).read_bytes())
    assert msgspec.json.decode(document["config"]["Labels"][IMAGE_LABEL], type=ImageConfig) == built.config
    assert document["rootfs"]["diff_ids"] == [layer.digest for layer in built.manifest.layers]


def test_the_same_inputs_give_the_same_digest_elsewhere(tmp_path: Path) -> None:
    digests = set()
    for place, mode in (("here", 0o600), ("over/there", 0o755)):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        model = folder / "model.onnx"
        model.write_bytes(ONNX)
        model.chmod(mode)
        digests.add(build_image(ImageLayout(folder), inputs(entry_of_file("model.onnx", model)), quiet).digest)

    assert len(digests) == 1


def test_only_the_changed_layer_is_new(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    model = entry_of_bytes("model.joblib", b"x")
    first = build_image(layout, inputs(model, script=SCRIPT), quiet)
    second = build_image(layout, inputs(model, script=SCRIPT + b"# changed\n"), quiet)

    changed = {layer.digest for layer in second.manifest.layers} - {layer.digest for layer in first.manifest.layers}
    assert changed == {second.manifest.layers[-1].digest}


def test_progress_grows_to_the_end_with_a_line_per_layer(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    build_image(ImageLayout(tmp_path), inputs(), lambda progress, line: seen.append((progress, line)))

    assert [line.split(":")[0] for _, line in seen] == ["layer scoring", "layer environment", "layer model"]
    assert [progress for progress, _ in seen] == sorted(progress for progress, _ in seen)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (replace(inputs(), scoring_script="score.py"), r"no score\.py"),
        (inputs(script=b"def init(: ..."), r"score\.py, line 1"),
        (inputs(entry_of_bytes("model.onnx", b"PK")), "not an ONNX model"),
        (inputs(entry_of_bytes("model.pkl", b"x")), "scoring_script"),
        (replace(inputs(), code=(entry_of_bytes("azureml-models/x", b""),)), "where the model goes"),
        (replace(inputs(), python="3"), "python is '3'"),
    ],
)
def test_a_bad_input_stores_nothing(tmp_path: Path, bad: BuildInputs, message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        build_image(ImageLayout(tmp_path), bad, quiet)
    assert list((tmp_path / "blobs/sha256").iterdir()) == []


def test_the_code_folder_arrives_as_it_was_sent(tmp_path: Path) -> None:
    archive = tmp_path / "code.tar"
    with tarfile.open(archive, "w") as tar:
        for path, content in (("./score.py", SCRIPT), ("pkg/data.bin", b"\0" * 2000)):
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

    found = {entry.path: b"".join(entry.read()) for entry in code_entries(archive)}
    assert found == {"score.py": SCRIPT, "pkg/data.bin": b"\0" * 2000}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("../x", tarfile.REGTYPE, "climbs"),
        ("/etc/x", tarfile.REGTYPE, "absolute"),
        ("link", tarfile.SYMTYPE, "not a plain file"),
        ("hard", tarfile.LNKTYPE, "not a plain file"),
        ("null", tarfile.CHRTYPE, "not a plain file"),
    ],
)
def test_a_code_folder_that_leads_elsewhere_is_refused(tmp_path: Path, name: str, kind: bytes, message: str) -> None:
    archive = tmp_path / "code.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = "/etc/passwd"
        tar.addfile(info)

    with pytest.raises(BuildFailed, match=message):
        code_entries(archive)


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "code.tar").write_bytes(b"PK not a tar" * 100)

    with pytest.raises(BuildFailed, match="did not arrive as a tar"):
        code_entries(tmp_path / "code.tar")


def test_the_scoring_package_is_found_as_data() -> None:
    entries = {entry.path: entry for entry in scoring_package()}

    assert "__init__.py" in entries
    assert any(line.startswith("numpy") for line in check_requirements(scoring_requirements()))
    assert all(path.endswith(".py") for path in entries)
