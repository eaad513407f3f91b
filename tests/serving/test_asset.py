"""The copy as a step of every refresh: only where it is set, and never in the way of the file."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from orchestration import gate, outcome, publication
from orchestration.ingestion import RefreshOptions
from publish.postgres import FORM
from publish.snapshot import publish
from tests.publish.published_file import write_published_file
from tests.serving.server import Server

SETTING = "FLOWHOUSE_POSTGRES_URL"
KEY = dg.AssetKey(["published", "postgres"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with one published version; the models are those that its file has."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    node = {
        "schema": "marts", "name": "dim_work_items", "resource_type": "model",
    }  # fmt: skip
    test = {
        "resource_type": "test", "column_name": "work_item_version_key", "attached_node": "model.x",
        "test_metadata": {"name": "primary_key"},
    }  # fmt: skip
    manifest = {"nodes": {"model.x": node, "test.x": test}}
    monkeypatch.setattr(publication, "dbt_manifest", lambda: manifest)
    before = os.umask(0o022)
    publish(write_published_file(tmp_path / "built.duckdb"), tmp_path / "published")
    yield tmp_path
    os.umask(before)


def run(options: RefreshOptions) -> list:
    step = publication.published_postgres.op.compute_fn.decorated_fn  # without the gate
    return [*step(dg.build_asset_context(), options)]


def test_the_step_is_there_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "dbt_manifest", lambda: {"nodes": {}})
    for value, is_there in (("", False), ("postgresql://h/d", True)):
        monkeypatch.setenv(SETTING, value)
        options = dg.Definitions(resources={"refresh": RefreshOptions()})
        defs = dg.Definitions.merge(publication.build_publication(), options)
        graph = defs.resolve_asset_graph()
        assert (KEY in graph.get_all_asset_keys()) is is_there
    assert graph.get(KEY).parent_keys == {dg.AssetKey(["published", "warehouse"])}


def test_readers_of_postgres_get_what_was_published(
    home: Path, reader: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, reader.url())
    options = RefreshOptions()
    options.published_with([])
    made, check = run(options)
    assert check.passed and made.metadata["dagster/row_count"] > 50
    with psycopg.connect(reader.url("reader")) as link:
        [(items,)] = link.execute("select count(*) from marts.dim_work_items").fetchall()
        [(key,)] = link.execute(
            "select conname from pg_constraint where contype = 'p'"
            " and conrelid = 'marts.dim_work_items'::regclass"
        ).fetchall()
    assert (items, key) == (9, "dim_work_items_pkey")
    came = options._came_to(dg.DagsterInstance.ephemeral(), "no run")
    assert came == (outcome.PUBLISHED, [])


def test_a_server_that_is_down_makes_a_refresh_partial(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "postgresql://u:hush-hush@127.0.0.1:9/d")
    options = RefreshOptions()
    options.published_with(["jira: a gap"])
    left, check = run(options)
    assert left.metadata and not check.passed and check.severity == dg.AssetCheckSeverity.WARN
    came = options._came_to(dg.DagsterInstance.ephemeral(), "no run")
    line = f"{SETTING}: Connection refused"
    assert came == (outcome.PARTIAL, ["jira: a gap", line])
    assert check.description == line


def test_an_address_that_is_none_stops_a_refresh_at_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path))
    monkeypatch.setenv(SETTING, "warehouse.example.com:5432")
    with pytest.raises(gate.Stopped) as stopped:
        gate.check(gate.RefreshRequest())
    assert (stopped.value.code, stopped.value.lines) == (gate.BAD_CONFIGURATION, [FORM])
