import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from registry.core.imaging.images import Image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.workspace import Workspace
from tests.registry.operations.signed_image import NAME, flip, make_image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    """The images of the registry at ``url``."""
    return open_image_works(tmp_path / "images")


@pytest.fixture
def image(workspace: Workspace, works: ImageWorks) -> Image:
    return make_image(workspace, works)


def test_an_image_is_signed_and_verified_and_a_damaged_blob_is_exit_code_1(
    slipway: Slipway, url: str, works: ImageWorks, image: Image
) -> None:
    unsigned = slipway("image", "verify", f"{NAME}:1", "--url", url)
    assert (unsigned.returncode, "it is not signed" in unsigned.stderr) == (1, True)

    signed = json.loads(slipway("image", "sign", f"{NAME}:1", "-o", "json", "--url", url).stdout)
    whole = slipway("image", "verify", f"{NAME}@{image.digest}", "--url", url)
    assert (whole.returncode, whole.stdout) == (0, f"{NAME}@{image.digest} is whole and as it was signed\n")
    as_json = json.loads(slipway("image", "verify", NAME, "-o", "json", "--url", url).stdout)
    assert (as_json["state"], as_json["result"]) == ("succeeded", {"digest": image.digest})

    flip(works, image.layers[-1].digest)
    damaged = slipway("image", "verify", f"{NAME}:1", "--url", url)
    assert damaged.returncode == 1
    assert damaged.stderr == f"error: verify of {NAME}:1 failed: layer {image.layers[-1].digest} is damaged\n"
    assert json.loads(slipway("trust", "list", "-o", "json", "--url", url).stdout)["keys"][0]["id"] == signed["key"]


def test_keys_are_added_rotated_and_removed(slipway: Slipway, url: str, tmp_path: Path) -> None:
    assert "no keys yet" in slipway("trust", "list", "--url", url).stdout
    file = tmp_path / "farm.pub"
    file.write_text(base64.b64encode(bytes(SigningKey(b"2" * 32).verify_key)).decode() + "\n")
    added = json.loads(slipway("trust", "add", "build-farm", "-f", str(file), "-o", "json", "--url", url).stdout)
    own = json.loads(slipway("trust", "rotate", "-o", "json", "--url", url).stdout)
    shown = slipway("trust", "list", "--url", url).stdout
    assert all(text in shown for text in (added["id"], own["id"], "build-farm", "policy: require"))

    assert slipway("trust", "remove", added["id"], "--url", url).stdout == f"{added['id']} is trusted no more\n"
    refused = slipway("trust", "remove", own["id"], "--url", url)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    file.write_text("no key")
    assert slipway("trust", "add", "x", "-f", str(file), "--url", url).returncode == 2
    missing = slipway("trust", "add", "x", "-f", str(tmp_path / "missing"), "--url", url)
    assert (missing.returncode, missing.stderr) == (
        2,
        f"error: cannot read {tmp_path}/missing: No such file or directory\n",
    )


def test_the_policy_is_one_of_three_words(slipway: Slipway, url: str) -> None:
    assert slipway("trust", "policy", "warn", "--url", url).stdout == "policy: warn\n"
    assert json.loads(slipway("trust", "list", "-o", "json", "--url", url).stdout)["policy"] == "warn"
    assert slipway("trust", "policy", "--url", url).stdout == "policy: warn\n"
    assert json.loads(slipway("trust", "policy", "-o", "json", "--url", url).stdout) == {"policy": "warn"}
    assert slipway("trust", "policy", "maybe", "--url", url).returncode == 2
