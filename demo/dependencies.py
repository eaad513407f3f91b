"""Issues that wait for issues of other teams: links with the days on which they were made and cut.

All draws are from a stream of its own, so nothing else of the company moves.
"""

import random
from bisect import insort

from demo.calendars import calendar_of
from demo.company import HORIZON, HOUR, TERMINAL, Person
from demo.model import History, Issue, Json, Link
from demo.versions import in_order

SHARE, SHARE_OF_OTHERS, SHARE_CUT = 0.05, 0.65, 0.25
SAID = {"outwardIssue": "This issue blocks", "inwardIssue": "This issue is blocked by"}


def depend(issues: list[Issue], people: list[Person], seed: int) -> None:
    """Let some issues that are under way wait for another one that is under way, too."""
    rng = random.Random(f"{seed}/dependencies")
    spans = {id(issue): span for issue in issues if (span := under_way(issue))}
    ordered = [issue for issue in in_order(issues) if id(issue) in spans]
    for issue in ordered:
        roll, share, where, cut = (rng.random() for _ in range(4))
        begin, end = spans[id(issue)]
        if roll > SHARE or end - begin < 4 * HOUR:
            continue
        calendar = calendar_of(issue.stream.calendar, issue.stream.zone)
        at = calendar.between(begin, end, 0.05 + 0.5 * share)
        able = [
            other for other in ordered
            if other is not issue
            and (other.stream is not issue.stream) == (where < SHARE_OF_OTHERS)
            and spans[id(other)][0] < at < spans[id(other)][1] - HOUR
            and all(link.other is not other for link in issue.links)
        ]  # fmt: skip
        if not able:
            continue
        other = rng.choice(able)
        until = None
        if cut < SHARE_CUT:
            until = calendar.between(at, min(end, spans[id(other)][1]), rng.uniform(0.3, 0.9))
            until = max(until, at + 600)
        author = rng.choice([one for one in people if one.team == issue.ticket.team])
        connect(other, issue, at, until, author)


def under_way(issue: Issue) -> tuple[int, int] | None:
    """Return from when until when an issue is on its way, the first time."""
    steps = issue.ticket.steps
    if issue.kind == "Epic" or not steps or steps[0][1] in TERMINAL:
        return None
    return steps[0][0], next((at for at, status in steps if status in TERMINAL), HORIZON)


def connect(blocking: Issue, blocked: Issue, at: int, until: int | None, author: Person) -> None:
    """Make a link, and cut it; the histories of both ends tell."""
    for issue, end, other in (
        (blocking, "outwardIssue", blocked), (blocked, "inwardIssue", blocking),
    ):  # fmt: skip
        issue.links.append(Link("Blocks", end, other, at, until, is_told=True))
        for moment, is_on in ((at, True), (until, False)):
            if moment is not None:
                history = History(moment, author, [told(SAID[end], other, is_on)], {})
                insort(issue.histories, history, key=lambda one: one.at)


def told(sentence: str, other: Issue, is_on: bool) -> Json:
    """Return the changelog item of a link; the key of the other end comes when it has one."""
    old, new = (None, other) if is_on else (other, None)
    return {
        "field": "Link", "fieldtype": "jira", "fieldId": "issuelinks",
        "from": old, "fromString": old and sentence, "to": new, "toString": new and sentence,
    }  # fmt: skip
