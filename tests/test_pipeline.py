"""From the demo company's servers to the published numbers, through the command line.

One world, one first refresh; the tests below follow each other over it, as the days of a real
installation do.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from filelock import FileLock

from demo import serve, world
from publish.facts import OWN_TABLES
from tests.built import DEMO
from tests.publish.published_file import embedded_data, embedded_text

ROOT = Path(__file__).parents[1]
FLOWHOUSE = Path(sys.executable).with_name("flowhouse")

PROMISED = [
    "marts.dim_dates",
    "marts.dim_work_items",
    "marts.dim_stages",
    "marts.dim_value_streams",
    "marts.fct_status_transitions",
    "marts.fct_stage_transitions",
    "marts.fct_stage_visits",
    "marts.fct_work_item_flows",
    "marts.fct_daily_flows",
    "marts.fct_changes",
    "marts.fct_ci_runs",
    "marts.fct_deployments",
    "marts.fct_incidents",
    "marts.fct_change_requests",
    "marts.fct_task_slas",
    "metrics.metric_incident_sla",
    "metrics.metric_dora",
    "metrics.metric_dora_weeks",
    "metrics.metric_forecast_calibration",
    "marts.fct_traces",
    "metrics.metric_trace_coverage",
    "metrics.metric_trace_methods",
    "marts.bridge_deployment_changes",
    "marts.bridge_incident_deployments",
    "metrics.metric_flow",
    "metrics.metric_time_in_stage",
    "metrics.metric_cumulative_flow",
    "metrics.metric_aging_wip",
    "meta.load_audits",
    "meta.quality_results",
]


class Company:
    """The demo company's servers and a home that reads them."""

    def __init__(self, servers: Any, home: Path) -> None:
        self.servers = servers
        self.home = home

    def refresh(self, *words: str, **settings: str) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            **self.servers.env,
            "FLOWHOUSE_HOME": str(self.home),
            **DEMO,
            **settings,
        }
        return subprocess.run(
            [FLOWHOUSE, *(words or ("refresh",))],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def link(self) -> Path:
        return self.home / "published" / "warehouse.duckdb"

    def rows(self, sql: str, parameters: list | None = None) -> list[tuple]:
        return self.version_rows(self.link, sql, parameters)

    def version_rows(self, file: Path, sql: str, parameters: list | None = None) -> list[tuple]:
        with duckdb.connect(str(file), read_only=True) as warehouse:
            return warehouse.execute(sql, parameters or []).fetchall()

    def raw_rows(self, source: str, sql: str) -> list[tuple]:
        path = self.home / "raw" / f"raw_{source}.duckdb"
        with duckdb.connect(str(path), read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()


@pytest.fixture(scope="module")
def company(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("company") / "home"
    shutil.copytree(demo_home, home, symlinks=True)
    with serve.start(world.build()) as servers:
        yield Company(servers, home)


def test_every_promised_table_has_rows_while_another_process_reads(company: Company) -> None:
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(company.link)!r}, read_only=True); input()",
        ],
        stdin=subprocess.PIPE,
    )
    try:
        counts = {name: company.rows(f"select count(*) from {name}")[0][0] for name in PROMISED}
    finally:
        reader.communicate(b"\n")
    assert [name for name, count in counts.items() if count == 0] == []


def test_rows_come_from_all_five_sources(company: Company) -> None:
    sources = company.rows("select distinct source_system from marts.dim_work_items")
    assert {source for (source,) in sources} == {"jira", "github", "servicenow", "gitlab"}
    runs = company.rows("select distinct source_system from marts.fct_ci_runs")
    assert {source for (source,) in runs} == {"github", "jenkins", "gitlab"}


def test_nothing_of_the_world_is_missing(company: Company) -> None:
    made = company.servers.world
    now = made.now
    kinds = dict(
        company.rows(
            "select item_kind, count(*) from marts.dim_work_items where is_current group by 1"
        )
    )
    tickets = [*made.insights.tickets, *made.library.issues]
    requests = [*made.insights.requests, *made.library.requests]
    assert kinds["issue"] == sum(issue.created <= now for issue in [*made.issues, *tickets])
    assert kinds["pull_request"] == sum(pull.created <= now for pull in [*made.pulls, *requests])
    assert kinds["incident"] == sum(record.created <= now for record in made.incidents)
    assert kinds["change_request"] == sum(record.created <= now for record in made.changes)
    assert kinds["problem"] == sum(record.created <= now for record in made.problems)
    assert kinds["request"] == sum(record.created <= now for record in made.requests)
    runs = dict(company.rows("select source_system, count(*) from marts.fct_ci_runs group by 1"))
    assert runs["github"] == sum(
        attempt.started <= now
        for run in made.runs
        if run.created <= now
        for attempt in run.attempts
    )
    assert runs["jenkins"] == sum(
        build.started_ms <= now * 1000 for builds in made.builds.values() for build in builds
    )
    deployments = company.rows("select count(*) from marts.fct_deployments")
    everything = [*made.on_github().deployments, *made.insights.deployments]
    assert deployments == [(sum(d.created <= now for d in everything),)]


def test_visits_equal_the_true_stage_times_to_the_second(company: Company) -> None:
    """The truth is the simulation's own steps, through the stage of each status by hand."""
    stage_of = {
        "Backlog": "backlog",
        "Selected for Development": "selected",
        "In Progress": "in_progress",
        "Ready for Review": "waiting_review",
        "In Review": "review",
        "Ready for Test": "waiting_test",
        "In Test": "test",
        "Ready for Release": "waiting_release",
        "Done": "done",
        "Cancelled": "cancelled",
        "To Do": "to_do",
    }
    made = company.servers.world
    expected = set()
    epics = {
        key
        for (key,) in company.rows(
            "select work_item_key from marts.dim_work_items where workflow <> 'software'"
        )
    }
    for issue in made.issues:
        key = f"jira:{issue.id}"
        if issue.created > made.now or key in epics:
            continue
        steps = [(issue.created, "backlog")]
        for at, status in issue.ticket.steps:
            stage = stage_of[status]
            if at <= made.now and steps[-1][1] != stage:
                steps.append((at, stage))
        for (entered, stage), later in zip(steps, [*steps[1:], None], strict=True):
            expected.add((key, stage, entered, later[0] if later else None))
    found = {
        (key, stage, _epoch(entered), _epoch(exited))
        for key, stage, entered, exited in company.rows(
            """
            select work_item_key, stage, entered_at, exited_at
            from marts.fct_stage_visits
            inner join marts.dim_work_items using (work_item_key)
            where is_current and source_system = 'jira' and workflow = 'software'
            """
        )
    }
    assert len(found) > 10_000
    assert found == expected


def test_states_of_servicenow_equal_the_true_ones_to_the_second(company: Company) -> None:
    from demo import truth

    made = company.servers.world
    expected = {
        (record.sys_id, state, entered, left)
        for record in [*made.incidents, *made.changes, *made.problems, *made.requests]
        if record.created <= made.now
        for state, entered, left in truth.record_visits(record, made.now)
    }
    opened = {record.sys_id: record.base["opened_at"] for record in made.records()}
    found = set()
    for sys_id, state, seq, entered, left in company.rows(
        """
        select
            split_part(work_item_key, ':', 3), to_status, transition_seq, changed_at,
            lead(changed_at) over (partition by work_item_key order by transition_seq)
        from marts.fct_status_transitions where work_item_key like 'servicenow:%'
        """
    ):
        # Items begin when they were opened, which is a little before they were recorded.
        if seq == 1:
            assert entered.isoformat(sep=" ") == opened[sys_id]
        found.add((sys_id, state, None if seq == 1 else _epoch(entered), _epoch(left)))
    firsts = {record.sys_id: record.created for record in made.records()}
    assert found == {
        (sys_id, state, None if entered == firsts[sys_id] else entered, left)
        for sys_id, state, entered, left in expected
    }


def test_every_moved_issue_was_in_its_former_project(company: Company) -> None:
    made, now = company.servers.world, company.servers.world.now
    moves = {}
    for issue in made.issues:
        for history in issue.histories:
            if "number" in history.patch and history.at <= now:
                old, new = history.items[0]["fromString"], history.items[0]["toString"]
                moves[f"jira:{issue.id}"] = [(old, old.split("-")[0]), (new, new.split("-")[0])]
    found: dict[str, list[tuple[str, str]]] = {}
    for key, *was in company.rows(
        """
        select work_item_key, item_key, scope from marts.dim_work_items
        where source_system = 'jira' order by work_item_key, valid_from
        """
    ):
        of_item = found.setdefault(key, [])
        if tuple(was) not in of_item:
            of_item.append(tuple(was))
    assert {key: was for key, was in found.items() if len(was) > 1} == moves
    assert len(moves) == 14


def test_approvals_and_agreements_equal_the_true_ones(company: Company) -> None:
    made, now = company.servers.world, company.servers.world.now
    waits = {}
    for change in made.changes:
        asked = given = None
        by_rule = None
        for mod in (mod for mod in change.mods if mod.at <= now):
            if mod.values.get("approval") == "requested":
                asked = mod.at
            if mod.values.get("approval") == "approved":
                given, by_rule = mod.at, mod.user.login == "system"
        if change.created <= now and given:
            waits[change.sys_id] = (given - asked if asked else None, by_rule)
    found = {
        sys_id: (wait, automated)
        for sys_id, wait, automated, approved in company.rows(
            """
            select split_part(work_item_key, ':', 3), approval_wait_s, is_automated, approved_at
            from marts.fct_change_requests
            """
        )
        if sys_id in waits
    }
    assert found == waits and len(waits) > 300
    assert {automated for _, automated in waits.values()} == {True, False}
    assert sum(wait is None for wait, _ in waits.values()) > 100  # by their template
    ((met, ended),) = company.rows(
        """
        select sum(met), sum(ended) from metrics.metric_incident_sla where target = 'incident'
        """
    )
    resolved = [
        record
        for record in made.incidents
        if record.created <= now
        and [mod.values["state"] for mod in record.mods if mod.at <= now and "state" in mod.values][
            -1:
        ]
        in (["6"], ["7"])
    ]
    broken = sum(
        any(mod.values.get("made_sla") == "false" for mod in record.mods if mod.at <= now)
        for record in resolved
    )
    assert (met, ended) == (len(resolved) - broken, len(resolved))


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp())


def test_waiting_is_longest_at_the_true_constraint(company: Company) -> None:
    from demo.company import STREAMS

    found = dict(
        company.rows(
            """
            with waits as (
                select
                    value_stream_key, stage,
                    row_number() over (
                        partition by value_stream_key order by sum(visits.wait_s) desc
                    ) as place
                from marts.fct_stage_visits as visits
                inner join marts.dim_work_items using (work_item_key)
                inner join marts.fct_work_item_flows using (work_item_key)
                where
                    is_current and workflow = 'software' and outcome = 'done'
                    and source_system = 'jira' and visits.flow_state in ('wait', 'active')
                group by 1, 2
            )
            select value_stream_key, stage from waits where place = 1
            """
        )
    )
    assert found == {stream.key: stream.constraint for stream in STREAMS}


def test_traces_are_the_true_ones_where_the_links_exist(company: Company) -> None:
    """Of an issue whose changes all say its key, every milestone is the true one.

    But for what the first deployment of a repository had behind it: nobody knows since when.
    """
    from demo import truth

    made, now = company.servers.world, company.servers.world.now
    true = truth.traces(made, now)
    pulls: dict[str, list] = {key: [] for key in true}
    for pull in made.pulls:
        if pull.issue and pull.created <= now:
            pulls[str(pull.issue.id)].append(truth.says_its_issue(pull, now))
    # Whoever pushes to main names what it is about, or it is about nothing.
    pushed = [(commit.sha, issue) for commit in made.directs for issue in commit.issues
              if commit.at <= now]  # fmt: skip
    for _, issue in pushed:
        pulls[str(issue.id)].append(True)
    names = ("idea_at", "first_commit_at", "opened_at", "merged_at", "built_at", "deployed_at")
    found = {
        key.rpartition(":")[2]: (changes, truth.Trace(*moments))
        for key, changes, *moments in company.rows(
            f"""
            select work_item_key, change_count, {", ".join(f"epoch({name})" for name in names)}
            from marts.fct_traces where work_item_key like 'jira:%'
            """
        )
    }
    assert set(found) == set(true)
    assert {key: changes for key, (changes, _) in found.items()} == {
        key: sum(said) for key, said in pulls.items()
    }
    behind = truth.carried(made, now).keys() - truth.brought(made, now).keys()
    unknown = {str(pull.issue.id) for pull in made.pulls if pull.issue and pull.id in behind}
    unknown |= {str(issue.id) for sha, issue in pushed if sha in behind}
    assert 0 < len(unknown) < 100
    whole = {
        key: true[key] for key, said in pulls.items() if said and all(said) and key not in unknown
    }
    assert len(whole) > 1000
    # Builds are told by the millisecond, and end with a second of the clock.
    for key, trace in whole.items():
        built = found[key][1].built_at
        assert (built is None) == (trace.built_at is None)
        assert built is None or abs(built - trace.built_at) < 1, key
    assert {key: replace(found[key][1], built_at=None) for key in whole} == {
        key: replace(trace, built_at=None) for key, trace in whole.items()
    }


def test_coverage_is_the_known_share_of_the_links(company: Company) -> None:
    from demo import truth

    made, now = company.servers.world, company.servers.world.now
    done = {
        str(issue.id)
        for issue in made.issues
        if issue.created <= now and truth.visits(issue, now)[-1].flow_state == "done"
    }
    said = {
        str(pull.issue.id)
        for pull in made.pulls
        if pull.issue and pull.created <= now and truth.says_its_issue(pull, now)
    }
    said |= {str(one.id) for commit in made.directs if commit.at <= now for one in commit.issues}
    found = company.rows(
        """
        select sum(linked_items), sum(finished_items) from metrics.metric_trace_coverage
        where link = 'change' and workflow <> 'pull_request' and value_stream_key <> 'insights'
        """
    )
    assert found == [(len(done & said), len(done))]
    assert 0.7 < len(done & said) / len(done) < 0.95


def test_deployments_are_blamed_for_what_they_truly_caused(company: Company) -> None:
    """Incidents find their deployments, changes theirs, and failed ones are the true ones."""
    from demo import truth

    made, now = company.servers.world, company.servers.world.now
    causes = truth.incident_causes(made, now)
    found = {
        key.rpartition(":")[2]: (deployment.rpartition(":")[2], method)
        for key, deployment, method in company.rows(
            """
            select work_item_key, deployment_key, method
            from marts.bridge_incident_deployments where is_primary
            """
        )
    }
    named = {key: cause for key, (cause, method) in found.items() if method == "caused_by_change"}
    assert len(named) >= 100
    assert {key: causes[key] for key in named} == named
    right = sum(found.get(key, ("", ""))[0] == cause for key, cause in causes.items())
    assert right / len(causes) >= 0.95
    assert right / len(found) >= 0.9
    changes = truth.change_deployments(made, now)
    of_changes = {
        change.rpartition(":")[2]: key.rpartition(":")[2]
        for key, change in company.rows(
            """
            select deployment_key, change_request_key from marts.fct_deployments
            where change_request_key is not null
            """
        )
    }
    assert {key: changes[key] for key in of_changes} == of_changes
    assert len(of_changes) / len(changes) >= 0.85
    deployments = "select deployment_key from marts.fct_deployments where source_system = 'github'"
    failed, assumed, retried = (
        {key.rpartition(":")[2] for (key,) in company.rows(f"{deployments} and {condition}")}
        for condition in ("is_failed", "is_assumed_failed", "is_retried")
    )
    true = truth.failed_deployments(made.on_github(), now)
    # What counts is true; what is only guessed is often not, and holds all that is left but for
    # attempts that another one of the same commit made good within the hour.
    assert failed <= true and len(failed) / len(true) >= 0.85
    assert true - retried <= failed | assumed
    assert not retried & failed and 0 < len(retried & true) < 10


def test_every_change_came_with_the_deployment_that_truly_brought_it(company: Company) -> None:
    """But for what the first deployment of a repository had behind it: nobody knows since when."""
    from demo import truth

    made, now = company.servers.world, company.servers.world.now
    true = {str(key): str(one.id) for key, one in truth.brought(made.on_github(), now).items()}
    found = company.rows(
        "select change_key, deployment_key from marts.bridge_deployment_changes"
        " where change_key like 'github:%'"
    )
    assert {a.rpartition(":")[2]: b.rpartition(":")[2] for a, b in found} == true
    assert len(true) > 2000


def test_the_five_metrics_of_dora_are_the_true_ones(company: Company) -> None:
    """Of each service and month; failures where there is evidence and not only a guess."""
    from demo import truth

    made, now = company.servers.world, company.servers.world.now
    true = truth.periods(made.on_github(), now)
    rows = company.rows(
        """
        select service_key, period_start, deployments, rework_deployments, deployed_changes,
            changes, lead_time_p50_s, failed_deployments, assumed_failed_deployments
        from metrics.metric_dora where service_key not like 'insights-%'
        """
    )
    assert {row[:2] for row in rows if row[2]} == set(true)
    certain = 0
    for service, month, *numbers, failed, assumed in rows:
        period = true.get((service, month), truth.Period())
        times = sorted(period.lead_times)
        median = times[-(-len(times) // 2) - 1] if len(times) >= 10 else None
        assert numbers == [
            period.deployments, period.rework, period.deployed, len(times), median
        ], (service, month)  # fmt: skip
        assert failed <= period.failed
        if not assumed:
            certain += period.failed
            assert failed == period.failed, (service, month)
    assert certain > 50
    # The time to recover, of each failed deployment all of whose incidents name it.
    ends = truth.recoveries(made.on_github(), now)
    found = {
        key.rpartition(":")[2]: (incidents, recovered)
        for key, incidents, recovered in company.rows(
            """
            select deployment_key, incident_count, epoch(recovered_at)
            from marts.fct_deployments where is_failed and source_system = 'github'
            """
        )
    }
    caused = {
        str(one.id): sum(incident.created <= now for incident in one.incidents)
        for one in made.on_github().deployments
    }
    known = {key for key, (incidents, _) in found.items() if incidents == caused[key]}
    assert len(known) > 80
    assert {key: found[key][1] for key in known} == {key: ends[key] for key in known}


def test_what_programs_wrote_is_known_by_what_they_sign(company: Company) -> None:
    from demo import truth

    made = company.servers.world
    true = truth.assistance(made.on_github(), made.now)
    found = company.rows(
        "select change_key, ai_assistance from marts.fct_changes"
        " where kind = 'pull_request' and change_key like 'github:%'"
    )
    assert {key.rpartition(":")[2]: word for key, word in found} == true
    assert len(set(true.values())) == 3


def test_every_production_deployment_has_its_evidence(company: Company) -> None:
    """Rows are the true chains; approvals are those of the changes that truly belong to them."""
    from demo import truth

    made, now = company.servers.world, company.servers.world.now
    rows = company.rows(
        """
        select deployment_key, change_key, item, approval, change_request_key
        from metrics.metric_change_evidence where change_key like 'github:%'
        """
    )
    brought = {
        (key.rpartition(":")[2], change.rpartition(":")[2]): item == "yes"
        for key, change, item, *_ in rows
    }
    assert len(brought) == len(rows) > 300
    hub, own = made.on_github(), made.library
    has_item: dict[int | str, bool] = {
        one.id: one.issue is not None or one.id in own.closes for one in hub.pulls
    }
    has_item |= {one.sha: bool(one.issues or one.fixes) for one in hub.directs}
    chains = {
        (str(one.id), str(key)): has_item[key] for key, one in truth.carried(hub, now).items()
    }
    # Some come with another deployment than the true one; what is found has its true item.
    both = brought.keys() & chains.keys()
    assert len(both) / len(brought) >= 0.95
    assert all(chains[pair] for pair in both if brought[pair])
    asked = set(truth.change_deployments(made, now).values())
    named = {key.rpartition(":")[2] for key, *_, request in rows if request}
    assert named <= asked and len(named) > 100
    assert {approval for *_, approval, request in rows if request} <= {"yes", "no"}


def test_the_confidence_of_a_method_is_no_more_than_how_often_it_is_right(
    company: Company,
) -> None:
    from demo import truth

    causes = truth.incident_causes(company.servers.world, company.servers.world.now)
    found = company.rows(
        "select method, confidence, work_item_key, deployment_key, is_counted"
        " from marts.bridge_incident_deployments"
    )
    right: dict[tuple[str, float], list[bool]] = {}
    for method, confidence, incident, deployment, is_counted in found:
        is_right = causes.get(incident.rpartition(":")[2]) == deployment.rpartition(":")[2]
        right.setdefault((method, confidence), []).append(is_right)
        assert is_right or not is_counted
    assert {method for method, _ in right} == {
        "caused_by_change", "rolled_back", "hotfixed", "same_service",
    }  # fmt: skip
    for (method, confidence), some in right.items():
        assert sum(some) / len(some) >= confidence, method
        assert sum(some) / len(some) >= 0.9 or confidence < 0.5, method


def test_forecasts_of_the_past_came_true_as_often_as_they_said(company: Company) -> None:
    found = company.rows(
        """
        select percentile, sum(n), sum(hits) / sum(n)
        from metrics.metric_forecast_calibration group by 1 order by 1
        """
    )
    assert [percentile for percentile, *_ in found] == [50, 85, 95]
    assert all(n >= 100 for _, n, _ in found)
    [half, most, nearly_all] = [share for *_, share in found]
    assert 0.70 <= most <= 0.97
    assert half < most < nearly_all


def test_no_person_of_the_company_is_named_anywhere(company: Company) -> None:
    planted = [name.encode() for name in company.servers.world.planted()]
    anybody = b"|".join(re.escape(name) for name in planted)

    def named(content: bytes) -> list[bytes]:
        [is_named] = pc.match_substring_regex(pa.array([content], pa.large_binary()), anybody)
        return [name for name in planted if name in content] if is_named.as_py() else []

    assert planted[-1] in named(b"before\xff" + planted[-1] + b"\nafter")
    assert named(b"before\xff and after") == []
    for source in ("jira", "github", "jenkins", "servicenow", "gitlab"):
        names = company.raw_rows(
            source, f"select table_name from duckdb_tables() where schema_name = '{source}'"
        )
        for (table,) in names:
            rows = company.raw_rows(source, f"select cast(t as varchar) from {source}.{table} as t")
            text = "\n".join(row for (row,) in rows)
            assert named(text.encode()) == [], (source, table)
    for path in [*company.home.rglob("*.log"), *company.home.rglob("*.html")]:
        assert named(path.read_bytes()) == [], path
        if path == company.home / "report" / "index.html":
            assert named(embedded_text(path.read_text()).encode()) == [], path
    for folder in ("dagster", "dlt", "dbt"):  # the event log, states and schemas, compiled models
        for path in (company.home / folder).rglob("*"):
            assert named(path.read_bytes() if path.is_file() else b"") == [], path
    assert named((company.home / "build.duckdb").read_bytes()) == []


def test_the_reports_totals_equal_sql_on_the_published_file(company: Company) -> None:
    page = (company.home / "report" / "index.html").read_text()
    figures = embedded_data(page)["tables"]["figures"]
    rows = [dict(zip(figures["columns"], row, strict=True)) for row in figures["rows"]]
    found = {row["stream"]: row["wip"] for row in rows if row["work"] == "software/story"}
    expected = dict(
        company.rows(
            """
            select value_stream_key, count(*)
            from marts.fct_work_item_flows
            inner join marts.dim_work_items using (work_item_key)
            where
                is_current and workflow = 'software' and level = 'story'
                and outcome = 'open' and started_at is not null
            group by 1
            """
        )
    )
    assert found == expected, "streams are never added up"


def test_every_test_left_its_result(company: Company) -> None:
    ((count, failed),) = company.rows(
        """
        select count(*), count(*) filter (where severity = 'error' and status <> 'pass')
        from meta.quality_results
        """
    )
    assert count > 100
    assert failed == 0


def test_a_wrong_token_is_a_fault_of_the_configuration(company: Company, tmp_path: Path) -> None:
    home = tmp_path / "nothing"
    settings = {"SOURCES__JIRA__API_TOKEN": "wrong-token", "FLOWHOUSE_HOME": str(home)}
    done = company.refresh("refresh", "--source", "jira", **settings)
    lines = [line for line in done.stderr.splitlines() if line.startswith("flowhouse: ")]
    assert done.returncode == 2
    assert len(lines) == 1
    assert "SOURCES__JIRA__API_TOKEN" in lines[0]
    assert "wrong-token" not in done.stdout + done.stderr
    assert not home.exists()


def test_a_second_refresh_while_one_runs_is_refused(company: Company) -> None:
    with FileLock(company.home / "refresh.lock"):
        done = company.refresh()
    assert done.returncode == 1
    assert "flowhouse: a refresh is running already" in done.stderr
    assert "Traceback" not in done.stderr


LAST_RESULTS = """
    select test from meta.quality_results
    where refresh_id = (select refresh_id from meta.refreshes) and test not like 'expectation:%'
"""


class Hour:
    """What an hour brought, and the refresh after it.

    Attributes:
        moved, flawed, gone: Keys of the work item that moved, of that whose history has a flaw, and
            of that which a census no longer found.
        before: The closed visits of all others before the refresh.
        version: The published file before the refresh.
        journal: The refresh's requests, as the servers note them.
        done: The refresh's process.
    """

    UNMOVED = """
        select * from marts.fct_stage_visits
        where work_item_key not in (?, ?) and not is_open order by work_item_key, visit_seq
    """

    def __init__(self, company: Company) -> None:
        servers, made = company.servers, company.servers.world
        [(item_key, self.moved)] = company.rows(
            """
            select item_key, work_item_key from marts.dim_work_items
            where is_current and workflow = 'software' and current_status = 'In Progress'
            order by 1 limit 1
            """
        )
        [(self.flawed,)] = company.rows(
            """
            select min(work_item_key) from marts.dim_work_items
            where is_current and source_system = 'jira' and work_item_key <> ?
            """,
            [self.moved],
        )
        with duckdb.connect(str(company.home / "raw" / "raw_jira.duckdb")) as raw:
            raw.execute(
                "update jira.history_checks set history_quality = 'conflict' where issue_id = $1",
                [self.flawed.removeprefix("jira:")],
            )
            [(gone_key, self.gone)] = raw.execute(
                """
                select key, 'jira:' || id from jira.issues
                where 'jira:' || id not in (select unnest($1)) order by id limit 1
                """,
                [[self.moved, self.flawed]],
            ).fetchall()
            raw.execute(
                "insert into jira.tombstones by name select 'issues' as object, id, "
                "'deleted' as state, updated_at as missed_at, updated_at as gone_at, "
                "'{}' as payload, _dlt_load_id from jira.issues where key = $1",
                [gone_key],
            )
        with duckdb.connect(str(company.home / "build.duckdb")) as build:
            build.execute("create table metrics.metric_of_a_former_version as select 1 as number")
        self.before = company.rows(self.UNMOVED, [self.moved, self.gone])
        self.version = company.link.resolve()
        asked = len(servers.journal)
        at = made.now + 600
        made.move_issue(item_key, "Ready for Review", at)
        made.delete_issue(gone_key)
        servers.clock.set(at + 3600)
        servers.down("jenkins")
        self.done = company.refresh(FLOWHOUSE_AS_OF=datetime.fromtimestamp(at, UTC).isoformat())
        self.journal = servers.journal[asked:]


@pytest.fixture(scope="module")
def hour(company: Company) -> Hour:
    """An hour in which one issue moved and Jenkins went down; one refresh for several tests."""
    return Hour(company)


def test_a_source_that_is_down_is_a_gap_and_the_others_are_published(
    company: Company, hour: Hour
) -> None:
    assert hour.done.returncode == 3, hour.done.stderr[-4000:]
    assert company.link.resolve() != hour.version
    assert company.rows("select count(*) from marts.fct_ci_runs where source_system = 'jenkins'")
    status = json.loads(company.refresh("status", "--json").stdout)
    gaps = {source["source"]: source["gaps"] for source in status["sources"]}
    assert gaps["jenkins"] and not gaps["jira"]
    last = status["refreshes"]["last"]
    assert (last["outcome"], last["started_by"]) == ("partial", "the command line")
    assert any(line.startswith("jenkins ") for line in last["lines"])


def test_a_partial_refresh_is_seen_in_dagster(
    company: Company, hour: Hour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(company.home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        [run] = instance.get_runs(dg.RunsFilter(tags={"flowhouse/outcome": "partial"}))
        evaluations = [
            entry.dagster_event.asset_check_evaluation_data
            for entry in instance.all_logs(
                run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
            )
        ]
        made = {
            entry.dagster_event.asset_key.to_user_string(): {
                name: of.value for name, of in entry.asset_materialization.metadata.items()
            }
            for entry in instance.all_logs(
                run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
            )
        }
    [gaps] = [
        check
        for check in evaluations
        if check.check_name == "is_complete" and check.asset_key.path[0] == "published"
    ]
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert not gaps.passed and "jenkins " in gaps.description
    # What is down is not fresh, and what rests on it is built all the same; the inbox is off.
    assert {"jira/issues", "gitlab/pipelines", "staging/stg_jenkins__builds"} <= made.keys()
    assert "published/report" in made and not {"jenkins/builds", "inbox/events"} & made.keys()
    # What was made says how long that took, and how large it is.
    items, file = made["marts/dim_work_items"], made["published/warehouse"]
    rows = company.rows("select count(*) from marts.dim_work_items")
    assert items["seconds"] > 0 and [(items["dagster/row_count"],)] == rows
    assert file["path"] == str(company.link.resolve())
    assert file["bytes"] == company.link.stat().st_size
    report = company.home / "report" / "index.html"
    assert made["published/report"]["bytes"] == report.stat().st_size
    assert file["seconds"] > 0 and made["published/report"]["seconds"] > 0
    raw = company.home / "raw" / "raw_jira.duckdb"
    assert made["jira/issues"]["source_bytes"] == raw.stat().st_size


def test_a_second_refresh_reads_only_what_changed_and_a_change_arrives(
    company: Company, hour: Hour
) -> None:
    visits = company.rows(
        """
        select stage, is_open from marts.fct_stage_visits
        where work_item_key = ? order by visit_seq desc limit 1
        """,
        [hour.moved],
    )
    assert visits == [("waiting_review", True)]
    after = company.rows(Hour.UNMOVED, [hour.moved, hour.gone])
    assert set(hour.before) <= set(after)
    requests = [entry for entry in hour.journal if entry[0] == "jira"]
    assert sum("bulkfetch" in entry[2] for entry in requests) <= 4
    assert len(hour.journal) < 400


def test_what_rests_on_nothing_that_differs_stays_and_keeps_its_results(
    company: Company, hour: Hour
) -> None:
    [stay] = re.findall(r"dbt: (\d+) depend on nothing that changed", hour.done.stderr)
    assert int(stay) > 100
    before, after = (
        sorted(company.version_rows(file, LAST_RESULTS)) for file in (hour.version, company.link)
    )
    assert before == after and len(after) > 500


def test_a_table_of_a_former_version_is_not_published(company: Company, hour: Hour) -> None:
    names = "select table_name from duckdb_tables() where schema_name = 'metrics'"
    assert ("metric_of_a_former_version",) not in company.rows(names)


def test_h4_a_flaw_of_a_history_reaches_the_facts(company: Company, hour: Hour) -> None:
    quality = "select history_quality from marts.fct_work_item_flows where work_item_key = ?"
    assert company.rows(quality, [hour.flawed]) == [("conflict",)]


def test_x3_a_deletion_reaches_the_models(company: Company, hour: Hour) -> None:
    deleted = "select work_item_key from marts.dim_work_items where is_current and is_deleted"
    assert company.rows(deleted) == [(hour.gone,)]


class Backfill:
    """A span of Jira that is read again, by a machine in Newfoundland and at another time.

    Attributes:
        ids: The issues that changed in the span, before and apart from what the backfill brings.
        before: The published file before the backfill.
        journal: The backfill's requests, as the servers note them.
        done: The backfill's process.
    """

    def __init__(self, company: Company) -> None:
        now = datetime.fromtimestamp(company.servers.world.now, UTC)
        first, last = now - timedelta(days=60), now - timedelta(days=30)
        in_span = f"updated_at >= timestamptz '{first}' and updated_at < timestamptz '{last}'"
        self.ids = company.raw_rows("jira", f"select id from jira.issues where {in_span}")
        self.before = company.link.resolve()
        [(as_of,)] = company.rows("select as_of from meta.refreshes")
        asked = len(company.servers.journal)
        self.done = company.refresh(
            "backfill", "--source", "jira", "--from", first.isoformat(), "--to", last.isoformat(),
            TZ="America/St_Johns", FLOWHOUSE_AS_OF=as_of.replace(tzinfo=UTC).isoformat(),
        )  # fmt: skip
        self.journal = company.servers.journal[asked:]


@pytest.fixture(scope="module")
def backfill(company: Company, hour: Hour) -> Backfill:
    """The backfill after the hour; one for two tests."""
    return Backfill(company)


def test_a_backfill_reads_its_span(company: Company, hour: Hour, backfill: Backfill) -> None:
    assert backfill.done.returncode == 0, backfill.done.stderr[-4000:]
    assert company.link.resolve() != backfill.before
    assert {source for source, *_ in backfill.journal} == {"jira"}
    newest = "(select max(_dlt_load_id) from jira.issues)"
    read = company.raw_rows("jira", f"select id from jira.issues where _dlt_load_id = {newest}")
    assert backfill.ids and (hour.gone.removeprefix("jira:"),) not in backfill.ids
    assert sorted(read) == sorted(backfill.ids)


def test_the_time_zone_of_the_machine_changes_nothing(company: Company, backfill: Backfill) -> None:
    """All models, built again by a machine in Newfoundland of issues that it has read again."""
    with duckdb.connect() as link:
        link.execute(f"attach '{company.link.resolve()}' as elsewhere (read_only)")
        link.execute(f"attach '{backfill.before}' as here (read_only)")
        refreshes = link.execute(
            "select refresh_id, as_of from here.meta.refreshes"
            " union all select refresh_id, as_of from elsewhere.meta.refreshes"
        ).fetchall()
        names = link.execute(
            """
            select schema_name || '.' || table_name from duckdb_tables()
            where database_name = 'elsewhere' and schema_name in ('marts', 'metrics')
            """
        ).fetchall()
        changed = {
            name: rows
            for (name,) in names
            if (
                rows := link.execute(
                    f"(from here.{name} except all from elsewhere.{name})"
                    f" union all (from elsewhere.{name} except all from here.{name})"
                ).fetchall()
            )
        }
    (refresh, as_of), (again, the_same) = refreshes
    assert (refresh, as_of) != (again, the_same) and as_of == the_same
    assert "marts.fct_stage_visits" in {name for (name,) in names}
    # But that Jira was loaded once more, when our clock and not that of Newfoundland says.
    [(key, name, before), (_, _, after)] = changed.pop("marts.dim_source_systems")
    [(loaded,)] = company.raw_rows(
        "jira", "select timezone('UTC', max(finished_at)) from jira.load_audits"
    )
    assert (key, name, after) == ("jira", "Jira", loaded) and before < after
    assert changed == {}


def test_what_is_published_is_what_was_built(company: Company, backfill: Backfill) -> None:
    """Also of the tables that nobody wrote anew, since nothing below them had changed."""
    with duckdb.connect() as link:
        link.execute(f"attach '{company.link.resolve()}' as published (read_only)")
        link.execute(f"attach '{company.home / 'build.duckdb'}' as build (read_only)")
        told = "select schema_name, table_name, column_name, data_type, comment"
        columns = {
            of: [
                column
                for column in link.execute(
                    f"{told} from duckdb_columns() where database_name = '{of}'"
                    " and schema_name in ('marts', 'metrics', 'meta') order by all"
                ).fetchall()
                if column[:2] not in OWN_TABLES
            ]
            for of in ("build", "published")
        }
        assert columns["published"] == columns["build"] and len(columns["build"]) > 1_000
        names = {f'{schema}."{table}"' for schema, table, *_ in columns["build"]}
        differing = {
            name
            for name in names
            if link.execute(
                f"(from build.{name} except all from published.{name})"
                f" union all (from published.{name} except all from build.{name}) limit 1"
            ).fetchall()
        }
        parquet = company.link.with_name("parquet").resolve()
        lying_beside = {
            f"{file.parent.name}.{file.stem}": link.execute(
                f"select count(*), sum(hash(rows)) from '{file}' as rows"
            ).fetchall()
            for file in parquet.rglob("*.parquet")
        }
        published = {
            f"{schema}.{table}": link.execute(
                f"select count(*), sum(hash(rows)) from published.{schema}.{table} as rows"
            ).fetchall()
            for schema, table in link.execute(
                "select schema_name, table_name from duckdb_tables()"
                " where database_name = 'published'"
            ).fetchall()
        }
        answers = {
            f"bi.{view}": link.execute(f"select count(*) from published.bi.{view}").fetchone()
            for (view,) in link.execute(
                "select view_name from duckdb_views()"
                " where database_name = 'published' and view_name like 'q%'"
            ).fetchall()
        }
    assert differing == set()
    found = {name: lying_beside.pop(name)[0][:1] for name in answers}
    assert found == answers and len(answers) == 20
    assert lying_beside == published and len(published) > 60


def test_a_report_that_cannot_be_written_is_a_gap_of_what_was_published(company: Company) -> None:
    """Readers have a new file: the refresh has not failed, and does not say so."""
    version, page = company.link.resolve(), company.home / "report" / "index.html"
    aside = page.rename(page.with_name("aside"))
    page.mkdir()  # root may write anywhere else
    done = company.refresh("refresh", "--source", "servicenow")
    page.rmdir()
    aside.rename(page)
    assert done.returncode == 3, done.stderr[-4000:]
    assert company.link.resolve() != version
    lines = [line for line in done.stderr.splitlines() if line.startswith("flowhouse: ")]
    assert lines[0].startswith("flowhouse: published__report: IsADirectoryError")
    assert lines[1] == (
        "flowhouse: the warehouse was published; what failed after it is as it was before"
    )
    last = json.loads(company.refresh("status", "--json").stdout)["refreshes"]["last"]
    assert (last["outcome"], last["lines"][:2]) == (
        "partial", [line.removeprefix("flowhouse: ") for line in lines[:2]]
    )  # fmt: skip


def test_a_violated_invariant_stops_publication_and_keeps_its_rows(company: Company) -> None:
    version = company.link.resolve()
    path = company.home / "raw" / "raw_jira.duckdb"
    count = (
        "update jira.histories set item_count = item_count {} 1"
        " where id = (select min(id) from jira.histories)"
    )
    with duckdb.connect(str(path)) as raw:
        raw.execute(count.format("+"))
    # What comes after the first failure would be built in vain.
    done = company.refresh("refresh", "--source", "servicenow", DBT_FAIL_FAST="1")
    with duckdb.connect(str(path)) as raw:
        raw.execute(count.format("-"))
    assert done.returncode == 1, done.stderr[-4000:]
    assert company.link.resolve() == version
    with duckdb.connect(str(company.home / "build.duckdb"), read_only=True) as build:
        rows = build.execute("select * from failures.every_changelog_entry_is_whole").fetchall()
        ((status,),) = build.execute(
            """
            select status from meta.quality_results
            where test = 'every_changelog_entry_is_whole' and status <> 'pass'
            """
        ).fetchall()
    assert len(rows) == 1
    assert status == "fail"
    # What failed is said at once, and later to who asks.
    [line] = [line for line in done.stderr.splitlines() if "build_models: " in line]
    assert "test every_changelog_entry_is_whole: 1 failing row (kept in failures." in line
    known = json.loads(company.refresh("status", "--json").stdout)["refreshes"]["last_failed"]
    assert line == f"flowhouse: {known['lines'][0]}"


def test_p3_a_forgotten_person_is_gone_from_every_file_and_the_rest_stays(
    company: Company,
) -> None:
    [(key, changes)] = company.rows(
        "select actor_key, count(*) from marts.fct_status_transitions "
        "where actor_key is not null and work_item_key like 'jira:%' "
        "group by 1 order by 2 desc limit 1"
    )
    transitions = company.rows("select count(*) from marts.fct_status_transitions")
    proven = company.rows("select refresh_id from meta.refreshes")
    done = company.refresh("forget", key)
    assert done.returncode == 0, done.stderr[-4000:]
    # The working warehouse is that of the violated invariant above.
    assert company.rows("select refresh_id from meta.refreshes") == proven
    assert company.rows("select count(*) from marts.fct_status_transitions") == transitions
    erased = "select count(*) from marts.fct_status_transitions where actor_key = 'erased'"
    assert company.rows(erased) == [(changes,)]
    listed = company.home / "forgotten.txt"
    assert listed.read_text() == f"{key}\n"
    found = [
        path
        for path in company.home.rglob("*")
        if path.is_file() and path != listed and key.encode() in path.read_bytes()
    ]
    assert found == []


def test_a_failed_check_leaves_the_published_file_untouched(company: Company) -> None:
    version = company.link.resolve()
    path = company.home / "raw" / "raw_jira.duckdb"
    with duckdb.connect(str(path)) as raw:
        raw.execute(
            "update jira.issues set payload = '{half' where id = (select min(id) from jira.issues)"
        )
    done = company.refresh("refresh", "--source", "servicenow")
    assert done.returncode == 1, done.stderr[-4000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("flowhouse: ")]
    assert lines == [
        "flowhouse: jira/issues: the check meets_expectations failed:"
        " the payload is not JSON or holds a person's name or mail address: 1 rows",
        "flowhouse: nothing was published",
    ]
    assert "Stack Trace" not in done.stderr
    assert company.link.resolve() == version
