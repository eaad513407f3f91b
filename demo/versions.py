"""Versions of the Jira projects: one a month, and which issues are planned for them.

All draws are from a stream of its own, so nothing else of the company moves.
"""

import random
from bisect import insort
from datetime import date, timedelta

from demo.calendars import WorkCalendar, calendar_of
from demo.company import DAY, HORIZON, HOUR, STREAMS, TERMINAL, Person, Stream
from demo.model import History, Issue, Json, Plan, Version

SHARE_PLANNED, SHARE_NAMED_AT_THE_END = 0.65, 0.6
KNOWN_BEFORE = 40 * DAY
"""How long before its first day a version is in the list."""


def item_of(old: Version | None, new: Version | None) -> Json:
    """Return the changelog item of a version that is added, or taken away."""
    return {
        "field": "Fix Version", "fieldtype": "jira", "fieldId": "fixVersions",
        "from": old and str(old.id), "fromString": old and old.name,
        "to": new and str(new.id), "toString": new and new.name,
    }  # fmt: skip


def make_versions() -> list[Version]:
    """Return a version a month and project, released on a working afternoon, the 27th at last."""
    found = []
    for stream in STREAMS:
        calendar = calendar_of(stream.calendar, stream.zone)
        for place in range(26):
            first = date(2024 + place // 12, place % 12 + 1, 1)
            released = _afternoon(calendar, first + timedelta(days=26))
            number = 10_400 + 100 * (stream.project_id - 10_000) + place
            name = f"{stream.project} {first.year}.{first.month:02}"
            known = calendar.epoch(first, "08:00") - KNOWN_BEFORE
            found.append(Version(number, stream, name, first, known, released))
    return found


def _afternoon(calendar: WorkCalendar, day: date) -> int:
    """Return 16:00 of the last day up to a day on which people work then."""
    while not calendar.work(calendar.epoch(day, "16:00") + 60) - calendar.work(
        calendar.epoch(day, "16:00")
    ):
        day -= timedelta(days=1)
    return calendar.epoch(day, "16:00")


def next_version(versions: list[Version], stream: Stream, at: int) -> Version | None:
    """Return the version of a stream that is released next after a moment."""
    return min(
        (v for v in versions if v.stream is stream and v.released > at),
        key=lambda v: v.released,
        default=None,
    )


def plan(issues: list[Issue], versions: list[Version], people: list[Person], seed: int) -> None:
    """Plan issues for versions: when they are chosen, or when they are done.

    What is not done when its version is released is moved to the next one.
    """
    rng = random.Random(f"{seed}/versions")
    teams: dict[str, list[Person]] = {}
    for person in people:
        teams.setdefault(person.team, []).append(person)
    for issue in in_order(issues):
        roll, late, delay = rng.random(), rng.random(), rng.randrange(60, 2 * HOUR)
        author = rng.choice(teams[issue.ticket.team])
        steps = issue.ticket.steps
        if issue.kind == "Epic" or not steps or steps[0][1] != "Selected for Development":
            continue
        ended = next((step for step in steps if step[1] in TERMINAL), None)
        end, is_done = (ended[0], ended[1] == "Done") if ended else (HORIZON, False)
        if roll < SHARE_PLANNED:
            at = min(steps[0][0] + delay, steps[1][0] - 1 if len(steps) > 1 else HORIZON)
        elif is_done and late < SHARE_NAMED_AT_THE_END:
            at = end + 20
        else:
            continue
        version = next_version(versions, issue.stream, at)
        current = None
        while version is not None:
            replace(issue, at, author, current, version)
            current = version
            at = version.released + rng.randrange(60, 900)
            version = next_version(versions, issue.stream, at) if at < end else None
        if ended and not is_done and rng.random() < 0.5:
            replace(issue, max(end, issue.plans[-1].since) + 20, author, current, None)


def replace(
    issue: Issue, at: int, author: Person, old: Version | None, new: Version | None
) -> None:
    """Replace the version that an issue is planned for, in truth and in Jira's history."""
    items = [item_of(old, None)] if old else []
    items += [item_of(None, new)] if new else []
    history = History(at, author, items, {"fixVersions": (new,) if new else ()})
    insort(issue.histories, history, key=lambda one: one.at)
    for one in issue.plans:
        if one.until is None:
            one.until = at
    if new:
        issue.plans.append(Plan(new, "fix", at))


def in_order(issues: list[Issue]) -> list[Issue]:
    """Return issues in the order in which Jira numbers them, before it has."""
    return sorted(issues, key=lambda one: (one.created, one.initial["summary"], one.ticket.team))
