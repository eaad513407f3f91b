"""`make dev`: Dagster's own pages and daemon on the demo company, asked as a person would."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import requests
from dagster._core.test_utils import create_run_for_test

from orchestration.life import LIFE_SIGN
from orchestration.outcome import KILLED
from tests.built import DEMO

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LOCATION, REPOSITORY = "orchestration.definitions", "__repository__"
PATIENCE_S = 300
UPSTREAM = "view=lineage&lineageScope=upstream&lineageDepth=1"
AROUND = "view=lineage&lineageScope=neighborhood&lineageDepth=1"
READABLE = 20
"""How many points wide a word is at least when Dagster has zoomed the graph to the page."""
GROUPS = ["jira", "staging", "intermediate", "marts", "published", "exposures"]
FAULT = "the payload is not JSON or holds a person's name or mail address: 1 rows"


class Dev:
    """A `dagster dev` that runs, and the home that it shows."""

    def __init__(self, address: str, home: Path, dead: str) -> None:
        self.address, self.home, self.dead = address, home, dead

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask GraphQL."""
        reply = requests.post(
            f"{self.address}/graphql", json={"query": query, "variables": variables}, timeout=120
        ).json()
        assert "errors" not in reply, reply
        return reply["data"]

    def launch(self, job: str, checks: list[dict] | None = None) -> str:
        """Launch a run of a job, or of checks alone, through the queue."""
        selector: dict[str, Any] = {
            "repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "jobName": job,
        }  # fmt: skip
        if checks:
            selector |= {"assetSelection": [], "assetCheckSelection": checks}
        answer = self.ask(LAUNCH, params={"selector": selector, "runConfigData": "{}"})
        assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer
        return answer["launchRun"]["run"]["runId"]

    def ended(self, run_id: str) -> str:
        """Wait for the end of a run and return its status."""
        return wait_for(
            lambda: (
                status
                if (status := self.ask(STATUS, id=run_id)["runOrError"]["status"])
                in ("SUCCESS", "FAILURE", "CANCELED")
                else None
            )
        )


LAUNCH = """
mutation ($params: ExecutionParams!) {
    launchRun(executionParams: $params) {
        __typename
        ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
    }
}
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
EVENTS = """
query ($id: ID!) {
    logsForRun(runId: $id) {
        ... on EventConnection { events { __typename ... on MessageEvent { message } } }
    }
}
"""
LINE = (
    "published/report",
    "published/warehouse",
    "marts/fct_stage_visits",
    "intermediate/int_status_changes_unioned",
    "staging/stg_jira__issue_changes",
    "jira/histories",
    "api/jira/histories",
)
"""From the page that people read back to what it was asked from."""
NODES = "{ assetNodes { assetKey { path } dependencyKeys { path } } }"
CHECK = """
query ($key: AssetKeyInput!) {
    assetNodeOrError(assetKey: $key) {
        ... on AssetNode {
            assetChecksOrError {
                ... on AssetChecks {
                    checks {
                        name
                        blocking
                        executionForLatestMaterialization {
                            status evaluation { severity success description }
                        }
                    }
                }
            }
        }
    }
}
"""


def wait_for(found: Callable[[], Any]) -> Any:
    """Ask again until there is an answer."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(1)
    raise AssertionError("it did not come")


def killed_run(home: Path) -> str:
    """Leave behind what a killed refresh does: a run that counts as running, and a free lock."""
    sign = home / "runs" / "killed.lock"
    sign.parent.mkdir(exist_ok=True)
    sign.touch()
    os.environ["DAGSTER_HOME"] = str(home / "dagster")
    with dg.DagsterInstance.get() as instance:
        run = create_run_for_test(instance, job_name="refresh", tags={LIFE_SIGN: str(sign)})
        instance.report_dagster_event(
            dg.DagsterEvent("PIPELINE_START", "refresh"), run_id=run.run_id
        )
        return run.run_id


@pytest.fixture(scope="module")
def dev(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """The demo company's home with half a payload and a killed refresh, and Dagster on it."""
    home = tmp_path_factory.mktemp("dev") / "home"
    shutil.copytree(demo_home, home, symlinks=True)
    with duckdb.connect(str(home / "raw" / "raw_jira.duckdb")) as raw:
        raw.execute(
            "update jira.issues set payload = '{half' where id = (select min(id) from jira.issues)"
        )
    dead = killed_run(home)
    inbox = home.parent / "inbox"
    inbox.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = home.parent / "dev.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "orchestration.serve", "dev", "-p", str(port)],
            env={
                **os.environ,
                "FLOWHOUSE_HOME": str(home),
                **DEMO,
                "SOURCES__INBOX__PATH": str(inbox),
            },
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            return requests.get(f"{address}/server_info", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_for(is_up)
        yield Dev(address, home, dead)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(server.pid, number)
                server.wait(20)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break


def test_the_graph_leads_from_the_endpoints_to_the_report(dev: Dev) -> None:
    parents = {
        "/".join(node["assetKey"]["path"]): {
            "/".join(key["path"]) for key in node["dependencyKeys"]
        }
        for node in dev.ask(NODES)["assetNodes"]
    }

    def above(name: str) -> set[str]:
        found, waiting = set(), [name]
        while waiting:
            new = parents[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    for name, of in zip(LINE[1:], LINE):
        assert name in above(of), f"{of} does not rest on {name}"
    assert parents["published/report"] == {"published/warehouse"}
    assert "exposure/report" not in parents


def test_the_daemon_ends_the_killed_refresh_and_the_next_run_fails_on_a_visible_check(
    dev: Dev,
) -> None:
    from extract.sources import SOURCES

    checks = [
        {"assetKey": {"path": [source, table.name]}, "name": "meets_expectations"}
        for source, module in SOURCES.items()
        for table in module.tables
    ]
    run_id = dev.launch("__ASSET_JOB", checks)  # waits for the run that nobody works on
    assert dev.ended(dev.dead) == "FAILURE"
    said = [
        event.get("message", "") for event in dev.ask(EVENTS, id=dev.dead)["logsForRun"]["events"]
    ]
    assert any(KILLED in message for message in said)
    assert dev.ended(run_id) in ("SUCCESS", "FAILURE")
    answer = dev.ask(CHECK, key={"path": ["jira", "issues"]})
    found = {
        check["name"]: check for check in answer["assetNodeOrError"]["assetChecksOrError"]["checks"]
    }
    bad = found["meets_expectations"]
    assert bad["blocking"]
    execution = bad["executionForLatestMaterialization"]
    assert execution["status"] == "FAILED"
    assert execution["evaluation"]["severity"] == "ERROR"
    assert "1 rows" in execution["evaluation"]["description"]
    assert found["is_complete"]["executionForLatestMaterialization"]["status"] == "SUCCEEDED"


def test_an_invariant_of_several_models_is_a_check_with_a_result(dev: Dev) -> None:
    answer = dev.ask(CHECK, key={"path": ["marts", "fct_daily_flows"]})
    found = {
        check["name"]: check for check in answer["assetNodeOrError"]["assetChecksOrError"]["checks"]
    }
    assert found["littles_law_holds_exactly"]["blocking"]
    execution = found["littles_law_holds_exactly"]["executionForLatestMaterialization"]
    assert execution["status"] == "SUCCEEDED" and execution["evaluation"]["success"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of the pages are left; PICTURES says where people want to look at them."""
    return Path(os.environ.get("PICTURES") or tmp_path)


def test_a_person_sees_the_graph_and_the_failing_check(dev: Dev, pictures: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium runs the browser tests")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new", "--disable-gpu"]
        )
        page = chromium.new_page(viewport={"width": 1600, "height": 1000})
        for name, path, shown in (
            ("check", "/assets/jira/issues?view=checks&checkDetail=meets_expectations", [FAULT]),
            ("graph", "/asset-groups", GROUPS),
            ("report", f"/assets/published/report?{UPSTREAM}", ["published", "warehouse"]),
            ("endpoint", f"/assets/jira/histories?{AROUND}", ["staging", "stg_jira"]),
        ):
            page.goto(f"{dev.address}{path}", timeout=120_000)
            for text in shown:
                page.get_by_text(text).first.wait_for(timeout=120_000)
            drawn = page.get_by_text(shown[-1]).last
            wait_for(lambda drawn=drawn: (drawn.bounding_box() or {"width": 0})["width"] > READABLE)
            page.wait_for_timeout(3_000)  # until the graph stands where it is to stand
            page.screenshot(path=pictures / f"{name}.png")
        chromium.close()
