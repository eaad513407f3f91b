"""Recounts of delivery: deployments and releases, changes, what failed, DORA, and their links.

Deployments are replayed one environment after the other in order of time, and changes wait for
the next deployment that carries them: the models do the same with windows.
"""

import math
import re
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.recount.plain import forward, is_backward, staged
from tests.recount.registry import Row, Tables, recounts

NEVER, EVER = datetime(1, 1, 1), datetime(9999, 12, 31)


def seconds(earlier: datetime | None, later: datetime | None) -> int | None:
    """Return whole seconds between two times; nothing where one of them is not known."""
    if earlier is None or later is None:
        return None
    whole = later.replace(microsecond=0) - earlier.replace(microsecond=0)
    return round(whole.total_seconds())


def local_day(moment: datetime, zone: str) -> date:
    """Return the day of a UTC time in a time zone."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def least(*moments: datetime | None) -> datetime | None:
    """Return the earliest of the times that are known."""
    return min(filter(None, moments), default=None)


def holds(line: Row, moment: datetime) -> bool:
    """Say whether a dated line of a seed, or a link, holds at a moment."""
    begins, ends = line["valid_from"], line["valid_to"]
    begins, ends = (
        datetime(x.year, x.month, x.day) if type(x) is date else x for x in (begins, ends)
    )
    return (begins is None or begins <= moment) and (ends is None or moment < ends)


def in_order(row: Row) -> tuple[datetime, str]:
    """Return what deployments of one place are sorted by; what has not ended is last."""
    return row["finished_at"] or EVER, row["deployment_key"]


# Whose is it


@lru_cache(maxsize=4)
def owners(tables: Tables) -> dict[tuple[str, str], list[Row]]:
    """Return the lines of the seed `scopes` by source and scope."""
    found = defaultdict(list)
    for line in tables.rows("scopes"):
        found[line["source_system"], line["scope"]].append(line)
    return found


def service_then(
    tables: Tables, source: str, scope: str | None, moment: datetime | None
) -> str | None:
    """Return the service that the seed gives a scope at a moment."""
    if scope is None or moment is None:
        return None
    for line in owners(tables).get((source, scope), []):
        if holds(line, moment):
            return line["service_key"]
    return None


# Changes


@lru_cache(maxsize=4)
def written(tables: Tables) -> list[Row]:
    """Return every change as its source reports it, before anything was deployed."""
    as_of = tables.as_of
    reviews, readies = defaultdict(list), defaultdict(list)
    measured = tables.by("int_pull_requests_measured", "work_item_key")
    for row in tables.rows("int_pull_request_reviews_unioned"):
        if row["submitted_at"] and row["submitted_at"] <= as_of:
            reviews[row["work_item_key"]].append(row)
    for row in tables.rows("int_pull_request_events_unioned"):
        if row["event"] == "ready_for_review" and row["happened_at"] <= as_of:
            readies[row["work_item_key"]].append(row["happened_at"])
    found = []
    repositories = tables.rows("int_repositories_unioned")
    for pull in tables.rows("int_pull_requests_unioned"):
        key = pull["work_item_key"]
        known = [pull[n] for n in ("opened_at", "merged_at", "closed_at", "updated_at") if pull[n]]
        if known and known[0] > as_of:
            continue
        others = [
            r
            for r in reviews[key]
            if r["author_key"] != pull["author_key"] and r["author_type"] != "bot"
        ]
        ends = {
            name: pull[name] if pull[name] and pull[name] <= as_of else None
            for name in ("merged_at", "closed_at")
        }
        ready = min(readies[key], default=pull["opened_at"])
        in_time = [
            r["submitted_at"]
            for r in others
            if ready and ready <= r["submitted_at"] <= (ends["merged_at"] or EVER)
        ]
        found.append(
            {
                **pull,
                "change_key": key,
                "kind": "pull_request",
                "first_commit_at": measured[key]["first_commit_at"],
                "is_written_before_repository": measured[key]["is_written_before_repository"],
                "ready_at": ready,
                "first_review_at": min(
                    in_time or [r["submitted_at"] for r in others], default=None
                ),
                "approved_at": min(
                    (r["submitted_at"] for r in others if r["state"] == "approved"), default=None
                ),
                **ends,
            }
        )
    made = {(r["source_system"], r["repository"]): r for r in repositories}
    for commit in tables.rows("int_direct_commits"):
        home = made.get(("github", commit["repository"]), {"created_at": None})
        dates = [commit["authored_at"], commit["committed_at"]]
        made_at = home["created_at"]
        is_too_early = dates[0] is None or bool(made_at and dates[0] < made_at)
        if is_too_early:
            dates = [x for x in dates[1:] if made_at and x >= made_at]
        found.append(
            {
                **dict.fromkeys(
                    (
                        "additions", "deletions", "opened_at", "ready_at", "first_review_at",
                        "approved_at", "closed_at",
                    )
                ),
                **commit,
                "change_key": commit["commit_key"],
                "kind": "commit",
                "source_system": "github",
                "merge_commit_sha": commit["sha"],
                "first_commit_at": dates[0] if dates else None,
                "is_written_before_repository": is_too_early,
                "base_branch": home.get("default_branch"),
                "head_sha": None,
                "merged_at": commit["committed_at"],
            }
        )  # fmt: skip
    for change in found:
        source, repository = change["source_system"], change["repository"]
        change["service_key"] = (
            service_then(tables, source, repository, change["opened_at"] or change["merged_at"])
            or f"unassigned:{source}:{repository or 'unknown'}"
        )
    return found


# Deployments


KNOWN_BY = ("correlation_id", "deployment_text", "change_text")


def named_by_changes(
    tables: Tables, rows: dict[str, Row], changes: list[Row]
) -> dict[str, tuple[str, str]]:
    """Return the change request of a deployment and how it is known: the surest, then the first.

    A change request names one deployment by its id; or what goes to production names its number.
    """
    by_id, by_number = defaultdict(list), defaultdict(list)
    for row in rows.values():
        by_id[row["deployment_id"]].append(row["deployment_key"])
    for number in staged(tables, "stg_github__deployment_change_numbers"):
        by_number[number["change_number"]].append((1, number["deployment_key"]))
    texts = defaultdict(set)
    for key in staged(tables, "stg_github__commit_issue_keys"):
        texts["github", key["repository"], key["sha"]].add(key["issue_key"])
    named = defaultdict(set)
    for table in ("stg_github__pull_request_issue_keys", "stg_gitlab__merge_request_issue_keys"):
        for key in staged(tables, table):
            named[key["work_item_key"]].add(key["issue_key"])
    for change in changes:
        place = change["source_system"], change["repository"], change["merge_commit_sha"]
        texts[place] |= named[change["change_key"]]
    for row in rows.values():
        for number in texts.get((row["home"], row["repository"], row["sha"]), ()):
            by_number[number].append((2, row["deployment_key"]))
    found: dict[str, tuple[int, datetime, str]] = {}
    for request in tables.rows("int_change_requests_described"):
        mine = request["requested_at"] or EVER, request["work_item_key"]
        own = by_id.get(request["correlation_id"], [])
        naming = [(0, own[0])] if len(own) == 1 else []
        naming += [
            (rank, key)
            for rank, key in by_number.get(request["change_number"], [])
            if key in rows and rows[key]["is_production"]
        ]
        for rank, key in naming:
            found[key] = min((rank, *mine), found.get(key, (rank, *mine)))
    return {key: (request, KNOWN_BY[rank]) for key, (rank, _, request) in found.items()}


def environment_of(lines: list[Row], name: str) -> Row | None:
    """Return the line of the seed `environments` with the longest pattern that fits a name."""
    fitting = []
    for line in lines:
        pattern = "".join(
            {"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in line["pattern"]
        )
        if re.fullmatch(pattern, name.lower(), re.DOTALL):
            fitting.append(line)
    return min(fitting, key=lambda line: (-len(line["pattern"]), line["pattern"]), default=None)


USUALLY = str.maketrans("-_/.:0123456789", " " * 15)


def meaning(tables: Tables, deployment: Row, lines: list[Row]) -> tuple[str, bool]:
    """Return what an environment is: by the company's seed, by its tool, or by its words."""
    words = tables.rows("environment_names")
    line = environment_of(lines, deployment["raw_environment"])
    of_tier = [w for w in words if w["tier"] == deployment["tier"]]
    said = set(deployment["raw_environment"].lower().translate(USUALLY).split(" "))
    of_name = [w for w in words if w["word"] in said]
    if line is None and of_tier:
        line = min(of_tier, key=lambda w: w["environment_key"])
    if line is None and of_name:
        line = min(of_name, key=lambda w: (w["is_production"], w["word"]))
    return (line["environment_key"], line["is_production"]) if line else ("unmapped", False)


@lru_cache(maxsize=4)
def deployed(tables: Tables) -> dict[str, Row]:
    """Return every deployment with what came before and after it, by its key."""
    changes = written(tables)
    sources = defaultdict(set)
    for row in changes:
        sources[row["repository"]].add(row["source_system"])
    for row in tables.rows("int_deployments_unioned"):
        if row["source_system"] != "inbox":
            sources[row["repository"]].add(row["source_system"])
    patterns = defaultdict(list)
    for line in tables.rows("environments"):
        patterns[line["source_system"]].append(line)
    rows: dict[str, Row] = {}
    for deployment in tables.rows("int_deployments_unioned"):
        source, repository = deployment["source_system"], deployment["repository"]
        home = source
        if source == "inbox" and repository is not None:
            home = min(sources[repository], default=source)
        scope, began = deployment["scope"], deployment["started_at"]
        service = service_then(tables, source, scope, began)
        service = service or service_then(tables, home, scope, began)
        environment, is_production = meaning(tables, deployment, patterns[source])
        rows[deployment["deployment_key"]] = {
            **deployment,
            "home": home,
            "service_key": service or f"unassigned:{home}:{repository or 'unknown'}",
            "environment_key": environment,
            "is_production": is_production,
            "previous_deployment_key": None,
            "next_success_at": None,
        }
    recording = {
        (row["source_system"], row["repository"])
        for row in rows.values()
        if row["is_production"] and not row["is_by_pattern"]
    }
    for key in [
        key
        for key, row in rows.items()
        if row["is_by_pattern"] and (row["source_system"], row["repository"]) in recording
    ]:
        del rows[key]
    requests = named_by_changes(tables, rows, changes)
    for key, row in rows.items():
        row["change_request_key"], row["change_request_method"] = requests.get(key, (None, None))
    merges = merged_commits(changes)
    ways = descents(tables, rows)
    places = defaultdict(list)
    for row in rows.values():
        merge = merges.get((row["home"], row["repository"], row["sha"]))
        row["is_hotfix"] = merge["is_hotfix"] if merge else False
        row["commit_merged_at"] = merge["merged_at"] if merge else None
        row["base_branch"] = merge["base_branch"] if merge else None
        row["way"] = ways.get((row["home"], row["repository"]))
        row["is_commit_known"] = bool(
            row["commit_merged_at"] or (row["way"] and row["sha"] in row["way"].carriers)
        )
        places[row["source_system"], row["repository"], row["raw_environment"]].append(row)
    for there in places.values():
        replay(sorted(there, key=in_order))
        turned(sorted(there, key=as_begun))
    for row in rows.values():
        row["is_hotfix"] = row["is_hotfix"] and not row["is_rollback"]
    grouped(list(rows.values()))
    return rows


def merged_commits(changes: list[Row]) -> dict[tuple, Row]:
    """Return what is known of the commits that were merged as, or that stood at a branch's end."""
    found: dict[tuple, Row] = {}
    for change in changes:
        shas = {change["merge_commit_sha"]}
        if change["merged_at"] and change["merge_commit_sha"]:
            shas.add(change["head_sha"])
        for sha in shas - {None}:
            key = change["source_system"], change["repository"], sha
            known = found.setdefault(
                key, {"is_hotfix": False, "merged_at": None, "base_branch": None}
            )
            known["is_hotfix"] |= change["is_hotfix"]
            for name, best in (("merged_at", max), ("base_branch", min)):
                both = [x for x in (known[name], change[name]) if x is not None]
                known[name] = best(both) if both else None
    return found


@dataclass
class Way:
    """The commits of a repository: who carried each first, and how long the line behind it is."""

    carriers: dict[str, str | None]
    lengths: dict[str, int]


def descents(tables: Tables, rows: dict[str, Row]) -> dict[tuple, Way]:
    """Return what the deployments of each repository carry: all ancestors less what was there."""
    parents: dict[tuple, dict[str, list[str]]] = defaultdict(dict)
    for commit in tables.rows("int_commits_unioned"):
        home = commit["source_system"], commit["repository"]
        parents[home][commit["sha"]] = commit["parent_shas"] or []
    deployments = defaultdict(list)
    for row in sorted(rows.values(), key=in_order):
        if row["is_production"] and row["result"] == "success" and row["finished_at"]:
            deployments[row["home"], row["repository"]].append(row)
    found = {}
    for place, some in deployments.items():
        graph = parents.get(place, {})
        carriers: dict[str, str | None] = {}
        for row in some:
            if row["sha"] not in graph:
                continue
            behind, edge = {row["sha"]}, {row["sha"]}
            while edge:
                edge = {p for sha in edge for p in graph[sha] if p in graph} - behind
                behind |= edge
            is_first = not carriers
            for sha in behind - set(carriers):
                is_own = not is_first or sha == row["sha"]
                carriers[sha] = row["deployment_key"] if is_own else None
        # Whatever has no parent left has the line that is counted.
        lengths: dict[str, int] = {}
        left, length = set(carriers), 1
        while left:
            roots = {sha for sha in left if not left.intersection(graph[sha])}
            lengths |= dict.fromkeys(roots, length)
            left, length = left - roots, length + 1
        found[place] = Way(carriers, lengths)
    return found


def as_begun(row: Row) -> tuple[datetime, datetime, str]:
    """Return what deployments are sorted by to tell which way they go."""
    return row["started_at"], row["finished_at"] or EVER, row["deployment_key"]


def replay(there: list[Row]) -> None:
    """Let the deployments of one place replace each other, in the order of their ends."""
    running, waiting = None, []
    for row in there:
        if row["result"] == "success":
            row["previous_deployment_key"], running = running, row["deployment_key"]
            for earlier in waiting:
                earlier["next_success_at"] = row["finished_at"]
            waiting = []
        waiting.append(row)


def turned(there: list[Row]) -> None:
    """Tell which deployments of one place go back, and which try again, in order of beginning."""
    before, last, no = None, None, 0
    first_seen: dict[str, int] = {}
    comings: dict[str | None, int] = defaultdict(int)
    for row in there:
        sha, is_back = row["sha"], False
        if row["result"] == "success":
            if sha is not None:
                no += 1
                first_seen.setdefault(sha, no)
                if sha != before:
                    comings[sha] += 1
                    lengths = row["way"].lengths if row["way"] else {}
                    if (
                        before is not None
                        and row["is_production"]
                        and {sha, before} <= set(lengths)
                    ):
                        is_old = row["way"].carriers[sha] != row["deployment_key"]
                        is_back = is_old and lengths[sha] < lengths[before]
                    elif before is not None:
                        is_back = first_seen[sha] < first_seen[before]
                before = sha
            last = row
        tries = row["result"] != "success" and (last is None or last["sha"] != sha)
        row["coming"] = comings[sha] + tries
        row["is_rollback"] = row["result"] == "success" and (is_back or row["is_told_rollback"])
    following = None
    for row in reversed(there):
        row["is_retried"] = (
            row["result"] == "failure"
            and following is not None
            and row["sha"] is not None
            and following["sha"] == row["sha"]
            and seconds(row["finished_at"], following["started_at"]) < 3600
        )
        if row["result"] == "success":
            following = row


def grouped(rows: list[Row]) -> None:
    """Tell the releases, and the first deployment of each repository."""
    firsts: dict[tuple, str] = {}
    beginnings: dict[tuple, datetime] = {}
    for row in sorted(rows, key=lambda row: (row["result"] != "success", *in_order(row))):
        row["release_deployment_key"] = None
        row["is_first_of_repository"] = False
        if not row["is_production"] or row["finished_at"] is None:
            continue
        if row["result"] in ("success", "failure"):
            commit = row["sha"] or row["deployment_key"]
            release = (row["service_key"], commit, row["coming"])
            row["release_deployment_key"] = firsts.setdefault(release, row["deployment_key"])
        if row["result"] == "success":
            repository = row["home"], row["repository"]
            begins = beginnings.setdefault(repository, row["finished_at"])
            row["is_first_of_repository"] = row["finished_at"] == begins


@recounts("fct_deployments")
def deployments(tables: Tables) -> Iterator[Row]:
    """Deployments, what speaks against each, and when that was over."""
    rows = deployed(tables)
    incidents = tables.by("fct_incidents", "work_item_key")
    speaking = defaultdict(list)
    for link in tables.rows("bridge_incident_deployments"):
        if link["is_primary"] and not link["is_false_alarm"]:
            speaking[link["deployment_key"]].append(link)
    remedies, of_release = {}, defaultdict(list)
    for row in rows.values():
        before = rows.get(row["previous_deployment_key"])
        if before and (row["is_rollback"] or row["is_hotfix"]):
            if before["finished_at"] < row["finished_at"]:
                remedies[before["deployment_key"]] = row
            of_release[before["release_deployment_key"]].append(row)
    for key, row in rows.items():
        release, ended = row["release_deployment_key"], row["finished_at"]
        against = [link for link in speaking[key] if link["is_counted"]]
        taken_back = key in remedies and remedies[key]["is_rollback"]
        method = None
        if row["is_production"]:
            if row["result"] == "failure" and not row["is_retried"]:
                method = "deployment_failed"
            elif taken_back:
                method = "rolled_back"
            elif speaking[key]:
                method = max(speaking[key], key=lambda link: link["confidence"])["method"]
        is_failed = row["is_production"] and bool(
            (row["result"] == "failure" and not row["is_retried"]) or taken_back or against
        )
        over = None
        if is_failed:
            caused = [incidents[link["work_item_key"]] for link in against]
            ends = [each["resolved_at"] for each in caused]
            resolved = max(ends) if ends and all(ends) else None
            helped = remedies.get(key)
            if helped is None and release:
                later = [r for r in of_release[release] if r["finished_at"] > ended]
                helped = min(
                    later, key=lambda r: (r["finished_at"], not r["is_rollback"]), default=None
                )
            if row["result"] == "failure":
                over = least(row["next_success_at"], resolved)
            elif helped and (
                helped["is_rollback"]
                or (caused and all(i["opened_at"] <= helped["finished_at"] for i in caused))
            ):
                over = least(helped["finished_at"], resolved)
            else:
                over = resolved
        yield {
            **{
                name: row[name]
                for name in (
                    "deployment_key", "source_system", "repository", "service_key",
                    "environment_key", "raw_environment", "sha", "result",
                    "previous_deployment_key", "release_deployment_key", "change_request_key",
                    "change_request_method", "deployer_key", "is_production", "is_commit_known",
                    "is_first_of_repository", "is_rollback", "is_hotfix", "is_retried",
                    "started_at", "finished_at",
                )
            },
            "failure_method": method,
            "incident_count": len(against),
            "is_repeat": release is not None and release != key,
            "is_failed": is_failed,
            "is_assumed_failed": method is not None and not is_failed,
            "recovered_at": max(over, ended) if over else None,
        }  # fmt: skip


@recounts("bridge_incident_deployments")
def incident_causes(tables: Tables) -> Iterator[Row]:
    """For each incident the deployments of the change it names, and the last one before it."""
    rows = deployed(tables)
    outcomes = {r["work_item_key"]: r["outcome"] for r in tables.rows("fct_work_item_flows")}
    of_request, of_service, followed = defaultdict(list), defaultdict(list), defaultdict(set)
    for row in rows.values():
        if row["release_deployment_key"] is None:
            continue
        if row["change_request_key"]:
            of_request[row["change_request_key"]].append(row)
        if row["result"] == "success":
            of_service[row["service_key"]].append(row)
        before = rows.get(row["previous_deployment_key"])
        if before and (row["is_rollback"] or row["is_hotfix"]):
            followed[before["release_deployment_key"]].add(row["is_rollback"])
    times = {}
    for service, some in of_service.items():
        # Of those that end in one second the one with the smallest key stands last.
        some.sort(key=lambda row: row["deployment_key"], reverse=True)
        some.sort(key=lambda row: row["finished_at"])
        times[service] = [row["finished_at"] for row in some]
    places = {
        (row["service_key"], row["raw_environment"])
        for row in rows.values()
        if row["release_deployment_key"] is not None
    }
    moment_text = {
        row["work_item_key"]: row["raw_environment"]
        for row in tables.rows("int_incidents_described")
    }
    causes = defaultdict(set)
    for link in tables.rows("bridge_work_item_links"):
        if link["link_type"] == "caused_by" and holds(link, tables.as_of):
            causes[link["from_key"]].add(link["to_key"])
    for incident in tables.rows("fct_incidents"):
        key, opened = incident["work_item_key"], incident["opened_at"]
        found: dict[str, tuple[int, str, float]] = {}
        place = bisect_right(times.get(incident["service_key"], []), opened) - 1
        where = moment_text[key]
        if place >= 0 and (where is None or (incident["service_key"], where) in places):
            last = of_service[incident["service_key"]][place]
            if seconds(last["finished_at"], opened) < 24 * 3600:
                remedies = followed.get(last["release_deployment_key"], set())
                found[last["deployment_key"]] = (
                    (2, "rolled_back", 0.8) if True in remedies
                    else (3, "hotfixed", 0.7) if remedies
                    else (4, "same_service", 0.4)
                )  # fmt: skip
        for request in causes[key]:
            for row in of_request[request]:
                found[row["deployment_key"]] = (1, "caused_by_change", 1.0)
        ranked = sorted(found, key=lambda d: d)
        ranked.sort(key=lambda d: rows[d]["finished_at"], reverse=True)
        ranked.sort(key=lambda d: found[d][0])
        is_false_alarm = outcomes[key] in ("cancelled", "deleted")
        for no, deployment in enumerate(ranked):
            _, method, confidence = found[deployment]
            yield {
                "incident_deployment_key": f"{key}>{deployment}",
                "work_item_key": key,
                "work_item_version_key": incident["work_item_version_key"],
                "deployment_key": deployment,
                "method": method,
                "confidence": confidence,
                "is_primary": no == 0,
                "is_false_alarm": is_false_alarm,
                "is_counted": no == 0 and not is_false_alarm and confidence >= 0.7,
            }


# Changes that are deployed


@lru_cache(maxsize=4)
def brought(tables: Tables) -> dict[str, tuple[Row | None, str]]:
    """Return the deployment that first brought each change, and how that is known.

    Where the commits are known they tell; else what deployed does, and else each deployment takes
    what waits at its branch. What was there with the first deployment of a repository has none,
    and is `behind`.
    """
    rows = deployed(tables)
    words = defaultdict(list)
    for word in staged(tables, "stg_gitlab__deployment_merge_requests"):
        row = rows.get(word["deployment_key"])
        if row and row["is_production"] and row["result"] == "success" and row["finished_at"]:
            words[word["work_item_key"]].append(row)
    known = {
        (row["source_system"], row["repository"], row["sha"])
        for row in tables.rows("int_commits_unioned")
    }
    ways = {(row["home"], row["repository"]): row["way"] for row in rows.values() if row["way"]}
    found: dict[str, tuple[Row | None, str]] = {}
    waiting: dict[tuple, list[tuple[datetime, str]]] = defaultdict(list)
    by_key = {change["change_key"]: change for change in written(tables)}
    for key, change in by_key.items():
        if not change["merged_at"]:
            continue
        place = change["source_system"], change["repository"]
        carriers = ways[place].carriers if place in ways else {}
        own = rows.get(carriers.get(change["merge_commit_sha"]) or "")
        head = rows.get(carriers.get(change["head_sha"]) or "")
        came = [own] if own else []
        if head and head["finished_at"] >= change["merged_at"]:
            came.append(head)
        if came:
            found[key] = min(came, key=lambda row: row["finished_at"]), "descent"
        elif (*place, change["merge_commit_sha"]) in known:
            is_behind = change["merge_commit_sha"] in carriers
            found[key] = None, "behind" if is_behind else "not yet"
        elif said := [r for r in words[key] if r["finished_at"] >= change["merged_at"]]:
            row = min(said, key=in_order)
            is_own = row["sha"] in (change["merge_commit_sha"], change["head_sha"])
            is_behind = row["is_first_of_repository"] and not is_own
            found[key] = (None, "behind") if is_behind else (row, "source")
        else:
            insort(waiting[*place, change["base_branch"]], (change["merged_at"], key))
    for row in sorted(rows.values(), key=in_order):
        is_success = row["is_production"] and row["result"] == "success"
        if not is_success or not row["commit_merged_at"]:
            continue
        queue = waiting[row["home"], row["repository"], row["base_branch"]]
        until = min(row["commit_merged_at"], row["finished_at"])
        count = bisect_right(queue, (until, chr(0x10FFFF)))
        for _, key in queue[:count]:
            found[key] = row, "merge_order"
        del queue[:count]
    # Of several that end in one second the one of the change's own commit brought it.
    ends = defaultdict(list)
    for row in rows.values():
        if row["is_production"] and row["result"] == "success" and row["commit_merged_at"]:
            ends[row["home"], row["repository"], row["base_branch"], row["finished_at"]].append(row)
    for key, (row, way) in found.items():
        change = by_key[key]
        if row and way == "merge_order":
            place = change["source_system"], change["repository"], change["base_branch"]
            there = [
                r
                for r in ends[*place, row["finished_at"]]
                if r["commit_merged_at"] >= change["merged_at"]
            ]
            order = [change["merge_commit_sha"], change["head_sha"]]
            row = min(
                there,
                key=lambda r: (
                    order.index(r["sha"]) if r["sha"] in order else 2, r["deployment_key"],
                ),
            )  # fmt: skip
            found[key] = row, way
        if row and row["sha"] in (change["merge_commit_sha"], change["head_sha"]):
            found[key] = row, "sha"
        elif row and way == "merge_order" and row["is_first_of_repository"]:
            found[key] = None, "behind"
    return found


@recounts("fct_changes")
def changes_measured(tables: Tables) -> Iterator[Row]:
    """Changes with the seconds between the moments of their lives."""
    ran = brought(tables)
    for change in written(tables):
        row, way = ran.get(change["change_key"], (None, ""))
        deployed_at = row["finished_at"] if row else None
        yield {
            **{
                name: change[name]
                for name in (
                    "change_key", "kind", "source_system", "repository", "service_key",
                    "merge_commit_sha", "author_key", "additions", "deletions", "is_revert",
                    "is_hotfix", "ai_assistance", "ai_method", "is_written_before_repository",
                    "first_commit_at", "opened_at", "ready_at", "first_review_at", "approved_at",
                    "merged_at", "closed_at",
                )
            },
            "ai_confidence": {"account": 0.95, "trailer": 0.9, "messages": 0.5}.get(
                change["ai_method"]
            ),
            "coding_s": forward(change["first_commit_at"], change["opened_at"]),
            "pickup_s": forward(change["ready_at"], change["first_review_at"]),
            "review_s": forward(change["first_review_at"], change["merged_at"]),
            "is_coded_after_opening": is_backward(change["first_commit_at"], change["opened_at"]),
            "is_reviewed_before_ready": is_backward(change["ready_at"], change["first_review_at"]),
            "is_reviewed_after_merge": is_backward(change["first_review_at"], change["merged_at"]),
            "is_behind_first_deployment": way == "behind",
            "merge_to_deploy_s": forward(change["merged_at"], deployed_at),
            "deployed_at": deployed_at,
        }  # fmt: skip


@recounts("bridge_deployment_changes")
def first_carriers(tables: Tables) -> Iterator[Row]:
    """The one deployment that first brought each change."""
    for key, (row, way) in brought(tables).items():
        if row:
            yield {
                "deployment_change_key": f"{row['deployment_key']}>{key}",
                "deployment_key": row["deployment_key"],
                "change_key": key,
                "method": way,
                "is_first_of_repository": row["is_first_of_repository"],
            }


# DORA


def nearest_rank(values: list[int], share: float) -> int | None:
    """Return a percentile by nearest rank, of ten values and more."""
    if len(values) < 10:
        return None
    return sorted(values)[math.ceil(round(share * len(values), 9)) - 1]


def month_of(day: date) -> date:
    """Return the first day of a month."""
    return day.replace(day=1)


def week_of(day: date) -> date:
    """Return the Monday of a week."""
    return day - timedelta(days=day.weekday())


def share_of(part: int, whole: int) -> float | None:
    """Return a share of what there is."""
    return part / whole if whole else None


def time_zones(tables: Tables) -> dict[str, str]:
    """Return the time zone of each service, which is that of its value stream."""
    streams = {s["value_stream_key"]: s["time_zone"] for s in tables.rows("dim_value_streams")}
    zones = defaultdict(lambda: "UTC")
    for service in tables.rows("dim_services"):
        zones[service["service_key"]] = streams.get(service["value_stream_key"], "UTC")
    return zones


def dora(tables: Tables, name: str, period: str) -> Iterator[Row]:
    """The five metrics of each service by periods."""
    start_of = {"month": month_of, "week": week_of}[period]
    zones = time_zones(tables)
    releases = defaultdict(list)
    for row in tables.rows("fct_deployments"):
        if row["release_deployment_key"]:
            releases[row["release_deployment_key"]].append(row)
    counts: dict[tuple[str, date], Any] = defaultdict(lambda: defaultdict(int))
    recoveries, lead_times = defaultdict(list), defaultdict(list)
    first_days: dict[str, date] = {}
    periods = {}
    for release, rows in releases.items():
        service = rows[0]["service_key"]
        ran = [row["finished_at"] for row in rows if row["result"] == "success"]
        day = local_day(min(ran or [row["finished_at"] for row in rows]), zones[service])
        first_days[service] = min(day, first_days.get(service, day))
        periods[release] = service, start_of(day)
        count = counts[service, start_of(day)]
        bad = [row for row in rows if row["is_failed"]]
        count["deployments"] += 1
        count["matched"] += any(row["is_commit_known"] for row in rows)
        count["failed"] += bool(bad)
        count["assumed"] += not bad and any(row["is_assumed_failed"] for row in rows)
        count["rework"] += any(row["is_rollback"] or row["is_hotfix"] for row in rows)
        if bad and all(row["recovered_at"] for row in bad):
            recoveries[service, start_of(day)].append(
                seconds(
                    min(row["finished_at"] for row in bad), max(row["recovered_at"] for row in bad)
                )
            )
    release_of = {
        row["deployment_key"]: release for release, rows in releases.items() for row in rows
    }
    links = tables.by("bridge_deployment_changes", "change_key")
    for change in tables.rows("fct_changes"):
        link, time = links.get(change["change_key"]), None
        if link:
            began, ran = change["first_commit_at"], change["deployed_at"]
            if began and began <= ran and not link["is_first_of_repository"]:
                time = seconds(began, ran)
            of_release = periods[release_of[link["deployment_key"]]]
            counts[of_release]["deployed"] += 1
            if time is not None:
                lead_times[of_release].append(time)
        if change["merged_at"]:
            service = change["service_key"]
            merged_in = service, start_of(local_day(change["merged_at"], zones[service]))
            counts[merged_in]["merged"] += 1
            day = local_day(change["merged_at"], zones[service])
            first_days[service] = min(day, first_days.get(service, day))
            counts[merged_in]["traced"] += time is not None
    gaps = defaultdict(list)
    for gap in tables.rows("history_gaps"):
        gaps[gap["service_key"]].append(gap)
    for service, first in first_days.items():
        today = local_day(tables.as_of, zones[service])
        start = start_of(first)
        while start <= today:
            following = start_of(start + timedelta(days=7 if period == "week" else 31))
            begins, ends = (utc_midnight(day, zones[service]) for day in (start, following))
            is_known = all(
                gap["gap_to"] <= begins or (gap["gap_from"] and gap["gap_from"] >= ends)
                for gap in gaps[service]
            )
            count, times = counts[service, start], lead_times[service, start]
            recovered = recoveries[service, start]
            row = {
                f"{name}_key": f"{service}|{period}|{start.isoformat()}",
                "service_key": service,
                "period": period,
                "deployments": count["deployments"],
                "matched_deployments": count["matched"],
                "commit_coverage_share": share_of(count["matched"], count["deployments"]),
                "merged_changes": count["merged"],
                "traced_changes": count["traced"],
                "lead_time_coverage_share": share_of(count["traced"], count["merged"]),
                "deployed_changes": count["deployed"],
                "changes": len(times),
                "lead_time_p50_s": nearest_rank(times, 0.5),
                "lead_time_p85_s": nearest_rank(times, 0.85),
                "failed_deployments": count["failed"],
                "assumed_failed_deployments": count["assumed"],
                "change_fail_share": share_of(count["failed"], count["deployments"]),
                "change_fail_with_guesses_share": share_of(
                    count["failed"] + count["assumed"], count["deployments"]
                ),
                "recovered_deployments": len(recovered),
                "recovery_time_p50_s": nearest_rank(recovered, 0.5),
                "rework_deployments": count["rework"],
                "deployment_rework_share": share_of(count["rework"], count["deployments"]),
                "is_history_known": is_known,
                "is_complete_period": following <= today,
                "period_start": start,
            }
            # That nothing was counted says nothing where what would tell of it was deleted.
            yield row if is_known else {**row, **dict.fromkeys(OF_DEPLOYMENTS)}
            start = following


OF_DEPLOYMENTS = (
    "deployments", "matched_deployments", "commit_coverage_share", "deployed_changes", "changes",
    "lead_time_p50_s", "lead_time_p85_s", "failed_deployments", "assumed_failed_deployments",
    "change_fail_share", "change_fail_with_guesses_share", "recovered_deployments",
    "recovery_time_p50_s", "rework_deployments", "deployment_rework_share",
)  # fmt: skip


def utc_midnight(day: date, zone: str) -> datetime:
    """Return the moment of UTC at which a day begins somewhere."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


@recounts("history_gaps")
def history_gaps(tables: Tables) -> Iterator[Row]:
    """What the CI tools hold no more, with the service of whose deployments only it would tell."""
    services: dict[tuple[str, str], Row] = {}
    for row in tables.rows("int_deployments_located"):
        if row["is_by_run"] and row["is_production"]:
            place = row["source_system"], row["scope"]
            first = services.setdefault(place, row)
            order = (row["started_at"], row["deployment_key"])
            if order < (first["started_at"], first["deployment_key"]):
                services[place] = row
    for gap in tables.rows("int_history_gaps_unioned"):
        service = services.get((gap["source_system"], gap["scope"]), {}).get("service_key")
        yield {**gap, "service_key": service}


@recounts("fct_rollouts")
def rollouts(tables: Tables) -> Iterator[Row]:
    """Commits of services that came to production, each once."""
    zones, found = time_zones(tables), defaultdict(list)
    for row in tables.rows("fct_deployments"):
        if row["release_deployment_key"]:
            found[row["release_deployment_key"]].append(row)
    for release, rows in found.items():
        service = rows[0]["service_key"]
        ran = [row["finished_at"] for row in rows if row["result"] == "success"]
        first = min(ran or [row["finished_at"] for row in rows])
        bad = [row for row in rows if row["is_failed"]]
        is_over = bool(bad) and all(row["recovered_at"] for row in bad)
        yield {
            "rollout_key": release,
            "release_deployment_key": release,
            "service_key": service,
            "recovery_s": seconds(
                min(row["finished_at"] for row in bad), max(row["recovered_at"] for row in bad)
            )
            if is_over
            else None,
            "is_commit_known": any(row["is_commit_known"] for row in rows),
            "is_failed": bool(bad),
            "is_assumed_failed": not bad and any(row["is_assumed_failed"] for row in rows),
            "is_rework": any(row["is_rollback"] or row["is_hotfix"] for row in rows),
            "finished_at": first,
            "finished_date": local_day(first, zones[service]),
        }


@recounts("fct_rollout_changes")
def rollout_changes(tables: Tables) -> Iterator[Row]:
    """Changes, and what first brought them to production."""
    days = {row["rollout_key"]: row for row in rollouts(tables)}
    deployments = tables.by("fct_deployments", "deployment_key")
    changes = tables.by("fct_changes", "change_key")
    for link in tables.rows("bridge_deployment_changes"):
        change = changes[link["change_key"]]
        rollout = days.get(deployments[link["deployment_key"]]["release_deployment_key"])
        if rollout is None:
            continue
        began, ran = change["first_commit_at"], change["deployed_at"]
        is_known = began and began <= ran and not link["is_first_of_repository"]
        yield {
            "rollout_change_key": f"{rollout['rollout_key']}>{change['change_key']}",
            "rollout_key": rollout["rollout_key"],
            "change_key": change["change_key"],
            "service_key": rollout["service_key"],
            "lead_time_s": seconds(began, ran) if is_known else None,
            "finished_date": rollout["finished_date"],
        }


@recounts("metric_dora")
def dora_months(tables: Tables) -> Iterable[Row]:
    """DORA by months."""
    return dora(tables, "metric_dora", "month")


@recounts("metric_dora_weeks")
def dora_weeks(tables: Tables) -> Iterable[Row]:
    """DORA by weeks."""
    return dora(tables, "metric_dora_weeks", "week")


# Dimensions


@recounts("dim_services")
def services(tables: Tables) -> Iterator[Row]:
    """Services of the seed and of ServiceNow, and repositories that have none."""
    nobody = {"value_stream_key": None, "team_key": None, "valid_from": None, "valid_to": None}
    lines = defaultdict(list)
    for line in tables.rows("int_services_unioned"):
        lines[line["service_key"]].append(line)
    used = {
        (row["service_key"], row["source_system"], row["repository"]) for row in written(tables)
    }
    used |= {
        (row["service_key"], row["home"], row["repository"]) for row in deployed(tables).values()
    }
    for key, source, repository in used:
        if key.startswith("unassigned:"):
            owned = [
                line
                for line in owners(tables).get((source, repository), [])
                if line["service_key"] is None
            ]
            name = repository or "unknown"
            lines[key] += [{**line, "name": name} for line in owned or [nobody]]
    lines["unassigned"] = [{**nobody, "name": "Unassigned"}]
    today = tables.as_of
    for key, some in lines.items():
        some = sorted(some, key=lambda line: line["valid_from"] or date.min)
        now = [line for line in some if holds(line, today)]
        past = [line for line in some if line["valid_to"] and line["valid_to"] <= today.date()]
        [shown, *_] = reversed(now) if now else reversed(past) if past else some
        yield {
            "service_key": key,
            "name": shown["name"],
            "value_stream_key": shown["value_stream_key"] or "unassigned",
            "team_key": shown["team_key"] or "unassigned",
            "is_current": bool(now),
            "valid_from": shown["valid_from"],
            "valid_to": shown["valid_to"],
        }


@recounts("dim_environments")
def environments(tables: Tables) -> Iterator[Row]:
    """Environments of the seed, each by the first of its lines, what words mean, and unmapped."""
    seen = set()
    lines = sorted(
        tables.rows("environments"), key=lambda line: (line["source_system"], line["pattern"])
    )
    unmapped = {"environment_key": "unmapped", "name": "Unmapped", "tier": "unmapped"}
    words = {}
    for word in tables.rows("environment_names"):
        environment = words.setdefault(word["environment_key"], dict(word))
        for name in ("name", "tier", "is_production"):
            environment[name] = max(environment[name], word[name])
    for line in [*lines, *words.values(), {**unmapped, "is_production": False}]:
        if line["environment_key"] not in seen:
            seen.add(line["environment_key"])
            yield {
                name: line[name] for name in ("environment_key", "name", "tier", "is_production")
            }


@recounts("dim_source_systems")
def source_systems(tables: Tables) -> Iterator[Row]:
    """The seven sources, and when something was last read of each."""
    loaded: dict[str, datetime] = {}
    for audit in tables.rows("int_load_audits_unioned"):
        if audit["finished_at"] and audit["status"] == "complete":
            source = audit["source"]
            loaded[source] = max(audit["finished_at"], loaded.get(source, NEVER))
    for name in ("Jira", "GitHub", "Jenkins", "GitLab", "ServiceNow", "Inbox", "Feeds"):
        key = name.lower()
        yield {"source_system_key": key, "name": name, "last_loaded_at": loaded.get(key)}


# Links


@recounts("bridge_work_item_links")
def links_between_items(tables: Tables) -> Iterator[Row]:
    """Parents as long as they lasted, and what the sources link; both ends are loaded.

    A link begins at an item, or at a commit that no pull request brought.
    """
    versions, by_item_key = defaultdict(list), {}
    for version in tables.rows("dim_work_items"):
        key, item_key = version["work_item_key"], version["item_key"]
        versions[key].append(version)
        by_item_key[item_key] = min(key, by_item_key.get(item_key, key))
    direct = {change["change_key"] for change in written(tables) if change["kind"] == "commit"}
    found: dict[tuple, float] = {}
    for key, some in versions.items():
        some.sort(key=lambda version: version["valid_from"])
        spans: list[list[Any]] = []
        for version in some:
            if not spans or spans[-1][0] != version["parent_work_item_key"]:
                spans.append([version["parent_work_item_key"], version["valid_from"], None])
            spans[-1][2] = version["valid_to"]
        for parent, begins, ends in spans:
            if parent:
                found[key, parent, "parent", "source", begins, ends] = 1.0
    for link in tables.rows("int_work_item_links_unioned"):
        to_key = link["to_key"] or by_item_key.get(link["to_item_key"])
        what = (
            link["from_key"], to_key, link["link_type"], link["method"], link["valid_from"],
            link["valid_to"],
        )  # fmt: skip
        found[what] = max(link["confidence"], found.get(what, 0))
    for (from_key, to_key, kind, method, begins, ends), confidence in found.items():
        is_known = from_key in versions or from_key in direct
        if from_key == to_key or not is_known or to_key not in versions:
            continue
        since, until = (moment_text(at) if at else "" for at in (begins, ends))
        yield {
            "work_item_link_key": f"{from_key}>{kind}>{to_key}>{method}>{since}>{until}",
            "from_key": from_key,
            "to_key": to_key,
            "link_type": kind,
            "method": method,
            "confidence": confidence,
            "valid_from": begins,
            "valid_to": ends,
        }


@recounts("fct_change_keys")
def keys_of_changes(tables: Tables) -> Iterator[Row]:
    """The keys that each change names, by project, and those that are of no item."""
    owners: dict[str, str] = {}
    scopes = {}
    for version in tables.rows("dim_work_items"):
        key, item_key = version["work_item_key"], version["item_key"]
        owners[item_key] = min(key, owners.get(item_key, key))
        if version["is_current"]:
            scopes[key] = version["scope"]
    sources = {change["change_key"]: change["source_system"] for change in written(tables)}
    named: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for link in tables.rows("int_work_item_links_unioned"):
        if link["key_project"] and link["from_key"] in sources:
            item = link["to_key"] or owners.get(link["to_item_key"])
            project = scopes[item] if item in scopes else link["key_project"]
            is_known = item in scopes
            named[link["from_key"], project][item if is_known else link["to_item_key"]] = is_known
    for (change, project), keys in named.items():
        yield {
            "change_key_project_key": f"{change}>{project}",
            "source_system": sources[change],
            "change_key": change,
            "key_project": project,
            "named_keys": len(keys),
            "keys_without_item": list(keys.values()).count(False),
        }


def moment_text(moment: datetime) -> str:
    """Return a moment as the warehouse writes it in a key, without zeros at the end."""
    text = moment.isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text
