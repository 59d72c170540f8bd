"""Where the edge binds and where it keeps its files."""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from serving.edge.errors import SettingsInvalid, UnsafeValue
from serving.edge.names import checked

LONGEST_SOCKET_PATH = 107 - 16  # HAProxy binds under a temporary name that is longer


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` outlives the process; ``runtime_dir`` is short and private (0700), for sockets."""

    host: str
    http_port: int
    grpc_port: int
    registry_url: str
    controller_url: str
    telemetry_url: str
    data_dir: Path
    runtime_dir: Path
    secret_file: Path

    @property
    def http_address(self) -> str:
        """Where a process of this machine reaches the HTTP port."""
        return f"{self._reachable_host}:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        return f"{self._reachable_host}:{self.grpc_port}"

    @property
    def controller_address(self) -> str:
        """``host:port`` of the controller."""
        parts = urlsplit(self.controller_url)
        return f"{parts.netloc}:80" if parts.port is None else parts.netloc

    @property
    def _reachable_host(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"[{host}]" if ":" in host else host

    @property
    def log_socket(self) -> Path:
        """Where HAProxy sends its lines: the same for every life of the agent."""
        return self.runtime_dir / "log.sock"

    @property
    def grpc_socket(self) -> Path:
        """Where HAProxy sends the calls that name no endpoint: the same for every life of the agent."""
        return self.runtime_dir / "grpc.sock"

    @property
    def mirror_socket(self) -> Path:
        """Where scoring processes hand over what is to be copied."""
        return self.runtime_dir / "mirror.sock"

    @property
    def copies_socket(self) -> Path:
        """Where HAProxy takes copies in, over HTTP."""
        return self.runtime_dir / "copies.sock"

    @property
    def copies_grpc_socket(self) -> Path:
        return self.runtime_dir / "copies-grpc.sock"

    @property
    def table_file(self) -> Path:
        return self.data_dir / "routing.json"

    @property
    def process_file(self) -> Path:
        return self.data_dir / "haproxy.json"

    @property
    def rings(self) -> Path:
        return self.data_dir / "rings"


def prepare_folders(settings: EdgeSettings) -> None:
    """Make the edge's folders, private.

    Raises:
        SettingsInvalid: a folder cannot be used, or a socket's path would be too long.
    """
    longest = settings.runtime_dir / f"{'0' * 12}.sock"
    if len(str(longest).encode()) > LONGEST_SOCKET_PATH:
        raise SettingsInvalid(f"{settings.runtime_dir} is too long for sockets: choose a shorter --runtime-dir")
    try:
        for folder in (settings.data_dir, settings.runtime_dir, settings.rings):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise SettingsInvalid(f"cannot use {error.filename}: {error.strerror}") from error


def read_secret(settings: EdgeSettings) -> str:
    """Return the cluster's edge secret.

    Raises:
        SettingsInvalid: the file cannot be read, or holds what no header can.
    """
    try:
        return checked("secret", settings.secret_file.read_text().strip())
    except OSError as error:
        raise SettingsInvalid(f"cannot read the edge's secret {settings.secret_file}: {error.strerror}") from error
    except (UnsafeValue, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{settings.secret_file} must hold 16 to 256 characters of A-Za-z0-9-_.~+/=") from error
