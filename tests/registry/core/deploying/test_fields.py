"""The table of fields is whole: every key of the documents has its row, and every row its key."""

import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument
from registry.core.deploying.fields import DEPLOYMENT_FIELDS, ENDPOINT_FIELDS, Effect, Field, leaves, written
from registry.core.deploying.plans import plan_fields

TABLES = [(EndpointDocument, ENDPOINT_FIELDS), (DeploymentDocument, DEPLOYMENT_FIELDS)]


@pytest.mark.parametrize(("document", "table"), TABLES, ids=["endpoint", "deployment"])
def test_every_key_has_a_row_and_every_row_a_key(
    document: type[EndpointDocument | DeploymentDocument], table: dict[str, Field]
) -> None:
    assert sorted(leaves(document)) == sorted(table)


def test_a_key_without_a_value_is_not_written() -> None:
    values = {"name": "cancer", "traffic": None, "traffic_key": {"header": "x-user"}, "description": ""}
    assert written(values, ENDPOINT_FIELDS) == {"name", "traffic_key.header", "description"}


def test_a_value_that_is_not_said_is_what_holds_nevertheless() -> None:
    (planned,) = plan_fields({"count": Field(Effect.REVISION, absent=64)}, {}, {}, {"count": 32}, [])
    assert (planned.value, planned.before, planned.source, planned.changes) == (64, 32, "default", True)
