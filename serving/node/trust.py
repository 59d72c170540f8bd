"""Whose signatures count, for an image that is served alone: as the registry says, or while it is away, said last.

A replica in the cluster is told by the controller.
"""

import hashlib
import tempfile
from pathlib import Path

import msgspec

from registry.client import Client
from registry.core.errors import Unavailable
from registry.core.imaging.signatures import Trust


def known_trust(registry_url: str, node: Path) -> Trust:
    """Ask the registry whose signatures count, or remember what it said last.

    Raises:
        Unavailable: it is away and was never asked before on this node.
    """
    kept = node / f"trust-{hashlib.sha256(registry_url.encode()).hexdigest()[:16]}.json"
    try:
        with Client(registry_url) as client:
            answer = client.trust.get()
    except Unavailable:
        if not kept.exists():
            raise
        return msgspec.json.decode(kept.read_bytes(), type=Trust)
    trust = Trust(policy=answer.policy, keys={key.id: key.public_key for key in answer.keys})
    node.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=node, prefix="new-", delete=False) as file:
        file.write(msgspec.json.encode(trust))
    Path(file.name).rename(kept)
    return trust
