"""The Insights team: a small team with a value stream of its own, whose services are in GitLab.

It draws from a stream of its own. Its merge requests and deployments are of the same kind as those
of GitHub, so the same truth is told of them.
"""

import random
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from demo.calendars import WorkCalendar, calendar_of
from demo.company import HORIZON, HOUR, INSIGHTS, START, Person, hexes
from demo.model import Commit, Deployment, PullRequest, Review

SHARE_SAID, SHARE_CLOSED, SHARE_DRAFT, SHARE_FLAKY, SHARE_BROKEN = 0.85, 0.05, 0.25, 0.08, 0.04
PROJECT_IDS = {"insights-api": 501, "insights-jobs": 502}
VERBS = ("Add", "Fix", "Rework", "Speed up")
THINGS = ("report of sales", "event stream", "daily export", "forecast table", "churn score")
STEPS = ("workflow::ready for development", "workflow::in dev", "workflow::in review",
         "workflow::verification")  # fmt: skip


@dataclass(slots=True, eq=False)
class Ticket:
    """An issue of GitLab: `moves` are its workflow labels, with the moments at which they came."""

    repository: str
    created: int
    author: Person
    kind: str
    title: str
    moves: list[tuple[int, str]] = field(default_factory=list)
    closed: int | None = None
    id: int = 0
    iid: int = 0


@dataclass(slots=True, eq=False)
class Job:
    """A job of a pipeline; one that was retried has another one of its name after it."""

    name: str
    stage: str
    created: int
    started: int
    finished: int
    is_passed: bool
    id: int = 0


@dataclass(slots=True, eq=False)
class Pipeline:
    """A pipeline."""

    repository: str
    sha: str
    source: str
    ref: str
    created: int
    user: Person
    jobs: list[Job]
    id: int = 0
    iid: int = 0

    @property
    def started(self) -> int:
        """When its first job started."""
        return min(job.started for job in self.jobs)

    @property
    def finished(self) -> int:
        """When its last job ended."""
        return max(job.finished for job in self.jobs)

    @property
    def is_passed(self) -> bool:
        """Whether the last try of each of its jobs passed."""
        return all({job.name: job.is_passed for job in self.jobs}.values())


@dataclass(slots=True)
class Insights:
    """What the team does in two years; `said` are the merge requests that name their issue."""

    people: list[Person]
    tickets: list[Ticket]
    requests: list[PullRequest]
    pipelines: list[Pipeline]
    deployments: list[Deployment]
    ticket_of: dict[int, Ticket] = field(default_factory=dict)
    said: set[int] = field(default_factory=set)
    drafts: dict[int, int] = field(default_factory=dict)
    job_of: dict[int, tuple[Pipeline, Job]] = field(default_factory=dict)


class Team:
    """Works, project by project."""

    def __init__(self, seed: int, taken: set[str]) -> None:
        self.rng = random.Random(f"{seed}/insights")
        self.calendar: WorkCalendar = calendar_of(INSIGHTS.calendar, INSIGHTS.zone)
        self.people = make_team(self.rng, taken)
        self.made = Insights(self.people, [], [], [], [])
        self.links: dict[str, Ticket] = {}
        self.pipeline_of: dict[str, Pipeline] = {}

    def run(self) -> Insights:
        """Return two years of work."""
        for repository in INSIGHTS.repositories:
            self.project(repository)
        self.number()
        return self.made

    def project(self, repository: str) -> None:
        """One issue after the other, and a train to production every week or so."""
        rng, calendar = self.rng, self.calendar
        work = calendar.work(START) + rng.randrange(4 * HOUR, 20 * HOUR)
        merged: list[PullRequest] = []
        while (at := calendar.wall(work)) < HORIZON:
            request = self.issue(repository, at)
            if request and request.merged:
                merged.append(request)
            work += int(rng.uniform(8, 32) * HOUR)
        merged.sort(key=lambda one: one.merged or 0)
        # What is merged within one minute cannot be told apart by time; GitLab queues it.
        for first, second in pairwise(merged):
            second.merged = second.closed = max(second.merged or 0, (first.merged or 0) + 60)
        for request in merged:
            self.built(request)
        self.trains(repository, merged)

    def issue(self, repository: str, at: int) -> PullRequest | None:
        """An issue, and the merge request of those that are begun."""
        rng, calendar = self.rng, self.calendar
        author, writer = rng.choice(self.people), rng.choice(self.people)
        title = f"{rng.choice(VERBS)} {rng.choice(THINGS)}"
        kind = rng.choice(("feature", "enhancement"))
        ticket = Ticket(repository, at, author, kind, title)
        self.made.tickets.append(ticket)
        if rng.random() < 0.06:
            return None
        ready = calendar.later(at, rng.uniform(1, 40))
        begun = calendar.later(ready, rng.uniform(1, 24))
        opened = calendar.later(begun, rng.uniform(3, 16))
        approved = calendar.later(opened, rng.uniform(1, 14))
        merged = calendar.later(approved, rng.uniform(0.2, 4))
        ticket.moves = [(ready, STEPS[0]), (begun, STEPS[1]), (opened, STEPS[2])]
        request = PullRequest(repository, opened, writer, "feature", None)
        for _ in range(rng.choice((1, 1, 2, 3))):
            at = calendar.between(begun, opened, rng.random()) - 1
            request.commits.append(Commit(hexes(rng, 40), max(at, begun), writer, title, opened))
        if rng.random() < 0.3:
            later = calendar.between(opened, approved, rng.uniform(0.2, 0.8)) + 1
            request.commits.append(Commit(hexes(rng, 40), later, writer, "Address review", later))
        request.commits.sort(key=lambda commit: commit.at)
        reviewer = rng.choice([one for one in self.people if one is not writer])
        if rng.random() < 0.5:
            between = opened + (approved - opened) // 2
            request.reviews.append(Review(between, "COMMENTED", reviewer))
        is_closed, is_draft, is_said = (
            rng.random() < share for share in (SHARE_CLOSED, SHARE_DRAFT, SHARE_SAID)
        )
        request.title, request.branch = title, f"{writer.login}/{title.lower().replace(' ', '-')}"
        request.is_draft = is_draft
        if is_closed:
            request.closed = merged
            ticket.moves = ticket.moves[:2]
        else:
            request.reviews.append(Review(approved, "APPROVED", reviewer))
            request.merged = request.closed = merged
            request.merge_sha = hexes(rng, 40)
            ticket.moves.append((merged + 120, STEPS[3]))
        request.body = f"Asked for by {author.name} ({author.email})."
        if is_said:
            self.links[request.commits[0].sha] = ticket
        self.made.requests.append(request)
        self.made.ticket_of[id(request)] = ticket
        head = request.commits[-1]
        self.pipeline(repository, head.sha, "merge_request_event", "", head.seen_from + 8, writer)
        return request

    def pipeline(
        self, repository: str, sha: str, source: str, ref: str, at: int, user: Person
    ) -> Pipeline:
        """Build and test, sometimes with a test that passes at the second try, or never."""
        rng = self.rng
        begun = at + rng.randrange(4, 60)
        build = Job("build", "build", at, begun, begun + rng.randrange(120, 400), True)
        jobs = [build]
        is_flaky, is_broken = rng.random() < SHARE_FLAKY, rng.random() < SHARE_BROKEN
        begun = build.finished + rng.randrange(2, 40)
        for is_passed in [False, not is_broken] if is_flaky or is_broken else [True]:
            ended = begun + rng.randrange(200, 900)
            jobs.append(Job("test", "test", jobs[-1].created, begun, ended, is_passed))
            begun = ended + rng.randrange(60, 1200)
        made = Pipeline(repository, sha, source, ref, at, user, jobs)
        self.made.pipelines.append(made)
        return made

    def built(self, request: PullRequest) -> None:
        """The pipeline of the main branch after a merge."""
        at = (request.merged or 0) + 6
        sha = request.merge_sha or ""
        self.pipeline(request.repository, sha, "push", "main", at, request.author)

    def trains(self, repository: str, merged: list[PullRequest]) -> None:
        """Bring the newest merge to production; what failed is tried again."""
        rng, calendar = self.rng, self.calendar
        times = [request.merged or 0 for request in merged]
        work, last = calendar.work(START) + 60 * HOUR, ""
        while (at := calendar.wall(work)) < HORIZON:
            work += int(rng.uniform(25, 50) * HOUR)
            place = bisect_right(times, at - 2 * HOUR)
            if not place or merged[place - 1].merge_sha == last:
                continue
            sha = last = merged[place - 1].merge_sha or ""
            made = self.deploy(repository, "staging", sha, at, False, None)
            is_failed = rng.random() < 0.07
            made = self.deploy(repository, "production", sha, made.ended + 1800, is_failed, None)
            if is_failed:
                again = made.ended + rng.randrange(600, 2 * HOUR)
                self.deploy(repository, "production", sha, again, False, made)

    def deploy(
        self, repository: str, environment: str, sha: str, at: int, is_failed: bool,
        retry_of: Deployment | None,
    ) -> Deployment:  # fmt: skip
        """A deployment by a job of a pipeline that somebody starts."""
        rng = self.rng
        user = rng.choice(self.people)
        begun = at + rng.randrange(4, 60)
        ended = begun + rng.randrange(100, 500)
        job = Job(f"deploy-{environment}", "deploy", at, begun, ended, not is_failed)
        pipeline = Pipeline(repository, sha, "web", "main", at, user, [job])
        end = "failure" if is_failed else "success"
        made = Deployment(
            repository, environment, sha, at, user,
            [(at, "queued"), (begun, "in_progress"), (ended, end)], retry_of=retry_of,
        )  # fmt: skip
        self.made.pipelines.append(pipeline)
        self.made.deployments.append(made)
        self.made.job_of[id(made)] = (pipeline, job)
        return made

    def number(self) -> None:
        """Give ids in order of time, and close the issues of what came to production."""
        made = self.made
        for rows, first in (
            (made.tickets, 31_000_000), (made.requests, 32_000_000), (made.pipelines, 33_000_000),
            (made.deployments, 34_000_000),
        ):  # fmt: skip
            counts: dict[str, int] = {}
            rows.sort(key=lambda row: (row.created, row.repository))
            for place, row in enumerate(rows):
                counts[row.repository] = counts.get(row.repository, 0) + 1
                row.id = first + 3 * place
                if isinstance(row, Ticket | Pipeline):
                    row.iid = counts[row.repository]
                elif isinstance(row, PullRequest):
                    row.number = counts[row.repository]
        jobs = [job for pipeline in made.pipelines for job in pipeline.jobs]
        for place, job in enumerate(sorted(jobs, key=lambda job: (job.created, job.started))):
            job.id = 35_000_000 + place
        number = 36_000_000
        for request in made.requests:
            for review in request.reviews:
                review.id = number = number + 7
        tickets = {id(request): made.ticket_of[id(request)] for request in made.requests}
        made.ticket_of = {request.id: tickets[id(request)] for request in made.requests}
        made.job_of = {one.id: made.job_of[id(one)] for one in made.deployments}
        for request in made.requests:
            ticket = made.ticket_of[request.id]
            if request.commits[0].sha in self.links:
                made.said.add(request.id)
                request.body += f"\n\nCloses #{ticket.iid}"
            if request.is_draft:
                made.drafts[request.id] = request.created + 60
        shipped: dict[str, int] = {}
        for one in made.deployments:
            if one.environment == "production" and one.succeeded:
                shipped.setdefault(one.sha, one.succeeded)
        ends = sorted(shipped.values())
        for request in made.requests:
            if request.merged:
                place = bisect_right(ends, request.merged)
                if place < len(ends):
                    made.ticket_of[request.id].closed = max(ends[place], request.merged) + HOUR


def make_team(rng: random.Random, taken: set[str]) -> list[Person]:
    """Return five people with names that nobody else has."""
    found: list[Person] = []
    names = [
        (a, b)
        for a in ("Ylva", "Bertho", "Quenby", "Ormund", "Sefira", "Tavish")
        for b in ("Glasswright", "Moorcastle", "Hollinbrook", "Fernquist", "Ironvale")
    ]
    rng.shuffle(names)
    for first, last in names:
        name, plain = f"{first} {last}", f"{first}.{last}".lower()
        if name not in taken and len(found) < 5:
            found.append(
                Person(
                    name, f"{plain}@northbank.example", plain.replace(".", "-"),
                    f"5f{hexes(rng, 22)}", hexes(rng, 32), 7_900_000 + 11 * len(found), "insights",
                )
            )  # fmt: skip
    return found
