"""Where defects were truly found, and how many of them escaped.

The rules of `docs/definitions.md` are applied to what the generator planned.

None of this is read from an API or from the histories that the APIs serve.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date

from demo.company import NOW
from demo.model import Record
from demo.truth import visits
from demo.world import World


@dataclass(frozen=True, slots=True)
class Defect:
    """Where a defect was truly found, how somebody says so, and with what it counts."""

    stream: str
    has_escaped: bool
    way: str | None
    environment: str | None
    incident: str | None
    cohort: tuple[str, str | None]
    cohort_on: date
    found_on: date
    is_withdrawn: bool


def defects(world: World, as_of: int = NOW) -> dict[str, Defect]:
    """Return issue id → the true defect, of each bug.

    It counts with the version that it is wrong in, or the deployment that broke what the first
    incident tells of, or the version that it was mended in before that came out, or its own day.
    """
    told: dict[int, list[Record]] = defaultdict(list)
    for incident in sorted(world.incidents, key=lambda one: (one.base["opened_at"], one.sys_id)):
        if incident.fix and (incident.fix_told or as_of + 1) <= as_of:
            told[incident.fix.id].append(incident)
    found = {}
    for issue in world.issues:
        if issue.kind != "Bug" or issue.created > as_of:
            continue
        has_escaped, day = issue.found_in == "Production", issue.stream.day(issue.created)
        first = next(iter(told[issue.id]), None)
        named = {
            role: sorted(
                (one.version for one in issue.plans
                 if one.role == role and one.since <= as_of
                 and (one.until is None or one.until > as_of)),
                key=lambda version: version.released,
            )
            for role in ("affects", "fix")
        }  # fmt: skip
        affected = next((v for v in named["affects"] if v.released <= as_of), None)
        mended = next(
            (v for v in named["fix"] if v.released <= as_of and v.released_on >= day), None
        )
        way: str | None = None
        if issue.found_way in ("field", "label") and (issue.found_said or 0) <= as_of:
            way = issue.found_way
        elif first:
            way = "incident"
        elif named["affects"]:
            way = "release"
        cohort, on = ("found", None), day
        if affected:
            cohort, on = ("release", str(affected.id)), affected.released_on
        elif first and first.deployment:
            cohort = ("deployment", str(first.deployment.id))
            on = issue.stream.day(first.deployment.ended)
        elif way and not has_escaped and mended:
            cohort, on = ("fix", str(mended.id)), mended.released_on
        found[str(issue.id)] = Defect(
            issue.stream.key, has_escaped, way,
            issue.found_in.lower() if way in ("field", "label") else None,
            first.sys_id if first else None, cohort, on, day,
            visits(issue, as_of)[-1].flow_state == "cancelled",
        )  # fmt: skip
    return found


PATIENCE = 30
"""Days after a release in which what escaped is counted with it."""


def escapes(world: World, as_of: int = NOW) -> dict[tuple[str, date], Counter[str]]:
    """Return (value stream, month) → its defects by where they were found, and those logged."""
    found: dict[tuple[str, date], Counter[str]] = defaultdict(Counter)
    for one in defects(world, as_of).values():
        if one.is_withdrawn:
            continue
        words = "not_known" if one.way is None else "found_before"
        if one.way and one.has_escaped:
            is_late = (one.found_on - one.cohort_on).days > PATIENCE
            words = "escaped_late" if is_late else "escaped"
        found[one.stream, one.cohort_on.replace(day=1)].update(["defects", words])
        found[one.stream, one.found_on.replace(day=1)].update(["logged_defects"])
    return dict(found)
