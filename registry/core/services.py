"""Where the other processes of the workspace can be reached; each announces itself."""

from enum import StrEnum

import msgspec


class ServiceName(StrEnum):
    CONTROLLER = "controller"
    TELEMETRY = "telemetry"
    EDGE = "edge"


class Service(msgspec.Struct, frozen=True, kw_only=True):
    name: ServiceName
    url: str
    grpc: str = ""  # host:port, of the edge only
    updated_ms: int
