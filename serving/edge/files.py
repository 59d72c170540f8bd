"""The edge's files on disk: HAProxy's configuration and maps, the last table; written whole or not at all."""

from pathlib import Path

import msgspec

from registry.core.security.rs256 import public_pem
from serving.edge.config import TOKEN_KEY_FILE, render_config
from serving.edge.maps import map_text, maps_of, token_key
from serving.wire.routing import RoutingTable

CONFIG_NAME = "haproxy.cfg"


def write_haproxy_files(folder: Path, table: RoutingTable) -> None:
    """Write all that HAProxy reads for ``table`` below ``folder``, its working folder.

    Raises:
        UnsafeValue: the table holds a value that may not be written; nothing is.
    """
    texts = {CONFIG_NAME: render_config(table)}
    texts |= {name: map_text(entries) for name, entries in maps_of(table).items()}
    if public := token_key(table):
        texts[TOKEN_KEY_FILE] = public_pem(public)
    for name, text in texts.items():
        replace_file(folder / name, text.encode())


def read_table(path: Path) -> RoutingTable | None:
    """Return the table of an earlier life, or None if there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RoutingTable)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def replace_file(path: Path, content: bytes) -> None:
    """Write beside, private, then rename. A file that has this content already is left alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() == content:
        return
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(0o600)
    partial.write_bytes(content)
    partial.replace(path)
