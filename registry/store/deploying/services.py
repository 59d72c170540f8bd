"""Rows of the other processes' addresses."""

import sqlalchemy as sa

from registry.core.services import Service, ServiceName
from registry.store.metadata import Connection
from registry.store.schema import services


def put(tx: Connection, service: Service) -> None:
    values = {"url": service.url, "grpc": service.grpc, "updated_ms": service.updated_ms}
    if tx.execute(sa.update(services).where(services.c.name == service.name).values(values)).rowcount == 0:
        tx.execute(sa.insert(services).values(name=service.name, **values))


def all_services(tx: Connection) -> list[Service]:
    """Return what has announced itself, by name."""
    rows = tx.execute(sa.select(services).order_by(services.c.name))
    return [Service(name=ServiceName(row.name), url=row.url, grpc=row.grpc, updated_ms=row.updated_ms) for row in rows]
