"""What truly happened to the issues of the library: stays, ends, links, milestones.

It comes from the steps that the maintainers took, never from the timelines that GitHub serves.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from demo.company import NOW, OWNER
from demo.library import Library
from demo.model import DirectCommit, HubIssue, PullRequest
from demo.truth import Dependencies, brought, carried
from demo.world import World

STAGES = {
    "open": ("backlog", 1), "ready": ("selected", 2), "in progress": ("in_progress", 3),
    "in review": ("review", 4), "closed": ("done", 5), "closed as not planned": ("cancelled", 5),
    "closed as duplicate": ("cancelled", 5),
}  # fmt: skip
"""Stage of each status, and how far along it is."""
WORKED_ON = ("selected", "in_progress", "review")


@dataclass(frozen=True, slots=True)
class Flow:
    """How an issue truly went; moments are epoch seconds, None = not yet or never."""

    created: int
    started: int | None
    first_done: int | None
    last_done: int | None
    outcome: str
    moves_back: int
    reopenings: int


def existing(library: Library, as_of: int = NOW) -> list[HubIssue]:
    """Return the issues that were there at a moment."""
    return [issue for issue in library.issues if issue.created <= as_of]


def steps(issue: HubIssue, as_of: int = NOW) -> list[tuple[int, str]]:
    """Return the true (moment, status) of an issue, its creation first."""
    return [step for step in issue.steps if step[0] <= as_of]


def stays(issue: HubIssue, as_of: int = NOW) -> list[tuple[str, int, int | None]]:
    """Return the true (stage, entered, left) of an issue."""
    some = steps(issue, as_of)
    ends: list[int | None] = [*(at for at, _ in some[1:]), None]
    return [(STAGES[status][0], at, end) for (at, status), end in zip(some, ends, strict=True)]


def flow(issue: HubIssue, as_of: int = NOW) -> Flow:
    """Return how an issue truly went."""
    some = stays(issue, as_of)
    started = [at for stage, at, _ in some if stage in ("in_progress", "review")]
    done = [at for stage, at, _ in some if stage == "done"]
    places = [STAGES[status][1] for _, status in steps(issue, as_of)]
    falls = [first for first, then in pairwise(places) if then < first]
    last = some[-1][0]
    return Flow(
        issue.created, min(started, default=None), min(done, default=None),
        max(done) if last == "done" else None,
        last if last in ("done", "cancelled") else "open",
        sum(place < 5 for place in falls), sum(place == 5 for place in falls),
    )  # fmt: skip


Link = tuple[str, str, str, str, int | None, int | None]


def links(world: World, as_of: int = NOW) -> set[Link]:
    """Return the true (from, to, type, how it is known, since, until) between two items.

    A pull request that says that it closes an issue implements it, and so does a commit that
    closed one; a pull request that only speaks of an issue is related to it. That a commit speaks
    of an issue is no link.
    """
    own = world.library

    def cut(at: int | None) -> int | None:
        return at if at is not None and at <= as_of else None

    found: set[Link] = set()
    for request in own.requests:
        if request.created <= as_of:
            if issue := own.closes.get(request.id):
                ends = pull_key(request), issue_key(issue), "implements", "closing_reference"
                found.add((*ends, request.created, None))
            if issue := own.refers.get(request.id):
                ends = pull_key(request), issue_key(issue), "relates", "cross_referenced"
                found.add((*ends, request.created, None))
    for commit in own.directs:
        if commit.fixes and commit.at <= as_of:
            ends = commit_key(commit), issue_key(commit.fixes), "implements", "closing_commit"
            found.add((*ends, commit.at, None))
    for issue in existing(own, as_of):
        key = issue_key(issue)
        for other, since, until in issue.blocks:
            if since <= as_of:
                found.add((key, issue_key(other), "blocks", "timeline", since, cut(until)))
        marked = next((at for at, status in steps(issue, as_of) if "duplicate" in status), None)
        if issue.duplicate_of and marked:
            ends = key, issue_key(issue.duplicate_of), "duplicates", "marked_as_duplicate"
            found.add((*ends, marked - 1, cut(issue.duplicate_until)))
    return found


def parents(world: World, as_of: int = NOW) -> set[tuple[str, str]]:
    """Return the true (part, whole) of issues."""
    return {
        (issue_key(one), issue_key(one.parent))
        for one in existing(world.library, as_of)
        if one.parent and one.parent_since <= as_of
    }


def dependency(world: World, as_of: int = NOW) -> Dependencies:
    """Return what issues of the library waited for each other.

    An issue waits while the link holds, it is on its way, and the other one is not done.
    """
    found = Dependencies()
    for other in existing(world.library, as_of):
        for issue, since, until in other.blocks:
            if since > as_of:
                continue
            found.pairs += 1
            found.dated += 1
            found.blocked.add(issue.id)
            end = until if until is not None and until <= as_of else None
            ends = {flow(one, as_of).outcome for one in (issue, other)}
            found.is_open += end is None and ends == {"open"}
            for own in stays(issue, as_of):
                for others in stays(other, as_of):
                    begin = max(since, own[1], others[1])
                    over = min(one or as_of for one in (end, own[2], others[2]))
                    is_held = own[0] in WORKED_ON and others[0] not in ("done", "cancelled")
                    if is_held and begin < over:
                        found.spans[issue.id].append((begin, over))
    return found


@dataclass(frozen=True, slots=True)
class Trace:
    """The true milestones of an issue, of several changes the last; None = not yet."""

    idea_at: int
    first_commit_at: int | None
    opened_at: int | None
    merged_at: int | None
    deployed_at: int | None


def traces(world: World, as_of: int = NOW) -> dict[str, Trace]:
    """Return the key of an issue → its true trace, by the changes that implement it.

    What a deployment that was the first one had behind it has none: nobody knows since when.
    """
    own, shipped = world.library, brought(world.in_library(), as_of)
    requests: dict[int, list[PullRequest]] = defaultdict(list)
    for request in own.requests:
        if request.id in own.closes and request.created <= as_of:
            requests[own.closes[request.id].id].append(request)
    pushed: dict[int, list[DirectCommit]] = defaultdict(list)
    for commit in own.directs:
        if commit.fixes and commit.at <= as_of:
            pushed[commit.fixes.id].append(commit)
    found = {}
    for issue in existing(own, as_of):
        some, direct = requests[issue.id], pushed[issue.id]
        written = [c.at for one in some for c in one.commits if c.seen_from <= as_of]
        came: list[tuple[int, int | str]] = [
            (one.merged, one.id) for one in some if one.merged and one.merged <= as_of
        ]
        came += [(one.at, one.sha) for one in direct]
        deployed = [one.succeeded if (one := shipped.get(key)) else None for _, key in came]
        found[issue_key(issue)] = Trace(
            min(one.created for one in behind(issue, as_of)),
            min([*written, *(one.written for one in direct)], default=None),
            min((one.created for one in some), default=None),
            max((at for at, _ in came), default=None),
            None if None in deployed else max(filter(None, deployed), default=None),
        )
    return found


def behind(issue: HubIssue, as_of: int = NOW) -> list[HubIssue]:
    """Return an issue and what it is a part of."""
    whole = issue.parent if issue.parent and issue.parent_since <= as_of else None
    return [issue, *(behind(whole, as_of) if whole else ())]


def unknown(world: World, as_of: int = NOW) -> int:
    """Return how many changes the first deployment had behind it."""
    own = world.in_library()
    return len(carried(own, as_of)) - len(brought(own, as_of))


def issue_key(issue: HubIssue) -> str:
    """Return the key of an issue in the warehouse."""
    return f"github:issue:{issue.node_id}"


def pull_key(pull: PullRequest) -> str:
    """Return the key of a pull request in the warehouse."""
    return f"github:pr:{pull.id}"


def commit_key(commit: DirectCommit) -> str:
    """Return the key of a commit in the warehouse."""
    return f"github:commit:{OWNER}/{commit.repository}:{commit.sha}"
