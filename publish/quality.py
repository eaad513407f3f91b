"""Keeps the result of every test of every refresh: `meta.quality_results`; demands one of each."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

NOT_ENDED = "every model is built and tested"
"""Stands for the results of a build that has begun, and stays if the build did not end."""

SHOWN = 5
"""How many tests without a result a message names."""

TABLE = """
create schema if not exists meta;
create table if not exists meta.quality_results (
    refresh_id varchar not null,
    test varchar not null,
    severity varchar not null,
    status varchar not null,
    failures bigint not null
);
comment on table meta.quality_results is
    'One row per refresh and test: every expectation on a raw table and every dbt test.';
comment on column meta.quality_results.refresh_id is 'The refresh that ran the test.';
comment on column meta.quality_results.test is
    'Name of the test; for raw tables expectation:<source>/<table>.';
comment on column meta.quality_results.severity is
    'error (a failure stops publication) or warn (it is shown).';
comment on column meta.quality_results.status is
    'pass, warn, fail, error or skipped; missing where a test was switched off or left out.';
comment on column meta.quality_results.failures is 'Number of failing rows or expectations.';
"""


def begin(build: Path, refresh_id: str) -> None:
    """Note in the working warehouse that its tables are about to change: nothing is proven of them.

    Whoever kills the build leaves this note; `record_results` replaces it.
    """
    build.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(TABLE)
        warehouse.execute(
            "insert into meta.quality_results values (?, ?, 'error', 'missing', 0)",
            [refresh_id, NOT_ENDED],
        )


def lack_of_proof(build: Path) -> str:
    """Return one line that says why a working warehouse must not be published, or nothing.

    What counts is the last build that was begun, whatever `meta.refreshes` holds of an older one.
    """
    if not build.exists():
        return "there is no working warehouse"
    with duckdb.connect(str(build), read_only=True) as warehouse:
        try:
            results = warehouse.execute(
                """
                select test, status, refresh_id in (select refresh_id from meta.refreshes)
                from meta.quality_results
                where refresh_id = (
                    -- Rows are only ever appended.
                    select refresh_id from meta.quality_results order by rowid desc limit 1
                )
                order by test
                """
            ).fetchall()
        except duckdb.CatalogException:
            results = []
    if not results:
        return "the working warehouse was never tested"
    bad = [f"{test} ({status})" for test, status, _ in results if status not in ("pass", "warn")]
    if not bad and not results[0][2]:
        bad = ["meta.refreshes (of an older one)"]
    if not bad:
        return ""
    more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    return f"the last build of the working warehouse is not proven: {', '.join(bad[:SHOWN])}{more}"


def kept_results(
    build: Path, manifest: Mapping[str, Any], nodes: Collection[str]
) -> dict[str, dict]:
    """Return what the last build found of the tests among some nodes, by the ids of the tests.

    To be asked before another build begins, and only of tests that would find the same again.

    Args:
        build: The working warehouse.
        manifest: dbt's manifest.
        nodes: The nodes that are not built and not run again.
    """
    with duckdb.connect(str(build), read_only=True) as warehouse:
        found = warehouse.execute(
            "select test, severity, status, failures from meta.quality_results"
            " where refresh_id = (select refresh_id from meta.refreshes)"
        )
        names = [name for name, *_ in found.description]
        last = {row[0]: dict(zip(names, row)) for row in found.fetchall()}
    tests = {key: manifest["nodes"][key]["name"] for key in nodes if key.startswith("test.")}
    return {key: last[name] for key, name in tests.items() if name in last}


def record_results(
    build: Path,
    refresh_id: str,
    *,
    dbt_results: Path,
    manifest: Path,
    expectation_results: Path,
    is_full_build: bool = True,
    kept: Mapping[str, dict] = MappingProxyType({}),
) -> int:
    """Append the results of one refresh to the working warehouse and return how many they are.

    A test without a result is a row too, with the status `missing`; so is a build of some models
    only, which proves nothing about how all tables fit together.

    Args:
        build: The working warehouse.
        refresh_id: The refresh that ran the tests.
        dbt_results: dbt's run_results.json.
        manifest: dbt's manifest.json, for names and severities.
        expectation_results: What `extract.expectations` wrote.
        is_full_build: Whether all models were to be built, as in every refresh.
        kept: Tests that were not run because what they look at is what it was: `kept_results`.
    """
    rows = [
        *_dbt_rows(dbt_results, manifest),
        *kept.values(),
        *(
            {"test": test, "severity": "error", "status": "missing", "failures": 0}
            for test in without_result(
                dbt_results, manifest, is_full_build=is_full_build, kept=kept
            )
        ),
        *_expectation_rows(expectation_results),
    ]
    if not is_full_build:
        rows.append({"test": NOT_ENDED, "severity": "error", "status": "skipped", "failures": 0})
    results = pa.Table.from_pylist(
        [{"refresh_id": refresh_id, **row} for row in rows],
        schema=pa.schema(
            [
                ("refresh_id", pa.string()),
                ("test", pa.string()),
                ("severity", pa.string()),
                ("status", pa.string()),
                ("failures", pa.int64()),
            ]
        ),
    )
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(TABLE)
        warehouse.register("results", results)
        warehouse.execute("delete from meta.quality_results where refresh_id = ?", [refresh_id])
        warehouse.execute("insert into meta.quality_results by name from results")
    return len(rows)


def unproven(
    dbt_results: Path, manifest: Path, *, is_full_build: bool = True, kept: Collection[str] = ()
) -> str:
    """Return one line that names the tests of the project that a run has no result of, or nothing.

    Whoever left a test out, and however: what a refresh says is not proven without it.
    """
    missing = without_result(dbt_results, manifest, is_full_build=is_full_build, kept=kept)
    if not missing:
        return ""
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    what = "test has" if len(missing) == 1 else "tests have"
    return f"{len(missing)} {what} no result: {', '.join(missing[:SHOWN])}{more}"


def without_result(
    dbt_results: Path, manifest: Path, *, is_full_build: bool = True, kept: Collection[str] = ()
) -> list[str]:
    """Return the names of the data tests that a run has no result of, those switched off included.

    Args:
        dbt_results: dbt's run_results.json.
        manifest: dbt's manifest.json.
        is_full_build: Whether all models were to be built; else tests of models that were not are
            not asked for.
        kept: The ids of tests whose last results hold.
    """
    project = json.loads(manifest.read_text())
    nodes = project["nodes"]
    done = {*kept}
    if dbt_results.exists():
        done |= {result["unique_id"] for result in json.loads(dbt_results.read_text())["results"]}
    left_out = (
        set() if is_full_build else {key for key in nodes if not key.startswith("test.")} - done
    )
    missing = {
        node["name"]
        for key, node in nodes.items()
        if key.startswith("test.")
        and key not in done
        and not left_out.intersection(node["depends_on"]["nodes"])
    }
    disabled = {
        node["name"]
        for key, versions in project.get("disabled", {}).items()
        if key.startswith("test.")
        for node in versions
    }
    return sorted(missing | disabled)


def _dbt_rows(dbt_results: Path, manifest: Path) -> list[dict]:
    if not dbt_results.exists():
        return []
    nodes = json.loads(manifest.read_text())
    tests = nodes["nodes"] | nodes.get("unit_tests", {})
    return [
        {
            "test": tests[result["unique_id"]]["name"],
            "severity": _severity(tests[result["unique_id"]]),
            "status": result["status"],
            "failures": result["failures"] or 0,
        }
        for result in json.loads(dbt_results.read_text())["results"]
        if result["unique_id"].startswith(("test.", "unit_test.")) and result["unique_id"] in tests
    ]


def _severity(node: dict) -> str:
    return str(node.get("config", {}).get("severity") or "error").lower()


def _expectation_rows(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [
        {
            "test": f"expectation:{table}",
            "severity": "warn" if result["warnings"] and not result["failures"] else "error",
            "status": "fail" if result["failures"] else "warn" if result["warnings"] else "pass",
            "failures": len(result["failures"] or result["warnings"]),
        }
        for table, result in json.loads(path.read_text()).items()
    ]
