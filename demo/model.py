"""The records of the demo company, each with the moments at which it changed."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from demo.company import STREAM_OF_PROJECT, Person, Stream
from demo.flow import Ticket

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class History:
    """One change of an issue: what Jira records of it, and what it makes of the issue's state."""

    at: int
    author: Person | None
    items: list[Json]
    patch: Json
    id: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version of a Jira project: since when it is listed, and when it is released."""

    id: int
    stream: Stream
    name: str
    starts_on: date
    known: int
    released: int

    @property
    def released_on(self) -> date:
        """The day of its release, where its people are."""
        return self.stream.day(self.released)


@dataclass(slots=True, eq=False)
class Plan:
    """A version that an issue is planned for (`fix`) or is wrong in (`affects`), [since, until)."""

    version: Version
    role: str
    since: int
    until: int | None = None


class Link(NamedTuple):
    """A link as one end sees it; `is_told` if the histories say when it was made and cut."""

    kind: str
    end: str
    other: "Issue"
    at: int
    until: int | None = None
    is_told: bool = False

    def holds(self, now: int) -> bool:
        """Whether it is there at a moment."""
        return self.at <= now and (self.until is None or now < self.until)


@dataclass(slots=True, eq=False)
class Issue:
    """A Jira issue: its state at creation and its histories, in order of time.

    `found_in` is where a bug was truly found, `found_way` how somebody says so (if anybody does),
    and `found_said` since when, if not from the start.
    """

    ticket: Ticket
    kind: str
    created: int
    reporter: Person
    creator: Person
    initial: Json
    histories: list[History] = field(default_factory=list)
    id: int = 0
    flags: list[tuple[int, int | None]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    repository: str = ""
    plans: list[Plan] = field(default_factory=list)
    found_in: str = ""
    found_way: str = ""
    found_said: int | None = None

    def state(self, now: int) -> Json:
        """Return the state at a moment."""
        state = dict(self.initial)
        for history in self.histories:
            if history.at > now:
                break
            state.update(history.patch)
        return state

    def revision(self, now: int) -> int:
        """Return how many changes there were by then."""
        count = 0
        for history in self.histories:
            if history.at > now:
                break
            count += 1
        return count

    def updated(self, now: int) -> int:
        """Return the time of the last change by then."""
        revision = self.revision(now)
        return self.histories[revision - 1].at if revision else self.created

    def key(self, now: int) -> str:
        """Return the key at a moment; keys change when an issue moves."""
        state = self.state(now)
        return f"{state['project']}-{state['number']}"

    @property
    def stream(self) -> Stream:
        """The value stream of the project that the issue ends in."""
        project = self.initial["project"]
        for history in self.histories:
            project = history.patch.get("project", project)
        return STREAM_OF_PROJECT[project]


@dataclass(slots=True, eq=False)
class Commit:
    """A commit, and from when until when its pull request shows it."""

    sha: str
    at: int
    author: Person
    message: str
    seen_from: int = 0
    seen_until: int | None = None


@dataclass(slots=True, eq=False)
class Review:
    """A submitted review."""

    at: int
    state: str
    author: Person
    id: int = 0


@dataclass(slots=True, eq=False)
class Event:
    """An entry of a pull request's timeline; `kind` is GitHub's type name."""

    at: int
    kind: str
    actor: Person
    before: str | None = None
    after: str | None = None


@dataclass(slots=True, eq=False)
class PullRequest:
    """A pull request with everything that ever happens to it."""

    repository: str
    created: int
    author: Person
    kind: str
    issue: Issue | None
    is_draft: bool = False
    commits: list[Commit] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    merged: int | None = None
    closed: int | None = None
    merge_sha: str | None = None
    labels: tuple[str, ...] = ()
    title: str = ""
    body: str = ""
    branch: str = ""
    additions: int = 0
    deletions: int = 0
    files: int = 0
    id: int = 0
    number: int = 0
    reverts: "PullRequest | None" = None
    assistance: str = "none"

    @property
    def node_id(self) -> str:
        """GitHub's global id."""
        return f"PR_kwDO{self.id}"

    def moments(self) -> list[int]:
        """Return every moment at which something of it changed, in order."""
        times = [self.created, *(commit.seen_from for commit in self.commits)]
        times += [review.at for review in self.reviews] + [event.at for event in self.events]
        return sorted(times)


@dataclass(slots=True, eq=False)
class HubEvent:
    """An entry of the timeline of a GitHub issue; `kind` is GitHub's type name.

    `other` is the issue or the pull request that it is about, or what closed the issue.
    """

    at: int
    kind: str
    actor: Person
    label: str = ""
    reason: str = ""
    other: "HubIssue | PullRequest | DirectCommit | None" = None


@dataclass(slots=True, eq=False)
class HubIssue:
    """A GitHub issue: `steps` are its statuses, with the moments at which it truly came to them.

    What its timeline shows are the `events`. `parent` is what it is a part of, `blocks` what waited
    for it, from when until when.
    """

    repository: str
    created: int
    author: Person
    title: str
    labels: tuple[str, ...]
    steps: list[tuple[int, str]] = field(default_factory=list)
    events: list[HubEvent] = field(default_factory=list)
    parent: "HubIssue | None" = None
    parent_since: int = 0
    blocks: list[tuple["HubIssue", int, int | None]] = field(default_factory=list)
    duplicate_of: "HubIssue | None" = None
    duplicate_until: int | None = None
    id: int = 0
    number: int = 0

    @property
    def node_id(self) -> str:
        """GitHub's global id."""
        return f"I_kwDO{self.id}"


@dataclass(slots=True, eq=False)
class DirectCommit:
    """A commit that was pushed to main outside of any pull request.

    `at` is when it came there, `written` when it was written. `issues` are the issues of Jira that
    it truly belongs to, and names; `fixes` is the one of GitHub that it closes.
    """

    repository: str
    written: int
    at: int
    author: Person
    kind: str
    message: str
    sha: str
    issues: list[Issue] = field(default_factory=list)
    fixes: HubIssue | None = None


@dataclass(slots=True, eq=False)
class Job:
    """A job of one attempt of an Actions run."""

    name: str
    created: int
    started: int
    completed: int
    conclusion: str
    steps: list[tuple[str, int, int, str]]
    id: int = 0


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt of an Actions run."""

    started: int
    completed: int
    conclusion: str
    actor: Person
    jobs: list[Job]


@dataclass(slots=True, eq=False)
class Run:
    """An Actions run."""

    repository: str
    workflow: str
    event: str
    branch: str
    sha: str
    created: int
    actor: Person
    title: str
    attempts: list[Attempt]
    pull: PullRequest | None = None
    id: int = 0
    number: int = 0


@dataclass(slots=True, eq=False)
class Build:
    """A Jenkins build with its stages (name, start, duration, pause, status), all in ms."""

    job: str
    repository: str
    number: int
    started_ms: int
    duration_ms: int
    result: str
    sha: str
    cause: str
    user: Person | None
    queue_ms: int
    stages: list[tuple[str, int, int, int, str]]


@dataclass(slots=True, eq=False)
class Deployment:
    """A deployment to an environment; `pulls` are the changes that it brings there first."""

    repository: str
    environment: str
    sha: str
    created: int
    creator: Person
    statuses: list[tuple[int, str]]
    kind: str = "release"
    pulls: list[PullRequest] = field(default_factory=list)
    retry_of: "Deployment | None" = None
    restores: "Deployment | None" = None
    change: "Record | None" = None
    incidents: list["Record"] = field(default_factory=list)
    id: int = 0

    @property
    def succeeded(self) -> int | None:
        """When it first succeeded."""
        return next((at for at, state in self.statuses if state == "success"), None)

    @property
    def ended(self) -> int:
        """When it succeeded or failed."""
        ends = ("success", "failure", "error")
        return next((at for at, state in self.statuses if state in ends), self.created)


@dataclass(slots=True, eq=False)
class Mod:
    """One update of a ServiceNow record."""

    at: int
    user: Person
    values: dict[str, str]


@dataclass(slots=True, eq=False)
class Record:
    """A ServiceNow record: values at insert and its updates, in order of time."""

    table: str
    sys_id: str
    created: int
    creator: Person
    base: dict[str, str]
    mods: list[Mod] = field(default_factory=list)
    deployment: Deployment | None = None
    fix: Issue | None = None
    fix_told: int | None = None

    def revision(self, now: int) -> int:
        """Return how many updates there were by then."""
        return sum(mod.at <= now for mod in self.mods)
