"""Pull requests: from the passes of an issue through development and review, and from bots."""

import random
from collections import defaultdict
from itertools import pairwise

from demo.calendars import WorkCalendar, calendar_of
from demo.company import (
    DAY,
    HORIZON,
    REPOSITORIES,
    START,
    STREAM_OF_REPOSITORY,
    TEAM_OF_REPOSITORY,
    Person,
    hexes,
)
from demo.model import Commit, Event, Issue, PullRequest, Review

SHARE_WITH_PULL = {"Story": 0.95, "Bug": 0.92, "Tech Debt": 0.92, "Task": 0.5, "Spike": 0.15}
CODING = ("In Progress", "Ready for Review", "In Review")
Segment = tuple[str, int, int | None]


def passes(issue: Issue) -> list[tuple[list[Segment], str | None]]:
    """Split an issue's life into passes through coding and review, each with what came next."""
    steps = [(issue.created, "Backlog"), *issue.ticket.steps]
    visits = [(status, at, end) for (at, status), (end, _) in pairwise(steps)]
    visits.append((steps[-1][1], steps[-1][0], None))
    found: list[tuple[list[Segment], str | None]] = []
    current: list[Segment] = []
    for visit in visits:
        if visit[0] in CODING:
            current.append(visit)
        elif current:
            found.append((current, visit[0]))
            current = []
    return [*found, (current, None)] if current else found


class Developers:
    """Writes pull requests."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self.rng = random.Random(f"{seed}/delivery")
        self.teams: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            self.teams[person.team].append(person)
        self.dependabot = next(p for p in people if p.login == "dependabot")

    def members(self, repository: str) -> list[Person]:
        """Return who works in a repository."""
        return self.teams[TEAM_OF_REPOSITORY[repository]]

    def calendar(self, repository: str) -> WorkCalendar:
        """Return the working time of a repository's people."""
        stream = STREAM_OF_REPOSITORY[repository]
        return calendar_of(stream.calendar, stream.zone)

    def commit(self, at: int, author: Person, seen_from: int, text: str = "Work") -> Commit:
        """Return a commit; its message carries a trailer with a name and an address."""
        message = f"{text}\n\nCo-authored-by: {author.name} <{author.email}>"
        return Commit(hexes(self.rng, 40), at, author, message, max(at, seen_from))

    def sized(self, pull: PullRequest) -> PullRequest:
        """Add sizes."""
        pull.additions = int(self.rng.lognormvariate(4.0, 1.1)) + 1
        pull.deletions = int(self.rng.lognormvariate(2.8, 1.2))
        pull.files = 1 + min(40, pull.additions // 35)
        return pull

    def for_issue(self, issue: Issue) -> list[PullRequest]:
        """Return the pull requests of an issue: one per pass, sometimes a discarded one first."""
        rng, pulls = self.rng, []
        if issue.kind == "Epic" or rng.random() > SHARE_WITH_PULL[issue.kind]:
            return []
        for place, (segments, following) in enumerate(passes(issue)):
            if place and rng.random() > 0.45:
                continue
            _, begin, end = segments[0]
            if place == 0 and end and rng.random() < 0.04:
                pulls.append(self.discarded(issue, begin, end))
            pull = self.written(issue, segments, following)
            if pull:
                pulls.append(pull)
        return pulls

    def discarded(self, issue: Issue, begin: int, end: int) -> PullRequest:
        """A first try that was closed without merging."""
        rng, calendar = self.rng, self.calendar(issue.repository)
        author = rng.choice(self.members(issue.repository))
        opened = calendar.between(begin, end, rng.uniform(0.1, 0.3))
        closed = max(opened + 120, calendar.between(begin, end, rng.uniform(0.4, 0.6)))
        pull = PullRequest(issue.repository, opened, author, "feature", issue, closed=closed)
        pull.commits = [self.commit(begin + (opened - begin) // 2, author, opened)]
        pull.events = [Event(closed, "ClosedEvent", author)]
        return self.sized(pull)

    def written(
        self, issue: Issue, segments: list[Segment], following: str | None
    ) -> PullRequest | None:
        """The pull request of one pass, with commits, reviews and its end."""
        rng, calendar = self.rng, self.calendar(issue.repository)
        author = rng.choice(self.members(issue.repository))
        _, begin, end = segments[0]
        is_draft = rng.random() < 0.35 or end is None
        if end is None:
            opened = calendar.later(begin, rng.uniform(2, 7))
            if opened >= HORIZON:
                return None
        elif is_draft:
            opened = calendar.between(begin, end, rng.uniform(0.3, 0.9))
        else:
            opened = max(begin + 1, end - rng.randrange(30, 900))
        pull = PullRequest(issue.repository, opened, author, "feature", issue, is_draft)
        first = calendar.between(begin, opened, 0.5)
        pull.commits.append(self.commit(first, author, opened))
        coding_end = end or opened
        for _ in range(min(9, int(rng.expovariate(1 / 2.4)))):
            at = calendar.between(begin, coding_end, rng.random())
            pull.commits.append(self.commit(at, author, opened))
        if end is not None:
            self.ready(pull, max(opened + 2, end - 15) if is_draft else opened)
        self.reviewed(pull, segments)
        self.ended(pull, segments[-1], following)
        for commit in pull.commits:
            if pull.closed and commit.seen_from >= pull.closed:
                commit.at = commit.seen_from = pull.closed - 1
        self.rewritten(pull)
        return self.sized(pull)

    def ready(self, pull: PullRequest, at: int) -> None:
        """Ask for reviews; a draft becomes ready first."""
        if pull.is_draft:
            pull.events.append(Event(at, "ReadyForReviewEvent", pull.author))
            if self.rng.random() < 0.06:
                pull.events.append(Event(at + 200, "ConvertToDraftEvent", pull.author))
                pull.events.append(Event(at + 400, "ReadyForReviewEvent", pull.author))
        for _ in range(self.rng.choice([1, 1, 2])):
            pull.events.append(Event(at + 1, "ReviewRequestedEvent", pull.author))

    def reviewed(self, pull: PullRequest, segments: list[Segment]) -> None:
        """Reviews at the times of the review visits, and the commits of what they asked for."""
        rng, calendar = self.rng, self.calendar(pull.repository)
        others = [p for p in self.members(pull.repository) if p is not pull.author]
        for place, (status, begin, end) in enumerate(segments[1:], start=1):
            if status == "In Progress":
                for _ in range(rng.choice([1, 1, 2, 3])):
                    at = calendar.between(begin, end or begin + 600, rng.uniform(0.2, 0.95))
                    pull.commits.append(self.commit(at, pull.author, at, "Address review"))
            if status != "In Review":
                continue
            reviewer = rng.choice(others)
            if rng.random() < 0.45:
                at = begin + int(((end or begin + 900) - begin) * rng.uniform(0.2, 0.5))
                pull.reviews.append(Review(at, "COMMENTED", reviewer))
            if end is None:
                continue
            again = place + 1 < len(segments) and segments[place + 1][0] == "In Progress"
            at = begin + int((end - begin) * rng.uniform(0.7, 0.85))
            state = "CHANGES_REQUESTED" if again else "APPROVED"
            pull.reviews.append(Review(at, state, reviewer))

    def ended(self, pull: PullRequest, last: Segment, following: str | None) -> None:
        """Merged when the issue moved on, closed when it was cancelled, else still open."""
        if following is None:
            return
        _, begin, end = last
        latest = max([pull.created, *(r.at for r in pull.reviews), *(e.at for e in pull.events)])
        at = max(latest + 3, begin + 1, (end or begin) - self.rng.randrange(5, 40))
        if following == "Cancelled":
            self.close(pull, at)
        else:
            if self.rng.random() < 0.012:
                pull.events.append(Event(at - 2, "ClosedEvent", pull.author))
                pull.events.append(Event(at - 1, "ReopenedEvent", pull.author))
            self.merge(pull, at, self.rng.choice(self.members(pull.repository)))

    def merge(self, pull: PullRequest, at: int, actor: Person) -> None:
        """Merge: GitHub records a merge and a closure."""
        pull.merged = pull.closed = at
        pull.merge_sha = hexes(self.rng, 40)
        pull.events += [Event(at, "MergedEvent", actor), Event(at, "ClosedEvent", actor)]

    def close(self, pull: PullRequest, at: int) -> None:
        """Close without merging."""
        pull.closed = at
        pull.events.append(Event(at, "ClosedEvent", pull.author))

    def rewritten(self, pull: PullRequest) -> None:
        """A force-push replaces the newest commit that was there."""
        end = pull.closed or HORIZON
        seen = [c for c in pull.commits if c.seen_from <= pull.created]
        if self.rng.random() > 0.06 or not seen or end - pull.created < 1200:
            return
        old = max(seen, key=lambda commit: commit.at)
        at = pull.created + min(600, (end - pull.created) // 2)
        new = Commit(hexes(self.rng, 40), old.at, old.author, old.message, at)
        old.seen_until = at
        pull.commits.append(new)
        pull.events.append(Event(at, "HeadRefForcePushedEvent", pull.author, old.sha, new.sha))

    def dependencies(self) -> list[PullRequest]:
        """Updates by a bot, without an issue."""
        rng, pulls = self.rng, []
        for repository in REPOSITORIES:
            for week in range((HORIZON - START) // (7 * DAY)):
                if rng.random() > 0.27:
                    continue
                opened = START + week * 7 * DAY + rng.randrange(5 * 3600, 6 * 3600)
                pull = PullRequest(
                    repository,
                    opened,
                    self.dependabot,
                    "dependency",
                    None,
                    labels=("dependencies",),
                )
                pull.commits = [self.commit(opened - 5, self.dependabot, opened, "Bump")]
                person = rng.choice(self.members(repository))
                done = self.calendar(repository).later(opened, rng.uniform(2, 40))
                if rng.random() < 0.15:
                    self.close(pull, done + 30)
                else:
                    pull.reviews.append(Review(done, "APPROVED", person))
                    self.merge(pull, done + rng.randrange(20, 400), person)
                pulls.append(self.sized(pull))
        return pulls


def number(pulls: list[PullRequest], rng: random.Random) -> None:
    """Give numbers, ids, titles, branches and sorted timelines."""
    pulls.sort(key=lambda pull: (pull.created, pull.repository, pull.commits[0].sha))
    counters: dict[str, int] = defaultdict(int)
    review_id = 2_000_000_000
    for place, pull in enumerate(pulls):
        counters[pull.repository] += 1
        pull.id, pull.number = 1_700_000_000 + 41 * place, counters[pull.repository]
        pull.commits.sort(key=lambda commit: (commit.at, commit.seen_from))
        pull.reviews.sort(key=lambda review: review.at)
        pull.events.sort(key=lambda event: event.at)
        for review in pull.reviews:
            review_id += 17
            review.id = review_id
    for pull in pulls:
        named(pull, rng)


def named(pull: PullRequest, rng: random.Random) -> None:
    """Title, body and branch; most carry the issue key in one of them, some in none."""
    if pull.kind == "dependency":
        library = rng.choice(["left-lib", "tiny-http", "fastjsonic", "orm-kit", "date-tools"])
        minor = rng.randrange(1, 40)
        pull.title = f"Bump {library} from 2.{minor}.0 to 2.{minor + 1}.0"
        pull.branch, pull.body = f"dependabot/{library}-2.{minor + 1}.0", "Automatic update."
        return
    issue = pull.issue
    key = issue.key(pull.created) if issue else ""
    text = issue.initial["summary"] if issue else "Tidy up"
    slug = text.lower().replace(" ", "-")
    roll = rng.random()
    in_branch, in_title = (
        bool(key) and roll < 0.86,
        bool(key) and not 0.70 < roll < 0.86 and roll < 0.94,
    )
    kind = "hotfix" if pull.kind == "hotfix" else rng.choice(["feature", pull.author.login])
    pull.branch = f"{kind}/{key}-{slug}" if in_branch else f"{kind}/{slug}"
    pull.title = f"{key} {text}" if in_title else text
    pull.body = f"Talked about with {pull.author.name}, mail {pull.author.email}."
    if pull.kind == "hotfix":
        pull.labels = ("hotfix",)
    if pull.kind == "revert" and pull.reverts:
        other = pull.reverts
        pull.title = f'Revert "{other.title or text}"'
        pull.branch = f"revert-{other.number}-{other.branch.rsplit('/', 1)[-1]}"
        pull.body = f"Reverts northbank/{pull.repository}#{other.number}"
    for place, commit in enumerate(pull.commits):
        head = commit.message.split("\n", 1)
        prefix = f"{key} " if key and rng.random() < 0.5 else ""
        commit.message = f"{prefix}{text}, part {place + 1}\n{head[-1]}"
