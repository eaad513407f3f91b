"""A build does what rests on a change, and all of that; what it leaves out stays proven."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract import fingerprints
from orchestration import changes
from publish.quality import begin, kept_results, lack_of_proof, record_results, unproven
from tests.flow import scratch

AT_NINE = scratch.moment("2024-03-04 09:00")
ISSUE = {"key": "A-1", "created_at": AT_NINE, "updated_at": AT_NINE, "payload": {}}


@pytest.fixture(scope="module")
def manifest(golden_warehouse: scratch.ScratchWarehouse) -> dict[str, Any]:
    return json.loads((golden_warehouse.project / "target" / "manifest.json").read_text())


BEFORE = {
    "project": "its files",
    "company": "company",
    "as_of": "2024-03-05 00:00:00",
    "source.flowhouse.jira.issues": "two rows",
    "source.flowhouse.jenkins.builds": "one row",
    "source.flowhouse.jira.load_audits": "one row",
    "seed.flowhouse.wip_limits": "no line",
}


def built_of(
    manifest: dict[str, Any], before: dict[str, str], now: dict[str, str]
) -> set[str] | None:
    """Return what may become another."""
    return changes.to_build(manifest, changes.reasons(manifest, before, now))


def named(manifest: dict[str, Any], **changed: str) -> set[str] | None:
    """Return the names of what is built when some inputs changed."""
    now = {
        **BEFORE,
        **{(k if k in BEFORE else f"source.flowhouse.{k}"): v for k, v in changed.items()},
    }
    found = built_of(manifest, BEFORE, now)
    return None if found is None else {manifest["nodes"][key]["name"] for key in found}


def test_where_nothing_changed_only_the_refresh_notes_itself(manifest: dict[str, Any]) -> None:
    built = named(manifest)
    assert "refreshes" in built
    assert not {name for name in built if name.startswith(("stg_", "int_", "fct_", "dim_"))}


def test_a_table_is_followed_to_all_that_rests_on_it_and_to_nothing_else(
    manifest: dict[str, Any],
) -> None:
    built = named(manifest, **{"jenkins.builds": "two rows"})
    assert {"stg_jenkins__builds", "fct_ci_runs", "primary_key_fct_ci_runs_ci_run_key"} <= built
    assert "every_changelog_entry_is_whole" not in built
    assert not {"stg_jira__issues", "fct_status_transitions", "stages"} & built
    built = named(manifest, **{"jira.issues": "three rows"})
    assert {"stg_jira__issues", "fct_stage_visits", "metric_flow"} <= built
    assert {
        "no_item_is_lost_between_the_sources_and_the_facts",
        "littles_law_holds_exactly",
    } <= built
    assert not {"stg_jenkins__builds", "stages", "primary_key_dim_stages_stage_key"} & built


def test_a_changed_seed_is_loaded_and_followed_alone(manifest: dict[str, Any]) -> None:
    now = {**BEFORE, "seed.flowhouse.wip_limits": "a line"}
    built = {manifest["nodes"][key]["name"] for key in built_of(manifest, BEFORE, now)}
    assert {"wip_limits", "dim_wip_limits", "metric_wip"} <= built
    assert not {"stages", "dim_stages", "stg_jira__issues"} & built


def test_another_instant_ages_what_asks_for_it_and_what_rests_on_that(
    manifest: dict[str, Any],
) -> None:
    built = named(manifest, as_of="2024-03-06 00:00:00")
    asking = {
        path.stem
        for path in (scratch.PROJECT / "models").rglob("*.sql")
        if "as_of()" in path.read_text()
    }
    assert len(asking) > 5 and asking <= built
    assert "stg_jira__issues" not in built


@pytest.mark.parametrize("what", ["project", "company"])
def test_other_definitions_build_everything(manifest: dict[str, Any], what: str) -> None:
    assert named(manifest, **{what: "another"}) is None


def test_a_first_build_and_one_after_a_failure_build_everything(manifest: dict[str, Any]) -> None:
    assert built_of(manifest, {}, BEFORE) is None


def test_another_address_of_a_tool_is_in_every_version_of_its_items(
    manifest: dict[str, Any],
) -> None:
    before = {**BEFORE, "web_addresses": '{"jira": "https://one.example"}'}
    assert built_of(manifest, before, before) == built_of(manifest, BEFORE, BEFORE)
    now = {**BEFORE, "web_addresses": '{"jira": "https://two.example"}'}
    assert built_of(manifest, before, now) is None


def test_a_raw_table_that_came_or_went_is_a_change(manifest: dict[str, Any]) -> None:
    less = {name: word for name, word in BEFORE.items() if "jenkins" not in name}
    for before, now in ((BEFORE, less), (less, BEFORE)):
        key = "model.flowhouse.stg_jenkins__builds"
        assert key in built_of(manifest, before, now)


def test_the_word_for_the_project_changes_with_each_file(tmp_path: Path) -> None:
    words = set()
    for text in ("select 1", "select 2"):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / "one.sql").write_text(text)
        (tmp_path / "dbt_project.yml").write_text("name: x")
        (tmp_path / "profiles.yml").write_text("x: {}")
        words.add(changes.project_word.__wrapped__(tmp_path))
    (tmp_path / "models" / "one.sql").rename(tmp_path / "models" / "two.sql")
    words.add(changes.project_word.__wrapped__(tmp_path))
    assert len(words) == 3


@pytest.mark.parametrize("small", [100_000, 0])
def test_a_load_and_an_erasure_change_the_word_for_a_raw_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    monkeypatch.setattr(fingerprints, "SMALL", small)
    issues = [{"id": key, **ISSUE} for key in "12"]
    scratch.write_raw(tmp_path / "raw", {("jira", "issues"): issues})
    first = fingerprints.raw_tables()
    assert first == fingerprints.raw_tables()
    assert {"jira/issues", "jira/load_audits", "gitlab/pipelines"} <= first.keys()

    def changed_by(statement: str) -> set[str]:
        before = fingerprints.raw_tables()
        with duckdb.connect(str(tmp_path / "raw" / "raw_jira.duckdb")) as raw:
            raw.execute(statement)
        after = fingerprints.raw_tables()
        return {name for name in before if before[name] != after[name]}

    # A row that was read again as it was tells nothing new; in a large table nobody looks.
    again = changed_by("update jira.issues set _dlt_load_id = 'b'")
    assert again == (set() if small else {"jira/issues"})
    # But of issues it counts when they were read.
    again = changed_by("update jira.issues set _fetched_at = now()")
    assert again == ({"jira/issues"} if small else set())
    assert changed_by(
        "update jira.issues set payload = '[]', _dlt_load_id = 'c' where id = '2'"
    ) == {"jira/issues"}
    assert changed_by("delete from jira.issues where id = '1'") == {"jira/issues"}
    before = fingerprints.raw_tables()
    (tmp_path / "forgotten.txt").write_text("a" * 20)
    after = fingerprints.raw_tables()
    assert {name for name in before if before[name] != after[name]} == set(before)


def test_every_raw_table_and_every_seed_is_an_input(
    manifest: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    scratch.write_raw(tmp_path / "raw", {("jira", "issues"): [{"id": "1", **ISSUE}]})
    seeds = {key for key, node in manifest["nodes"].items() if node["resource_type"] == "seed"}
    for key in seeds:  # the golden company has a folder of its own
        manifest["nodes"][key]["original_file_path"] = "dbt_project.yml"
    words = changes.present_inputs(manifest, "2024-03-05 00:00:00", "company")
    assert seeds | manifest["sources"].keys() <= words.keys()


def test_only_known_models_ask_when_a_row_was_read() -> None:
    """Or a table that is listed anew as it was would be a change; but for what is told to be."""
    asking = [
        path.stem.removeprefix("stg_").replace("__", "/")
        for folder in ("models", "macros", "tests")
        for path in (scratch.PROJECT / folder).rglob("*.sql")
        if "_fetched_at" in path.read_text()
    ]
    assert asking == [*fingerprints.READ_WHEN]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A working warehouse whose last build ran three tests, of which one warned."""
    nodes = {
        f"test.flowhouse.rule_{n}": {
            "name": f"rule_{n}",
            "config": {"severity": "warn" if n == 2 else "error"},
            "depends_on": {"nodes": []},
        }
        for n in (1, 2, 3)
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    run(tmp_path, "first", {1: "pass", 2: "warn", 3: "pass"})
    return tmp_path


def run(folder: Path, refresh_id: str, statuses: dict[int, str], kept: dict | None = None) -> str:
    """Record a build that ran some of the tests, and return what `unproven` says of it."""
    build = folder / "build.duckdb"
    begin(build, refresh_id)
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(
            f"create or replace table meta.refreshes as select '{refresh_id}' as refresh_id"
        )
    outcomes = [
        {"unique_id": f"test.flowhouse.rule_{n}", "status": status, "failures": n if n == 2 else 0}
        for n, status in statuses.items()
    ]
    results = folder / "run_results.json"
    results.write_text(json.dumps({"results": outcomes}))
    record_results(
        build, refresh_id, dbt_results=results, manifest=folder / "manifest.json",
        expectation_results=folder / "none.json", kept=kept or {},
    )  # fmt: skip
    return unproven(results, folder / "manifest.json", kept=kept or {})


def test_a_test_that_would_find_the_same_keeps_its_result(recorded: Path) -> None:
    build = recorded / "build.duckdb"
    nodes = json.loads((recorded / "manifest.json").read_text())
    kept = kept_results(build, nodes, {"test.flowhouse.rule_1", "test.flowhouse.rule_2", "model.x"})
    assert run(recorded, "second", {3: "pass"}, kept) == ""
    assert lack_of_proof(build) == ""
    with duckdb.connect(str(build), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select test, severity, status, failures from meta.quality_results"
            " where refresh_id = 'second' order by test"
        ).fetchall()
    assert rows == [
        ("rule_1", "error", "pass", 0),
        ("rule_2", "warn", "warn", 2),
        ("rule_3", "error", "pass", 0),
    ]


def test_a_test_without_any_result_is_missing_though_nothing_changed(recorded: Path) -> None:
    nodes = json.loads((recorded / "manifest.json").read_text())
    run(recorded, "second", {1: "pass"})
    kept = kept_results(recorded / "build.duckdb", nodes, {"test.flowhouse.rule_2"})
    assert kept["test.flowhouse.rule_2"]["status"] == "missing"
    run(recorded, "third", {1: "pass", 3: "pass"}, kept)
    assert "rule_2 (missing)" in lack_of_proof(recorded / "build.duckdb")
    assert run(recorded, "fourth", {1: "pass", 3: "pass"}) == "1 test has no result: rule_2"


def test_what_was_built_from_counts_while_its_results_do(recorded: Path) -> None:
    build = recorded / "build.duckdb"
    assert changes.of_last_build(build) == {}
    changes.note(build, "first", BEFORE)
    assert changes.of_last_build(build) == BEFORE
    begin(build, "second")
    assert changes.of_last_build(build) == {}
    run(recorded, "second", {1: "pass", 2: "warn", 3: "pass"})
    assert changes.of_last_build(build) == {}  # noted for the first one
    changes.note(build, "second", BEFORE)
    assert changes.of_last_build(build) == BEFORE
    run(recorded, "third", {1: "fail", 2: "warn", 3: "pass"})
    changes.note(build, "third", BEFORE)
    assert changes.of_last_build(build) == {}
