"""Commits that came to main outside of any pull request; draws of their own, so nothing else moves.

Only Platform's people push: half a sentence that was forgotten, a line of configuration. Nothing
builds these commits; the next deployment carries them.
"""

import random
from bisect import bisect_left

from demo.calendars import calendar_of
from demo.company import DAY, HORIZON, HOUR, START, STREAM_OF, TEAM_OF_REPOSITORY, Person, hexes
from demo.model import DirectCommit, Issue, PullRequest
from demo.versions import in_order

KINDS = ("none", "named", "typed", "named", "pair", "lookalike", "hotfix", "named", "revert")
APART = 300
"""Seconds between a commit and whatever else comes to main: what came first is beyond doubt."""
CHORES = ("Tidy up the makefile", "Raise a memory limit", "Mend a broken link", "Sort the imports")


def push(
    pulls: list[PullRequest], issues: list[Issue], people: list[Person], seed: int
) -> list[DirectCommit]:
    """Return the commits that people pushed, in order of time."""
    rng, stream = random.Random(f"{seed}/directs"), STREAM_OF["platform"]
    calendar, made = calendar_of(stream.calendar, stream.zone), []
    for repository in stream.repositories:
        team = [one for one in people if one.team == TEAM_OF_REPOSITORY[repository]]
        merged = [one for one in pulls if one.repository == repository and one.merged]
        merged.sort(key=lambda one: one.merged or 0)
        times = [one.merged or 0 for one in merged]
        own = [one for one in in_order(issues) if one.repository == repository and is_plain(one)]
        work, place = calendar.work(START) + int(rng.uniform(30, 70) * HOUR), 0
        while (at := apart(calendar.wall(work), times)) < HORIZON:
            kind = KINDS[place % len(KINDS)]
            names = rng.sample(under_way(own, at), {"none": 0, "revert": 0, "pair": 2}.get(kind, 1))
            commit = DirectCommit(
                repository, at - rng.randrange(120, 3 * HOUR), at, rng.choice(team), kind, "",
                hexes(rng, 40), [] if kind == "lookalike" else names,
            )  # fmt: skip
            commit.message = text(commit, rng.choice(CHORES), merged[: bisect_left(times, at)])
            made.append(commit)
            work, place = work + int(rng.uniform(130, 330) * HOUR), place + 1
    return sorted(made, key=lambda one: (one.at, one.repository))


def is_plain(issue: Issue) -> bool:
    """Whether people may name an issue by the only key that it ever had."""
    return issue.kind != "Epic" and issue.initial["project"] == issue.stream.project


def apart(at: int, times: list[int]) -> int:
    """Return the first moment from one on that is apart from all merges."""
    while any(abs(at - other) < APART for other in times):
        at += APART
    return at


def under_way(issues: list[Issue], at: int) -> list[Issue]:
    """Return what was worked on at a moment, or was finished in the weeks before."""
    return [
        issue for issue in issues
        if any(when < at for when, status in issue.ticket.steps if status == "In Progress")
        and issue.ticket.steps[-1][0] > at - 20 * DAY
    ]  # fmt: skip


def text(commit: DirectCommit, chore: str, merged: list[PullRequest]) -> str:
    """Return the message, signed with a name and an address as Git does it."""
    keys = [issue.key(commit.at) for issue in commit.issues]
    if commit.kind == "typed":
        title = f"follow-up of {keys[0].lower()}: {chore.lower()}"
    elif commit.kind == "hotfix":
        title = f"Hotfix: {keys[0]} {chore.lower()}"
    elif commit.kind == "lookalike":
        title = "Read all names as UTF-8"
    elif commit.kind == "revert":
        last = merged[-1]
        title = f'Revert "Merge pull request #{last.number}"\n\nThis reverts commit '
        title += f"{last.merge_sha}."
    else:
        title = " ".join([*keys, chore])
    return f"{title}\n\nSigned-off-by: {commit.author.name} <{commit.author.email}>"
