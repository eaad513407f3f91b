"""The health of CI and the evidence of changes, counted a second time (see tests/recount/registry).

Dates and times are those of the tables: UTC, without a zone. "no", "yes" and "not_known" are the
answers that the metric itself publishes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tests.recount.delivery import (
    EVER,
    NEVER,
    holds,
    local_day,
    nearest_rank,
    owners,
    seconds,
    share_of,
    time_zones,
    utc_midnight,
    written,
)
from tests.recount.plain import forward, grouped, stretches
from tests.recount.registry import Row, Tables, recounts

JUDGED = ("success", "failure", "error", "timeout")
"""Results that say something about the code or its environment; people cancel and skip runs."""


def rate_of(tables: Tables, source: str, label: str, moment: datetime | None) -> float | None:
    """Return what a minute of a runner costs at a moment."""
    for line in tables.rows("runner_rates"):
        is_line_of = (line["source_system"], line["label"]) == (source, label)
        if is_line_of and moment and holds(line, moment):
            return line["cost_per_minute"]
    return None


@lru_cache(maxsize=4)
def jobs_of(tables: Tables) -> dict[str, Row]:
    """Return every job with its run, what it cost, and whether it was tried again."""
    runs = tables.by("int_ci_runs_unioned", "ci_run_key")
    labels = defaultdict(list)
    for row in sorted(tables.rows("int_ci_runner_labels"), key=lambda row: row["label_no"]):
        labels[row["ci_job_key"]].append(row["label"])
    by_name, by_commit = defaultdict(list), defaultdict(list)
    found = {}
    for job in tables.rows("int_ci_jobs_unioned"):
        run, began = runs[job["ci_run_key"]], job["started_at"]
        source = job["source_system"]
        rates = [
            (rate, label)
            for label in labels[job["ci_job_key"]]
            if (rate := rate_of(tables, source, label, began)) is not None
        ]
        highest = max(rates, key=lambda pair: pair[0], default=None)
        first = next(iter(labels[job["ci_job_key"]]), None)
        rate = highest[0] if highest else rate_of(tables, source, "*", began)
        is_own = not job["is_inherited"]
        run_s = seconds(began, job["finished_at"]) if is_own else None
        row = found[job["ci_job_key"]] = {
            **job,
            "run": run,
            "runner_label": highest[1] if highest else first,
            "queue_s": forward(job["queued_at"], began) if is_own else None,
            "run_s": run_s,
            "cost": None if rate is None or run_s is None else run_s / 60 * rate,
            "is_retry": is_own and run["attempt"] > 1,
            "is_flaky": False,
        }
        by_name[job["ci_run_key"], job["job"]].append(row)
        if run["head_sha"]:
            built = run["source_system"], run["pipeline"], run["repository"], run["head_sha"]
            by_commit[*built, job["job"]].append(row)
    for group in by_name.values():
        group.sort(key=lambda row: (row["started_at"] or EVER, row["ci_job_key"]))
        for earlier, later in pairwise(group):
            ended, began = earlier["finished_at"], later["started_at"]
            is_after = bool(ended and began and ended <= began)
            if is_after and earlier["result"] != "success" and not later["is_inherited"]:
                later["is_retry"] = True
    for group in by_commit.values():
        passes = [row["finished_at"] or NEVER for row in group if row["result"] == "success"]
        for row in group:
            ended = row["finished_at"]
            row["is_flaky"] = bool(
                row["result"] == "failure" and ended and max(passes, default=NEVER) > ended
            )
    return found


@recounts("fct_ci_jobs")
def ci_jobs(tables: Tables) -> Iterator[Row]:
    """Jobs and stages, how long each waited and ran, and what it cost."""
    for job in jobs_of(tables).values():
        yield {name: value for name, value in job.items() if name != "run"}


@lru_cache(maxsize=4)
def runs_of(tables: Tables) -> dict[str, Row]:
    """Return every attempt with its service, what its jobs cost, and whether it is flaky."""
    jobs_by_run = defaultdict(list)
    for job in jobs_of(tables).values():
        jobs_by_run[job["ci_run_key"]].append(job)
    passed: dict[tuple, datetime] = {}
    rows = tables.rows("int_ci_runs_unioned")
    for run in rows:
        if run["head_sha"] and run["result"] == "success" and run["finished_at"]:
            built = (run["source_system"], run["pipeline"], run["repository"], run["head_sha"])
            passed[built] = max(run["finished_at"], passed.get(built, NEVER))
    found = {}
    for run in rows:
        built = (run["source_system"], run["pipeline"], run["repository"], run["head_sha"])
        ended = run["finished_at"]
        when = run["queued_at"] or run["started_at"] or ended
        scopes = [(run["source_system"], run["scope"])]
        scopes += [(source, run["repository"]) for source in ("github", "gitlab")]
        services = [
            line["service_key"]
            for scope in scopes
            for line in owners(tables).get(scope, [])
            if when and holds(line, when) and line["service_key"]
        ]
        jobs = jobs_by_run[run["ci_run_key"]]
        ran = [job["run_s"] for job in jobs if job["run_s"] is not None]
        priced = [job for job in jobs if job["cost"] is not None]
        found[run["ci_run_key"]] = {
            **run,
            "service_key": services[0] if services else "unassigned",
            "queue_s": forward(run["queued_at"], run["started_at"]),
            "run_s": seconds(run["started_at"], ended),
            "machine_s": sum(ran) if ran else None,
            "priced_machine_s": sum(job["run_s"] for job in priced) if priced else None,
            "cost": sum(job["cost"] for job in priced) if priced else None,
            "is_flaky": run["result"] == "failure"
            and ended is not None
            and passed.get(built, NEVER) > ended,
        }
    return found


@recounts("fct_ci_runs")
def ci_runs(tables: Tables) -> Iterator[Row]:
    """Attempts of runs; is_flaky: it failed, and the same commit passed later."""
    for run in runs_of(tables).values():
        yield {k: v for k, v in run.items() if k not in ("source_run_id", "scope")}


@lru_cache(maxsize=4)
def builds_of(tables: Tables) -> dict[tuple[str, str], bool]:
    """Return which run built which change; True where it built the merge commit."""
    of_change: dict[str, set[str]] = defaultdict(set)
    merged: dict[str, set[str]] = defaultdict(set)
    for change in written(tables):
        of_change[change["head_sha"]].add(change["change_key"])
        merged[change["merge_commit_sha"]].add(change["change_key"])
    known = {change["change_key"] for change in written(tables)}
    for commit in tables.rows("int_pull_request_commits_unioned"):
        if commit["work_item_key"] in known:
            of_change[commit["sha"]].add(commit["work_item_key"])
    found = {}
    for run in tables.rows("int_ci_runs_unioned"):
        sha = run["head_sha"]
        for change in (of_change[sha] | merged[sha]) if sha else ():
            found[change, run["ci_run_key"]] = change in merged[sha]
    return found


@recounts("bridge_change_runs")
def builds(tables: Tables) -> Iterator[Row]:
    """Which runs built a commit of which change."""
    for (change, run), is_merged in builds_of(tables).items():
        yield {
            "change_run_key": f"{change}>{run}",
            "change_key": change,
            "ci_run_key": run,
            "is_merged": is_merged,
        }


def health(rows: list[Row]) -> Row:
    """Return what is counted of some attempts, or jobs."""
    judged = [row for row in rows if row["result"] in JUDGED]
    failed = [row for row in judged if row["result"] != "success"]
    lost = [row for row in rows if row["result"] in ("error", "timeout") or row["is_flaky"]]
    flaky = sum(row["is_flaky"] for row in rows)
    waits = [row["queue_s"] for row in rows if row["queue_s"] is not None]
    times = [row["run_s"] for row in rows if row["run_s"] is not None]
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return {
        "attempts": len(rows),
        "judged_attempts": len(judged),
        "failed_attempts": len(failed),
        "failure_share": share_of(len(failed), len(judged)),
        "flaky_attempts": flaky,
        "flaky_share": share_of(flaky, len(judged)),
        "retries": sum(row["is_retry"] for row in rows),
        "environment_failures": len(lost),
        "environment_lost_s": sum((row["queue_s"] or 0) + (row["run_s"] or 0) for row in lost),
        "queue_n": len(waits),
        "queue_p50_s": nearest_rank(waits, 0.5),
        "queue_p85_s": nearest_rank(waits, 0.85),
        "run_n": len(times),
        "run_p50_s": nearest_rank(times, 0.5),
        "run_p85_s": nearest_rank(times, 0.85),
        "machine_s": sum(row["machine_s"] or 0 for row in rows),
        "priced_machine_s": sum(row["priced_machine_s"] or 0 for row in rows),
        "cost": sum(costs) if costs else None,
    }


def month_of(moment: datetime, zone: str) -> date:
    """Return the first day of the month that a moment is in, in a time zone."""
    return local_day(moment, zone).replace(day=1)


def month_after(start: date) -> date:
    """Return the first day of the month after one."""
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


def is_over(tables: Tables, start: date, zone: str) -> bool:
    """Say whether a month has ended at as_of, in a time zone."""
    return month_after(start) <= local_day(tables.as_of, zone)


def last_services(rows: Iterable[Row], group: str, tie_breaker: str) -> dict[str, str]:
    """Return the service of the row of each group that ended last.

    Args:
        rows: Runs or jobs that have ended.
        group: The column that groups them.
        tie_breaker: The column that decides among rows that ended together: the least one counts.
    """
    ordered = sorted(rows, key=lambda row: row[tie_breaker], reverse=True)
    ordered.sort(key=lambda row: row["finished_at"])
    return {row[group]: row["service_key"] for row in ordered}


def ended_runs(tables: Tables) -> list[Row]:
    """Return the attempts that ended and were not skipped, each with the name of its pipeline."""
    return [
        {
            **run,
            "is_retry": run["attempt"] > 1,
            "pipeline_key": f"{run['source_system']}|{run['repository'] or ''}|{run['pipeline']}",
        }
        for run in runs_of(tables).values()
        if run["finished_at"] and run["result"] != "skipped"
    ]


@recounts("metric_ci_health")
def ci_health(tables: Tables) -> Iterator[Row]:
    """The health of pipelines by months, and how much of the lead time is theirs."""
    zones, runs = time_zones(tables), ended_runs(tables)
    services = last_services(runs, "pipeline_key", "ci_run_key")
    by_month, pipelines = defaultdict(list), {}
    for run in runs:
        key = run["pipeline_key"]
        pipelines[key] = run
        by_month[key, month_of(run["finished_at"], zones[services[key]])].append(run)
    of_change = defaultdict(list)
    ended = {run["ci_run_key"]: run for run in runs}
    for change, run in builds_of(tables):
        if run in ended:
            of_change[change].append(ended[run])
    delivered = defaultdict(list)
    changes = tables.by("fct_changes", "change_key")
    for link in tables.rows("bridge_deployment_changes"):
        change = changes[link["change_key"]]
        began, ran = change["first_commit_at"], change["deployed_at"]
        if link["is_first_of_repository"] or not began or began > ran:
            continue
        own = defaultdict(list)
        for run in of_change[link["change_key"]]:
            own[run["pipeline_key"]].append(run)
        for key, some in own.items():
            spans = [
                (max(start, began), min(run["finished_at"], ran))
                for run in some
                if (start := run["queued_at"] or run["started_at"])
            ]
            costs = [run["cost"] for run in some if run["cost"] is not None]
            delivered[key, month_of(ran, zones[services[key]])].append(
                (
                    seconds(began, ran),
                    sum(seconds(*span) for span in stretches(s for s in spans if s[0] < s[1])),
                    sum(costs) if costs else None,
                )
            )
    gaps = defaultdict(list)
    for gap in tables.rows("history_gaps"):
        gaps[gap["source_system"], gap["scope"]].append(gap)
    for key, start in {*by_month, *delivered}:
        run, zone = pipelines[key], zones[services[key]]
        scope = run["pipeline" if run["source_system"] == "jenkins" else "repository"]
        begins, ends = (utc_midnight(day, zone) for day in (start, month_after(start)))
        changes_built = delivered[key, start]
        lead = sum(lead_s for lead_s, _, _ in changes_built)
        lead_in_ci = sum(in_ci_s for _, in_ci_s, _ in changes_built)
        costs = [cost for _, _, cost in changes_built if cost is not None]
        yield {
            "metric_ci_health_key": f"{key}|{start.isoformat()}",
            **{name: run[name] for name in ("source_system", "repository", "pipeline")},
            "service_key": services[key],
            **health(by_month[key, start]),
            "built_changes": len(changes_built),
            "lead_time_s": lead,
            "lead_time_in_ci_s": lead_in_ci,
            "lead_time_in_ci_share": share_of(lead_in_ci, lead),
            "priced_changes": len(costs),
            "cost_per_change": sum(costs) / len(costs) if costs else None,
            "is_history_known": all(
                gap["gap_to"] <= begins or (gap["gap_from"] and gap["gap_from"] >= ends)
                for gap in gaps[run["source_system"], scope]
            ),
            "is_complete_period": is_over(tables, start, zone),
            "month_start": start,
        }


@recounts("metric_ci_health_jobs")
def ci_health_of_jobs(tables: Tables) -> Iterator[Row]:
    """The health of jobs by months."""
    zones, runs = time_zones(tables), runs_of(tables)
    names = ("source_system", "repository", "pipeline", "service_key")
    jobs: list[dict[str, Any]] = [
        {
            **{name: runs[job["ci_run_key"]][name] for name in names},
            **{name: job[name] for name in job if name != "run"},
            "machine_s": job["run_s"],
            "priced_machine_s": job["run_s"] if job["cost"] is not None else None,
        }
        for job in jobs_of(tables).values()
        if job["finished_at"] and job["result"] != "skipped" and not job["is_inherited"]
    ]
    for job in jobs:
        parts = job["source_system"], job["repository"] or "", job["pipeline"], job["job"]
        job["job_key"] = "|".join(parts)
    services = last_services(jobs, "job_key", "ci_job_key")
    by_month = defaultdict(list)
    for job in jobs:
        zone = zones[services[job["job_key"]]]
        by_month[job["job_key"], month_of(job["finished_at"], zone)].append(job)
    of_job = ("source_system", "repository", "pipeline", "job")
    for (key, start), jobs_of_month in by_month.items():
        yield {
            "metric_ci_health_jobs_key": f"{key}|{start.isoformat()}",
            **{name: jobs_of_month[0][name] for name in of_job},
            "service_key": services[key],
            **health(jobs_of_month),
            "is_complete_period": is_over(tables, start, zones[services[key]]),
            "month_start": start,
        }


# Evidence of changes


@recounts("fct_approvals")
def approvals(tables: Tables) -> Iterator[Row]:
    """Approvals and refusals: what each is of, and until when it stood.

    Of one subject and person a later decision replaces the one before. A change request has one
    approval, whoever gave it.
    """
    changes = {change["change_key"] for change in written(tables)}
    requests = tables.by("int_change_requests_described", "work_item_key")
    deployments = tables.rows("int_deployments_located")
    known = {row["deployment_key"] for row in deployments}
    decisions = defaultdict(list)
    for decision in tables.rows("int_approvals_unioned"):
        names = ("change_key", "change_request_key", "deployment_key", "deployment_id")
        subject = next((decision[name] for name in names if decision[name]), None)
        if not subject and decision["sha"]:
            subject = f"{decision['sha']}|{decision['raw_environment'] or ''}"
        approver = "" if decision["kind"] == "change_request" else decision["approver_key"]
        decision_id = decision["approval_id"]
        group = subject or decision_id, decision_id if approver is None else approver
        decisions[decision["kind"], *group].append(decision)
    for of_subject in decisions.values():
        of_subject.sort(key=lambda decision: (decision["decided_at"], decision["approval_id"]))
        for decision, following in zip(of_subject, [*of_subject[1:], None], strict=True):
            if decision["decision"] == "withdrawn":
                continue
            is_approved = decision["decision"] == "approved"
            is_over = is_approved and following and following["decision"] != "approved"
            row = {
                "approval_key": decision["approval_id"],
                "source_system": decision["source_system"],
                "kind": decision["kind"],
                "change_key": None,
                "change_request_key": None,
                "deployment_key": None,
                "approver_key": decision["approver_key"],
                "is_approved": is_approved,
                "is_by_program": decision["approver_type"] == "bot",
                "decided_at": decision["decided_at"],
                "withdrawn_at": following["decided_at"] if is_over else None,
            }
            if decision["change_key"] in changes:
                yield {**row, "change_key": decision["change_key"]}
            elif decision["change_request_key"] in requests:
                yield {**row, "change_request_key": decision["change_request_key"]}
            elif decision["deployment_key"] in known:
                yield {**row, "deployment_key": decision["deployment_key"]}
            elif decision["kind"] == "event":
                for deployment in deployments:
                    if is_named(decision, deployment):
                        key = deployment["deployment_key"]
                        yield {
                            **row,
                            "approval_key": f"{decision['approval_id']}>{key}",
                            "deployment_key": key,
                        }


def is_named(decision: Row, deployment: Row) -> bool:
    """Say whether an event approves a deployment: by its id, or by its commit and environment."""
    if decision["deployment_id"]:
        return decision["deployment_id"] == deployment["deployment_id"]
    environment = decision["raw_environment"] or deployment["raw_environment"]
    is_of_commit = decision["sha"] and decision["sha"] == deployment["sha"]
    return bool(is_of_commit and environment == deployment["raw_environment"])


@dataclass
class EvidenceIndex:
    """The tables that may hold evidence, each by the key that it is looked up with.

    Attributes:
        deployments: By deployment_key.
        changes: By change_key.
        actor_types: human or bot, by person_key.
        runs: CI runs by the commit that they built.
        links: Links from changes to items by change_key, the surest first.
        unnamed_keys: How many keys a change names that are of no loaded item.
        reviews: Approvals that stand, by change_key.
        of_deployment: The same by deployment_key.
        of_request: The same by change_request_key.
        requests: Change requests by work_item_key.
        audited: Change requests whose approvals are recorded one by one.
        first_runs: When the first loaded run of a repository began.
        gaps: Gaps of loaded history, by scope.
    """

    deployments: dict[str, Row]
    changes: dict[str, Row]
    actor_types: dict[str, str]
    runs: dict[str, list[Row]]
    links: dict[str, list[Row]]
    unnamed_keys: dict[str, int]
    reviews: dict[str, list[Row]]
    of_deployment: dict[str, list[Row]]
    of_request: dict[str, list[Row]]
    requests: dict[str, Row]
    audited: set[str]
    first_runs: dict[str, datetime]
    gaps: dict[str, list[Row]]

    @classmethod
    def of(cls, tables: Tables) -> "EvidenceIndex":
        """Read the tables."""
        approved = [row for row in tables.rows("fct_approvals") if row["is_approved"]]
        first_runs: dict[str, datetime] = {}
        for run in tables.rows("fct_ci_runs"):
            began = run["queued_at"] or run["started_at"]
            if run["repository"] and began:
                first_runs[run["repository"]] = min(began, first_runs.get(run["repository"], EVER))
        unnamed_keys: dict[str, int] = defaultdict(int)
        for row in tables.rows("fct_change_keys"):
            if row["key_project"] != "change_request":
                unnamed_keys[row["change_key"]] += row["keys_without_item"]
        links = [
            row for row in tables.rows("bridge_work_item_links") if row["link_type"] == "implements"
        ]
        return cls(
            tables.by("fct_deployments", "deployment_key"),
            tables.by("fct_changes", "change_key"),
            {row["person_key"]: row["actor_type"] for row in tables.rows("dim_people")},
            grouped(tables.rows("fct_ci_runs"), "head_sha"),
            grouped(links, "from_key", by=lambda r: (-r["confidence"], r["work_item_link_key"])),
            unnamed_keys,
            grouped(approved, "change_key"),
            grouped(approved, "deployment_key"),
            grouped(approved, "change_request_key"),
            tables.by("fct_change_requests", "work_item_key"),
            {row["change_request_key"] for row in tables.rows("fct_approvals")},
            first_runs,
            grouped(tables.rows("history_gaps"), "scope"),
        )

    def approved(self, deployment: Row) -> list[Row]:
        """Return the approvals that stood when a deployment began, the first one first."""
        began = deployment["started_at"]
        own = [
            row
            for row in self.of_deployment.get(deployment["deployment_key"], [])
            if row["kind"] == "environment" or row["decided_at"] <= began
        ]
        asked = deployment["change_request_key"]
        own += [r for r in self.of_request.get(asked, []) if asked and r["decided_at"] <= began]
        own = [row for row in own if (row["withdrawn_at"] or EVER) > began]
        return sorted(own, key=lambda row: (row["decided_at"], row["approval_key"]))

    def reviewed(self, change: Row | None) -> list[Row]:
        """Return the approvals of others that stood at the merge, the first one first."""
        if not change:
            return []
        merged = change["merged_at"]
        some = [
            row
            for row in self.reviews.get(change["change_key"], [])
            if not row["is_by_program"]
            and row["approver_key"] != change["author_key"]
            and row["decided_at"] <= merged < (row["withdrawn_at"] or EVER)
        ]
        return sorted(some, key=lambda row: (row["decided_at"], row["approval_key"]))

    def build(self, deployment: Row, change: Row | None) -> tuple[str, str | None]:
        """Return what CI said of what was deployed, and the run that proves it."""
        ended = deployment["finished_at"]
        for sha in (deployment["sha"], change and change["merge_commit_sha"]):
            last: dict[tuple, Row] = {}
            for run in self.runs.get(sha, []) if sha else []:
                began = run["queued_at"] if run["started_at"] is None else run["started_at"]
                in_time = run["finished_at"] and run["finished_at"] <= ended
                deploys = run["result"] == "success" and began and began <= ended
                if run["result"] in JUDGED and (in_time or deploys):
                    key = run["source_system"], run["repository"], run["pipeline"]
                    last[key] = min(run, last.get(key, run), key=newest_first)
            if last:
                red = [run for run in last.values() if run["result"] != "success"]
                proof = min(red or last.values(), key=newest_first)
                return ("no" if red else "yes"), proof["ci_run_key"]
        repository = deployment["repository"]
        is_known = self.first_runs.get(repository, EVER) <= deployment["started_at"]
        is_lost = any(
            (gap["gap_from"] or NEVER) <= ended < gap["gap_to"]
            for gap in self.gaps.get(repository, [])
        )
        return ("no" if is_known and not is_lost else "not_known"), None


def newest_first(run: Row) -> tuple[float, str]:
    """Return what runs are sorted by so that the newest is the first."""
    ended = run["finished_at"]
    return (-(ended - datetime(1970, 1, 1)).total_seconds() if ended else 0.0, run["ci_run_key"])


def separation(
    index: EvidenceIndex, deployment: Row, change: Row | None, reviews: list[Row], given: list[Row]
) -> str:
    """Say whether author, approver and deployer are different people."""
    author = change and change["author_key"]
    if not change or not author:
        return "not_known"
    deployer = deployment["deployer_key"]
    if deployer == author:
        return "no"
    others = {row["approver_key"] for row in reviews}
    others |= {
        row["approver_key"]
        for row in given
        if row["source_system"] == change["source_system"] and not row["is_by_program"]
    } - {author, None}
    if not others:
        is_somebody_unknown = any(
            row["source_system"] != change["source_system"] or row["approver_key"] is None
            for row in given
            if not row["is_by_program"]
        )
        return "not_known" if is_somebody_unknown else "no"
    if index.actor_types.get(deployer) == "bot":
        return "yes"
    if deployer is None or deployment["source_system"] != change["source_system"]:
        return "not_known"
    return "yes" if others - {deployer} else "no"


@recounts("metric_change_evidence")
def change_evidence(tables: Tables) -> Iterator[Row]:
    """The evidence for every change in production."""
    index = EvidenceIndex.of(tables)
    subjects: list[tuple[Row, Row | None]] = []
    releases = set()
    for link in tables.rows("bridge_deployment_changes"):
        deployment = index.deployments[link["deployment_key"]]
        releases.add(deployment["release_deployment_key"])
        subjects.append((deployment, index.changes[link["change_key"]]))
    for key, deployment in index.deployments.items():
        is_first = deployment["release_deployment_key"] == key
        is_there = deployment["result"] == "success" and not deployment["is_rollback"]
        if is_first and is_there and key not in releases:
            subjects.append((deployment, None))
    asking = {row["service_key"] for row, _ in subjects if index.approved(row)}
    for deployment, change in subjects:
        key = change and change["change_key"]
        link = next(iter(index.links.get(key, [])), None) if key else None
        reviews, given = index.reviewed(change), index.approved(deployment)
        build, run = index.build(deployment, change)
        asked = index.requests.get(deployment["change_request_key"])
        began = deployment["started_at"]
        approved_at = None
        if asked and asked["work_item_key"] not in index.audited:
            approved_at = asked["approved_at"]
            if approved_at is None and asked["is_automated"]:
                approved_at = asked["requested_at"]
        is_approved = bool(given) or bool(approved_at and approved_at <= began)
        is_asked = bool(deployment["change_request_key"]) or deployment["service_key"] in asking
        has_unnamed_key = not change or index.unnamed_keys.get(key, 0) > 0
        review = "not_known"
        if change and (not reviews or change["author_key"]):
            review = "yes" if reviews else "no"
        yield {
            "metric_change_evidence_key": f"{deployment['deployment_key']}>{key}"
            if key
            else deployment["deployment_key"],
            "deployment_key": deployment["deployment_key"],
            "change_key": key,
            "change_request_key": deployment["change_request_key"],
            "service_key": deployment["service_key"],
            "item": "yes" if link else "not_known" if has_unnamed_key else "no",
            "work_item_key": link and link["to_key"],
            "work_item_link_key": link and link["work_item_link_key"],
            "review": review,
            "review_approval_key": reviews[0]["approval_key"] if reviews else None,
            "build": build,
            "ci_run_key": run,
            "approval": "yes" if is_approved else "no" if is_asked else "not_known",
            "approval_key": given[0]["approval_key"] if given else None,
            "separation": separation(index, deployment, change, reviews, given),
            "merged_at": change and change["merged_at"],
            "deployed_at": deployment["finished_at"],
        }
