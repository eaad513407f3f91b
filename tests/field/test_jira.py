"""Cases made after public bug reports of people who load a Jira: all of ../shared/field-cases/jira.

All cases stand in one home: what Jira shows at the first refresh is loaded, then what it shows a
day later, then everything is built, tested and published. Those of Data Center come from a site of
their own kind; whose ids mean something else than those of the others get numbers of their own. An
account in another language sees a whole site in it, so that case has a home for itself.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest

from publish.snapshot import publish
from tests.conftest import SHARED, built_once
from tests.flow import scratch

CASES = SHARED / "field-cases" / "jira"

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason=f"the cases from the field are not there: {CASES}"
)

APART = ("dc-translated-names",)
RENUMBERED = {"localised-cloud": "60", "dc-localised-flag": "53"}

CHECKS = [
    pytest.param(
        path.parent.name,
        check["sql"],
        check["expect"],
        id=f"{path.parent.name}: {check['name']}",
    )
    for path in sorted(CASES.glob("*/expected.json"))
    for check in json.loads(path.read_text())["checks"]
]

TEAMS = "payments-core,Payments Core,lab,,\n"
"""What the company of the cases has in its teams.csv."""


def renumbered(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return a state in which statuses, types and custom fields have ids of their own."""
    text = json.dumps(state).replace("customfield_", f"customfield_{prefix}")
    state = json.loads(text)
    for kind in ("statuses", "issuetypes"):
        for row in state[kind]:
            row["id"] = prefix + row["id"]
    for issue in state["issues"]:
        for name in ("status", "issuetype"):
            issue["fields"][name]["id"] = prefix + issue["fields"][name]["id"]
        for history in issue["histories"]:
            for item in history["items"]:
                if item["field"] == "status":
                    item["from"], item["to"] = prefix + item["from"], prefix + item["to"]
    return state


def shown(cases: Iterable[Path], step: str, folder: Path) -> tuple[list[Path], list[str]]:
    """Return the states that a site shows at a step, and the keys of its projects."""
    states, keys = [], []
    for case in cases:
        path = case / f"{step}.json"
        state = json.loads((path if path.exists() else case / "before.json").read_text())
        if case.name in RENUMBERED:
            state = renumbered(state, RENUMBERED[case.name])
        state["now"] = f"2026-06-0{1 + (step == 'after')}T12:00:00Z"
        states.append(folder / f"{case.name}-{step}.json")
        states[-1].write_text(json.dumps(state))
        keys += [project["key"] for project in state["projects"]]
    return states, keys


def loaded(cases: list[Path], home: Path) -> None:
    """Load what the sites of the cases show at the first refresh, and a day later."""
    sys.path.insert(0, str(CASES))
    try:
        from jirasite import Site
    finally:
        sys.path.remove(str(CASES))
    from extract.load import load
    from extract.sources import SOURCES

    by_kind: dict[str, list[Path]] = {"cloud": [], "datacenter": []}
    for case in cases:
        state = json.loads((case / "before.json").read_text())
        by_kind[state.get("deployment", "cloud")].append(case)
    for step in ("before", "after"):
        for kind, some in by_kind.items():
            if not some:
                continue
            states, keys = shown(some, step, home)
            site = Site(states)
            settings = {
                "FLOWHOUSE_HOME": str(home),
                "FLOWHOUSE_PSEUDONYM_KEY": "a key of these tests",
                "SOURCES__JIRA__BASE_URL": site.url,
                "SOURCES__JIRA__API_TOKEN": "t",
                "SOURCES__JIRA__DEPLOYMENT": kind,
                "SOURCES__JIRA__PROJECTS": json.dumps(keys),
                **({"SOURCES__JIRA__EMAIL": "a@example.com"} if kind == "cloud" else {}),
            }
            with mock.patch.dict(os.environ, settings):
                work = load("jira", f"{step}-{kind}")
            site.server.shutdown()
            site.server.server_close()
            failed = [audit for audit in work.audits if audit.status == "failed"]
            assert not failed, failed
    with mock.patch.dict(os.environ, {"FLOWHOUSE_HOME": str(home)}):
        for source in SOURCES:
            if source != "jira":
                load(source, "nothing")


def built(home: Path, cases: list[Path], like: scratch.ScratchWarehouse, *words: str) -> None:
    """Load the cases, and build on them."""
    home.mkdir(parents=True, exist_ok=True)
    loaded(cases, home)
    shutil.copytree(like.project, home / "project")
    with (home / "project" / "seeds" / "golden" / "teams.csv").open("a") as teams:
        teams.write(TEAMS)
    done = scratch.ScratchWarehouse(home, "2026-06-02 12:00:00").dbt(
        "build", *words, DBT_WRITE_JSON="false"
    )
    assert done.returncode == 0, done.stdout[-6000:]


def asked(case: Path) -> set[str]:
    """Return the tables that the questions of a case are about."""
    checks = json.loads((case / "expected.json").read_text())["checks"]
    return {name for check in checks for name in re.findall(r"marts\.(\w+)", check["sql"])}


@pytest.fixture(scope="module")
def homes(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The warehouses: published of all cases that stand side by side, and what others ask for."""

    def build(folder: Path) -> None:
        cases = [path.parent for path in sorted(CASES.glob("*/expected.json"))]
        together = [case for case in cases if case.name not in APART]
        # Keys and types are tested on other companies; here the invariants hold.
        without = ("--exclude", "test_type:unit", "test_type:generic")
        built(folder / "together", together, golden_warehouse, *without)
        publish(folder / "together" / "build.duckdb", folder / "together" / "published")
        models = ("--resource-type", "model", "--resource-type", "seed", "--select")
        for case in cases:
            if case.name in APART:
                tables = (f"+{table}" for table in asked(case))
                built(folder / case.name, [case], golden_warehouse, *models, *tables)

    return built_once(tmp_path_factory, "field-jira", build)


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, homes: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    case = request.node.callspec.params["case"]
    path = homes / "together" / "published" / "warehouse.duckdb"
    if case in APART:
        path = homes / case / "build.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize(("case", "sql", "expect"), CHECKS)
def test_the_right_answer_is_published(
    warehouse: duckdb.DuckDBPyConnection, case: str, sql: str, expect: list[list]
) -> None:
    found = warehouse.execute(sql).fetchall()
    assert json.loads(json.dumps(found, default=str)) == expect
