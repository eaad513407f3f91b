"""A build begins on a working warehouse that is sound and of this version, and says what it did."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pytest

from publish.quality import begin
from tests.faults.test_archive import cut_short, fill_with_rubbish, overwrite_the_middle

HARMS = pytest.mark.parametrize("harm", [cut_short, overwrite_the_middle, fill_with_rubbish])


@pytest.fixture
def build(parsed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working warehouse of some blocks in a home of its own."""
    from orchestration.transformation import dbt_manifest

    dbt_manifest()  # reads what is parsed once
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    path = tmp_path / "build.duckdb"
    begin(path, "before")
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("create schema marts")
        warehouse.execute(
            "create table marts.fct_changes as"
            " select range as change_key, hash(range) as sha from range(100000)"
        )
    return path


def tables(path: Path) -> set[str]:
    with duckdb.connect(str(path), read_only=True) as warehouse:
        found = warehouse.execute("select table_name from duckdb_tables()").fetchall()
    return {name for (name,) in found}


@HARMS
def test_a_damaged_working_warehouse_is_set_aside_and_one_line_says_so(
    build: Path, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    from orchestration.transformation import set_damaged_aside

    harm(build)
    rest = build.read_bytes()
    set_damaged_aside(build)
    assert not build.exists()
    assert build.with_name("build.damaged").read_bytes() == rest
    said = "build.duckdb is damaged: it is now build.damaged, and built again"
    assert caplog.messages == [said]


def test_a_working_warehouse_that_is_good_stays_and_so_does_none(
    build: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from orchestration.transformation import set_damaged_aside

    before = build.read_bytes()
    set_damaged_aside(build)
    set_damaged_aside(build.with_name("none.duckdb"))
    assert build.read_bytes() == before
    assert [path.name for path in build.parent.glob("*.d*")] == ["build.duckdb"]
    assert caplog.messages == []


class AtDbt(Exception):
    """A build has come to where dbt would run."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Begin a build as a refresh does, as far as to dbt."""
    from orchestration import transformation

    def dbt(*_: Any, **__: Any) -> None:
        raise AtDbt

    monkeypatch.setattr(transformation, "build", dbt)

    def begin_build() -> None:
        context = SimpleNamespace(
            op_execution_context=SimpleNamespace(retry_number=0), is_subset=False, run_id="now"
        )
        refresh = SimpleNamespace(as_of="2024-03-05", full=False)
        with pytest.raises(AtDbt):
            next(transformation.dbt_models(context, refresh))

    return begin_build


def test_a_build_goes_on_from_what_is_good(build: Path, begun: Callable[[], None]) -> None:
    begun()
    assert tables(build) >= {"fct_changes", "quality_results", "made_by"}


def test_a_build_sets_aside_what_is_damaged_before_it_reads_it(
    build: Path, begun: Callable[[], None]
) -> None:
    fill_with_rubbish(build)
    begun()
    assert build.with_name("build.damaged").exists()
    assert "quality_results" in tables(build) and "fct_changes" not in tables(build)


def test_a_build_replaces_what_another_version_made(
    build: Path, begun: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create schema builds; create table builds.builds (build_no bigint)")
    begun()
    assert "fct_changes" not in tables(build)
    [line] = caplog.messages
    assert line.startswith("the working warehouse was made by an older flowhouse")


def test_a_model_says_how_many_rows_it_has_and_how_long_it_took(
    build: Path, tmp_path: Path
) -> None:
    from orchestration.transformation import events

    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create table marts.dim_work_items as from range(1000)")
        warehouse.execute("delete from marts.dim_work_items where range < 10")
    models = {"model.flowhouse.fct_changes", "model.flowhouse.dim_work_items"}
    results = tmp_path / "run_results.json"
    outcome = {"status": "success", "execution_time": 1.5, "failures": None}
    results.write_text(json.dumps({"results": [{"unique_id": key, **outcome} for key in models]}))
    context = SimpleNamespace(is_subset=False, selected_asset_check_keys=set())
    outputs = {
        event.output_name: {name: of.value for name, of in event.metadata.items()}
        for event in events(context, results, models, {})
        if isinstance(event, dg.Output)
    }
    assert outputs["marts__fct_changes"] == {
        "status": "success", "seconds": 1.5, "dagster/row_count": 100_000,
    }  # fmt: skip
    # Items are deleted and written anew: DuckDB's own number has those that are gone.
    assert outputs["marts__dim_work_items"]["dagster/row_count"] == 990
    # Nothing of the others has changed, and they are no tables here.
    stays = {"status": "depends on nothing that changed"}
    assert outputs["marts__dim_stages"] == stays
