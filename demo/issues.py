"""Turns simulated tickets into Jira issues: epics, people, flags, moves, histories, keys."""

import random
from collections import defaultdict

from demo.calendars import WorkCalendar, calendar_of
from demo.company import (
    DAY,
    HORIZON,
    HOUR,
    PRIORITIES,
    PROJECT_NAMES,
    START,
    STATUSES,
    STREAMS,
    TEAM_OF_REPOSITORY,
    TERMINAL,
    Person,
    sentence,
)
from demo.flow import Ticket
from demo.model import History, Issue, Json, Link

EPICS_PER_TEAM = 25
POINTS_FIELD, FLAGGED_FIELD, TEAM_FIELD, DETECTED_FIELD = (
    "customfield_10016",
    "customfield_10021",
    "customfield_10001",
    "customfield_10050",
)
FLAG = "10019"
PROJECT_IDS = {stream.project: str(stream.project_id) for stream in STREAMS}
REPOSITORY_OF_TEAM = {team: repository for repository, team in TEAM_OF_REPOSITORY.items()}


def item(name: str, old: str | None, old_text: str | None, new: str | None, new_text: str | None,
         field_id: str | None = "", kind: str = "jira") -> Json:  # fmt: skip
    """Return one changelog item in Jira's form."""
    made = {"field": name, "fieldtype": kind}
    if field_id is not None:
        made["fieldId"] = field_id or name
    return {**made, "from": old, "fromString": old_text, "to": new, "toString": new_text}


class Desk:
    """Makes issues out of tickets."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self.rng = random.Random(f"{seed}/issues")
        self.teams: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            self.teams[person.team].append(person)
        self.automation = next(p for p in people if p.login == "automation-for-jira")

    def issue(self, ticket: Ticket, parent: Issue | None = None) -> Issue:
        """Return the issue of a ticket with its full history."""
        rng = self.rng
        members = self.teams[ticket.team]
        reporter = rng.choice(members)
        summary = sentence(rng, ticket.stream.key)
        made = Issue(
            ticket, ticket.kind, ticket.created, reporter,
            self.automation if ticket.is_hotfix and rng.random() < 0.3 else reporter,
            {
                "project": ticket.stream.project, "number": 0, "status": "Backlog",
                "summary": summary, "description": self.description(summary),
                "priority": ticket.priority, "assignee": None, "resolution": None,
                "resolved": None, "flagged": False, "points": ticket.points, "parent": parent,
                "team": ticket.team, "labels": self.labels(ticket),
                "component": rng.choice(["core", "api", "ui", None]),
                "fixVersions": (), "versions": (), "detected_in": None,
            },
        )  # fmt: skip
        made.repository = self.repository(ticket)
        self.flags(made)
        self.statuses(made, members)
        self.noise(made, members)
        if parent and parent.created > ticket.created:
            raise ValueError("an epic must be older than its children")
        made.histories.sort(key=lambda history: history.at)
        return made

    def repository(self, ticket: Ticket) -> str:
        """Mostly the team's own repository."""
        if self.rng.random() < 0.13:
            return self.rng.choice(ticket.stream.repositories)
        return REPOSITORY_OF_TEAM[ticket.team]

    def description(self, summary: str) -> str:
        """Return free text with personal data planted in it."""
        person = self.rng.choice(self.teams[self.rng.choice(sorted(self.teams))])
        return f"{summary}, as asked by {person.name} ({person.email}) on the phone."

    def labels(self, ticket: Ticket) -> list[str]:
        """Return the labels: where the work comes from."""
        labels = ["incident"] if ticket.is_hotfix else []
        return labels + [
            x for x in ("customer", "security", "quick-win") if self.rng.random() < 0.08
        ]

    def statuses(self, made: Issue, members: list[Person]) -> None:
        """Status changes with resolution and assignee, from the steps of the simulation."""
        rng, ticket = self.rng, made.ticket
        status, assignee, resolution = "Backlog", None, None
        developer = rng.choice(members)
        for at, new in ticket.steps:
            author, items, patch = developer, [], {"status": new}
            wanted = developer if new == "In Progress" else assignee
            if new in ("In Test", "In Review") and rng.random() < 0.35:
                wanted = author = rng.choice(members)
            if new in TERMINAL:
                resolution = {"Done": "Done", "Cancelled": "Won't Do"}[new]
                author = self.automation if new == "Done" and rng.random() < 0.3 else author
                items.append(resolved(None, resolution))
                patch |= {"resolution": resolution, "resolved": at}
            elif resolution:
                items.append(resolved(resolution, None))
                patch |= {"resolution": None, "resolved": None}
                resolution = None
            if wanted is not assignee and wanted is not None:
                change = assigned(assignee, wanted)
                if rng.random() < 0.7:
                    items.append(change)
                    patch["assignee"] = wanted
                else:
                    later = History(
                        at + rng.randrange(3, 90), wanted, [change], {"assignee": wanted}
                    )
                    made.histories.append(later)
                assignee = wanted
            items.append(item("status", STATUSES[status][0], status, STATUSES[new][0], new))
            made.histories.append(History(at, author, items, patch))
            status = new

    def flags(self, made: Issue) -> None:
        """Some items are blocked for a while, at whatever status."""
        rng, steps = self.rng, made.ticket.steps
        begun = [at for at, status in steps if status == "In Progress"]
        if not begun or rng.random() > 0.09 or made.ticket.is_hotfix:
            return
        ended = next((at for at, status in steps if status in TERMINAL), None)
        last = (ended or HORIZON) - 120
        calendar = self.calendar(made)
        begin = calendar.between(begun[0] + 30, last, rng.uniform(0.0, 0.6)) + rng.randrange(40)
        if begin >= last:
            return
        end: int | None = calendar.later(begin, 1 + rng.expovariate(1 / 14)) + rng.randrange(60)
        if end is None or end >= last:
            end = None if ended is None else last
        if end is not None and end <= begin:
            return
        made.flags.append((begin, end))
        person = rng.choice(self.teams[made.ticket.team])
        for at, on in ((begin, True), (end, False)):
            if at is not None:
                made.histories.append(History(at, person, [flagged(on)], {"flagged": on}))

    def calendar(self, made: Issue) -> WorkCalendar:
        """Return the working time of the issue's value stream."""
        return calendar_of(made.ticket.stream.calendar, made.ticket.stream.zone)

    def noise(self, made: Issue, members: list[Person]) -> None:
        """Changes that move no status: priority, points, text, rank, hand-overs."""
        rng, initial = self.rng, made.initial
        last = made.ticket.steps[-1][0] if made.ticket.steps else made.created + 40 * DAY

        def moment() -> int:
            return self.calendar(made).between(
                made.created + 60, last, rng.random()
            ) + rng.randrange(50)

        def change(items: list[Json], patch: Json) -> None:
            made.histories.append(History(moment(), rng.choice(members), items, patch))

        if rng.random() < 0.06:
            old, new = initial["priority"], rng.choice(["Highest", "High", "Medium", "Low"])
            if old != new:
                items = [item("priority", PRIORITIES[old], old, PRIORITIES[new], new)]
                change(items, {"priority": new})
        if initial["points"] and rng.random() < 0.1:
            new_points = initial["points"] + rng.choice([1, 2])
            items = [item("Story Points", None, str(initial["points"]), None, str(new_points),
                          POINTS_FIELD, "custom")]  # fmt: skip
            change(items, {"points": new_points})
        if rng.random() < 0.1:
            text = self.description(initial["summary"])
            change(
                [item("description", None, initial["description"], None, text)],
                {"description": text},
            )
        if rng.random() < 0.15:
            change([item("Rank", "", "", "", "Ranked higher", "customfield_10019", "custom")], {})


def resolved(old: str | None, new: str | None) -> Json:
    """Return the item of a resolution."""
    ids = {"Done": "10000", "Won't Do": "10001", None: None}
    return item("resolution", ids[old], old, ids[new], new)


def assigned(old: Person | None, new: Person | None) -> Json:
    """Return the item of an assignment; it carries names and account ids, as Jira's does."""
    values = [part for p in (old, new) for part in ((p.account_id, p.name) if p else (None, None))]
    return item("assignee", *values)


def flagged(on: bool) -> Json:
    """Return the item of a flag that is set or cleared."""
    off, raised = ("", ""), (f"[{FLAG}]", "Impediment")
    return item("Flagged", *(off + raised if on else raised + off), FLAGGED_FIELD, "custom")


def make_issues(desk: Desk, tickets: list[Ticket]) -> list[Issue]:
    """Return the issues of the simulated tickets, with their epics; ids and keys are still 0."""
    rng = desk.rng
    epics = {team: make_epics(desk, team) for team in sorted(TEAM_OF_REPOSITORY.values())}
    children: dict[int, list[Issue]] = defaultdict(list)
    issues = []
    for ticket in tickets:
        open_epics = [
            epic for epic in epics[ticket.team]
            if epic.created < ticket.created < epic.created + 100 * DAY
        ] if ticket.fate != "never" else []  # fmt: skip
        parent = rng.choice(open_epics) if open_epics and rng.random() < 0.82 else None
        made = desk.issue(ticket, parent)
        if parent and rng.random() < 0.1:
            adopt_later(desk, made, parent)
        if parent:
            children[id(parent)].append(made)
        issues.append(made)
    for team in sorted(epics):
        for epic in epics[team]:
            follow_children(desk, epic, children[id(epic)])
            issues.append(epic)
    link(rng, issues)
    move(desk, issues)
    return issues


def make_epics(desk: Desk, team: str) -> list[Issue]:
    """Return a team's epics, spread over the two years."""
    stream = next(stream for stream in STREAMS if team in stream.teams)
    calendar = calendar_of(stream.calendar, stream.zone)
    epics = []
    for place in range(EPICS_PER_TEAM):
        start = START + int((place + desk.rng.random() * 0.8) * 725 * DAY / EPICS_PER_TEAM)
        created = calendar.wall(calendar.work(start) + desk.rng.randrange(60, 8 * HOUR))
        ticket = Ticket(stream, team, "Epic", created, "Medium", None)
        epic = desk.issue(ticket)
        epic.initial |= {"status": "To Do", "points": None, "component": None}
        epics.append(epic)
    return epics


def adopt_later(desk: Desk, made: Issue, parent: Issue) -> None:
    """The parent was set after creation."""
    made.initial["parent"] = None
    at = made.created + desk.rng.randrange(300, 20 * HOUR)
    change = item("IssueParentAssociation", None, None, parent, None, None)
    made.histories.append(History(at, made.reporter, [change], {"parent": parent}))
    made.histories.sort(key=lambda history: history.at)


def follow_children(desk: Desk, epic: Issue, children: list[Issue]) -> None:
    """An epic starts with its first child and ends after its last one."""
    starts = [at for child in children for at, s in child.ticket.steps if s == "In Progress"]
    ends = [child.ticket.steps[-1] if child.ticket.steps else (0, "Backlog") for child in children]
    steps = epic.ticket.steps
    if starts:
        steps.append((max(min(starts), epic.created) + desk.rng.randrange(2, 900), "In Progress"))
    if steps and all(status in TERMINAL for _, status in ends):
        done = max(max(at for at, _ in ends), epic.created + 100 * DAY)
        done = max(desk.calendar(epic).later(done, desk.rng.uniform(1, 30)), steps[0][0] + 60)
        if done < HORIZON:
            steps.append((done, "Done"))
    status = "To Do"
    for at, new in steps:
        items = [item("status", STATUSES[status][0], status, STATUSES[new][0], new)]
        patch: Json = {"status": new}
        if new == "Done":
            items.insert(0, resolved(None, "Done"))
            patch |= {"resolution": "Done", "resolved": at}
        epic.histories.append(History(at, epic.reporter, items, patch))
        status = new
    epic.histories.sort(key=lambda history: history.at)


def link(rng: random.Random, issues: list[Issue]) -> None:
    """Some issues block, duplicate or relate to another of about the same time."""
    ordered = sorted((issue for issue in issues if issue.kind != "Epic"), key=lambda i: i.created)
    for place, issue in enumerate(ordered[20:], start=20):
        if rng.random() < 0.07:
            other = ordered[place - rng.randrange(1, 20)]
            kind = rng.choices(["Blocks", "Relates", "Duplicate"], weights=[5, 4, 1])[0]
            issue.links.append(Link(kind, "outwardIssue", other, issue.created))
            other.links.append(Link(kind, "inwardIssue", issue, issue.created))


def move(desk: Desk, issues: list[Issue]) -> None:
    """A few issues were filed in another project and moved while they waited in the backlog."""
    rng = desk.rng
    able = [
        issue for issue in issues
        if issue.kind != "Epic" and not issue.links and len(issue.ticket.steps) > 3
        and issue.ticket.steps[0][0] - issue.created > 4 * DAY
    ]  # fmt: skip
    for issue in sorted(rng.sample(able, 14), key=lambda issue: issue.created):
        target = issue.initial["project"]
        source = rng.choice([stream.project for stream in STREAMS if stream.project != target])
        at = issue.created + int((issue.ticket.steps[0][0] - issue.created) * rng.uniform(0.2, 0.6))
        at = desk.calendar(issue).later(at, 0.1)
        issue.initial["project"] = source
        change = item("project", PROJECT_IDS[source], PROJECT_NAMES[source],
                      PROJECT_IDS[target], PROJECT_NAMES[target])  # fmt: skip
        key = item("Key", None, None, None, None, "issuekey")
        history = History(at, issue.reporter, [key, change], {"project": target, "number": 0})
        issue.histories.append(history)
        issue.histories.sort(key=lambda history: history.at)


def number(issues: list[Issue]) -> None:
    """Give ids, keys and history ids in the order in which Jira would have given them."""
    issues.sort(key=lambda issue: (issue.created, issue.initial["summary"], issue.ticket.team))
    for place, issue in enumerate(issues):
        issue.id = 20000 + 3 * place
    events: list[tuple[int, int, Issue, History | None]] = []
    for issue in issues:
        events.append((issue.created, issue.id, issue, None))
        events += [(h.at, issue.id, issue, h) for h in issue.histories if "number" in h.patch]
    counters: dict[str, int] = defaultdict(int)
    for _, _, issue, history in sorted(events, key=lambda event: event[:2]):
        state = history.patch if history else issue.initial
        counters[state["project"]] += 1
        state["number"] = counters[state["project"]]
        if history:
            history.items[0]["fromString"] = f"{issue.initial['project']}-{issue.initial['number']}"
            history.items[0]["toString"] = f"{state['project']}-{state['number']}"
    ordered = sorted(
        ((h.at, issue.id, place, h) for issue in issues for place, h in enumerate(issue.histories)),
        key=lambda entry: entry[:3],
    )
    for place, (_, _, _, history) in enumerate(ordered):
        history.id = 100_000 + 2 * place
        for change in history.items:
            if change["field"] == "Link":
                for side, text in (("from", "fromString"), ("to", "toString")):
                    if isinstance(change[side], Issue):
                        change[side] = change[side].key(history.at)
                        change[text] = f"{change[text]} {change[side]}"
            elif isinstance(change["to"], Issue):
                parent = change["to"]
                change["to"] = str(parent.id)
                change["toString"] = f"{parent.initial['project']}-{parent.initial['number']}"
