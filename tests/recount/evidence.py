"""Recounts of the health of CI and of the evidence of changes."""

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


def rate_of(tables: Tables, source: str, label: str, moment: datetime | None) -> float | None:
    """Return what a minute of a runner costs at a moment."""
    for line in tables.rows("runner_rates"):
        is_it = (line["source_system"], line["label"]) == (source, label)
        if is_it and moment and holds(line, moment):
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
        dearest = max(rates, key=lambda pair: pair[0], default=None)
        first = next(iter(labels[job["ci_job_key"]]), None)
        rate = dearest[0] if dearest else rate_of(tables, source, "*", began)
        is_own = not job["is_inherited"]
        run_s = seconds(began, job["finished_at"]) if is_own else None
        row = found[job["ci_job_key"]] = {
            **job,
            "run": run,
            "runner_label": dearest[1] if dearest else first,
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
    for some in by_name.values():
        some.sort(key=lambda row: (row["started_at"] or EVER, row["ci_job_key"]))
        for earlier, later in pairwise(some):
            ended, began = earlier["finished_at"], later["started_at"]
            is_after = bool(ended and began and ended <= began)
            if is_after and earlier["result"] != "success" and not later["is_inherited"]:
                later["is_retry"] = True
    for some in by_commit.values():
        passes = [row["finished_at"] or NEVER for row in some if row["result"] == "success"]
        for row in some:
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
    machine = defaultdict(list)
    for job in jobs_of(tables).values():
        machine[job["ci_run_key"]].append(job)
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
        places = [(run["source_system"], run["scope"])]
        places += [(source, run["repository"]) for source in ("github", "gitlab")]
        services = [
            line["service_key"]
            for place in places
            for line in owners(tables).get(place, [])
            if when and holds(line, when) and line["service_key"]
        ]
        jobs = machine[run["ci_run_key"]]
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
    """Attempts of runs, and which failed without a reason in the code."""
    for run in runs_of(tables).values():
        yield {k: v for k, v in run.items() if k not in ("source_run_id", "scope")}


@lru_cache(maxsize=4)
def builds_of(tables: Tables) -> dict[tuple[str, str], bool]:
    """Return which run built which change, and whether what merging made."""
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
    """Return the first day of the month that a moment is in somewhere."""
    return local_day(moment, zone).replace(day=1)


def month_after(start: date) -> date:
    """Return the first day of the month after one."""
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


def is_over(tables: Tables, start: date, zone: str) -> bool:
    """Say whether a month has ended at as_of, somewhere."""
    return month_after(start) <= local_day(tables.as_of, zone)


def last_services(rows: Iterable[Row], key: str, name: str) -> dict[str, str]:
    """Return the service of the last of the rows of each group."""
    ordered = sorted(rows, key=lambda row: row[name], reverse=True)
    return {row[key]: row["service_key"] for row in sorted(ordered, key=lambda r: r["finished_at"])}


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
        told = delivered[key, start]
        lead, inside = (sum(entry[part] for entry in told) for part in (0, 1))
        costs = [cost for _, _, cost in told if cost is not None]
        yield {
            "metric_ci_health_key": f"{key}|{start.isoformat()}",
            **{name: run[name] for name in ("source_system", "repository", "pipeline")},
            "service_key": services[key],
            **health(by_month[key, start]),
            "built_changes": len(told),
            "lead_time_s": lead,
            "lead_time_in_ci_s": inside,
            "lead_time_in_ci_share": share_of(inside, lead),
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
    for (key, start), some in by_month.items():
        yield {
            "metric_ci_health_jobs_key": f"{key}|{start.isoformat()}",
            **{name: some[0][name] for name in ("source_system", "repository", "pipeline", "job")},
            "service_key": services[key],
            **health(some),
            "is_complete_period": is_over(tables, start, zones[services[key]]),
            "month_start": start,
        }


# Evidence of changes


@recounts("fct_approvals")
def approvals(tables: Tables) -> Iterator[Row]:
    """Approvals and refusals, of what each is, and until when it stood."""
    changes = {change["change_key"] for change in written(tables)}
    requests = tables.by("int_change_requests_described", "work_item_key")
    deployments = tables.rows("int_deployments_located")
    known = {row["deployment_key"] for row in deployments}
    words = defaultdict(list)
    for word in tables.rows("int_approvals_unioned"):
        of = word["change_key"] or word["change_request_key"] or word["deployment_key"]
        of = of or word["deployment_id"]
        of = of or (word["sha"] and f"{word['sha']}|{word['raw_environment'] or ''}")
        who = "" if word["kind"] == "change_request" else word["approver_key"]
        own = word["approval_id"]
        words[word["kind"], of or own, own if who is None else who].append(word)
    for some in words.values():
        some.sort(key=lambda word: (word["decided_at"], word["approval_id"]))
        for word, following in zip(some, [*some[1:], None], strict=True):
            if word["decision"] == "withdrawn":
                continue
            is_approved = word["decision"] == "approved"
            is_over = is_approved and following and following["decision"] != "approved"
            row = {
                "approval_key": word["approval_id"],
                "source_system": word["source_system"],
                "kind": word["kind"],
                "change_key": None,
                "change_request_key": None,
                "deployment_key": None,
                "approver_key": word["approver_key"],
                "is_approved": is_approved,
                "is_by_program": word["approver_type"] == "bot",
                "decided_at": word["decided_at"],
                "withdrawn_at": following["decided_at"] if is_over else None,
            }
            if word["change_key"] in changes:
                yield {**row, "change_key": word["change_key"]}
            elif word["change_request_key"] in requests:
                yield {**row, "change_request_key": word["change_request_key"]}
            elif word["deployment_key"] in known:
                yield {**row, "deployment_key": word["deployment_key"]}
            elif word["kind"] == "event":
                for deployment in deployments:
                    if is_named(word, deployment):
                        key = deployment["deployment_key"]
                        yield {
                            **row,
                            "approval_key": f"{word['approval_id']}>{key}",
                            "deployment_key": key,
                        }


def is_named(word: Row, deployment: Row) -> bool:
    """Say whether an event approves a deployment: by its id, or by its commit and place."""
    if word["deployment_id"]:
        return word["deployment_id"] == deployment["deployment_id"]
    place = word["raw_environment"] or deployment["raw_environment"]
    return bool(
        word["sha"] and word["sha"] == deployment["sha"] and place == deployment["raw_environment"]
    )


@dataclass
class Warehouse:
    """What evidence is looked for in, by what it is looked for with."""

    deployments: dict[str, Row]
    changes: dict[str, Row]
    kinds: dict[str, str]
    runs: dict[str, list[Row]]
    links: dict[str, list[Row]]
    nameless: dict[str, int]
    reviews: dict[str, list[Row]]
    of_deployment: dict[str, list[Row]]
    of_request: dict[str, list[Row]]
    requests: dict[str, Row]
    audited: set[str]
    first_runs: dict[str, datetime]
    gaps: dict[str, list[Row]]

    @classmethod
    def of(cls, tables: Tables) -> "Warehouse":
        """Read it."""
        approved = [row for row in tables.rows("fct_approvals") if row["is_approved"]]
        first_runs: dict[str, datetime] = {}
        for run in tables.rows("fct_ci_runs"):
            began = run["queued_at"] or run["started_at"]
            if run["repository"] and began:
                first_runs[run["repository"]] = min(began, first_runs.get(run["repository"], EVER))
        nameless: dict[str, int] = defaultdict(int)
        for row in tables.rows("fct_change_keys"):
            if row["key_project"] != "change_request":
                nameless[row["change_key"]] += row["keys_without_item"]
        links = [
            row for row in tables.rows("bridge_work_item_links") if row["link_type"] == "implements"
        ]
        return cls(
            tables.by("fct_deployments", "deployment_key"),
            tables.by("fct_changes", "change_key"),
            {row["person_key"]: row["actor_type"] for row in tables.rows("dim_people")},
            grouped(tables.rows("fct_ci_runs"), "head_sha"),
            grouped(links, "from_key", by=lambda r: (-r["confidence"], r["work_item_link_key"])),
            nameless,
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
                    last[key] = min(run, last.get(key, run), key=newest)
            if last:
                red = [run for run in last.values() if run["result"] != "success"]
                proof = min(red or last.values(), key=newest)
                return ("no" if red else "yes"), proof["ci_run_key"]
        repository = deployment["repository"]
        is_known = self.first_runs.get(repository, EVER) <= deployment["started_at"]
        is_lost = any(
            (gap["gap_from"] or NEVER) <= ended < gap["gap_to"]
            for gap in self.gaps.get(repository, [])
        )
        return ("no" if is_known and not is_lost else "not_known"), None


def newest(run: Row) -> tuple[float, str]:
    """Return what runs are sorted by so that the newest is the first."""
    ended = run["finished_at"]
    return (-(ended - datetime(1970, 1, 1)).total_seconds() if ended else 0.0, run["ci_run_key"])


def separation(
    facts: Warehouse, deployment: Row, change: Row | None, reviews: list[Row], given: list[Row]
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
    if facts.kinds.get(deployer) == "bot":
        return "yes"
    if deployer is None or deployment["source_system"] != change["source_system"]:
        return "not_known"
    return "yes" if others - {deployer} else "no"


@recounts("metric_change_evidence")
def change_evidence(tables: Tables) -> Iterator[Row]:
    """What speaks for every change in production."""
    facts = Warehouse.of(tables)
    subjects: list[tuple[Row, Row | None]] = []
    releases = set()
    for link in tables.rows("bridge_deployment_changes"):
        deployment = facts.deployments[link["deployment_key"]]
        releases.add(deployment["release_deployment_key"])
        subjects.append((deployment, facts.changes[link["change_key"]]))
    for key, deployment in facts.deployments.items():
        is_first = deployment["release_deployment_key"] == key
        is_there = deployment["result"] == "success" and not deployment["is_rollback"]
        if is_first and is_there and key not in releases:
            subjects.append((deployment, None))
    asking = {row["service_key"] for row, _ in subjects if facts.approved(row)}
    for deployment, change in subjects:
        key = change and change["change_key"]
        link = next(iter(facts.links.get(key, [])), None) if key else None
        reviews, given = facts.reviewed(change), facts.approved(deployment)
        build, run = facts.build(deployment, change)
        asked = facts.requests.get(deployment["change_request_key"])
        began = deployment["started_at"]
        approved_at = None
        if asked and asked["work_item_key"] not in facts.audited:
            approved_at = asked["approved_at"]
            if approved_at is None and asked["is_automated"]:
                approved_at = asked["requested_at"]
        is_approved = bool(given) or bool(approved_at and approved_at <= began)
        is_asked = bool(deployment["change_request_key"]) or deployment["service_key"] in asking
        is_nameless = not change or facts.nameless.get(key, 0) > 0
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
            "item": "yes" if link else "not_known" if is_nameless else "no",
            "work_item_key": link and link["to_key"],
            "work_item_link_key": link and link["work_item_link_key"],
            "review": review,
            "review_approval_key": reviews[0]["approval_key"] if reviews else None,
            "build": build,
            "ci_run_key": run,
            "approval": "yes" if is_approved else "no" if is_asked else "not_known",
            "approval_key": given[0]["approval_key"] if given else None,
            "separation": separation(facts, deployment, change, reviews, given),
            "merged_at": change and change["merged_at"],
            "deployed_at": deployment["finished_at"],
        }
