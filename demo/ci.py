"""CI: GitHub Actions runs with attempts and jobs, Jenkins builds with stages."""

import random
from collections import defaultdict

from demo.company import DAY, HORIZON, HOUR, REPOSITORIES, START, TEAM_OF_REPOSITORY, Person
from demo.model import Attempt, Build, Job, PullRequest, Run

STAGES = ("Checkout", "Build", "Unit Tests", "Package", "Publish")
MINUTES = {"build": 5.0, "test": 9.0, "lint": 1.5, "scan": 6.0}


class Actions:
    """GitHub Actions: a run per push to a pull request and to main, and a weekly scan."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self.rng = random.Random(f"{seed}/actions")
        self.bot = next(p for p in people if p.login == "github-actions")
        self.runs: list[Run] = []

    def run(self, pulls: list[PullRequest]) -> list[Run]:
        """Return every run, numbered in order of creation."""
        for pull in pulls:
            self.of_pull(pull)
            if pull.merged:
                title = f"Merge pull request #{pull.number}"
                self.add(pull, "CI", "push", "main", pull.merge_sha or "", pull.merged + 2, title)
        heads: dict[str, list[tuple[int, str]]] = {name: [] for name in REPOSITORIES}
        for pull in pulls:
            if pull.merged:
                heads[pull.repository].append((pull.merged, pull.merge_sha or ""))
        for repository in REPOSITORIES:
            self.weekly(repository, sorted(heads[repository]))
        self.runs.sort(key=lambda run: (run.created, run.repository, run.sha, run.event))
        counters: dict[tuple[str, str], int] = defaultdict(int)
        job_id = 20_000_000_000
        for place, run in enumerate(self.runs):
            counters[run.repository, run.workflow] += 1
            run.id, run.number = 7_000_000_000 + 61 * place, counters[run.repository, run.workflow]
            for attempt in run.attempts:
                for job in attempt.jobs:
                    job_id += 23
                    job.id = job_id
        return self.runs

    def of_pull(self, pull: PullRequest) -> None:
        """A run when it is opened, and for most later pushes."""
        end = pull.closed or HORIZON
        pushes = sorted({commit.seen_from for commit in pull.commits})
        pushed = [(at, [c for c in pull.commits if c.seen_from <= at][-1].sha) for at in pushes]
        last = -HOUR
        for place, (at, sha) in enumerate(pushed):
            if at >= end or at - last < 600 or (place and self.rng.random() < 0.75):
                continue
            last = at
            self.add(pull, "CI", "pull_request", pull.branch, sha, at + 3, pull.title)

    def weekly(self, repository: str, heads: list[tuple[int, str]]) -> None:
        """A scheduled security scan of main, about every third week."""
        for week in range((HORIZON - START) // (7 * DAY)):
            at = START + week * 7 * DAY + 6 * DAY + 2 * HOUR
            before = [sha for merged, sha in heads if merged < at]
            if before and self.rng.random() < 0.25:
                run = self.made(
                    repository,
                    "Security Scan",
                    "schedule",
                    "main",
                    before[-1],
                    at,
                    self.bot,
                    "Scan",
                )
                self.runs.append(run)

    def add(
        self,
        pull: PullRequest,
        workflow: str,
        event: str,
        branch: str,
        sha: str,
        at: int,
        title: str,
    ) -> None:
        """Add a run of a pull request."""
        run = self.made(pull.repository, workflow, event, branch, sha, at, pull.author, title)
        run.pull = pull if event == "pull_request" else None
        self.runs.append(run)

    def made(
        self, repository: str, workflow: str, event: str, branch: str, sha: str, at: int,
        actor: Person, title: str,
    ) -> Run:  # fmt: skip
        """A run; a failed one is sometimes run again, and sometimes passes then (flaky)."""
        rng = self.rng
        failing = 0.05 if event != "pull_request" else 0.14
        attempts = [self.attempt(at, workflow, actor, failing)]
        while attempts[-1].conclusion == "failure" and len(attempts) < 3 and rng.random() < 0.45:
            again = attempts[-1].completed + rng.randrange(120, 3 * HOUR)
            attempts.append(self.attempt(again, workflow, actor, 0.4))
        return Run(repository, workflow, event, branch, sha, at, actor, title, attempts)

    def attempt(self, at: int, workflow: str, actor: Person, failing: float) -> Attempt:
        """One attempt: jobs side by side, each after a queue."""
        rng = self.rng
        roll = rng.random()
        result = (
            "failure" if roll < failing else "cancelled" if roll < failing + 0.02 else "success"
        )
        names = ["scan"] if workflow != "CI" else ["build", "test", "lint"][: rng.choice([1, 2, 3])]
        culprit = rng.choice(names)
        jobs = []
        for name in names:
            started = at + 2 + min(900, int(rng.lognormvariate(2.6, 0.9)))
            length = max(12, int(MINUTES[name] * 60 * rng.lognormvariate(-0.05, 0.35)))
            conclusion = result if name == culprit else "success"
            jobs.append(self.job(name, at + 1, started, length, conclusion))
        return Attempt(at, max(job.completed for job in jobs) + 2, result, actor, jobs)

    def job(self, name: str, created: int, started: int, length: int, conclusion: str) -> Job:
        """A job with three steps."""
        marks = [started, started + length // 10, started + length - length // 10, started + length]
        names = ("Set up job", f"Run {name}", "Complete job")
        steps = [
            (step, marks[place], marks[place + 1], conclusion if place == 1 else "success")
            for place, step in enumerate(names)
        ]
        return Job(name, created, started, started + length, conclusion, steps)


def jenkins_builds(
    pulls: list[PullRequest], people: list[Person], seed: int
) -> dict[str, list[Build]]:
    """Return the builds of every job, oldest first: one per merge to main, and nightly ones."""
    rng = random.Random(f"{seed}/jenkins")
    jobs: dict[str, list[Build]] = {}
    for repository in REPOSITORIES:
        merges = sorted(
            (pull.merged, pull.merge_sha or "") for pull in pulls
            if pull.repository == repository and pull.merged
        )  # fmt: skip
        triggers = [
            (at + rng.randrange(4, 40), sha, "BranchEventCause")
            for at, sha in merges
            if rng.random() < 0.97
        ]
        for day in range(1, (HORIZON - START) // DAY):
            at = START + day * DAY + 3600 + rng.randrange(300)
            before = [sha for merged, sha in merges if merged < at]
            if before and rng.random() < 0.15:
                triggers.append((at, before[-1], "TimerTriggerCause"))
            elif before and rng.random() < 0.012:
                triggers.append((at + 9 * HOUR, before[-1], "UserIdCause"))
        triggers.sort()
        team = [person for person in people if person.team == TEAM_OF_REPOSITORY[repository]]
        job = f"platform/{repository}/main"
        jobs[job] = []
        free = 0
        for place, (at, sha, cause) in enumerate(triggers):
            begin = max(at * 1000 + rng.randrange(200, 15_000), free)
            build = made(rng, job, repository, place + 1, begin, at * 1000, sha, cause)
            build.user = rng.choice(team) if cause == "UserIdCause" else None
            free = begin + build.duration_ms // 2
            jobs[job].append(build)
    return jobs


def made(
    rng: random.Random,
    job: str,
    repository: str,
    number: int,
    begin: int,
    asked: int,
    sha: str,
    cause: str,
) -> Build:
    """A build of three to five stages; after a failing stage nothing more is executed."""
    roll = rng.random()
    result = (
        "FAILURE"
        if roll < 0.09
        else "UNSTABLE"
        if roll < 0.12
        else "ABORTED"
        if roll < 0.135
        else "SUCCESS"
    )
    names = STAGES[: rng.choice([3, 4, 5, 5])]
    broken = rng.randrange(1, len(names)) if result in ("FAILURE", "ABORTED") else len(names)
    at, stages = begin + rng.randrange(300, 3000), []
    for place, name in enumerate(names):
        mean = {"Checkout": 9, "Build": 160, "Unit Tests": 260, "Package": 50, "Publish": 25}[name]
        length = int(mean * 1000 * rng.lognormvariate(-0.06, 0.35))
        pause = rng.randrange(0, 4000) if name == "Publish" else 0
        status = "SUCCESS"
        if place == broken:
            status = {"FAILURE": "FAILED", "ABORTED": "ABORTED"}[result]
        elif place > broken:
            status, length = "NOT_EXECUTED", 0
        elif result == "UNSTABLE" and name == "Unit Tests":
            status = "UNSTABLE"
        stages.append((name, at, length, pause, status))
        at += length + (40 if length else 0)
    length = at - begin + rng.randrange(50, 900)
    return Build(
        job, repository, number, begin, length, result, sha, cause, None, begin - asked, stages
    )  # fmt: skip
