"""Where the edge binds and where it keeps its files."""

from pathlib import Path

import msgspec


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` outlives the process; ``runtime_dir`` is short and private: a socket's path over 107 bytes fails."""

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
    def config_file(self) -> Path:
        return self.data_dir / "haproxy.cfg"

    @property
    def table_file(self) -> Path:
        return self.data_dir / "routing.json"

    @property
    def process_file(self) -> Path:
        return self.data_dir / "haproxy.json"

    @property
    def ring_dir(self) -> Path:
        return self.data_dir / "rings"

    @property
    def admin_socket(self) -> Path:
        return self.runtime_dir / "admin.sock"
