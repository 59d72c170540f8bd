"""Migrations lead from every earlier version, and from nothing, to the same tables on both databases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from registry.core.deploying.engine_settings import Batching
from registry.core.deploying.history import live_revisions
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.errors import Unavailable
from registry.core.imaging.image_views import ImageMove
from registry.store import migrations, schema, settings
from registry.store.deploying import deployments, endpoints, history
from registry.store.engines import open_engine
from registry.store.imaging import image_tags, manifests
from registry.store.metadata import open_metadata
from registry.store.modelling import model_uses, model_versions
from registry.store.tracking import artifacts, runs
from tests.servers.postgresql import Postgresql

RUN = "a" * 32
IMAGE = "sha256:" + "c" * 64
EARLIER = [
    "INSERT INTO runs VALUES ('" + RUN + "', 0, 'one', 'ada', 'FINISHED', 'active', 'mlflow-artifacts:/0/a', 1, 2)",
    "INSERT INTO params VALUES ('" + RUN + "', 'lr', '0.1')",
    "INSERT INTO run_tags VALUES ('" + RUN + "', 'team', 'blue')",
    "INSERT INTO metrics VALUES ('" + RUN + "', 'acc', 1, 5, 0.9, false)",
    "INSERT INTO latest_metrics VALUES ('" + RUN + "', 'acc', 1, 5, 0.9, false)",
    "INSERT INTO artifacts VALUES ('" + RUN + "', 'model/model.onnx', '" + "b" * 64 + "', 7)",
    "INSERT INTO models VALUES ('cancer', 3, 4)",
    "INSERT INTO model_versions VALUES ('cancer', 1, '" + RUN + "', 'model', '', 3)",
    "INSERT INTO model_files VALUES ('cancer', 1, 'model/model.onnx', '" + "b" * 64 + "', 7)",
    "INSERT INTO images VALUES ('onnx', '" + IMAGE + "', '{}', '[]', 7, '{}', '', 5)",
    "INSERT INTO image_tags VALUES ('onnx', 'latest', '" + IMAGE + "')",
]


@pytest.fixture
def second_database(request: pytest.FixtureRequest, empty_database: str, tmp_path: Path) -> str:
    """Another database without tables, of the same kind."""
    if empty_database.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/second.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.empty_database()


def test_a_new_database_is_what_migrations_lead_to(empty_database: str, second_database: str) -> None:
    with open_metadata(empty_database).read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), schema.metadata) == []
        made, rows, written = _shape(tx), _rows(tx), _written(tx)
    migrate(second_database, "0001")
    with open_metadata(second_database).read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), schema.metadata) == []
        assert _shape(tx) == made
        assert _written(tx) == written
        assert _rows(tx) == rows


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first", ["0001", "head", None])
def test_all_text_of_postgresql_is_ordered_by_characters(empty_database: str, first: str | None) -> None:
    if first:
        migrate(empty_database, first)
    texts = sa.text(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('character varying', 'text')"
    )
    with open_metadata(empty_database).read() as tx:
        others = [row for row in tx.execute(texts) if row.collation_name != "C" and row.table_name != "alembic_version"]
    assert others == []


def test_an_earlier_database_keeps_what_is_in_it(empty_database: str) -> None:
    migrate(empty_database, "0002", EARLIER)
    with open_metadata(empty_database).read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), schema.metadata) == []
        run = runs.find(tx, "a" * 32)
        assert run is not None
        assert (run.params, run.tags, run.metrics[0].value) == ({"lr": "0.1"}, {"team": "blue"}, 0.9)
        assert artifacts.find(tx, "a" * 32, "model/model.onnx") is not None
        assert tx.scalar(sa.select(schema.latest_metrics.c.experiment_id)) == 0
        assert tx.scalar(sa.select(schema.metrics.c.value)) == 0.9
        version = model_versions.find(tx, "cancer", 1)
        assert version is not None
        assert tx.scalar(sa.select(schema.model_versions.c.source)) == f"runs:/{'a' * 32}/model"
        manifest = manifests.find(tx, "onnx", image_tags.tags(tx, "onnx")["latest"])
        assert manifest == (IMAGE, "application/vnd.oci.image.manifest.v1+json")
        assert settings.read(tx, settings.IMAGES_TO_SIGN) is not None
        assert image_tags.moves(tx, "onnx") == [ImageMove(tag="latest", digest=IMAGE, before=None, at_ms=5)]


def test_revisions_of_an_earlier_database_have_one_worker_and_are_among_the_uses_of_their_models(
    empty_database: str,
) -> None:
    migrate(
        empty_database,
        "0009",
        [
            "INSERT INTO endpoints VALUES ('cancer', 'Cancer', '', '{}', 'key', '{}', NULL, 1, 1)",
            "INSERT INTO deployments VALUES ('cancer', 'blue', 'Blue', '', '{}', 1, 1)",
            "INSERT INTO revisions VALUES ('cancer', 'blue', 3, 'cancer-onnx:1', 'sha256:a', 1, '{}', '{}', 'once',"
            """ '{"cancer": 2, "trees": 1}', 'live', '', 'a1', 7)""",
        ],
    )
    with open_metadata(empty_database).read() as tx:
        uses = model_uses.of_models(tx, ["cancer", "trees"])
        assert tx.scalar(sa.select(schema.revisions.c.worker_count)) == 1
        blue = deployments.find(tx, "cancer", "blue")
    assert blue is not None
    assert blue.live is not None
    assert (blue.live.batching, blue.live.response_cache) == (Batching(), None)
    assert set(uses) == {("cancer", 2), ("trees", 1)}
    assert [(use.backend, use.state, use.endpoint) for use in uses["cancer", 2]] == [
        ("cancer.blue.3", "live", "Cancer")
    ]


def test_the_history_of_an_earlier_databases_endpoint_begins_with_what_it_is(empty_database: str) -> None:
    migrate(
        empty_database,
        "0014",
        [
            "INSERT INTO endpoints VALUES"
            """ ('cancer', 'Cancer', '', '{"team": "x"}', 'key', '{"Blue": 100}', 'x-id', 1, 9)""",
            f"INSERT INTO endpoint_keys VALUES ('cancer', 'primary', '{'b' * 64}')",
            "INSERT INTO deployments VALUES ('cancer', 'blue', 'Blue', '', '{}', 1, 1)",
            *(
                f"INSERT INTO revisions VALUES ('cancer', 'blue', {number}, 'cancer-onnx:1', 'sha256:a', 2, '{{}}',"
                f""" '{{}}', 'once', '{{"cancer": 2}}', '{state}', '', 'a1', 7, '{{}}', NULL, 1)"""
                for number, state in ((1, "retired"), (2, "live"))
            ),
        ],
    )
    with open_metadata(empty_database).read() as tx:
        change = history.last(tx, "cancer")
        assert change is not None
        assert change.endpoint == endpoints.find(tx, "cancer")
        assert change.live == live_revisions(deployments.of_endpoint(tx, "cancer"))
    assert (change.number, change.release, change.before, change.at_ms, change.who) == (1, 1, None, 9, "")
    assert [(one.deployment, one.revision, one.models) for one in change.live] == [("Blue", 2, {"cancer": 2})]


def test_endpoints_of_an_earlier_database_are_sticky_by_their_header_with_a_salt_of_their_own(
    empty_database: str,
) -> None:
    made = (
        "INSERT INTO endpoints VALUES ('{0}', '{0}', '', '{{}}', 'key', '{{\"blue\": 90, \"green\": 10}}', {1}, 1, 1)"
    )
    migrate(empty_database, "0009", [made.format("one", "'X-User'"), made.format("other", "NULL")])
    with open_metadata(empty_database).read() as tx:
        one, other = endpoints.all_endpoints(tx)
    assert (one.traffic_key, other.traffic_key) == (TrafficKey(header="x-user"), None)
    assert one.intervals == other.intervals == [(1000, "green"), (10_000, "blue")]
    assert len({one.salt, other.salt, ""}) == 3


def test_the_newest_version_is_the_last_migration() -> None:
    versions = sorted((Path(migrations.__file__).parent / "versions").glob("0*.py"))
    assert versions[-1].name.startswith(f"{migrations.HEAD}_")


def test_a_database_of_a_newer_program_is_left_alone(empty_database: str) -> None:
    migrate(empty_database, "head", ["UPDATE alembic_version SET version_num = '9999'"])
    with pytest.raises(Unavailable, match=r"9999.*newer slipway"):
        open_metadata(empty_database)


def test_a_migration_that_fails_changes_nothing(empty_database: str) -> None:
    migrate(empty_database, "0002", [*EARLIER, "CREATE TABLE model_moves (id INTEGER)"])
    with pytest.raises(sa.exc.DBAPIError, match="model_moves"):
        open_metadata(empty_database)
    with open_engine(empty_database).begin() as tx:
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0002"
        assert "run_models" not in sa.inspect(tx).get_table_names()
        assert tx.exec_driver_sql("SELECT run_id FROM artifacts").scalar() == RUN


def migrate(url: str, revision: str, then: Sequence[str] = ()) -> None:
    """Bring a database to a version, and run statements on it."""
    engine = open_engine(url)
    with engine.begin() as tx:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = tx
        command.upgrade(config, revision)
        for statement in then:
            tx.exec_driver_sql(statement)
    engine.dispose()


def _shape(tx: sa.Connection) -> dict[str, Any]:
    look = sa.inspect(tx)
    return {
        name: {
            "columns": {
                one["name"]: (str(one["type"].compile(tx.dialect)), one["nullable"], one["default"])
                for one in look.get_columns(name)
            },
            "key": look.get_pk_constraint(name),
            "foreign": sorted(look.get_foreign_keys(name), key=str),
            "unique": sorted(look.get_unique_constraints(name), key=str),
            "indexes": sorted(look.get_indexes(name), key=str),
        }
        for name in look.get_table_names()
        if name != "alembic_version"  # Alembic's own
    }


def _written(tx: sa.Connection) -> set[str]:
    """Return the indexes on expressions, which the inspector of SQLite passes over."""
    if tx.dialect.name != "sqlite":
        return set()
    return {sql for (sql,) in tx.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql LIKE '%INDEX%substr%'")}


def _rows(tx: sa.Connection) -> dict[str, list[object]]:
    tables = sa.inspect(tx).get_table_names()
    return {name: [tuple(row) for row in tx.exec_driver_sql(f"SELECT * FROM {name}")] for name in sorted(tables)}
