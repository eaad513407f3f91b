"""The client library of the Insights team: issues, pull requests and deployments, all on GitHub.

Customers see its issues, so what is planned, begun and reviewed stands on labels. Many a small
thing is pushed to main without a pull request. All draws are from a stream of its own, so nothing
else of the company moves.
"""

import random
from bisect import bisect_right
from dataclasses import dataclass, field

from demo.calendars import WorkCalendar, calendar_of
from demo.company import DAY, HORIZON, HOUR, INSIGHTS, LIBRARY, START, Person, hexes
from demo.model import (
    Commit,
    Deployment,
    DirectCommit,
    Event,
    HubEvent,
    HubIssue,
    PullRequest,
    Review,
)

KINDS = ("feature", "enhancement", "enhancement", "documentation", "question")
VERBS = ("Add", "Rework", "Explain", "Speed up", "Type")
THINGS = ("paging", "retries", "the token cache", "upload of files", "time zones", "the examples")
FATES = {"done": 74, "new": 6, "answered": 6, "declined": 6, "dropped": 4, "duplicate": 4}
ENDS = {"pull": 62, "refer": 16, "push": 22}
SHARE_BACK, SHARE_AGAIN, SHARE_UNPLANNED, SHARE_DISCARDED = 0.2, 0.1, 0.15, 0.06
READY, BEGUN, REVIEWED = "ready", "in progress", "in review"
CHORES = ("Sort the imports", "Raise the timeout of a test", "Mend a broken link")


@dataclass(slots=True)
class Library:
    """What happens in the library in two years.

    `closes` are the issues that pull requests say they close, by the id of the pull request, and
    `refers` those that they only speak of.
    """

    issues: list[HubIssue] = field(default_factory=list)
    requests: list[PullRequest] = field(default_factory=list)
    directs: list[DirectCommit] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    closes: dict[int, HubIssue] = field(default_factory=dict)
    refers: dict[int, HubIssue] = field(default_factory=dict)


class Maintainers:
    """Works on the library."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self.rng, self.people = random.Random(f"{seed}/library"), people
        self.calendar: WorkCalendar = calendar_of(INSIGHTS.calendar, INSIGHTS.zone)
        self.made = Library()
        self.closed_by: dict[int, HubIssue] = {}
        self.spoken_of: dict[int, HubIssue] = {}

    def run(self) -> Library:
        """Return two years of work."""
        work = self.calendar.work(START) + self.rng.randrange(4 * HOUR, 20 * HOUR)
        while (at := self.calendar.wall(work)) < HORIZON:
            self.issue(at)
            work += int(self.rng.uniform(8, 28) * HOUR)
        self.chores()
        self.connect()
        self.cut()
        self.trains()
        self.number()
        return self.made

    # issues

    def issue(self, at: int) -> None:
        """An issue with its whole life."""
        rng = self.rng
        kind = rng.choice(KINDS)
        title = f"{rng.choice(VERBS)} {rng.choice(THINGS)}"
        issue = HubIssue(LIBRARY, at, rng.choice(self.people), title, (kind,))
        if rng.random() < 0.2:
            issue.labels += (f"ask {rng.choice(self.people).login}",)
        issue.steps.append((at, "open"))
        for label in issue.labels:
            issue.events.append(HubEvent(at, "LabeledEvent", issue.author, label))
        fate = rng.choices(list(FATES), weights=list(FATES.values()))[0]
        earlier = [one for one in self.made.issues if one.steps[-1][1] != "closed as duplicate"]
        self.made.issues.append(issue)
        later = self.calendar.later(at, rng.uniform(1, 40))
        if fate == "answered":
            self.close(issue, later, "closed", rng.choice(self.people))
        elif fate == "declined":
            self.close(issue, later, "closed as not planned", rng.choice(self.people))
        elif fate == "duplicate" and earlier:
            self.same_as(issue, later, rng.choice(earlier[-8:]))
        elif fate in ("done", "dropped"):
            self.work_on(issue, later, fate)

    def work_on(self, issue: HubIssue, at: int, fate: str) -> None:
        """Planned, begun, and finished; or given up, or found wanting, and begun again."""
        rng, calendar = self.rng, self.calendar
        writer = rng.choice(self.people)
        if rng.random() >= SHARE_UNPLANNED:
            self.move(issue, at, READY, writer)
            at = calendar.later(at, rng.uniform(2, 30))
        self.move(issue, at, BEGUN, writer)
        at = calendar.later(at, rng.uniform(3, 20))
        if fate == "dropped":
            self.close(issue, at, "closed as not planned", writer)
            return
        at = self.finish(issue, at, writer)
        if rng.random() < SHARE_AGAIN:
            again = calendar.later(at, rng.uniform(5, 60))
            self.reopen(issue, again, rng.choice(self.people))
            begun = calendar.later(again, rng.uniform(0.5, 8))
            if label_of(issue) != BEGUN:
                self.move(issue, begun, BEGUN, writer)
            self.finish(issue, calendar.later(begun, rng.uniform(2, 10)), writer)

    def finish(self, issue: HubIssue, at: int, writer: Person) -> int:
        """Close what was begun, and return when: by a pull request, by hand, or by a push."""
        rng, calendar = self.rng, self.calendar
        begun = issue.steps[-1][0]
        end = rng.choices(list(ENDS), weights=list(ENDS.values()))[0]
        if end == "push":
            commit = self.push(at, writer, rng.choice(("fixes", "fixes", "fixes", "hotfix")), issue)
            self.close(issue, commit.at, "closed", writer, commit)
            return commit.at
        if rng.random() < SHARE_DISCARDED:
            self.discard(issue, begun, writer)
        request = self.request(begun, at, writer, issue.title)
        (self.closed_by if end == "pull" else self.spoken_of)[id(request)] = issue
        issue.events.append(HubEvent(at, "CrossReferencedEvent", writer, other=request))
        self.move(issue, at + rng.randrange(20, 300), REVIEWED, writer)
        while rng.random() < SHARE_BACK:
            back = calendar.later(issue.steps[-1][0], rng.uniform(1, 8))
            reviewer = rng.choice([one for one in self.people if one is not writer])
            request.reviews.append(Review(back - 30, "CHANGES_REQUESTED", reviewer))
            self.move(issue, back, BEGUN, reviewer)
            fixed = calendar.later(back, rng.uniform(1, 6))
            request.commits.append(Commit(hexes(rng, 40), fixed, writer, "Address review", fixed))
            self.move(issue, fixed + 40, REVIEWED, writer)
        merged = calendar.later(issue.steps[-1][0], rng.uniform(1, 12))
        reviewer = rng.choice([one for one in self.people if one is not writer])
        request.reviews.append(Review(merged - 60, "APPROVED", reviewer))
        request.merged = request.closed = merged
        request.merge_sha = hexes(rng, 40)
        request.events += [Event(merged, f"{word}Event", writer) for word in ("Merged", "Closed")]
        if end == "pull":
            self.close(issue, merged, "closed", writer, request)
            return merged
        by_hand = calendar.later(merged, rng.uniform(0.2, 10))
        self.close(issue, by_hand, "closed", writer)
        return by_hand

    def request(self, begun: int, at: int, writer: Person, title: str) -> PullRequest:
        """A pull request that is opened at a moment, with what was written until then."""
        rng = self.rng
        made = PullRequest(LIBRARY, at, writer, "feature", None)
        made.title, made.branch = title, f"{writer.login}/{title.lower().replace(' ', '-')}"
        made.body = f"Asked for by {rng.choice(self.people).name}."
        for _ in range(rng.choice((1, 1, 2, 3))):
            when = max(begun, self.calendar.between(begun, at, rng.random()) - 1)
            made.commits.append(Commit(hexes(rng, 40), when, writer, title, at))
        made.events.append(Event(at + 1, "ReviewRequestedEvent", writer))
        made.additions, made.deletions = rng.randrange(1, 400), rng.randrange(0, 200)
        made.files = 1 + made.additions // 40
        self.made.requests.append(made)
        return made

    def discard(self, issue: HubIssue, begun: int, writer: Person) -> None:
        """A first try that says that it closes the issue, and is closed itself, unmerged."""
        at = begun + 600
        first = self.request(begun, at, writer, f"Try to {issue.title.lower()}")
        first.closed = at + 900
        first.events.append(Event(at + 900, "ClosedEvent", writer))
        self.closed_by[id(first)] = issue
        issue.events.append(HubEvent(at, "CrossReferencedEvent", writer, other=first))

    def move(self, issue: HubIssue, at: int, status: str, actor: Person) -> None:
        """Another label of status; the one before goes a moment later."""
        before = label_of(issue)
        issue.steps.append((at, status))
        issue.events.append(HubEvent(at, "LabeledEvent", actor, f"status: {status}"))
        if before:
            gone = HubEvent(at + 2, "UnlabeledEvent", actor, f"status: {before}")
            issue.events.append(gone)

    def close(
        self, issue: HubIssue, at: int, status: str, actor: Person,
        by: PullRequest | DirectCommit | None = None,
    ) -> None:  # fmt: skip
        """The end, for now; labels stay."""
        reasons = {"closed as not planned": "NOT_PLANNED", "closed as duplicate": "DUPLICATE"}
        reason = reasons.get(status, "COMPLETED")
        issue.steps.append((at, status))
        issue.events.append(HubEvent(at, "ClosedEvent", actor, reason=reason, other=by))

    def reopen(self, issue: HubIssue, at: int, actor: Person) -> None:
        """It was not the end: the issue is again where its label says."""
        issue.steps.append((at, label_of(issue) or "open"))
        issue.events.append(HubEvent(at, "ReopenedEvent", actor))

    def same_as(self, issue: HubIssue, at: int, other: HubIssue) -> None:
        """Somebody asked for it before; a few times that was wrong."""
        actor = self.rng.choice(self.people)
        issue.duplicate_of = other
        issue.events.append(HubEvent(at, "MarkedAsDuplicateEvent", actor, other=other))
        self.close(issue, at + 1, "closed as duplicate", actor)
        if self.rng.random() < 0.3:
            issue.duplicate_until = self.calendar.later(at, 6)
            gone = issue.duplicate_until
            issue.events.append(HubEvent(gone, "UnmarkedAsDuplicateEvent", actor, other=other))
            self.reopen(issue, gone + 30, actor)

    def connect(self) -> None:
        """Some are parts of an earlier one, some wait for another one that is under way."""
        rng = self.rng
        for place, issue in enumerate(self.made.issues):
            part, wait, cut = rng.random(), rng.random(), rng.random()
            before = [one for one in self.made.issues[max(0, place - 6) : place] if not one.parent]
            at, actor = issue.created + rng.randrange(60, 600), rng.choice(self.people)
            if part < 0.12 and before:
                parent = rng.choice(before)
                issue.parent, issue.parent_since = parent, at
                issue.events.append(HubEvent(at, "ParentIssueAddedEvent", actor, other=parent))
                parent.events.append(HubEvent(at, "SubIssueAddedEvent", actor, other=issue))
            open_ones = [one for one in before if one.steps[-1][0] > at + HOUR]
            if wait < 0.12 and open_ones:
                other, until = rng.choice(open_ones), at + rng.randrange(HOUR, 5 * DAY)
                other.blocks.append((issue, at, until if cut < 0.5 else None))
                for moment, word in ((at, "Added"), (until if cut < 0.5 else None, "Removed")):
                    if moment is not None:
                        for one, kind, end in (
                            (issue, f"BlockedBy{word}Event", other),
                            (other, f"Blocking{word}Event", issue),
                        ):
                            one.events.append(HubEvent(moment, kind, actor, other=end))

    # main

    def push(
        self, at: int, writer: Person, kind: str, issue: HubIssue | None = None
    ) -> DirectCommit:
        """A commit on main outside of any pull request; what it says comes with the numbers."""
        rng = self.rng
        commit = DirectCommit(
            LIBRARY, at - rng.randrange(60, HOUR), at, writer, kind, "", hexes(rng, 40), [], issue
        )
        self.made.directs.append(commit)
        return commit

    def chores(self) -> None:
        """What nobody wrote down before, and what is taken back."""
        rng, calendar = self.rng, self.calendar
        work = calendar.work(START) + 40 * HOUR
        # What would come to main within minutes of something else comes a little later.
        taken = [one.merged for one in self.made.requests if one.merged]
        taken += [one.at for one in self.made.directs]
        while (at := calendar.wall(work)) < HORIZON:
            while any(abs(at - other) < 300 for other in taken):
                at += 300
            self.push(at, rng.choice(self.people), rng.choice(("none", "none", "revert", "see")))
            work += int(rng.uniform(60, 160) * HOUR)

    def cut(self) -> None:
        """Nothing is known of what comes after the horizon."""
        made = self.made
        made.requests = [one for one in made.requests if one.created < HORIZON]
        made.directs = [one for one in made.directs if one.at < HORIZON]
        for issue in made.issues:
            issue.steps = [step for step in issue.steps if step[0] < HORIZON]
            issue.events = [event for event in issue.events if event.at < HORIZON]

    def trains(self) -> None:
        """Deploy what is on main every week or so, and a hotfix at once."""
        rng, calendar = self.rng, self.calendar
        line = sorted(
            [*((one.merged, one.merge_sha or "", "") for one in self.made.requests if one.merged),
             *((one.at, one.sha, one.kind) for one in self.made.directs)]
        )  # fmt: skip
        times = [at for at, _, _ in line]
        starts = [at + 900 for at, _, kind in line if kind == "hotfix"]
        work = calendar.work(START) + 130 * HOUR
        while (at := calendar.wall(work)) < HORIZON:
            starts.append(at)
            work += int(rng.uniform(25, 60) * HOUR)
        last, free = "", 0
        for at in sorted(starts):
            at = max(at, free)
            place = bisect_right(times, at - 60) - 1
            if place < 0 or line[place][1] == last or at >= HORIZON:
                continue
            last, kind = line[place][1], "hotfix" if line[place][2] == "hotfix" else "release"
            made = self.deploy(last, at, kind, rng.random() < 0.07, None)
            if made.succeeded is None:
                again = made.ended + rng.randrange(600, 2 * HOUR)
                made = self.deploy(last, again, kind, False, made)
            free = made.ended + 60

    def deploy(
        self, sha: str, at: int, kind: str, is_failed: bool, retry_of: Deployment | None
    ) -> Deployment:
        """A deployment to production, by a person."""
        rng = self.rng
        begun = at + rng.randrange(4, 60)
        ended, end = begun + rng.randrange(60, 400), "failure" if is_failed else "success"
        made = Deployment(
            LIBRARY, "production", sha, at, rng.choice(self.people),
            [(at, "queued"), (begun, "in_progress"), (ended, end)], kind, retry_of=retry_of,
        )  # fmt: skip
        self.made.deployments.append(made)
        return made

    def number(self) -> None:
        """Give numbers and ids in order of time, and say what the numbers say."""
        made = self.made
        made.directs.sort(key=lambda one: (one.at, one.sha))
        made.deployments.sort(key=lambda one: one.created)
        made.requests.sort(key=lambda one: (one.created, one.title))
        rows: list[HubIssue | PullRequest] = [*made.issues, *made.requests]
        rows.sort(key=lambda one: (one.created, isinstance(one, PullRequest)))
        for place, row in enumerate(rows, start=1):
            row.number = place
            row.id = (1_950_000_000 if isinstance(row, PullRequest) else 2_400_000_000) + 41 * place
        review_id = 2_900_000_000
        for request in made.requests:
            request.commits.sort(key=lambda commit: (commit.at, commit.seen_from))
            request.reviews.sort(key=lambda review: review.at)
            request.events.sort(key=lambda event: event.at)
            for review in request.reviews:
                review.id = review_id = review_id + 17
            for word, named in (("Closes", self.closed_by), ("Part of", self.spoken_of)):
                if issue := named.get(id(request)):
                    request.body += f"\n\n{word} #{issue.number}"
                    kept = made.closes if named is self.closed_by else made.refers
                    kept[request.id] = issue
        for place, one in enumerate(made.deployments):
            one.id = 950_000_000 + 53 * place
        for issue in made.issues:
            issue.events.sort(key=lambda event: event.at)
        merged = sorted(
            (one for one in made.requests if one.merged), key=lambda one: one.merged or 0
        )
        for commit in made.directs:
            before = [one for one in merged if (one.merged or 0) < commit.at]
            commit.message = self.text(commit, before)

    def text(self, commit: DirectCommit, merged: list[PullRequest]) -> str:
        """Return the message of a commit that was pushed."""
        chore, number = self.rng.choice(CHORES), commit.fixes.number if commit.fixes else 0
        if commit.kind == "hotfix":
            title = f"Hotfix: {chore.lower()}\n\nFixes #{number}"
        elif commit.kind == "fixes":
            title = f"{chore}, fixes #{number}"
        elif commit.kind == "see":
            title = f"{chore}\n\nSee #{self.rng.choice(self.made.issues[:20]).number}"
        elif commit.kind == "revert" and merged:
            title = f'Revert "Merge pull request #{merged[-1].number}"'
        else:
            commit.kind, title = "none", chore
        return f"{title}\n\nSigned-off-by: {commit.author.name} <{commit.author.email}>"


def label_of(issue: HubIssue) -> str | None:
    """Return the status that the label of an issue says, whether it is closed or not."""
    said = [status for _, status in issue.steps if status in (READY, BEGUN, REVIEWED)]
    return said[-1] if said else None
