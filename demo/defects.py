"""Where defects were found, and how somebody says so: a field, a label, a version, an incident.

All draws are from streams of its own, so nothing else of the company moves.
"""

import random
from bisect import insort

from demo.company import HOUR, Person
from demo.issues import DETECTED_FIELD, item
from demo.model import History, Issue, Mod, Plan, Record, Version
from demo.versions import in_order, next_version

PLACES = {"Production": 30, "Staging": 20, "Test": 50}
WAYS = {"field": 50, "label": 15, "release": 15, "": 20}
OPTIONS = {"Production": "10501", "Staging": "10502", "Test": "10503"}
SHARE_SAID_LATER, SHARE_AFFECTING, SHARE_TOLD = 0.25, 0.6, 0.75


def find(issues: list[Issue], versions: list[Version], people: list[Person], seed: int) -> None:
    """Decide for each bug where it was found, and who says so in which way."""
    rng = random.Random(f"{seed}/defects")
    testers = [person for person in people if not person.is_bot]
    for issue in in_order(issues):
        place = rng.choices(list(PLACES), weights=list(PLACES.values()))[0]
        way = rng.choices(list(WAYS), weights=list(WAYS.values()))[0]
        later, affecting, older = rng.random(), rng.random(), rng.random()
        delay, author = rng.randrange(600, 5 * HOUR), rng.choice(testers)
        if issue.kind != "Bug":
            continue
        issue.found_in = "Production" if issue.ticket.is_hotfix else place
        if way == "field":
            said(issue, issue.created + delay if later < SHARE_SAID_LATER else None, author)
        elif way == "label" and not issue.ticket.is_hotfix:
            label = f"found-in-{issue.found_in.lower()}"
            issue.initial["labels"] = [*issue.initial["labels"], label]
            issue.found_way = "label"
        # What was made right after an outage has a deployment, and what was moved no version.
        is_moved = issue.initial["project"] != issue.stream.project
        if issue.ticket.is_hotfix or is_moved:
            continue
        if way == "release" or (way and affecting < SHARE_AFFECTING):
            affect(issue, versions, older < 0.2)
            if way == "release" and issue.plans:
                issue.found_way = "release"


def said(issue: Issue, at: int | None, author: Person) -> None:
    """Fill in the field: when the issue is made, or later."""
    issue.found_way, issue.found_said = "field", at
    if at is None:
        issue.initial["detected_in"] = issue.found_in
        return
    change = item("Detected in", None, None, OPTIONS[issue.found_in], issue.found_in,
                  DETECTED_FIELD, "custom")  # fmt: skip
    history = History(at, author, [change], {"detected_in": issue.found_in})
    insort(issue.histories, history, key=lambda one: one.at)


def affect(issue: Issue, versions: list[Version], is_older: bool) -> None:
    """Name the versions that a bug is in: those that are out, or the one that is being tested."""
    day = issue.stream.day(issue.created)
    out = sorted(
        (v for v in versions if v.stream is issue.stream and v.released_on < day),
        key=lambda version: version.released,
    )
    if issue.found_in == "Production":
        named = out[-2 if is_older else -1 :]
    else:
        coming = next_version(versions, issue.stream, issue.created)
        named = [coming] if coming else []
    issue.initial["versions"] = tuple(named)
    issue.plans += [Plan(version, "affects", issue.created) for version in named]


def tell(incidents: list[Record], seed: int) -> None:
    """Most incidents of an outage that a hotfix ended name its issue, once there is one."""
    rng = random.Random(f"{seed}/fixes")
    for incident in incidents:
        roll, delay = rng.random(), rng.randrange(60, 1800)
        if incident.fix is None or roll > SHARE_TOLD:
            continue
        at = max(incident.created, incident.fix.created) + delay
        values = {"correlation_id": incident.fix.key(at)}
        insort(incident.mods, Mod(at, incident.creator, values), key=lambda mod: mod.at)
        incident.fix_told = at
