"""ServiceNow: change requests and incidents with all their updates, and the small tables."""

import random
from datetime import UTC, datetime

from demo.calendars import calendar_of
from demo.company import (
    DAY,
    HORIZON,
    HOUR,
    REPOSITORIES,
    START,
    STREAM_OF_REPOSITORY,
    STREAMS,
    Person,
    hexes,
    sentence,
)
from demo.model import Deployment, Mod, Record
from demo.releases import Trouble

INCIDENT_STATES = {
    "New": "1", "In Progress": "2", "On Hold": "3", "Resolved": "6", "Closed": "7", "Canceled": "8",
}  # fmt: skip
CHANGE_STATES = {
    "New": "-5", "Assess": "-4", "Authorize": "-3", "Scheduled": "-2", "Implement": "-1",
    "Review": "0", "Closed": "3", "Canceled": "4",
}  # fmt: skip
PROBLEM_STATES = {
    "New": "101", "Assess": "102", "Root Cause Analysis": "103", "Fix in Progress": "104",
    "Resolved": "106", "Closed": "107",
}  # fmt: skip
TASK_STATES = {
    "Pending": "-5", "Open": "1", "Work in Progress": "2", "Closed Complete": "3",
    "Closed Incomplete": "4", "Closed Skipped": "7",
}  # fmt: skip
STATES = {
    "incident": INCIDENT_STATES, "change_request": CHANGE_STATES, "problem": PROBLEM_STATES,
    "sc_req_item": TASK_STATES, "sc_task": TASK_STATES, "change_task": TASK_STATES,
}  # fmt: skip
INCIDENT_TARGET, CHANGE_TARGET, REQUEST_TARGET = 400, 500, 150
SYSTEM = Person("", "", "system", "", "", 0, "", True)
"""Who approves what needs nobody's approval."""
RESOLVE_HOURS = {"1": 3.0, "2": 8.0, "3": 26.0, "4": 60.0}


def text_of(at: int) -> str:
    """Return a moment as ServiceNow writes it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


class Operations:
    """The service desk."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self.rng = random.Random(f"{seed}/operations")
        self.people = [person for person in people if not person.is_bot]
        self.desk = {s.key: [p for p in people if p.team == f"ops-{s.key}"] for s in STREAMS}
        self.groups = {
            name: hexes(self.rng, 32)
            for stream in STREAMS
            for name in (stream.operations, stream.change_board)
        }
        self.services = {repository: hexes(self.rng, 32) for repository in REPOSITORIES}
        self.changes: list[Record] = []
        self.incidents: list[Record] = []

    def run(self, deployments: list[Deployment], troubles: list[Trouble]) -> None:
        """Make changes for deployments and others, then incidents of deployments and others."""
        rng = self.rng
        for deployment in deployments:
            if deployment.environment == "production" and rng.random() < 0.86:
                self.deployment_change(deployment, troubles)
        while len(self.changes) < CHANGE_TARGET:
            self.other_change()
        for trouble in troubles:
            self.caused(trouble)
        while len(self.incidents) < INCIDENT_TARGET:
            self.random_incident()
        for prefix, records in (("CHG", self.changes), ("INC", self.incidents)):
            records.sort(key=lambda record: (record.created, record.sys_id))
            for place, record in enumerate(records):
                record.base["number"] = f"{prefix}{30000 + place:07d}"
                record.mods.sort(key=lambda mod: mod.at)

    # changes

    def deployment_change(self, deployment: Deployment, troubles: list[Trouble]) -> None:
        """The change request of a production deployment."""
        rng = self.rng
        platform = STREAM_OF_REPOSITORY[deployment.repository].key == "platform"
        kind = "standard" if rng.random() < 0.55 and not platform else "normal"
        if deployment.kind != "release" or deployment.retry_of:
            kind = "emergency"
        hurt = any(trouble.deployment is deployment for trouble in troubles)
        close = "successful_issues" if hurt else "successful"
        record = self.change(
            deployment.repository, kind, deployment.created, deployment.ended,
            close if deployment.succeeded else "unsuccessful",
        )  # fmt: skip
        record.deployment, deployment.change = deployment, record
        if rng.random() < 0.87:
            at = deployment.created
            owner = rng.choice(self.desk[STREAM_OF_REPOSITORY[deployment.repository].key])
            record.mods.append(Mod(at, owner, {"correlation_id": str(deployment.id)}))

    def other_change(self) -> None:
        """A change without a deployment: hardware, network, data."""
        rng = self.rng
        at = START + rng.randrange(14 * DAY, HORIZON - START)
        kind = rng.choices(["standard", "normal", "emergency"], weights=[40, 50, 10])[0]
        self.change(rng.choice(REPOSITORIES), kind, at, at + rng.randrange(HOUR, 6 * HOUR), "")

    def change(self, repository: str, kind: str, begin: int, end: int, close: str) -> Record:
        """A change request that is implemented in [begin, end]."""
        rng, stream = self.rng, STREAM_OF_REPOSITORY[repository]
        cancelled = not close and rng.random() < 0.12
        states = self.change_states(kind, begin, end, stream.key == "platform")
        created = max(states.pop(0)[0], START + 60)
        states = [
            (max(at, created + 30 + place), state) for place, (at, state) in enumerate(states)
        ]
        owners = self.desk[stream.key]
        record = Record(
            "change_request", hexes(rng, 32), created, rng.choice(self.people),
            {
                "state": CHANGE_STATES["New"], "type": kind, "phase": "requested", "active": "true",
                "risk": rng.choices(["2", "3", "4"], weights=[10, 35, 55])[0],
                "priority": rng.choice(["2", "3", "4"]), "approval": "not requested",
                "opened_at": text_of(created), "start_date": text_of(begin - begin % 900),
                "end_date": text_of(end + 1800), "cmdb_ci": self.services[repository],
                "business_service": self.services[repository],
                "assignment_group": self.groups[stream.change_board],
                "requested_by": rng.choice(self.people).sys_id, "assigned_to": "",
                "short_description": sentence(rng, stream.key),
            },
        )  # fmt: skip
        for at, state in states:
            if cancelled and state == "Implement":
                values = {"state": "4", "active": "false", "closed_at": text_of(at)}
                record.mods.append(Mod(at, rng.choice(owners), values))
                break
            owner, values = rng.choice(owners), self.change_values(state, at, close)
            by_rule = kind == "standard" and state == "Scheduled"
            record.mods.append(Mod(at, SYSTEM if by_rule else owner, values))
        self.changes.append(record)
        return record

    def change_states(self, kind: str, begin: int, end: int, slow: bool) -> list[tuple[int, str]]:
        """When a change of this kind enters each state; the first is its creation."""
        rng = self.rng
        tail = [(begin - 60, "Implement"), (end + rng.randrange(120, HOUR), "Review")]
        tail.append((tail[-1][0] + rng.randrange(2 * HOUR, 30 * HOUR), "Closed"))
        if kind == "emergency":
            created = begin - rng.randrange(15 * 60, 50 * 60)
            return [
                (created, "New"),
                (created + 200, "Authorize"),
                (begin - 240, "Scheduled"),
                *tail,
            ]
        if kind == "standard":
            created = begin - rng.randrange(HOUR, 20 * HOUR)
            return [(created, "New"), (created + rng.randrange(60, 1800), "Scheduled"), *tail]
        scheduled = begin - rng.randrange(3 * HOUR, 20 * HOUR)
        wait = int(rng.uniform(3.0, 9.0) * DAY) if slow else int(rng.uniform(0.4, 3.0) * DAY)
        authorize = scheduled - wait
        assess = authorize - rng.randrange(2 * HOUR, 26 * HOUR)
        created = assess - rng.randrange(HOUR, 20 * HOUR)
        return [
            (created, "New"),
            (assess, "Assess"),
            (authorize, "Authorize"),
            (scheduled, "Scheduled"),
            *tail,
        ]

    def change_values(self, state: str, at: int, close: str) -> dict[str, str]:
        """What entering a state changes."""
        values = {"state": CHANGE_STATES[state]}
        if state == "Authorize":
            values["approval"] = "requested"
        elif state == "Scheduled":
            values |= {"approval": "approved", "assigned_to": self.rng.choice(self.people).sys_id}
        elif state == "Implement":
            values["work_start"] = text_of(at + 60)
        elif state == "Review":
            values["work_end"] = text_of(at)
        elif state == "Closed":
            code = close or self.rng.choices(["successful", "unsuccessful"], weights=[9, 1])[0]
            values |= {"close_code": code, "closed_at": text_of(at), "active": "false"}
        return values

    # incidents

    def caused(self, trouble: Trouble) -> None:
        """One to four incidents of the same outage."""
        deployment = trouble.deployment
        for place in range(self.rng.choices([1, 2, 3, 4], weights=[25, 35, 25, 15])[0]):
            opened = trouble.opened + (self.rng.randrange(60, 4 * HOUR) if place else 0)
            recovered = max(trouble.recovered or opened, opened) + self.rng.randrange(300, 3 * HOUR)
            change = deployment.change if self.rng.random() < 0.72 else None
            record = self.incident(deployment.repository, opened, recovered, change)
            record.deployment = deployment
            record.fix = trouble.fix
            deployment.incidents.append(record)

    def random_incident(self) -> None:
        """An incident that no deployment caused."""
        at = START + self.rng.randrange(5 * DAY, HORIZON - START)
        self.incident(self.rng.choice(REPOSITORIES), at, None, None)

    def incident(
        self, repository: str, opened: int, recovered: int | None, change: Record | None
    ) -> Record:
        """An incident with its states, groups and priorities."""
        rng, stream = self.rng, STREAM_OF_REPOSITORY[repository]
        weights = [12, 28, 40, 20] if recovered else [2, 12, 46, 40]
        priority = rng.choices("1234", weights=weights)[0]
        right = self.groups[stream.operations]
        wrong = self.groups[rng.choice([s.operations for s in STREAMS if s is not stream])]
        misrouted = rng.random() < 0.14
        caller = rng.choice(self.people)
        owners = self.desk[stream.key]
        record = Record(
            "incident", hexes(rng, 32), opened + rng.randrange(0, 20), caller,
            {
                "state": "1", "incident_state": "1", "opened_at": text_of(opened), "active": "true",
                "priority": priority, "severity": str(min(3, int(priority))),
                "impact": str(min(3, int(priority))), "urgency": str(max(1, int(priority) - 1)),
                "category": rng.choice(["software", "network", "database", "inquiry"]),
                "business_service": self.services[repository], "cmdb_ci": self.services[repository],
                "assignment_group": wrong if misrouted else right, "assigned_to": "",
                "reassignment_count": "0", "reopen_count": "0", "made_sla": "true",
                "caller_id": caller.sys_id, "opened_by": rng.choice(owners).sys_id,
                "caused_by": change.sys_id if change else "",
                "short_description": f"{sentence(rng, stream.key)}: {caller.name} cannot work",
            },
        )  # fmt: skip
        self.handle(record, priority, recovered, right if misrouted else None, owners)
        self.incidents.append(record)
        return record

    def handle(
        self,
        record: Record,
        priority: str,
        recovered: int | None,
        right: str | None,
        owners: list[Person],
    ) -> None:
        """Acknowledge, perhaps hold or reroute, resolve, close; a few are reopened or cancelled."""
        rng, owner = self.rng, self.rng.choice(owners)
        at = record.created + 30 + int(rng.lognormvariate(6.0 + 0.5 * int(priority), 0.8))
        target = RESOLVE_HOURS[priority] * HOUR
        end = recovered or record.created + int(rng.lognormvariate(-0.18, 0.6) * target)
        end = max(end, record.created + 900)
        at = min(at, record.created + (end - record.created) // 3 + 1)
        if right:
            values = {"assignment_group": right, "reassignment_count": "1"}
            record.mods.append(Mod(record.created + (at - record.created) // 2 + 1, owner, values))
        if recovered is None and rng.random() < 0.04:
            record.mods.append(
                Mod(at, owner, {**both("8"), "active": "false", "closed_at": text_of(at)})
            )
            return
        record.mods.append(Mod(at + 1, owner, {**both("2"), "assigned_to": owner.sys_id}))
        length = end - at
        if rng.random() < 0.08:
            higher = str(max(1, int(priority) - 1))
            record.mods.append(Mod(at + length // 5 + 2, owner, {"priority": higher}))
        if rng.random() < 0.2:
            record.mods.append(Mod(at + length // 3 + 3, owner, both("3")))
            record.mods.append(Mod(at + 2 * length // 3 + 4, owner, both("2")))
        resolved = self.resolve(record, end + 5, owner, target)
        if rng.random() < 0.06:
            again = resolved + rng.randrange(HOUR, 2 * DAY)
            values = {
                **both("2"),
                "reopen_count": "1",
                "resolved_at": "",
                "resolved_by": "",
                "close_code": "",
            }
            record.mods.append(Mod(again, owner, values))
            resolved = self.resolve(record, again + rng.randrange(HOUR, 20 * HOUR), owner, 0)
        closed = calendar_of("utc", "UTC").later(resolved, rng.uniform(18, 45))
        values = {
            **both("7"),
            "active": "false",
            "closed_at": text_of(closed),
            "closed_by": owner.sys_id,
        }
        record.mods.append(Mod(closed, owner, values))

    def resolve(self, record: Record, at: int, owner: Person, target: float) -> int:
        """Resolve at a moment and return it."""
        values = {**both("6"), "resolved_at": text_of(at), "resolved_by": owner.sys_id}
        values["close_code"] = self.rng.choice(["Solved (Permanently)", "Solved (Work Around)"])
        if at - record.created > 1.5 * target:
            values["made_sla"] = "false"
        record.mods.append(Mod(at, owner, values))
        return at


def both(state: str) -> dict[str, str]:
    """The two state columns of an incident, which mirror each other."""
    return {"state": state, "incident_state": state}
