"""ServiceNow beside incidents and changes: problems, requests and the tasks below them."""

import random
from collections import defaultdict

from demo.company import (
    DAY,
    HORIZON,
    HOUR,
    REPOSITORIES,
    START,
    STREAM_OF_REPOSITORY,
    Person,
    hexes,
)
from demo.model import Deployment, Mod, Record
from demo.operations import (
    CHANGE_STATES,
    PROBLEM_STATES,
    REQUEST_TARGET,
    SYSTEM,
    TASK_STATES,
    Operations,
    text_of,
)


class ServiceDesk:
    """Makes what hangs on the incidents and changes of operations; it draws its own numbers."""

    def __init__(self, operations: Operations, seed: int) -> None:
        self.rng = random.Random(f"{seed}/service desk")
        self.operations = operations
        self.people = operations.people
        self.problems: list[Record] = []
        self.tasks: list[Record] = []
        self.requests: list[Record] = []

    def run(self) -> None:
        """Make problems of repeated incidents, a task of each change, and requests."""
        repeated: dict[Deployment, list[Record]] = defaultdict(list)
        for incident in self.operations.incidents:
            if incident.deployment:
                repeated[incident.deployment].append(incident)
        for incidents in repeated.values():
            if len(incidents) > 1:
                self.problem(incidents)
        for change in self.operations.changes:
            self.implementation(change)
        while len(self.requests) < REQUEST_TARGET:
            self.request()
        catalog = [task for task in self.tasks if task.table == "sc_task"]
        implementations = [task for task in self.tasks if task.table == "change_task"]
        for prefix, records in (
            ("PRB", self.problems), ("RITM", self.requests),
            ("SCTASK", catalog), ("CTASK", implementations),
        ):  # fmt: skip
            records.sort(key=lambda record: (record.created, record.sys_id))
            for place, record in enumerate(records):
                record.base["number"] = f"{prefix}{40000 + place:07d}"

    def record(self, table: str, created: int, group: str, service: str, **more: str) -> Record:
        """A record of a class of tasks."""
        base = {
            "active": "true", "opened_at": text_of(created), "priority": self.rng.choice("234"),
            "assignment_group": group, "assigned_to": "", "business_service": service,
            "cmdb_ci": service, "approval": "not requested", **more,
        }  # fmt: skip
        return Record(table, hexes(self.rng, 32), created, self.rng.choice(self.people), base)

    def problem(self, incidents: list[Record]) -> None:
        """The common cause of some incidents, and from when on they name it."""
        rng, first, second = self.rng, incidents[0], incidents[1]
        at = second.created + rng.randrange(600, 4 * HOUR)
        record = self.record(
            "problem", at, first.mods[-1].values.get("assignment_group", self.group(first)),
            first.base["business_service"], state=PROBLEM_STATES["New"],
            first_reported_by_task=first.sys_id, impact="2", urgency="2",
        )  # fmt: skip
        owner = rng.choice(self.people)
        for incident in incidents:
            linked = max(at, incident.created) + 60
            incident.mods.append(Mod(linked, owner, {"problem_id": record.sys_id}))
            incident.mods.sort(key=lambda mod: mod.at)
        for state, longest in (
            ("Assess", 2), ("Root Cause Analysis", 5), ("Fix in Progress", 12), ("Resolved", 20),
            ("Closed", 8),
        ):  # fmt: skip
            at += rng.randrange(HOUR, longest * DAY)
            values = {"state": PROBLEM_STATES[state]}
            if state == "Resolved":
                values["resolved_at"] = text_of(at)
            if state == "Closed":
                values |= {"closed_at": text_of(at), "active": "false", "close_code": "fix_applied"}
            record.mods.append(Mod(at, owner, values))
        self.problems.append(record)

    def group(self, record: Record) -> str:
        """The group that a record ends in."""
        group = record.base["assignment_group"]
        for mod in record.mods:
            group = mod.values.get("assignment_group", group)
        return group

    def implementation(self, change: Record) -> None:
        """The task that implements a change: it begins and ends with that state of the change."""
        entered = {
            mod.values["state"]: (mod.at, mod.user) for mod in change.mods if "state" in mod.values
        }
        begin, end = (entered.get(CHANGE_STATES[name]) for name in ("Implement", "Review"))
        if not begin or not end:
            return
        task = self.record(
            "change_task", change.created + 40, change.base["assignment_group"],
            change.base["business_service"], state=TASK_STATES["Open"],
            change_request=change.sys_id, parent=change.sys_id, change_task_type="implementation",
        )  # fmt: skip
        self.step(task, max(begin[0], task.created + 1), begin[1], "Work in Progress")
        self.step(task, end[0], end[1], "Closed Complete")
        self.tasks.append(task)

    def request(self) -> None:
        """A requested item: approved by a person or by a rule, fulfilled by one task."""
        rng = self.rng
        repository = rng.choice(REPOSITORIES)
        stream, at = (
            STREAM_OF_REPOSITORY[repository],
            START + rng.randrange(5 * DAY, HORIZON - START),
        )
        group = self.operations.groups[stream.operations]
        service = self.operations.services[repository]
        owner = rng.choice(self.operations.desk[stream.key] or self.people)
        order = hexes(rng, 32)
        item = self.record(
            "sc_req_item", at, group, service, state=TASK_STATES["Open"], request=order,
            stage="waiting_for_approval", requested_for=rng.choice(self.people).sys_id,
        )  # fmt: skip
        by_rule = rng.random() < 0.6
        item.mods.append(Mod(at + 5, SYSTEM, {"approval": "requested"}))
        approved = at + (10 if by_rule else rng.randrange(HOUR, 3 * DAY))
        approver = SYSTEM if by_rule else rng.choice(self.people)
        if not by_rule and rng.random() < 0.1:
            values = {"approval": "rejected", "state": TASK_STATES["Closed Incomplete"],
                      "active": "false", "closed_at": text_of(approved)}  # fmt: skip
            item.mods.append(Mod(approved, approver, values))
            self.requests.append(item)
            return
        values = {"approval": "approved", "stage": "fulfillment"}
        item.mods.append(Mod(approved, approver, values))
        task = self.record(
            "sc_task", approved + 5, group, service, state=TASK_STATES["Open"],
            request_item=item.sys_id, request=order, parent=item.sys_id,
        )  # fmt: skip
        at = approved + rng.randrange(600, 2 * DAY)
        for record in (item, task):
            self.step(record, at, owner, "Work in Progress")
        if rng.random() < 0.25:
            for state in ("Pending", "Work in Progress"):
                at += rng.randrange(HOUR, 2 * DAY)
                for record in (item, task):
                    self.step(record, at, owner, state)
        at += rng.randrange(HOUR, 3 * DAY)
        self.step(task, at, owner, "Closed Complete")
        self.step(item, at + 2, owner, "Closed Complete")
        self.requests.append(item)
        self.tasks.append(task)

    def step(self, record: Record, at: int, user: Person, state: str) -> None:
        """Move a record to a state."""
        values = {"state": TASK_STATES[state]}
        if state.startswith("Closed"):
            values |= {"active": "false", "closed_at": text_of(at)}
        record.mods.append(Mod(at, user, values))
