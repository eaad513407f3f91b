"""What truly happened: visits, waits, constraints and links, straight from the simulation.

None of this is read from an API or from the histories that the APIs serve.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from demo.company import NOW, OWNER, STATUSES, STREAM_OF_REPOSITORY, STREAMS
from demo.model import Deployment, DirectCommit, Issue, PullRequest, Record
from demo.operations import STATES
from demo.world import World


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay in a status, [entered_at, exited_at) in epoch seconds; None = still there."""

    status: str
    stage: str
    flow_state: str
    entered_at: int
    exited_at: int | None

    def seconds(self, as_of: int = NOW) -> int:
        """Return how long the stay lasted by a moment."""
        return (as_of if self.exited_at is None else self.exited_at) - self.entered_at


def visits(issue: Issue, as_of: int = NOW) -> list[Visit]:
    """Return the true stays of an issue, gap-free from its creation."""
    first = "To Do" if issue.kind == "Epic" else "Backlog"
    steps = [(issue.created, first), *(s for s in issue.ticket.steps if s[0] <= as_of)]
    ends: list[int | None] = [*(at for at, _ in steps[1:]), None]
    return [
        Visit(status, STATUSES[status][2], STATUSES[status][3], at, end)
        for (at, status), end in zip(steps, ends, strict=True)
    ]


def blocked(issue: Issue, as_of: int = NOW) -> list[tuple[int, int | None]]:
    """Return the true blocked intervals of an issue."""
    return [
        (begin, end if end is not None and end <= as_of else None)
        for begin, end in issue.flags
        if begin <= as_of
    ]


def stage_seconds(world: World, as_of: int = NOW) -> dict[tuple[str, str], int]:
    """Return the seconds spent per (issue id, stage), terminal stages left out."""
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for issue in world.issues:
        if issue.created <= as_of:
            for visit in visits(issue, as_of):
                if visit.flow_state not in ("done", "cancelled"):
                    totals[str(issue.id), visit.stage] += visit.seconds(as_of)
    return dict(totals)


def constraints() -> dict[str, str]:
    """Return the stage that truly limits each value stream, as the simulation was built."""
    return {stream.key: stream.constraint for stream in STREAMS}


def mean_wait(world: World, as_of: int = NOW) -> dict[tuple[str, str], float]:
    """Return the mean finished stay in seconds per (value stream, waiting stage)."""
    stays: dict[tuple[str, str], list[int]] = defaultdict(list)
    for issue in world.issues:
        if issue.kind == "Epic" or issue.created > as_of:
            continue
        for visit in visits(issue, as_of):
            if visit.flow_state == "wait" and visit.exited_at is not None:
                stays[issue.ticket.stream.key, visit.stage].append(visit.seconds())
    return {key: sum(values) / len(values) for key, values in stays.items()}


def record_visits(record: Record, as_of: int = NOW) -> list[tuple[str, int, int | None]]:
    """Return the true (state label, entered, exited) of a ServiceNow record."""
    labels = {code: label for label, code in STATES[record.table].items()}
    marks = [(record.created, record.base["state"])]
    for mod in record.mods:
        if mod.at <= as_of and "state" in mod.values:
            marks.append((mod.at, mod.values["state"]))
    ends: list[int | None] = [*(at for at, _ in marks[1:]), None]
    return [(labels[code], at, end) for (at, code), end in zip(marks, ends, strict=True)]


@dataclass(frozen=True, slots=True)
class Chain:
    """A true link from an issue through a change to production and what broke there.

    Ids are the sources' own: Jira issue id, pull request databaseId, commit sha, deployment id,
    incident sys_ids; None where the chain ends.
    """

    issue_id: str | None
    pull_request_id: str
    merge_sha: str | None
    deployment_id: str | None
    deployed_at: int | None
    incident_ids: tuple[str, ...]


def chains(world: World, as_of: int = NOW) -> list[Chain]:
    """Return one chain per pull request that exists, in order of creation."""
    shipped = carried(world, as_of)
    found = []
    for pull in world.pulls:
        if pull.created > as_of:
            continue
        deployment = shipped.get(pull.id)
        is_merged = pull.merged is not None and pull.merged <= as_of
        incidents = [i for i in deployment.incidents if i.created <= as_of] if deployment else []
        found.append(
            Chain(
                str(pull.issue.id) if pull.issue else None,
                str(pull.id),
                pull.merge_sha if is_merged else None,
                str(deployment.id) if deployment else None,
                deployment.succeeded if deployment else None,
                tuple(incident.sys_id for incident in incidents),
            )
        )
    return found


def carried(world: World, as_of: int = NOW) -> dict[int | str, Deployment]:
    """Return what came to main → the first production deployment that ran with it.

    Of a pull request its id, of a commit outside of any its sha. Main is one line: what came there
    before the commit that is deployed is behind it.
    """
    came: list[tuple[int, str, int | str, str]] = [
        *((one.merged, one.repository, one.id, one.merge_sha or "")
          for one in world.pulls if one.merged),
        *((one.at, one.repository, one.sha, one.sha) for one in world.directs),
    ]  # fmt: skip
    lines: dict[str, list[int | str]] = defaultdict(list)
    places: dict[str, int] = {}
    for _, repository, key, sha in sorted(came, key=lambda one: one[0]):
        lines[repository].append(key)
        places[sha] = len(lines[repository])
    ran = [
        deployment for deployment in world.deployments
        if deployment.environment == "production" and (deployment.succeeded or as_of + 1) <= as_of
    ]  # fmt: skip
    found: dict[int | str, Deployment] = {}
    for deployment in sorted(ran, key=lambda one: one.succeeded or 0):
        for key in lines[deployment.repository][: places.get(deployment.sha, 0)]:
            found.setdefault(key, deployment)
    return found


def brought(world: World, as_of: int = NOW) -> dict[int | str, Deployment]:
    """Return the same, but for what the first deployment of a repository had behind it.

    Since when that had been there, nobody can know from outside.
    """
    begun: dict[str, int] = {}
    shas: dict[int | str, str] = {one.id: one.merge_sha or "" for one in world.pulls}
    for one in world.deployments:
        if one.environment == "production" and one.succeeded:
            begun[one.repository] = min(one.succeeded, begun.get(one.repository, one.succeeded))
    return {
        key: one
        for key, one in carried(world, as_of).items()
        if one.succeeded != begun[one.repository] or one.sha == shas.get(key, key)
    }


@dataclass(frozen=True, slots=True)
class Trace:
    """The true milestones of an issue, of several changes the last; None = not yet."""

    idea_at: int
    first_commit_at: int | None
    opened_at: int | None
    merged_at: int | None
    built_at: int | None
    deployed_at: int | None


def traces(world: World, as_of: int = NOW) -> dict[str, Trace]:
    """Return issue id → its true trace, by all its changes, whatever pull requests say of it."""
    pulls = defaultdict(list)
    for pull in world.pulls:
        if pull.issue and pull.created <= as_of:
            pulls[pull.issue.id].append(pull)
    pushed: dict[int, dict[str, DirectCommit]] = defaultdict(dict)
    for commit in world.directs:
        for issue in commit.issues if commit.at <= as_of else ():
            pushed[issue.id][commit.sha] = commit
    shipped = carried(world, as_of)
    deployed = {chain.pull_request_id: chain.deployed_at for chain in chains(world, as_of)}
    built: dict[str, int] = {}
    for sha, at in green_builds(world):
        if at <= as_of:
            built[sha] = min(at, built.get(sha, at))
    asked: dict[int, list[int]] = defaultdict(list)
    for incident in world.incidents:
        if incident.fix and (incident.fix_told or as_of + 1) <= as_of:
            asked[incident.fix.id].append(opened(incident))
    found = {}
    for issue in world.issues:
        if issue.created > as_of:
            continue
        some, own = pulls[issue.id], pushed[issue.id]
        merged = [pull for pull in some if pull.merged and pull.merged <= as_of]
        builds = [built.get(sha) for sha in (*(p.merge_sha or "" for p in merged), *own)]
        places = [deployed[str(pull.id)] for pull in merged]
        places += [one and one.succeeded for one in map(shipped.get, own)]
        commits = [c.at for pull in some for c in pull.commits if c.seen_from <= as_of]
        commits += [commit.written for commit in own.values()]
        found[str(issue.id)] = Trace(
            min(at for one in behind(issue, as_of) for at in (one.created, *asked[one.id])),
            min(commits, default=None),
            min((pull.created for pull in some), default=None),
            max([*(p.merged or 0 for p in merged), *(c.at for c in own.values())], default=None),
            None if None in builds else max(filter(None, builds), default=None),
            None if None in places else max(filter(None, places), default=None),
        )  # fmt: skip
    return found


def behind(issue: Issue, as_of: int = NOW) -> list[Issue]:
    """Return an issue and all issues that it was made for: epics, and what is a duplicate of it."""
    found, edge = [], [issue]
    while edge:
        one = edge.pop()
        if one not in found:
            found.append(one)
            epic = one.state(as_of)["parent"]
            edge += [epic] if epic else []
            edge += [
                link.other
                for link in one.links
                if link.kind == "Duplicate" and link.end == "inwardIssue" and link.holds(as_of)
            ]
    return found


def green_builds(world: World) -> list[tuple[str, int]]:
    """Return (sha, end) of every run and build that passed."""
    runs = [
        (run.sha, max(job.completed for job in attempt.jobs))
        for run in world.runs for attempt in run.attempts if attempt.conclusion == "success"
    ]  # fmt: skip
    builds = [
        (build.sha, (build.started_ms + build.duration_ms) // 1000)
        for row in world.builds.values() for build in row if build.result == "SUCCESS"
    ]  # fmt: skip
    return runs + builds


def says_its_issue(pull: PullRequest, as_of: int = NOW) -> bool:
    """Return whether a pull request says its issue's key: in branch, title or a message."""
    messages = [c.message for c in pull.commits if c.seen_from <= as_of]
    texts = [pull.branch, pull.title, *messages]
    keys = {pull.issue.key(at) for at in (pull.created, as_of)} if pull.issue else set()
    return any(re.search(rf"\b{key}\b", text) for key in keys for text in texts)


def assistance(world: World, as_of: int = NOW) -> dict[str, str]:
    """Return pull request databaseId → whether a program wrote it, or helped to."""
    return {str(pull.id): pull.assistance for pull in world.pulls if pull.created <= as_of}


def incident_causes(world: World, as_of: int = NOW) -> dict[str, str]:
    """Return incident sys_id → id of the production deployment that truly caused it."""
    return {
        incident.sys_id: str(incident.deployment.id)
        for incident in world.incidents
        if incident.created <= as_of and incident.deployment is not None
    }


def change_deployments(world: World, as_of: int = NOW) -> dict[str, str]:
    """Return change sys_id → id of the deployment that truly belongs to it."""
    return {
        change.sys_id: str(change.deployment.id)
        for change in world.changes
        if change.created <= as_of and change.deployment is not None
        and change.deployment.created <= as_of
    }  # fmt: skip


def failed_deployments(world: World, as_of: int = NOW) -> set[str]:
    """Return the ids of production deployments that failed or truly caused an incident."""
    return {
        str(d.id) for d in world.deployments
        if d.environment == "production" and d.created <= as_of and d.ended <= as_of
        and (d.succeeded is None or any(i.created <= as_of for i in d.incidents))
    }  # fmt: skip


def counts(world: World, as_of: int = NOW) -> dict[str, int]:
    """Return how many records of each kind exist at a moment, under the raw tables' names."""
    issues = [i for i in world.issues if i.created <= as_of and i.id not in world.deleted]
    hub = world.on_github()
    pulls = [pull for pull in hub.pulls if pull.created <= as_of]
    attempts = [a for run in world.runs for a in run.attempts if a.started <= as_of]
    deployments = [d for d in hub.deployments if d.created <= as_of]
    tickets = [one for one in world.library.issues if one.created <= as_of]
    builds = [b for row in world.builds.values() for b in row if b.started_ms <= as_of * 1000]
    return {
        "jira.issues": len(issues),
        "jira.histories": sum(issue.revision(as_of) for issue in issues),
        "github.repositories": len({f"{OWNER}/{pull.repository}" for pull in pulls}),
        "github.issues": len(tickets),
        "github.pull_requests": len(pulls),
        "github.commits": sum((one.merged or as_of + 1) <= as_of for one in world.pulls)
        + sum(one.at <= as_of for one in hub.directs),
        "github.reviews": sum(r.at <= as_of for pull in pulls for r in pull.reviews),
        "github.workflow_runs": len(attempts),
        "github.jobs": sum(job.created <= as_of for a in attempts for job in a.jobs),
        "github.deployments": len(deployments),
        "github.deployment_statuses": sum(at <= as_of for d in deployments for at, _ in d.statuses),
        "jenkins.builds": len(builds),
        "jenkins.stages": sum(stage[1] <= as_of * 1000 for b in builds for stage in b.stages),
        "servicenow.incidents": sum(record.created <= as_of for record in world.incidents),
        "servicenow.change_requests": sum(record.created <= as_of for record in world.changes),
        "servicenow.problems": sum(record.created <= as_of for record in world.problems),
        "servicenow.requested_items": sum(record.created <= as_of for record in world.requests),
        **{
            f"gitlab.{name}": sum(one.created <= as_of for one in rows)
            for name, rows in (
                ("pipelines", world.insights.pipelines),
                ("deployments", world.insights.deployments),
                ("merge_requests", world.insights.requests),
                ("issues", world.insights.tickets),
            )
        },
    }


@dataclass(slots=True)
class Period:
    """What a service truly delivered in a month: the parts of DORA's metrics."""

    deployments: int = 0
    failed: int = 0
    rework: int = 0
    deployed: int = 0
    lead_times: list[int] = field(default_factory=list)


def periods(world: World, as_of: int = NOW) -> dict[tuple[str, date], Period]:
    """Return (repository, month of its value stream) → what was delivered.

    A deployment that failed and what tried it again are one. Since when the changes of the first
    deployment of a repository had been there, nobody can know from outside: they have no lead time,
    and only what it was made for is counted with it.
    """
    tries: dict[int, list[Deployment]] = defaultdict(list)
    for one in world.deployments:
        if one.environment == "production" and one.created <= as_of and one.ended <= as_of:
            first = one
            while first.retry_of:
                first = first.retry_of
            tries[first.id].append(one)
    found: dict[tuple[str, date], Period] = defaultdict(Period)
    of_deployment: dict[int, Period] = {}
    begun: dict[str, int] = {}
    for some in tries.values():
        some.sort(key=lambda one: one.ended)
        ends = [one.succeeded for one in some if one.succeeded]
        repository, at = some[0].repository, min(ends or [some[0].ended])
        zone = ZoneInfo(STREAM_OF_REPOSITORY[repository].zone)
        month = datetime.fromtimestamp(at, zone).date().replace(day=1)
        period = found[repository, month]
        period.deployments += 1
        period.rework += any(one.kind in ("rollback", "hotfix") for one in some)
        again = {one.retry_of.id: one for one in some if one.retry_of}
        period.failed += any(
            any(incident.created <= as_of for incident in one.incidents)
            or (one.succeeded is None and not _is_made_good(one, again.get(one.id)))
            for one in some
        )
        of_deployment |= {one.id: period for one in some}
        begun[repository] = min([begun.get(repository, as_of), *ends])
    written: dict[int | str, int] = {one.sha: one.written for one in world.directs}
    shas: dict[int | str, str] = {one.id: one.merge_sha or "" for one in world.pulls}
    for pull in world.pulls:
        seen = [commit.at for commit in pull.commits if commit.seen_from <= as_of]
        written[pull.id] = min(seen, default=pull.created)
    for key, deployment in carried(world, as_of).items():
        period = of_deployment[deployment.id]
        if deployment.succeeded != begun[deployment.repository]:
            period.lead_times.append((deployment.succeeded or 0) - written[key])
        elif deployment.sha != shas.get(key, key):
            continue
        period.deployed += 1
    return dict(found)


def _is_made_good(failed: Deployment, again: Deployment | None) -> bool:
    """Return whether another try, that began within the hour, succeeded."""
    if again is None or not again.succeeded:
        return False
    began = next(at for at, state in again.statuses if state == "in_progress")
    return began - failed.ended < 3600


def recoveries(world: World, as_of: int = NOW) -> dict[str, int | None]:
    """Return id of a production deployment that failed → when that was over; None = not yet.

    An attempt is over with the next success; what did harm with a rollback, with a hotfix that no
    incident came after, or when all its incidents are resolved, whichever came first.
    """
    lines: dict[str, list[Deployment]] = defaultdict(list)
    for one in sorted(world.deployments, key=lambda one: one.created):
        if one.environment == "production" and one.created <= as_of:
            lines[one.repository].append(one)
    found: dict[str, int | None] = {}
    for line in lines.values():
        for place, one in enumerate(line):
            after = next(
                (d for d in line[place + 1 :] if d.succeeded and d.succeeded <= as_of), None
            )
            harm = [incident for incident in one.incidents if incident.created <= as_of]
            if one.succeeded is None and one.ended <= as_of:
                found[str(one.id)] = after and after.succeeded
            elif harm:
                ends = [resolved(incident, as_of) for incident in harm]
                over = [max(filter(None, ends))] if all(ends) else []
                if after and (
                    after.kind == "rollback"
                    or (
                        after.kind == "hotfix"
                        and all(i.created <= (after.succeeded or 0) for i in harm)
                    )
                ):
                    over.append(after.succeeded or 0)
                found[str(one.id)] = min(over, default=None)
    return found


def opened(incident: Record) -> int:
    """Return when an incident began, as its desk wrote it down: seconds before it was there."""
    moment = datetime.strptime(incident.base["opened_at"], "%Y-%m-%d %H:%M:%S")
    return int(moment.replace(tzinfo=UTC).timestamp())


def resolved(incident: Record, as_of: int) -> int | None:
    """Return when an incident was resolved for good."""
    at, codes = None, STATES["incident"]
    for mod in incident.mods:
        if mod.at <= as_of and "state" in mod.values:
            if mod.values["state"] == codes["Resolved"]:
                at = mod.at
            elif mod.values["state"] != codes["Closed"]:
                at = None
    return at


@dataclass(slots=True)
class Dependencies:
    """How many items of a stream truly waited for items of another one, and how long."""

    pairs: int = 0
    dated: int = 0
    is_open: int = 0
    blocked: set[int] = field(default_factory=set)
    spans: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def seconds(self) -> int:
        """How long all of them waited; of two links at once once."""
        return sum(_length(some) for some in self.spans.values())


def dependencies(world: World, as_of: int = NOW) -> dict[tuple[str, str], Dependencies]:
    """Return (blocking stream, blocked stream) → what was blocked there, of stories and the like.

    An item waits while its link holds, it is on its way, and the other one is not done.
    """
    found: dict[tuple[str, str], Dependencies] = defaultdict(Dependencies)
    for issue in world.issues:
        for link in issue.links:
            if link.kind != "Blocks" or link.end != "inwardIssue" or link.at > as_of:
                continue
            sums = found[link.other.stream.key, issue.stream.key]
            sums.pairs += 1
            sums.dated += link.is_told
            sums.blocked.add(issue.id)
            ends = [visits(one, as_of)[-1].flow_state for one in (issue, link.other)]
            sums.is_open += link.holds(as_of) and not {"done", "cancelled"} & {*ends}
            spans = [span for *span, by in waits(issue, as_of) if by is link.other]
            if link.is_told and spans:
                sums.spans[issue.id] += [(begin, end) for begin, end in spans]
    return dict(found)


def waits(issue: Issue, as_of: int = NOW) -> list[tuple[int, int, Issue]]:
    """Return from when until when an issue truly waited for which other one."""
    found = []
    for link in issue.links:
        if link.kind == "Blocks" and link.end == "inwardIssue" and link.is_told:
            cut = as_of if link.until is None else min(link.until, as_of)
            for own in _stays(issue, {"wait", "active"}, as_of):
                for others in _stays(link.other, {"new", "wait", "active"}, as_of):
                    begin, end = max(link.at, own[0], others[0]), min(cut, own[1], others[1])
                    if begin < end:
                        found.append((begin, end, link.other))
    return found


def _stays(issue: Issue, states: set[str], as_of: int) -> list[tuple[int, int]]:
    """Return from when until when an issue was in such stages, without a break."""
    found: list[tuple[int, int]] = []
    for visit in visits(issue, as_of):
        if visit.flow_state in states:
            end = as_of if visit.exited_at is None else visit.exited_at
            is_next = found and found[-1][1] == visit.entered_at
            begin = found.pop()[0] if is_next else visit.entered_at
            found.append((begin, end))
    return found


def _length(spans: list[tuple[int, int]]) -> int:
    """Return how long spans are together, where they overlap once."""
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def version_contents(world: World, as_of: int = NOW) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return (project, version) → issues ever planned for it, those that came late, that left."""
    rows: dict[tuple[str, str], list[tuple[int, bool, bool]]] = defaultdict(list)
    for issue in world.issues:
        for one in issue.plans:
            if one.role == "fix" and one.since <= as_of:
                is_late = datetime.fromtimestamp(one.since, UTC).date() > one.version.starts_on
                is_out = one.until is not None and one.until <= as_of
                key = one.version.stream.project, one.version.name
                rows[key].append((issue.id, is_late, is_out))
    return {
        key: (
            len({issue for issue, _, _ in some}),
            len({issue for issue, is_late, _ in some if is_late}),
            len({issue for issue, _, is_out in some if is_out}),
        )
        for key, some in rows.items()
    }
