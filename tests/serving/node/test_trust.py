from pathlib import Path

import pytest

from registry.core.errors import Unavailable
from registry.core.imaging.signatures import SignaturePolicy
from registry.operations.imaging.signing import rotate_key, set_policy
from registry.operations.workspace import open_workspace
from serving.node.trust import known_trust
from tests.registry.conftest import serve


def test_what_the_registry_said_last_counts_while_it_is_away(tmp_path: Path) -> None:
    workspace = open_workspace(f"sqlite:///{tmp_path}/registry.db", "memory://")
    node = tmp_path / "node"
    with serve(workspace, tmp_path / "images") as url:
        assert known_trust(url, node).policy is SignaturePolicy.REQUIRE
        key = rotate_key(workspace)
        set_policy(workspace, SignaturePolicy.WARN)
        told = known_trust(url, node)
    workspace.close()

    assert (told.policy, told.keys) == (SignaturePolicy.WARN, {key.id: key.public_key})
    assert known_trust(url, node) == told
    with pytest.raises(Unavailable):
        known_trust(url, tmp_path / "other")
