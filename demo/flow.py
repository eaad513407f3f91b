"""The simulation of work: a queueing network per value stream, in working seconds.

Items arrive, wait for people of limited capacity, are worked on, go back, are released in slots.
In each value stream one station has little spare capacity; the queue before it is the true
constraint. Nothing here knows of any tool.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from demo.calendars import WorkCalendar, calendar_of
from demo.company import HORIZON, HOUR, START, Stream

KINDS = {"Story": 48, "Bug": 26, "Task": 12, "Spike": 5, "Tech Debt": 9}
TOUCH_HOURS = {"Story": 27, "Bug": 14, "Task": 12, "Spike": 18, "Tech Debt": 24}
POINTS = {1: 20, 2: 28, 3: 26, 5: 18, 8: 8}
WEEKLY_ARRIVALS = 9.0
WEEK = 45 * HOUR
MOST_IN_FLOW = 48
SINCE_2025_02 = date(2025, 2, 1)
SINCE_2025_07 = date(2025, 7, 1)


@dataclass(slots=True, eq=False)
class Ticket:
    """One piece of work as it truly went: (epoch second, status) steps after `created`."""

    stream: Stream
    team: str
    kind: str
    created: int
    priority: str
    points: int | None
    fate: str = "normal"
    steps: list[tuple[int, str]] = field(default_factory=list)
    reopened: bool = False
    is_hotfix: bool = False

    @property
    def status(self) -> str:
        """The last status so far."""
        return self.steps[-1][1] if self.steps else "Backlog"


class Station:
    """People who can do one kind of work on so many items at a time; first come, first served."""

    def __init__(self, capacity: int) -> None:
        self.free = capacity
        self.queue: deque[Ticket] = deque()

    def take(self, ticket: Ticket) -> bool:
        """Take a ticket if somebody is free, else queue it (the urgent ones first)."""
        if self.free:
            self.free -= 1
            return True
        if ticket.priority == "Highest":
            self.queue.appendleft(ticket)
        else:
            self.queue.append(ticket)
        return False

    def leave(self) -> Ticket | None:
        """Free one place; return the next ticket, which then has it."""
        if self.queue:
            return self.queue.popleft()
        self.free += 1
        return None


class Flow:
    """The queueing network of one value stream."""

    def __init__(self, stream: Stream, seed: int) -> None:
        self.stream = stream
        self.rng = random.Random(f"{seed}/flow/{stream.key}")
        self.calendar: WorkCalendar = calendar_of(stream.calendar, stream.zone)
        self.events: list[tuple[int, int, Callable[[int], None]]] = []
        self.sequence = 0
        self.tickets: list[Ticket] = []
        self.in_flow = 0
        self.developers = {team: Station(6) for team in stream.teams}
        self.reviewers = Station(1 if stream.constraint == "waiting_review" else 2)
        self.testers = Station(2)
        self.releasable: deque[Ticket] = deque()
        self.improved = self.calendar.work(self.calendar.epoch(SINCE_2025_07, "00:00"))
        self.worsened = self.calendar.work(self.calendar.epoch(SINCE_2025_02, "00:00"))

    def run(self) -> list[Ticket]:
        """Simulate until the horizon and return every ticket, in order of creation."""
        begin, end = self.calendar.work(START), self.calendar.work(HORIZON)
        for _ in range(14):
            self.at(begin + int(self.rng.uniform(0, 5 * 9 * HOUR)), self.arrive)
        self.at(begin + 600, self.keep_arriving)
        self.plan_releases()
        while self.events and self.events[0][0] <= end:
            work, _, action = heapq.heappop(self.events)
            action(work)
        self.tickets.sort(key=lambda ticket: ticket.created)
        return self.tickets

    def at(self, work: int, action: Callable[[int], None]) -> None:
        """Schedule an action."""
        self.sequence += 1
        heapq.heappush(self.events, (work, self.sequence, action))

    def hours(self, mean: float, sigma: float = 0.6) -> int:
        """Return a log-normal duration of so many hours on average, at least two minutes."""
        factor = self.rng.lognormvariate(-sigma * sigma / 2, sigma)
        return max(120, int(mean * factor * HOUR) + self.rng.randrange(60))

    def step(self, ticket: Ticket, work: int, status: str) -> None:
        """Move a ticket; times of one ticket always grow."""
        at = self.calendar.wall(work)
        last = ticket.steps[-1][0] if ticket.steps else ticket.created
        ticket.steps.append((max(at, last + 1), status))

    def pick(self, weights: dict) -> object:
        """Return a key drawn by weight."""
        return self.rng.choices(list(weights), weights=list(weights.values()))[0]

    def keep_arriving(self, work: int) -> None:
        """Poisson arrivals, fewer around the turn of the year."""
        day = date.fromordinal(719163 + self.calendar.wall(work) // 86400)
        quiet = 1.5 if (day.month, day.day) >= (12, 23) else 1.0
        self.arrive(work)
        gap = self.rng.expovariate(WEEKLY_ARRIVALS / WEEK) * quiet
        self.at(work + 1 + int(gap), self.keep_arriving)

    def arrive(self, work: int) -> None:
        """A new item, with what will become of it."""
        rng, kind = self.rng, self.pick(KINDS)
        fates = {"normal": 84, "never": 6, "dropped": 5, "straight": 2.5, "cancelled": 2.5}
        ticket = Ticket(
            self.stream,
            self.stream.teams[rng.random() < 0.47],
            kind,
            self.calendar.wall(work),
            self.pick({"Highest": 4, "High": 20, "Medium": 56, "Low": 16, "Lowest": 4}),
            None if kind == "Spike" or rng.random() < 0.12 else self.pick(POINTS),
            self.pick(fates),
        )
        self.tickets.append(ticket)
        if ticket.fate == "never":
            return
        if ticket.fate in ("dropped", "straight"):
            status = "Cancelled" if ticket.fate == "dropped" else "Done"
            wait = self.hours(140 if ticket.fate == "dropped" else 30, 1.0)
            self.at(work + wait, lambda then: self.step(ticket, then, status))
            return
        mean = 6 if ticket.priority == "Highest" else 70 if kind == "Bug" else 110
        self.at(work + self.hours(mean, 0.9), partial(self.select, ticket))

    def select(self, ticket: Ticket, work: int) -> None:
        """Commit to a ticket, unless too much is in flow already."""
        if self.in_flow >= MOST_IN_FLOW and ticket.priority != "Highest":
            self.at(work + self.hours(9, 0.3), partial(self.select, ticket))
            return
        self.in_flow += 1
        self.step(ticket, work, "Selected for Development")
        self.at(work + self.hours(7), lambda then: self.queue("develop", ticket, then))

    def station(self, name: str, ticket: Ticket) -> Station:
        """Return who does this work on the ticket."""
        if name == "develop":
            return self.developers[ticket.team]
        return self.reviewers if name == "review" else self.testers

    def queue(self, name: str, ticket: Ticket, work: int) -> None:
        """The ticket is ready to be picked up."""
        if self.station(name, ticket).take(ticket):
            self.start(name, ticket, work)

    def start(self, name: str, ticket: Ticket, work: int) -> None:
        """Somebody picks the ticket up."""
        status = {"develop": "In Progress", "review": "In Review", "test": "In Test"}[name]
        self.step(ticket, work, status)
        self.at(work + self.touch(name, ticket, work), partial(self.finish, name, ticket))

    def touch(self, name: str, ticket: Ticket, work: int) -> int:
        """How long the work takes; here lies the true constraint and what changes it."""
        constraint = self.stream.constraint
        size = ((ticket.points or 3) / 3) ** 0.4
        if name == "develop":
            return self.hours(TOUCH_HOURS[ticket.kind] * size)
        if name == "review":
            if constraint == "waiting_review":
                return self.hours((4.8 if work >= self.worsened else 4.5) * size, 0.5)
            return self.hours(2.2 * size)
        if constraint == "waiting_test":
            return self.hours((8.6 if work >= self.improved else 11.2) * size, 0.5)
        return self.hours(4.0 * size)

    def finish(self, name: str, ticket: Ticket, work: int) -> None:
        """The work is done: free the place, move the ticket on, or back."""
        following = self.station(name, ticket).leave()
        if following is not None:
            self.start(name, following, work + self.rng.randrange(120, 1500))
        roll = self.rng.random()
        if name == "develop":
            self.developed(ticket, work)
        elif name == "review":
            if roll < 0.12:
                self.rework(ticket, work)
            else:
                self.wait_for("test", ticket, work)
        elif roll < 0.15:
            self.rework(ticket, work)
        elif roll < 0.17 and ticket.fate == "cancelled":
            self.end(ticket, work, "Cancelled")
        else:
            self.wait_for("release", ticket, work)

    def rework(self, ticket: Ticket, work: int) -> None:
        """Back to the developer, who interrupts other work for it."""
        self.step(ticket, work, "In Progress")
        self.at(work + self.hours(5), partial(self.developed, ticket))

    def developed(self, ticket: Ticket, work: int) -> None:
        """After development: cancelled, done (no code), or on to review."""
        if ticket.fate == "cancelled" and self.rng.random() < 0.8:
            self.end(ticket, work, "Cancelled")
        elif ticket.kind == "Spike":
            self.end(ticket, work, "Done")
        elif ticket.kind == "Task" and self.rng.random() < 0.3:
            self.wait_for("release", ticket, work)
        else:
            self.wait_for("review", ticket, work)

    def wait_for(self, name: str, ticket: Ticket, work: int) -> None:
        """Put the ticket before the next station; people look at the board now and then."""
        status = {
            "review": "Ready for Review",
            "test": "Ready for Test",
            "release": "Ready for Release",
        }[name]
        self.step(ticket, work, status)
        if name == "release":
            self.releasable.append(ticket)
        else:
            self.at(work + self.hours(1.2), lambda then: self.queue(name, ticket, then))

    def plan_releases(self) -> None:
        """Release slots: twice a week, or a weekly change board with few seats."""
        board = self.stream.constraint == "waiting_release"
        day = date.fromordinal(719163 + START // 86400)
        while day < date.fromordinal(719163 + HORIZON // 86400):
            if day.isoweekday() in ((3,) if board else (2, 4)) and self.rng.random() > 0.06:
                work = self.calendar.work(self.calendar.epoch(day, "14:00" if board else "15:00"))
                self.at(work, partial(self.release, 8 if board else 40))
            day += timedelta(days=1)

    def release(self, seats: int, work: int) -> None:
        """Release what waits longest, as many as there are seats."""
        for place in range(min(seats, len(self.releasable))):
            self.end(
                self.releasable.popleft(), work + 90 * place + self.rng.randrange(5, 80), "Done"
            )

    def end(self, ticket: Ticket, work: int, status: str) -> None:
        """Finish or cancel; a few finished ones come back."""
        self.in_flow -= 1
        self.step(ticket, work, status)
        if status == "Done" and not ticket.reopened and self.rng.random() < 0.045:
            ticket.reopened = True
            self.at(work + self.hours(40, 0.8), partial(self.reopen, ticket))

    def reopen(self, ticket: Ticket, work: int) -> None:
        """A finished item turns out not to be."""
        self.in_flow += 1
        self.rework(ticket, work)
