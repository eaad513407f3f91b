"""No proof can be switched off, left out or forgotten without notice."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from extract.sources import SOURCES
from publish.quality import record_results, unproven, without_result
from tests.flow import faults, proofs, scratch

WARNING = {
    "changes_are_merged_after_they_are_written",
    "deployments_end_after_they_start",
    "every_environment_is_known",
    "every_feed_names_what_is_there",
    "every_incident_has_a_service",
    "every_repository_has_a_service",
    "every_scope_has_a_value_stream",
    "every_status_has_a_stage",
    "every_type_of_work_is_known",
    "few_histories_are_flawed",
    "links_lead_to_what_is_loaded",
    "relationships_dim_work_items_parent_work_item_key__work_item_key__ref_dim_work_items_",
    "unmapped_time_is_below_one_per_cent",
}
"""Tests of what sources and seeds say, which people have to mend: all others stop publication."""


@pytest.fixture
def copy(golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path) -> scratch.ScratchWarehouse:
    """A project that dbt has parsed already, to be changed."""
    shutil.copytree(golden_warehouse.project, tmp_path / "project")
    return scratch.ScratchWarehouse(tmp_path, golden_warehouse.as_of)


def manifest_of(built: scratch.ScratchWarehouse) -> Path:
    return built.project / "target" / "manifest.json"


def results_of(built: scratch.ScratchWarehouse) -> Path:
    return built.project / "target" / "run_results.json"


def said(done: subprocess.CompletedProcess) -> str:
    return " ".join((done.stdout + done.stderr).split())


def renamed_model(project: Path) -> str:
    test = project / "tests" / "moments_of_an_item_are_in_order.sql"
    test.write_text(test.read_text().replace("fct_work_item_flows", "fct_flows_of_old"))
    return "depends on a node named 'fct_flows_of_old' in package '' which was not found"


def descriptions_are_missing(project: Path) -> str:
    test = project / "tests" / "moments_of_an_item_are_in_order.yml"
    test.write_text(test.read_text().replace("name: moments", "name: instants"))
    return "instants_of_an_item_are_in_order"


def old_syntax(project: Path) -> str:
    model = project / "models" / "marts" / "dim_teams.yml"
    model.write_text(f"models: []\n{model.read_text()}")
    return "Duplicate key 'models'"


@pytest.mark.parametrize("change", [renamed_model, descriptions_are_missing, old_syntax])
def test_what_dbt_warns_of_does_not_parse(
    copy: scratch.ScratchWarehouse, change: Callable[[Path], str]
) -> None:
    told = change(copy.project)
    done = copy.dbt("parse")
    assert done.returncode != 0
    assert told in said(done)


def test_a_test_that_warns_is_still_a_warning(golden_warehouse: scratch.ScratchWarehouse) -> None:
    statuses = {
        result["unique_id"].split(".")[2]: result["status"]
        for result in json.loads(results_of(golden_warehouse).read_text())["results"]
    }
    assert statuses["every_status_has_a_stage"] == "warn"


def test_a_disabled_test_has_no_result(copy: scratch.ScratchWarehouse) -> None:
    test = copy.project / "tests" / "moments_of_an_item_are_in_order.sql"
    test.write_text("{{ config(enabled=false) }}\n" + test.read_text())
    test.with_suffix(".yml").unlink()  # it would describe a test that is not there
    done = copy.dbt("parse")
    assert done.returncode == 0, done.stdout
    line = "1 test has no result: moments_of_an_item_are_in_order"
    assert unproven(results_of(copy), manifest_of(copy)) == line


def test_a_result_that_is_missing_is_named_and_stored(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    told = json.loads(results_of(golden_warehouse).read_text())
    told["results"] = [
        result
        for result in told["results"]
        if not result["unique_id"].endswith((".littles_law_holds_exactly", ".distributions_add_up"))
    ]
    fewer = tmp_path / "run_results.json"
    fewer.write_text(json.dumps(told))
    line = "2 tests have no result: distributions_add_up, littles_law_holds_exactly"
    assert unproven(fewer, manifest_of(golden_warehouse)) == line
    stored = stored_results(fewer, golden_warehouse, tmp_path)
    assert {test for test, status in stored.items() if status == "missing"} == {
        "distributions_add_up", "littles_law_holds_exactly",
    }  # fmt: skip


def test_a_run_without_results_proves_nothing(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    line = unproven(tmp_path / "none.json", manifest_of(golden_warehouse))
    assert re.fullmatch(r"\d+ tests have no result: .* and \d+ more", line)


def test_a_complete_run_has_no_gap(golden_warehouse: scratch.ScratchWarehouse) -> None:
    assert unproven(results_of(golden_warehouse), manifest_of(golden_warehouse)) == ""


def test_a_part_of_the_graph_is_asked_for_its_own_tests(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    told = json.loads(results_of(golden_warehouse).read_text())
    told["results"] = [
        result
        for result in told["results"]
        if result["unique_id"].startswith(("model.flowhouse.stg_", "seed.", "model.flowhouse.int_"))
    ]
    part = tmp_path / "run_results.json"
    part.write_text(json.dumps(told))
    missing = without_result(part, manifest_of(golden_warehouse), is_full_build=False)
    assert "littles_law_holds_exactly" not in missing
    assert "every_mapped_stage_exists" in missing


def stored_results(results: Path, built: scratch.ScratchWarehouse, folder: Path) -> dict[str, str]:
    warehouse = folder / "build.duckdb"
    record_results(
        warehouse, "here", dbt_results=results, manifest=manifest_of(built),
        expectation_results=folder / "none.json",
    )  # fmt: skip
    with duckdb.connect(str(warehouse), read_only=True) as link:
        return dict(link.execute("select test, status from meta.quality_results").fetchall())


def test_invariants_tests_of_the_project_and_stored_results_are_the_same(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    manifest = json.loads(manifest_of(golden_warehouse).read_text())
    files = {path.stem for path in (scratch.PROJECT / "tests").glob("*.sql")}
    tests = {
        node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "test"
    }
    singular = {name for name, node in tests.items() if not node.get("test_metadata")}
    stored = stored_results(results_of(golden_warehouse), golden_warehouse, tmp_path)
    assert set(proofs.by_dbt()) == files == singular
    assert set(stored) == set(tests) | {n["name"] for n in manifest["unit_tests"].values()}
    assert set(stored.values()) <= {"pass", "warn"}
    assert not any(key.startswith("test.") for key in manifest["disabled"])


def test_the_refresh_stores_a_result_of_every_test(
    golden_warehouse: scratch.ScratchWarehouse, demo_home: Path
) -> None:
    manifest = json.loads(manifest_of(golden_warehouse).read_text())
    tests = {n["name"] for n in manifest["nodes"].values() if n["resource_type"] == "test"}
    with duckdb.connect(str(demo_home / "published" / "warehouse.duckdb"), read_only=True) as link:
        stored = link.execute("select test, status from meta.quality_results").fetchall()
    raw = {f"expectation:{n}/{table.name}" for n, of in SOURCES.items() for table in of.tables}
    assert {test for test, _ in stored} == tests | raw
    assert {status for _, status in stored} <= {"pass", "warn"}


ENTITIES = ("value_stream", "team", "stage", "service", "source_system")
PARTS = {None, "value_stream_key <> 'all'", *(f"entity_type = '{of}'" for of in ENTITIES)}
"""Of which rows a test may ask: a key of long rows is one of several tables, or of all streams."""


def test_no_test_is_softened(golden_warehouse: scratch.ScratchWarehouse) -> None:
    """Which tests only warn is written here; none counts its rows in another way, or only some."""
    nodes = json.loads(manifest_of(golden_warehouse).read_text())["nodes"]
    configs = {n["name"]: n["config"] for n in nodes.values() if n["resource_type"] == "test"}
    warning = {n for n, config in configs.items() if config["severity"].lower() != "error"}
    assert warning == WARNING
    softened = {
        name
        for name, config in configs.items()
        if config["where"] not in PARTS or config["limit"] or config["fail_calc"] != "count(*)"
        or (config["warn_if"], config["error_if"]) != ("!= 0", "!= 0")
    }  # fmt: skip
    assert softened == set()


def test_every_number_of_the_list_has_a_proof() -> None:
    numbers = {
        n for some in (proofs.by_dbt(), proofs.BY_PYTEST) for ns in some.values() for n in ns
    }
    assert numbers == set(proofs.NUMBERS)


def test_what_the_suite_proves_beside_them_exists() -> None:
    written = "\n".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert [name for name in proofs.BY_PYTEST if f"def {name}(" not in written] == []


def test_every_invariant_has_a_fault_of_its_own() -> None:
    assert {fault.only for fault in faults.FAULTS} == set(proofs.by_dbt())
    assert [fault.only for fault in faults.FAULTS if bool(fault.also) != bool(fault.why)] == []


def test_the_table_of_proofs_names_every_test_and_fault_and_nothing_failed() -> None:
    readme = proofs.README.read_text()
    assert proofs.is_told(readme) == []
    part = readme.split(proofs.BEGIN)[1].split(proofs.END)[0]
    rows = [line for line in part.splitlines() if re.match(r"\| [-\d]", line)]
    assert len(rows) == len(proofs.by_dbt()) + len(proofs.BY_PYTEST)
    assert "INVALID" not in part
    assert "unnoticed" not in part


@pytest.fixture(scope="module")
def company(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> faults.Company:
    """A copy to try faults in; each leaves it as it was, which its test holds."""
    home = tmp_path_factory.mktemp("faults") / "home"
    shutil.copytree(golden_warehouse.home, home, symlinks=True)
    return faults.Company(home)


@pytest.mark.parametrize("name", ["littles_law_holds_exactly", "every_mapped_stage_exists"])
def test_an_invariant_notices_its_fault_alone(name: str, company: faults.Company) -> None:
    """Two of what `make mutate` tries with every one."""
    (fault,) = [fault for fault in faults.FAULTS if fault.only == name]
    assert company.noticed(fault) == {name}
    assert company.found() == company.before


ONE_ROW = {"every_finished_attempt_is_counted", "facts_are_as_many_as_their_sources"}
"""Compare two numbers."""


def test_no_invariant_compares_all_with_all(company: faults.Company) -> None:
    loops = ("NESTED_LOOP", "CROSS_PRODUCT", "BLOCKWISE_NL", "IE_JOIN", "PIECEWISE")
    slow = {
        name
        for name, sql in company.tests.items()
        if any(loop in company.link.execute(f"explain {sql}").fetchall()[0][1] for loop in loops)
    }
    assert slow <= ONE_ROW
