import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.core.imaging.signatures import Trust

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What ``slipway image serve`` was about to serve with."""
    given: dict[str, Any] = {}

    def serve_alone(**settings: Any) -> int:
        given.update(settings)
        return 0

    monkeypatch.setattr("serving.node.running.serve_alone.serve_alone", serve_alone)
    monkeypatch.setattr("serving.node.trust.known_trust", lambda url, node: Trust())
    return given


def test_an_image_served_alone_is_kept_in_the_workspaces_folder(
    slipway: Slipway, served: dict[str, Any], tmp_path: Path
) -> None:
    command = ["image", "serve", "cancer-onnx:1", "--url", "http://127.0.0.1:1/"]
    assert slipway(*command).returncode == 0
    assert (served["state_dir"], served["registry_url"]) == (tmp_path / "workspace", "http://127.0.0.1:1")
    slipway(*command, "--state-dir", str(tmp_path / "other"))
    assert served["state_dir"] == tmp_path / "other"
