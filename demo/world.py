"""The demo company's two years, made from a seed, and the ways in which tests may change it."""

import random
from bisect import insort
from dataclasses import dataclass, field, replace

from demo.assistance import assist
from demo.ci import Actions, jenkins_builds
from demo.company import NOW, SEED, STATUSES, STREAMS, TERMINAL, Person, make_people
from demo.defects import find, tell
from demo.delivery import Developers
from demo.delivery import number as number_pulls
from demo.dependencies import depend
from demo.directs import push
from demo.flow import Flow
from demo.insights import Insights, Team
from demo.issues import Desk, item, make_issues, resolved
from demo.issues import number as number_issues
from demo.library import Library, Maintainers
from demo.model import (
    Build,
    Deployment,
    DirectCommit,
    History,
    Issue,
    Mod,
    PullRequest,
    Record,
    Run,
    Version,
)
from demo.operations import INCIDENT_STATES, Operations
from demo.releases import Releases, Trouble
from demo.servicedesk import ServiceDesk
from demo.versions import make_versions, plan


@dataclass
class World:
    """Everything that happened and, up to a short horizon after `NOW`, will happen.

    The servers show of it what their clock has reached.
    """

    seed: int
    people: list[Person]
    issues: list[Issue]
    pulls: list[PullRequest]
    runs: list[Run]
    builds: dict[str, list[Build]]
    deployments: list[Deployment]
    troubles: list[Trouble]
    changes: list[Record]
    incidents: list[Record]
    groups: dict[str, str]
    services: dict[str, str]
    problems: list[Record]
    requests: list[Record]
    tasks: list[Record]
    versions: list[Version]
    insights: Insights
    directs: list[DirectCommit]
    library: Library
    now: int = NOW
    version: int = 0
    deleted: set[int] = field(default_factory=set)

    def records(self) -> list[Record]:
        """Return every task of ServiceNow."""
        return [*self.incidents, *self.changes, *self.problems, *self.requests, *self.tasks]

    def in_gitlab(self) -> "World":
        """Return what is in GitLab as a world of its own: the same truth is told of it."""
        return self._of_insights(self.insights.requests, self.insights.deployments, [])

    def in_library(self) -> "World":
        """Return what is in the repository of the library as a world of its own."""
        own = self.library
        return self._of_insights(own.requests, own.deployments, own.directs)

    def _of_insights(
        self, pulls: list[PullRequest], deployments: list[Deployment], directs: list[DirectCommit]
    ) -> "World":
        return replace(
            self, pulls=pulls, deployments=deployments, directs=directs, issues=[], runs=[],
            builds={}, troubles=[], changes=[], incidents=[], problems=[], requests=[], tasks=[],
        )  # fmt: skip

    def on_github(self) -> "World":
        """Return it with what comes to all repositories of GitHub, that of the library too."""
        own = self.library
        return replace(
            self, pulls=[*self.pulls, *own.requests], directs=[*self.directs, *own.directs],
            deployments=[*self.deployments, *own.deployments],
        )  # fmt: skip

    def issue(self, key: str) -> Issue:
        """Return an issue by its present key.

        Raises:
            KeyError: The issue does not exist.
        """
        for issue in self.issues:
            if issue.key(1 << 40) == key:
                return issue
        raise KeyError(key)

    def move_issue(self, key: str, to_status: str, at: int) -> History:
        """Move an issue to a status at a moment, in truth and in Jira's history.

        What the simulation had planned for the issue after that moment does not happen.
        """
        issue = self.issue(key)
        state = issue.state(at)
        issue.ticket.steps[:] = [step for step in issue.ticket.steps if step[0] < at]
        issue.histories[:] = [history for history in issue.histories if history.at < at]
        issue.plans[:] = [one for one in issue.plans if one.since < at]
        for one in issue.plans:
            one.until = one.until if one.until and one.until < at else None
        issue.flags[:] = [(a, b if b and b < at else None) for a, b in issue.flags if a < at]
        issue.ticket.steps.append((at, to_status))
        old = state["status"]
        items = [item("status", STATUSES[old][0], old, STATUSES[to_status][0], to_status)]
        patch = {"status": to_status}
        if to_status in TERMINAL and not state["resolution"]:
            items.insert(0, resolved(None, "Done"))
            patch |= {"resolution": "Done", "resolved": at}
        elif to_status not in TERMINAL and state["resolution"]:
            items.insert(0, resolved(state["resolution"], None))
            patch |= {"resolution": None, "resolved": None}
        author = next(p for p in self.people if p.team == issue.ticket.team)
        history = History(at, author, items, patch, self._next_history())
        issue.histories.append(history)
        self.version += 1
        return history

    def touch_issue(self, key: str, at: int) -> None:
        """Change an issue's `updated` with a history that moves no status."""
        issue = self.issue(key)
        change = item("Rank", "", "", "", "Ranked higher", "customfield_10019", "custom")
        author = next(p for p in self.people if p.team == issue.ticket.team)
        history = History(at, author, [change], {}, self._next_history())
        insort(issue.histories, history, key=lambda entry: entry.at)
        self.version += 1

    def delete_issue(self, key: str) -> None:
        """Take an issue away: search and reads no longer know it."""
        self.deleted.add(self.issue(key).id)
        self.version += 1

    def update_incident(self, number: str, state: str, at: int) -> None:
        """Move an incident to a state (by its label) at a moment."""
        record = next(record for record in self.incidents if record.base["number"] == number)
        value = INCIDENT_STATES[state]
        record.mods[:] = [mod for mod in record.mods if mod.at < at]
        record.mods.append(Mod(at, record.creator, {"state": value, "incident_state": value}))
        self.version += 1

    def _next_history(self) -> int:
        return max(history.id for issue in self.issues for history in issue.histories) + 2

    def planted(self) -> set[str]:
        """Return every text that identifies a person and must never reach the warehouse."""
        texts: set[str] = set()
        for person in (*self.people, *self.insights.people):
            if not person.is_bot:
                texts |= {person.name, person.email, person.login, person.account_id, person.sys_id}
                texts.add(user_name(person))
        return texts


def user_name(person: Person) -> str:
    """Return a person's user name in ServiceNow and Jenkins."""
    return person.login.replace("-", ".")


def build(seed: int = SEED) -> World:
    """Make the world of a seed; the same seed gives the same world everywhere."""
    people = make_people(seed)
    desk, developers = Desk(people, seed), Developers(people, seed)
    tickets = [ticket for stream in STREAMS for ticket in Flow(stream, seed).run()]
    issues = make_issues(desk, tickets)
    pulls = [pull for issue in issues for pull in developers.for_issue(issue)]
    pulls += developers.dependencies()
    releases = Releases(developers, desk, people, seed)
    releases.run(pulls)
    issues += releases.issues
    pulls += releases.pulls
    versions = make_versions()
    plan(issues, versions, people, seed)
    find(issues, versions, people, seed)
    depend(issues, people, seed)
    number_issues(issues)
    number_pulls(pulls, random.Random(f"{seed}/titles"))
    assist(pulls, seed)
    runs = Actions(people, seed).run(pulls)
    builds = jenkins_builds(pulls, people, seed)
    operations = Operations(people, seed)
    operations.run(releases.deployments, releases.troubles)
    desk_work = ServiceDesk(operations, seed)
    desk_work.run()
    tell(operations.incidents, seed)
    insights = Team(seed, {person.name for person in people}).run()
    return World(
        seed, people, issues, pulls, runs, builds, releases.deployments, releases.troubles,
        operations.changes, operations.incidents, operations.groups, operations.services,
        desk_work.problems, desk_work.requests, desk_work.tasks, versions, insights,
        push(pulls, issues, people, seed), Maintainers(insights.people, seed).run(),
    )  # fmt: skip
