"""Deployments, what goes wrong after them, and how it is put right."""

import random
from bisect import insort
from collections import defaultdict

from demo.calendars import WorkCalendar
from demo.company import (
    HORIZON,
    HOUR,
    REPOSITORIES,
    START,
    STREAM_OF_REPOSITORY,
    TEAM_OF_REPOSITORY,
    Person,
)
from demo.delivery import Developers
from demo.flow import Ticket
from demo.issues import Desk
from demo.model import Deployment, Event, Issue, PullRequest, Review

SHARE_BAD = {"payments": 0.36, "storefront": 0.30, "platform": 0.38}


class Trouble:
    """An outage that a deployment caused: when people noticed, and when it was over."""

    def __init__(self, deployment: Deployment, opened: int) -> None:
        self.deployment = deployment
        self.opened = opened
        self.recovered: int | None = None
        self.fix: Issue | None = None
        self.remedy = "none"


class Releases:
    """Deploys the merged changes of every repository, in trains, and reacts to trouble."""

    def __init__(self, developers: Developers, desk: Desk, people: list[Person], seed: int) -> None:
        self.rng = random.Random(f"{seed}/releases")
        self.developers, self.desk = developers, desk
        self.actions = next(p for p in people if p.login == "github-actions")
        self.deployments: list[Deployment] = []
        self.troubles: list[Trouble] = []
        self.issues: list[Issue] = []
        self.pulls: list[PullRequest] = []

    def run(self, pulls: list[PullRequest]) -> None:
        """Deploy everything until the horizon."""
        merged: dict[str, list[tuple[int, str, PullRequest]]] = defaultdict(list)
        for pull in pulls:
            if pull.merged:
                merged[pull.repository].append((pull.merged, pull.merge_sha or "", pull))
        for place, repository in enumerate(REPOSITORIES):
            Line(self, repository, sorted(merged[repository], key=lambda m: m[:2]), place).run()
        self.deployments.sort(key=lambda d: (d.created, d.repository, d.environment))
        for place, deployment in enumerate(self.deployments):
            deployment.id = 900_000_000 + 53 * place
        self.retire()

    def retire(self) -> None:
        """GitHub marks the earlier deployment of an environment inactive after a success."""
        active: dict[tuple[str, str], Deployment] = {}
        ordered = [(d.succeeded, d.id, d) for d in self.deployments if d.succeeded]
        for at, _, deployment in sorted(ordered, key=lambda entry: entry[:2]):
            place = (deployment.repository, deployment.environment)
            if place in active:
                active[place].statuses.append((at + 1, "inactive"))
            active[place] = deployment


class Line:
    """The deployments of one repository, in order of time."""

    def __init__(
        self,
        releases: Releases,
        repository: str,
        merged: list[tuple[int, str, PullRequest]],
        place: int,
    ) -> None:
        self.all, self.repository, self.merged = releases, repository, merged
        self.rng = releases.rng
        self.stream = STREAM_OF_REPOSITORY[repository]
        self.calendar: WorkCalendar = releases.developers.calendar(repository)
        self.members = releases.developers.members(repository)
        self.production: list[Deployment] = []
        self.shipped: set[str] = set()
        self.work = self.calendar.work(START) + int((4 + place * 1.3) * 9 * HOUR)

    def run(self) -> None:
        """One train after the other, about every two weeks."""
        while (at := self.calendar.wall(self.work)) < HORIZON:
            free = max([at, *(self.calendar.later(d.ended, 1) for d in self.production[-1:])])
            self.train(free)
            self.work = self.calendar.work(free) + int(self.rng.uniform(8.5, 13.5) * 9 * HOUR)

    def head(self, at: int) -> PullRequest | None:
        """Return the newest merge before a moment."""
        before = [pull for when, _, pull in self.merged if when <= at]
        return before[-1] if before else None

    def train(self, at: int) -> None:
        """Staging first, then production; a failed one is tried again."""
        head = self.head(at)
        if head is None or (self.production and self.production[-1].sha == head.merge_sha):
            return
        if self.rng.random() < 0.8:
            staged = self.deploy("staging", head.merge_sha or "", at, failing=0.06)
            if not staged.succeeded:
                staged = self.deploy(
                    "staging",
                    head.merge_sha or "",
                    self.calendar.later(staged.ended, 1.5),
                    retry=staged,
                )
            at = self.calendar.later(staged.ended, self.rng.uniform(1, 7))
        made = self.deploy("production", head.merge_sha or "", at, failing=0.06)
        if not made.succeeded:
            again = self.calendar.later(made.ended, self.rng.uniform(0.5, 2))
            made = self.deploy("production", head.merge_sha or "", again, retry=made)
        self.aftermath(made)

    def deploy(
        self, environment: str, sha: str, at: int, failing: float = 0.0,
        kind: str = "release", retry: Deployment | None = None, restores: Deployment | None = None,
    ) -> Deployment:  # fmt: skip
        """One deployment with its statuses."""
        rng = self.rng
        creator = self.all.actions if rng.random() < 0.7 else rng.choice(self.members)
        begun = at + rng.randrange(8, 90)
        ended = begun + rng.randrange(150, 900)
        bad = rng.random() < failing
        end = rng.choice(["failure", "failure", "error"]) if bad else "success"
        statuses = [(at + 2, "queued"), (begun, "in_progress"), (ended, end)]
        made = Deployment(
            self.repository, environment, sha, at, creator, statuses, kind,
            retry_of=retry, restores=restores,
        )  # fmt: skip
        if environment == "production":
            if not bad and kind != "rollback":
                for when, merge, pull in self.merged:
                    if when <= at and merge not in self.shipped:
                        self.shipped.add(merge)
                        made.pulls.append(pull)
            self.production.append(made)
        self.all.deployments.append(made)
        return made

    def aftermath(self, made: Deployment) -> None:
        """Some deployments hurt: rolled back, fixed forward, or sat out."""
        rng = self.rng
        share = SHARE_BAD[self.stream.key]
        if rng.random() > share:
            return
        opened = made.ended + int(rng.lognormvariate(8.3, 1.0)) + 120
        trouble = Trouble(made, opened)
        self.all.troubles.append(trouble)
        trouble.remedy = rng.choices(["rollback", "hotfix", "none"], weights=[25, 45, 30])[0]
        earlier = [d for d in self.production if d.succeeded and d.sha != made.sha]
        if trouble.remedy == "rollback" and earlier:
            at = opened + rng.randrange(15 * 60, 3 * HOUR)
            back = self.deploy(
                "production", earlier[-1].sha, at, kind="rollback", restores=earlier[-1]
            )
            trouble.recovered = back.succeeded
            if rng.random() < 0.6 and made.pulls:
                self.revert(made.pulls[-1], back.ended + rng.randrange(HOUR, 5 * HOUR))
        elif trouble.remedy == "hotfix":
            self.hotfix(trouble)
        else:
            trouble.remedy = "none"
            trouble.recovered = opened + rng.randrange(30 * 60, 10 * HOUR)

    def revert(self, other: PullRequest, at: int) -> None:
        """A pull request that takes a change back."""
        author = self.rng.choice(self.members)
        pull = PullRequest(self.repository, at, author, "revert", other.issue, reverts=other)
        self.merged_soon(pull, at + self.rng.randrange(600, 2 * HOUR), 'Revert "it"')

    def merged_soon(self, pull: PullRequest, at: int, text: str) -> None:
        """Review and merge without delay."""
        developers, rng = self.all.developers, self.rng
        pull.commits.append(
            developers.commit(
                pull.created - rng.randrange(60, 500), pull.author, pull.created, text
            )
        )
        reviewer = rng.choice([person for person in self.members if person is not pull.author])
        pull.events.append(Event(pull.created + 1, "ReviewRequestedEvent", pull.author))
        pull.reviews.append(
            Review(pull.created + (at - pull.created) // 2 + 1, "APPROVED", reviewer)
        )
        developers.merge(pull, at, pull.author)
        developers.sized(pull)
        self.all.pulls.append(pull)
        insort(self.merged, (at, pull.merge_sha or "", pull), key=lambda entry: entry[:2])

    def hotfix(self, trouble: Trouble) -> None:
        """A bug is filed, fixed, reviewed and deployed at once, at whatever hour."""
        rng, at = self.rng, trouble.opened
        team = TEAM_OF_REPOSITORY[self.repository]
        ticket = Ticket(
            self.stream, team, "Bug", at + rng.randrange(300, 2400), "Highest", None, is_hotfix=True
        )
        started = ticket.created + rng.randrange(60, 1500)
        ready = started + rng.randrange(15 * 60, 4 * HOUR)
        picked = ready + rng.randrange(60, 1200)
        approved = picked + rng.randrange(240, 2400)
        deployed = approved + rng.randrange(300, 2400)
        ticket.steps = [
            (ticket.created + 30, "Selected for Development"), (started, "In Progress"),
            (ready, "Ready for Review"), (picked, "In Review"), (approved, "Ready for Release"),
        ]  # fmt: skip
        author = rng.choice(self.members)
        pull = PullRequest(self.repository, max(started + 60, ready - 200), author, "hotfix", None)
        self.merged_soon(pull, approved - 20, "Hotfix")
        made = self.deploy("production", pull.merge_sha or "", deployed, kind="hotfix")
        ticket.steps.append((made.ended + rng.randrange(30, 600), "Done"))
        issue = self.all.desk.issue(ticket)
        issue.repository = self.repository
        pull.issue = trouble.fix = issue
        trouble.recovered = made.succeeded
        self.all.issues.append(issue)
