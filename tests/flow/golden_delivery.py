"""Golden cases of delivery: releases, what failed and when that was over, lead times, coverage.

The value stream `dock` keeps the time of Los Angeles, seven hours behind UTC from 10 March to
3 November 2024 and eight before.
"""

from datetime import datetime, timedelta
from typing import Any

from tests.flow.golden import Case, H, at, day
from tests.flow.scratch import (
    ChangeRequest,
    Commit,
    Delivery,
    Deployment,
    Incident,
    Issue,
    MergeRequest,
    Run,
    Service,
    Told,
)

EU, US = "production-eu", "production-us"


def change(number: int, repository: str, first_commit: str, merged: str, **more: Any) -> Delivery:
    """Return a change that was opened with its first commit."""
    return Delivery(
        number, (), f"2024-{first_commit}", f"2024-{first_commit}", f"2024-{merged}", None,
        repository, **more,
    )  # fmt: skip


def pier(
    name: str, number: int, when: str, where: str = EU, state: str | None = "success", **more: Any
) -> Deployment:
    """Return a deployment of the pier."""
    more = {what: f"2024-{moment}" for what, moment in more.items()}
    return Deployment(name, number, f"2024-{when}", state, "lab/pier", environment=where, **more)


def incident(
    name: str, opened: str, end: str | None = None, caused_by: str | None = None,
    state: str = "Resolved", service: str | None = "Pier", deleted: str | None = None,
    before: tuple[str, str] | None = None, correlation: str | None = None,
) -> Incident:  # fmt: skip
    """Return an incident of the pier."""
    history = f"2024-{opened} created in New" + (f"\n2024-{end} {state}" if end else "")
    return Incident(
        f"DLV-{name}", history, service=service, caused_by=caused_by,
        deleted=deleted and f"2024-{deleted}", correlation=correlation,
        blamed_before=before and (before[0], f"2024-{before[1]}"),
    )  # fmt: skip


def minutes(moment: datetime, more: int) -> str:
    """Return a moment some minutes later, as histories write it."""
    return f"{moment + timedelta(minutes=more):%Y-%m-%d %H:%M}"


def dock() -> list[Any]:
    """Return 20 changes of May with lead times of 1 to 20 h, and 11 failures of June.

    The other region gets the first eleven ten minutes later and is rolled back after 1 to 11 h.
    """
    items: list[Any] = [
        change(200, "lab/dock", "04-10 08:00", "04-10 09:00"),
        Deployment("dock-200", 200, "2024-04-11 08:00", repository="lab/dock"),
        Deployment("dock-200-us", 200, "2024-04-11 09:00", repository="lab/dock", environment=US),
        # 8 in the evening of 30 April, and of Sunday 2 June, in Los Angeles.
        change(221, "lab/dock", "05-01 01:00", "05-01 01:30"),
        Deployment("dock-221", 221, "2024-05-01 03:00", repository="lab/dock"),
        change(222, "lab/dock", "06-03 01:00", "06-03 02:00"),
        Deployment("dock-222", 222, "2024-06-03 03:00", repository="lab/dock"),
    ]
    for no in range(1, 21):
        start = datetime(2024, 5, 1, 8) + timedelta(days=no)
        items += [
            Delivery(
                200 + no, (), minutes(start, 0), minutes(start, 10), minutes(start, 30), None,
                "lab/dock",
            ),
            Deployment(
                f"dock-{200 + no}", 200 + no, minutes(start, 40), repository="lab/dock",
                ended=minutes(start, 60 * no),
            ),
        ]  # fmt: skip
        if no <= 11:
            items += [
                Deployment(
                    f"dock-{name}",
                    number,
                    minutes(start, 60 * hours + 10),
                    repository="lab/dock",
                    environment=US,
                )
                for name, number, hours in (
                    (f"{200 + no}-us", 200 + no, no),
                    (f"back-{no}", 200, 2 * no),
                )
            ]
    # The other region fails ten minutes later and has it a quarter of an hour later, but the last.
    for no in range(1, 12):
        morning, number = datetime(2024, 6, 4) + timedelta(days=2 * no), 300 + no
        items += failure(number, "lab/dock", morning, no)
        tries = [
            (f"{number}-us-failed", "failure", 640),
            (f"{number}-us", "success", 645 + 60 * no),
        ]
        items += [
            Deployment(
                f"dock-{name}", number, minutes(morning, after), state, "lab/dock", environment=US
            )
            for name, state, after in (tries if no < 11 else tries[:1])
        ]
    return items


def failure(number: int, repository: str, morning: datetime, hours: int) -> list[Any]:
    """Return a change whose deployment fails at 10:30, and succeeds some hours later."""
    name = repository.removeprefix("lab/")
    return [
        Delivery(
            number, (), minutes(morning, 360), minutes(morning, 370), minutes(morning, 400), None,
            repository,
        ),
        Deployment(
            f"{name}-{number}-failed", number, minutes(morning, 600), "failure", repository,
            ended=minutes(morning, 630),
        ),
        Deployment(
            f"{name}-{number}", number, minutes(morning, 630 + 60 * hours), repository=repository
        ),
    ]  # fmt: skip


def quay() -> list[Any]:
    """Return ten failures of May and nine of June, and what came before the quay was a service."""
    items: list[Any] = [
        change(240, "lab/quay", "04-10 08:00", "04-10 09:00"),
        Deployment("quay-240", 240, "2024-04-11 08:00", repository="lab/quay"),
    ]
    for no in range(1, 11):
        items += failure(240 + no, "lab/quay", datetime(2024, 5, 2) + timedelta(days=2 * no), no)
    for no in range(1, 10):
        items += failure(260 + no, "lab/quay", datetime(2024, 6, 2) + timedelta(days=2 * no), no)
    return items


def buoy() -> list[Any]:
    """Return ten releases of a week and nine of the next that two of three regions roll back."""
    ap, start = "production-ap", datetime(2024, 3, 4, 12)

    def there(name: str, number: int, moment: str, where: str) -> Deployment:
        return Deployment(f"buoy-{name}", number, moment, repository="lab/buoy", environment=where)

    items: list[Any] = [change(500, "lab/buoy", "03-03 08:00", "03-03 09:00")]
    items += [there(f"500-{where}", 500, minutes(start, 0), where) for where in (EU, US, ap)]
    for no in (*range(1, 11), *range(13, 22)):
        start, number = datetime(2024, 3, 11, 12) + timedelta(hours=14 * (no - 1)), 500 + no
        when = minutes(start, 0)
        items += [
            Delivery(number, (), when, when, minutes(start, 30), None, "lab/buoy"),
            there(f"{number}-eu", number, minutes(start, 60), EU),
            there(f"{number}-us", number, minutes(start, 70), US),
            there(f"{number}-ap", number, minutes(start, 80), ap),
            there(f"{number}-back-us", 500, minutes(start, 70 + 30 * no), US),
            there(f"{number}-back-ap", 500, minutes(start, 95 + 30 * no), ap),
        ]
    return items


def releases() -> list[Any]:
    """Return what the pier deployed in March: to two regions, again, and told by two tools."""
    argo = {"repository": "lab/pier", "environment": "live", "outcome": "success"}
    return [
        Service("Pier"),
        *(
            change(
                399 + no, "lab/pier", f"03-0{no} 08:00", f"03-0{no} 08:30", is_hotfix=no == 3
            )
            for no in range(1, 6)
        ),
        pier("pier-a1", 400, "03-05 09:00"),
        pier("pier-a2", 400, "03-05 10:00", US),
        Told("a3", "service.deployed", "2024-03-05 09:00:10", {**argo, "sha": f"{400:040x}"}),
        pier("pier-a4", 400, "03-05 20:00"),  # once more
        pier("pier-a5", 400, "03-05 21:00", "staging"),
        pier("pier-a6", 400, "03-05 22:00", "prod-test-1"),
        pier("pier-a7", 400, "03-05 23:00", "nowhere"),
        # Both wait for approval; one is told of only as under way.
        pier("pier-b0", 401, "03-06 08:00", EU, None),
        pier("pier-b1", 401, "03-06 09:00"),
        pier("pier-b2", 401, "03-06 10:00", US),
        Told("b3", "service.deployed", "2024-03-06 09:00:10", {**argo, "sha": f"{401:040x}"}),
        # Back to what was there before, in both regions.
        pier("pier-a8", 400, "03-06 12:00"),
        pier("pier-a9", 400, "03-06 13:00", US),
        Told("a10", "service.rolledback", "2024-03-06 12:00:10", {**argo, "sha": f"{400:040x}"}),
        # Once more, which takes nothing back.
        pier("pier-a11", 400, "03-06 14:00"),
        # A hotfix fails twice in one region and once in the other, then it is there.
        pier("pier-c1", 402, "03-07 09:00", EU, "failure"),
        pier("pier-c2", 402, "03-07 09:30", EU, "error"),
        pier("pier-c3", 402, "03-07 10:00", US, "failure"),
        pier("pier-c4", 402, "03-07 11:00"),
        pier("pier-c5", 402, "03-07 12:00", US),
        # Only the inbox tells of it; then of one without a commit, twice, and of one given up.
        Told("d1", "service.deployed", "2024-03-08 09:00", {**argo, "sha": f"{403:040x}"}),
        Told("n1", "service.deployed", "2024-03-09 09:00", argo),
        Told("n2", "service.deployed", "2024-03-09 10:00", argo),
        Told("d2", "service.deployed", "2024-03-09 11:00", {**argo, "sha": f"{403:040x}"}),
        Told(
            "n3", "service.deployed", "2024-03-09 12:00",
            {**argo, "outcome": "aborted", "sha": f"{404:040x}"},
        ),
        Told("n4", "service.deployed", "2024-03-09 12:30", {**argo, "outcome": "odd"}),
        Told(
            "n5", "service.deployed", "2024-03-09 13:00",
            {**argo, "outcome": "failed", "sha": f"{499:040x}"},
        ),
        # The same commit by the name of a service alone, which no repository has.
        Told(
            "f3", "service.deployed", "2024-03-05 09:30",
            {
                "service": "ferry", "environment": "live", "outcome": "success",
                "sha": f"{400:040x}",
            },
        ),
        # Of a service that has no repository, and of one that nobody knows.
        Told("f1", "service.deployed", "2024-03-10 09:00", {"service": "ferry"}),
        Told("f2", "service.deployed", "2024-03-10 09:00", {"service": "raft"}),
        # A commit that no change made.
        pier("pier-x1", 498, "03-11 09:00"),
        # In Los Angeles this is still March.
        change(405, "lab/pier", "03-30 08:00", "03-30 09:00"),
        pier("pier-e1", 405, "04-01 05:00"),
        pier("pier-e2", 405, "04-02 05:00", US),
    ]  # fmt: skip


def troubles() -> list[Any]:
    """Return what the pier deployed in April and May, the incidents after it, and what helped."""
    numbers = (*range(410, 423), *range(424, 430), *range(450, 455))
    hotfixes = (411, 418, 420, 429, 451)
    return [
        *(
            change(number, "lab/pier", "04-02 08:00", "04-02 09:00", is_hotfix=number in hotfixes)
            for number in numbers
        ),
        # Cancelled and deleted incidents were none.
        pier("pier-f1", 410, "04-03 09:00"),
        ChangeRequest("CHG-F", "2024-04-03 08:00", "pier-f1"),
        incident("DF1", "04-03 09:30", "04-03 10:00", "CHG-F", "Canceled"),
        incident("F2", "04-03 09:30", None, "CHG-F", deleted="04-03 11:00"),
        # An incident that was over after two hours, and a hotfix ten days later.
        pier("pier-g1", 412, "04-05 09:00"),
        pier("pier-g2", 412, "04-05 10:00", US),
        incident("G1", "04-05 11:00", "04-05 13:00"),
        pier("pier-h1", 411, "04-15 09:00"),
        pier("pier-h2", 411, "04-15 10:00", US),
        # It began before the incident did and ended after it.
        pier("pier-i1", 413, "04-16 08:40", ended="04-16 09:00", began="04-16 08:45"),
        ChangeRequest("CHG-I", "2024-04-16 08:00", "pier-i1"),
        incident("I1", "04-16 08:50", "04-16 08:55", "CHG-I"),
        incident("I2", "04-16 08:58", "04-16 11:00"),  # of the day before, it seems
        # In the second in which it ended; a second less than a day later, and a day.
        pier("pier-j1", 414, "04-18 09:00"),
        incident("J1", "04-18 09:00", "04-18 10:00"),
        incident("J2", "04-19 08:59:59", "04-19 10:00"),
        incident("J3", "04-19 09:00", "04-19 10:00"),
        # Two in one second.
        pier("pier-k1", 415, "04-22 09:00"),
        pier("pier-k2", 415, "04-22 09:00", US),
        incident("K7", "04-22 09:30"),
        # It failed and still broke something, which was over before the next try.
        pier("pier-l1", 416, "04-23 09:00", EU, "failure"),
        pier("pier-l2", 416, "04-23 12:00"),
        ChangeRequest("CHG-L", "2024-04-23 08:00", "pier-l1"),
        incident("L1", "04-23 09:10", "04-23 10:10", "CHG-L"),
        incident("L2", "04-23 09:20", "04-23 10:00"),  # what failed had not come
        # A hotfix before the incident did not end it; one during it did.
        pier("pier-m1", 417, "04-25 09:00"),
        pier("pier-m2", 418, "04-25 10:00"),
        ChangeRequest("CHG-M", "2024-04-25 08:00", "pier-m1"),
        incident("M1", "04-25 11:00", "04-25 14:00", "CHG-M"),
        pier("pier-n1", 419, "04-26 09:00"),
        pier("pier-n2", 420, "04-26 10:00"),
        ChangeRequest("CHG-N", "2024-04-26 08:00", "pier-n1"),
        incident("N1", "04-26 09:30", "04-26 15:00", "CHG-N"),
        # Rolled back when the incident was over; and while it went on.
        pier("pier-o1", 421, "04-29 09:00"),
        pier("pier-o2", 420, "04-29 13:00"),
        incident("O1", "04-29 09:10", "04-29 10:10"),
        # Two incidents; the last to end counts, and one that is open is not over.
        pier("pier-p1", 422, "05-06 09:00"),
        ChangeRequest("CHG-P", "2024-05-06 08:00", "pier-p1"),
        incident("P1", "05-06 09:10", "05-06 11:00", "CHG-P"),
        incident("P2", "05-06 09:20", "05-06 10:00", "CHG-P"),
        incident("P3", "05-06 12:00", "05-06 23:00"),  # a guess beside what is said
        # One names it in passing, and one blamed it until the very end.
        incident("P4", "05-09 20:00", "05-09 23:00", correlation="CHG-P"),
        incident("P5", "06-20 20:00", None, "CHG-Q", before=("CHG-P", "07-01 00:00")),
        pier("pier-q1", 424, "05-08 09:00"),
        ChangeRequest("CHG-Q", "2024-05-08 08:00", "pier-q1"),
        incident("Q1", "05-08 09:10", None, "CHG-Q"),
        incident("Q2", "05-08 09:20", "05-08 10:00", "CHG-Q"),
        # Both regions have it, one is rolled back, and the incident came after the other.
        pier("pier-r0", 424, "05-08 12:00", US),
        pier("pier-r1", 425, "05-10 09:00", US),
        pier("pier-r2", 425, "05-10 09:30"),
        incident("R7", "05-10 09:40", "05-10 13:00"),
        pier("pier-r3", 424, "05-10 10:30", US),
        # Both regions are rolled back, one after the other.
        pier("pier-s1", 426, "05-13 09:00"),
        pier("pier-s2", 426, "05-13 09:30", US),
        pier("pier-s3", 425, "05-13 11:00"),
        pier("pier-s4", 425, "05-13 11:30", US),
        # A hotfix within the second of the incident, and a hotfix of the other region alone.
        pier("pier-t1", 427, "05-15 09:00"),
        pier("pier-t2", 427, "05-15 09:10", US),
        ChangeRequest("CHG-T", "2024-05-15 08:00", "pier-t2"),
        incident("T1", "05-15 10:00", "05-15 12:00", "CHG-T"),
        pier("pier-t3", 429, "05-15 10:00", EU),
        # Named by one, guessed by another and by one that nothing followed.
        pier("pier-u1", 428, "05-20 09:00"),
        incident("U1", "05-20 09:30", "05-20 10:00"),
        incident("U2", "05-20 09:30", "05-20 10:00", "CHG-P"),
        # Failed in one region by evidence, in the other by a guess: failed.
        pier("pier-y1", 454, "05-21 09:00"),
        pier("pier-y2", 454, "05-21 09:10", US),
        ChangeRequest("CHG-Y", "2024-05-21 08:00", "pier-y1"),
        incident("Y1", "05-21 09:30", "05-21 10:00"),
        incident("Y2", "05-21 09:30", "05-21 10:00", "CHG-Y"),
        # One region is rolled back, the other mended a day later; the incident was over between.
        pier("pier-v1", 450, "05-22 09:00", US),
        pier("pier-v2", 450, "05-22 09:30"),
        incident("V1", "05-22 09:40", None),
        pier("pier-v3", 454, "05-22 10:30", US),
        pier("pier-v4", 451, "05-23 09:00"),
        # Rolled back in one region and then in the other; a third one has no more to tell.
        pier("pier-w1", 452, "05-24 09:00"),
        pier("pier-w2", 452, "05-24 09:10", US),
        pier("pier-w3", 452, "05-24 09:20", "production-ap"),
        incident("W1", "05-24 09:30", "05-24 13:00"),
        pier("pier-w4", 454, "05-24 10:00", US),
        pier("pier-w5", 451, "05-24 10:30"),
        # Deployed after, and in the second of, the rollback of another region.
        pier("pier-z1", 453, "05-27 09:00", US),
        pier("pier-z2", 454, "05-27 09:30", US),
        pier("pier-z3", 453, "05-27 09:30", "production-ap"),
        pier("pier-z4", 453, "05-27 10:00"),
        ChangeRequest("CHG-Z3", "2024-05-27 08:00", "pier-z3"),
        ChangeRequest("CHG-Z4", "2024-05-27 08:00", "pier-z4"),
        incident("Z3", "05-27 09:40", "05-27 11:00", "CHG-Z3"),
        incident("Z4", "05-27 10:05", "05-27 12:00", "CHG-Z4"),
    ]


def backwards() -> list[Any]:
    """Return changes whose clocks run backwards, or stop when they start."""
    clock = "watch/works"
    return [
        # Reviewed as a draft.
        Delivery(
            480, (), "2024-05-06 08:00", "2024-05-06 10:00", "2024-05-06 16:00", None, clock,
            ready="2024-05-06 12:00", reviews=(("2024-05-06 11:00", "bob", "approved"),),
        ),
        # Reviewed an hour after the merge.
        Delivery(
            481, (), "2024-05-07 08:00", "2024-05-07 10:00", "2024-05-07 12:00", None, clock,
            reviews=(("2024-05-07 13:00", "bob", "approved"),),
        ),
        # Written, opened, reviewed and merged in one second; and written a second later.
        Delivery(
            482, (), "2024-05-08 08:00", "2024-05-08 08:00", "2024-05-08 08:00", None, clock,
            reviews=(("2024-05-08 08:00", "bob", "approved"),),
        ),
        Delivery(
            483, (), "2024-05-08 08:00:01", "2024-05-08 08:00", "2024-05-08 09:00", None, clock
        ),
        # Nobody knows when it was written, and nobody has merged it.
        Delivery(
            484, (), None, "2024-05-09 08:00", None, None, clock,
            reviews=(("2024-05-09 09:00", "bob", "commented"),),
        ),
        # One was written down an hour after it ran, the other in that very second.
        Delivery(
            485, ("DSK-60", "DSK-61"), "2024-05-10 07:00", "2024-05-10 08:00", "2024-05-10 09:00",
            "2024-05-10 10:00", clock,
        ),
        Issue("DSK-60", "2024-05-10 11:00 created in In Progress\n2024-05-10 12:00 Done"),
        Issue("DSK-61", "2024-05-10 10:00 created in In Progress\n2024-05-10 12:00 Done"),
    ]  # fmt: skip


def written() -> list[Any]:
    """Return changes that were written, reviewed and merged in every way there is."""
    return [
        # A draft: ready a day after it was opened, reviewed by its author first.
        Delivery(
            430,
            (),
            "2024-05-01 08:00",
            "2024-05-01 10:00",
            "2024-05-03 16:00",
            None,
            "lab/left",
            ready="2024-05-02 10:00",
            is_revert=True,
            size=(12, 3),
            reviews=(
                ("2024-05-02 11:00", "ann", "commented"),
                ("2024-05-02 13:00", "bob", "commented"),
                ("2024-05-03 09:00", "bob", "approved"),
                ("2024-05-03 12:00", "bob", "approved"),
            ),
        ),
        # The first commit came after the opening; nobody reviewed it.
        Delivery(
            431, (), "2024-05-04 12:00", "2024-05-04 10:00", "2024-05-04 16:00", None, "lab/left"
        ),
        # Closed without a merge; open; without a known commit.
        Delivery(
            432,
            (),
            "2024-05-05 08:00",
            "2024-05-05 10:00",
            None,
            None,
            "lab/left",
            closed="2024-05-06 10:00",
        ),
        Delivery(433, (), "2024-05-05 08:00", "2024-05-05 10:00", None, None, "lab/left"),
        Delivery(434, (), None, "2024-05-05 10:00", "2024-05-05 12:00", None, "lab/left"),
        Commit(435, "2024-05-06 12:00", "lab/left", authored="2024-05-06 09:00"),
        # The first deployment carries what was there; the next one the rest; the last nothing new.
        Deployment("left-1", 431, "2024-05-04 20:00", repository="lab/left"),
        Deployment("left-2", 435, "2024-05-06 20:00", repository="lab/left"),
        # Two in one second, one of them of an older commit; the younger carries the change.
        Delivery(
            436, (), "2024-05-07 08:00", "2024-05-07 08:00", "2024-05-07 09:00", None, "lab/left"
        ),
        Delivery(
            437, (), "2024-05-07 08:00", "2024-05-07 08:00", "2024-05-07 10:00", None, "lab/left"
        ),
        Deployment("left-3", 431, "2024-05-08 20:00", repository="lab/left"),
        Deployment("left-4", 437, "2024-05-08 20:00", repository="lab/left", environment=EU),
        Deployment("left-4a", 437, "2024-05-08 20:00", repository="lab/left", environment="prod-3"),
        Deployment("left-4b", 436, "2024-05-08 20:00", repository="lab/left", environment=US),
        # Not to production, without success, of another repository, and of another tool.
        Deployment(
            "a-stage", 437, "2024-05-08 20:00", repository="lab/left", environment="staging"
        ),
        Deployment("a-fail", 437, "2024-05-08 20:00", "failure", "lab/left", environment="prod-4"),
        Delivery(
            444, (), "2024-05-07 08:00", "2024-05-07 08:00", "2024-05-07 09:30", None, "lab/left"
        ),
        Delivery(
            445, (), "2024-05-08 08:00", "2024-05-08 08:00", "2024-05-08 10:00", None, "lab/right"
        ),
        Deployment("a-right", 445, "2024-05-08 20:00", repository="lab/right"),
        MergeRequest(448, "lab/left", "2024-05-08 08:00", "2024-05-08 09:00", "2024-05-08 20:00"),
        MergeRequest(449, "lab/left", "2024-05-01 08:00", "2024-05-04 18:00", "2024-05-04 19:00"),
        MergeRequest(447, "lab/left", "2024-05-06 08:00", "2024-05-06 09:00"),
        # Written in the second in which it was deployed.
        Delivery(
            446, (), "2024-05-12 10:00", "2024-05-12 08:00", "2024-05-12 09:00", None, "lab/left"
        ),
        Deployment("left-7", 446, "2024-05-12 10:00", repository="lab/left"),
        # Deployed before it was merged, and never again; written after it was deployed.
        Delivery(
            438, (), "2024-05-09 08:00", "2024-05-09 08:00", "2024-05-09 12:00", None, "lab/left"
        ),
        Deployment("left-5", 438, "2024-05-09 10:00", repository="lab/left"),
        Delivery(
            439, (), "2024-05-12 08:00", "2024-05-10 08:00", "2024-05-10 12:00", None, "lab/left"
        ),
        Deployment("left-6", 439, "2024-05-11 10:00", repository="lab/left"),
        # The same commit in a fork is another one; a scope without a service has its owner.
        Delivery(
            440, (), "2024-05-04 12:00", "2024-05-04 10:00", "2024-05-04 16:00", None, "lab/right"
        ),
        Deployment("right-1", 431, "2024-05-05 20:00", repository="lab/right"),
        change(441, "lab/bare", "05-04 12:00", "05-04 13:00"),
        change(442, "lab/old-dock", "02-04 12:00", "02-04 13:00"),
        Deployment("old-1", 442, "2024-02-05 09:00", repository="lab/old-dock"),
        # Opened before it was a service.
        Delivery(443, (), None, "2024-04-30 23:00", "2024-05-01 10:00", None, "lab/quay"),
    ]


def runs() -> list[Any]:
    """Return runs that failed and passed, on the same commit and on others."""
    told = {"repository": "lab/pier", "pipeline": "ci", "sha": f"{400:040x}"}
    return [
        Run(
            "R1", 400, "2024-03-01 08:00", "2024-03-01 08:05", "2024-03-01 08:30", "failure",
            repository="lab/pier", job=("2024-03-01 08:05", "2024-03-01 08:07", "2024-03-01 08:20"),
        ),
        # The second attempt passed, and the same pipeline failed again in the same second.
        Run(
            "R1", 400, "2024-03-01 08:00", "2024-03-01 09:00", "2024-03-01 09:30", "success", 2,
            repository="lab/pier", job=("2024-03-01 09:00", "2024-03-01 09:01", "2024-03-01 09:30"),
        ),
        Run("R2", 400, "2024-03-01 09:00", "2024-03-01 09:10", "2024-03-01 09:30", "failure",
            repository="lab/pier"),
        Run("R3", 401, "2024-03-01 08:00", "2024-03-01 08:05", "2024-03-01 08:30", "failure",
            repository="lab/pier"),
        Run("R4", 400, "2024-03-01 08:00", "2024-03-01 08:05", "2024-03-01 08:30", "failure"),
        Run("R5", 400, "2024-03-01 08:00", "2024-03-01 08:05", "2024-03-01 08:30", "failure",
            repository="lab/pier", pipeline="lint"),
        Run("R6", 400, "2024-03-01 08:00", "2024-03-01 08:05", "2024-03-01 08:20", "cancelled",
            repository="lab/pier"),
        Run("R7", 401, "2024-06-30 08:00", "2024-06-30 08:05", None, None, repository="lab/pier",
            job=("2024-06-30 08:05", "2024-06-30 08:10", None)),
        # A tool that tells the inbox, of a pipeline of the same name; and without a repository.
        Told("p1", "pipelinerun.finished", "2024-03-01 07:30",
             {**told, "run_id": "1", "outcome": "failure"}),
        Told("p2", "pipelinerun.finished", "2024-03-01 07:00",
             {"pipeline": "nightly", "sha": f"{401:040x}", "run_id": "2", "outcome": "failure"}),
        Told("p3", "pipelinerun.finished", "2024-03-01 07:10",
             {"pipeline": "nightly", "sha": f"{401:040x}", "run_id": "3", "outcome": "success"}),
        Told("p4", "pipelinerun.finished", "2024-03-01 07:00",
             {"pipeline": "nightly", "run_id": "4", "outcome": "failure"}),
        Told("p5", "pipelinerun.finished", "2024-03-01 07:10",
             {"pipeline": "nightly", "run_id": "5", "outcome": "success"}),
    ]  # fmt: skip


FAILED = """
    select release_deployment_key[19:], failure_method, is_failed, is_assumed_failed,
        incident_count, recovered_at
    from marts.fct_deployments
    where deployment_key = 'github:deployment:{}'
"""


def failed(name: str, *what: Any) -> dict[str, list[tuple]]:
    """Return what a deployment is expected to say of its failure."""
    return {FAILED.format(name): [what]}


CASES = [
    Case(
        "one commit of one service is one release: in two regions, again, and told by two tools",
        releases(),
        rows={
            """select split_part(deployment_key, ':', 3),
                   split_part(release_deployment_key, ':', 3), is_repeat, is_rollback, is_hotfix
               from marts.fct_deployments
               where repository = 'lab/pier' and finished_at < '2024-03-07 23:00'
                 and is_production order by finished_at""": [
                ("pier-a1", "pier-a1", False, False, False),
                ("a3", "pier-a1", True, False, False),
                ("pier-a2", "pier-a1", True, False, False),
                ("pier-a4", "pier-a1", True, False, False),
                ("pier-b1", "pier-b1", False, False, False),
                ("b3", "pier-b1", True, False, False),
                ("pier-b2", "pier-b1", True, False, False),
                ("pier-a8", "pier-a8", False, True, False),
                ("a10", "pier-a8", True, True, False),
                ("pier-a9", "pier-a8", True, True, False),
                ("pier-a11", "pier-a8", True, False, False),
                ("pier-c1", "pier-c4", True, False, True),
                ("pier-c2", "pier-c4", True, False, True),
                ("pier-c3", "pier-c4", True, False, True),
                ("pier-c4", "pier-c4", False, False, True),
                ("pier-c5", "pier-c4", True, False, True),
            ],
            """select split_part(deployment_key, ':', 3), service_key, environment_key, result,
                   split_part(release_deployment_key, ':', 3), is_rollback, is_commit_known
               from marts.fct_deployments
               where repository in ('lab/pier', 'ferry', 'raft')
                 and (not is_production or finished_at is null or source_system = 'inbox')
                 and started_at >= '2024-03-05 21:00' order by started_at, 1""": [
                ("pier-a5", "pier", "staging", "success", None, False, True),
                ("pier-a6", "pier", "test", "success", None, False, True),
                ("pier-a7", "pier", "unmapped", "success", None, False, True),
                ("pier-b0", "pier", "production", "unknown", None, False, True),
                ("b3", "pier", "production", "success", "pier-b1", False, True),
                ("a10", "pier", "production", "success", "pier-a8", True, True),
                ("d1", "pier", "production", "success", "d1", False, True),
                ("n1", "pier", "production", "success", "n1", False, False),
                ("n2", "pier", "production", "success", "n2", False, False),
                ("d2", "pier", "production", "success", "d1", False, True),
                ("n3", "pier", "production", "cancelled", None, False, True),
                ("n4", "pier", "production", "unknown", None, False, False),
                ("n5", "pier", "production", "failure", "n5", False, False),
                ("f1", "pier", "unmapped", "success", None, False, False),
                ("f2", "unassigned:inbox:raft", "unmapped", "success", None, False, False),
            ],
            # A predecessor is one of the same place.
            """select deployment_key[19:], previous_deployment_key[19:] from marts.fct_deployments
               where repository = 'lab/pier' and deployment_key[19:26] in (
                   'pier-a1', 'pier-a2', 'pier-a4', 'pier-b1', 'pier-b2', 'pier-a8', 'pier-c2')
               order by 1""": [
                ("pier-a1", None), ("pier-a2", None), ("pier-a4", "pier-a1"),
                ("pier-a8", "pier-b1"), ("pier-b1", "pier-a4"), ("pier-b2", "pier-a2"),
                ("pier-c2", None),
            ],
            # March: a, b, a again, the hotfix with its failed attempts; d, two without a commit,
            # one that failed, one that no change made, and e, which is of 31 March there. Failed
            # are b, the hotfix, as its attempts did, and n5, which nothing followed. All six
            # changes are deployed, the one of a first of all; 404 came with e.
            """select deployments, matched_deployments, commit_coverage_share, merged_changes,
                   traced_changes, lead_time_coverage_share, deployed_changes, changes,
                   failed_deployments, change_fail_share, recovered_deployments,
                   rework_deployments, is_complete_period
               from metrics.metric_dora
               where service_key = 'pier' and period_start = '2024-03-01'""": [
                (10, 6, 6 / 10, 6, 5, 5 / 6, 6, 5, 3, 3 / 10, 2, 2, True),
            ],
            # b took 3 h in one region and in the other, from 9:00 on until the second was right;
            # the attempt 3 h, from the first of it on.
            """select deployment_key[19:], recovered_at from marts.fct_deployments
               where is_failed and repository = 'lab/pier' and source_system = 'github'
                 and finished_at < '2024-03-08' order by 1""": [
                ("pier-b1", at("03-06 12:00")), ("pier-b2", at("03-06 13:00")),
                ("pier-c1", at("03-07 11:00")), ("pier-c2", at("03-07 11:00")),
                ("pier-c3", at("03-07 12:00")),
            ],
            """select split_part(deployment_key, ':', 3), change_key, method, is_first_of_repository
               from marts.bridge_deployment_changes
               where change_key between 'github:pr:P400' and 'github:pr:P405' order by 2""": [
                ("pier-a1", "github:pr:P400", "sha", True),
                ("pier-b1", "github:pr:P401", "sha", False),
                ("pier-c4", "github:pr:P402", "sha", False),
                ("d1", "github:pr:P403", "sha", False),
                ("pier-e1", "github:pr:P404", "merge_order", False),
                ("pier-e1", "github:pr:P405", "sha", False),
            ],
        },
    ),
    Case(
        "a failure is over with the first of what ended it, and a false alarm is none",
        troubles(),
        rows={
            **failed("pier-f1", "pier-f1", None, False, False, 0, None),
            **failed("pier-g2", "pier-g1", "hotfixed", True, False, 1, at("04-05 13:00")),
            **failed("pier-g1", "pier-g1", None, False, False, 0, None),
            **failed("pier-h2", "pier-h1", "same_service", False, True, 0, None),
            **failed("pier-i1", "pier-i1", "caused_by_change", True, False, 1, at("04-16 09:00")),
            **failed("pier-j1", "pier-j1", "same_service", False, True, 0, None),
            **failed("pier-k1", "pier-k1", "same_service", False, True, 0, None),
            **failed("pier-l1", "pier-l2", "deployment_failed", True, False, 1, at("04-23 10:10")),
            **failed("pier-m1", "pier-m1", "caused_by_change", True, False, 1, at("04-25 14:00")),
            **failed("pier-n1", "pier-n1", "caused_by_change", True, False, 1, at("04-26 10:00")),
            **failed("pier-o1", "pier-o1", "rolled_back", True, False, 1, at("04-29 10:10")),
            **failed("pier-p1", "pier-p1", "caused_by_change", True, False, 3, at("05-20 10:00")),
            **failed("pier-q1", "pier-q1", "caused_by_change", True, False, 3, None),
            **failed("pier-r2", "pier-r1", "rolled_back", True, False, 1, at("05-10 10:30")),
            **failed("pier-s1", "pier-s1", "rolled_back", True, False, 0, at("05-13 11:00")),
            **failed("pier-t2", "pier-t1", "caused_by_change", True, False, 1, at("05-15 10:00")),
            **failed("pier-u1", "pier-u1", "same_service", False, True, 0, None),
            **failed("pier-y1", "pier-y1", "caused_by_change", True, False, 1, at("05-21 10:00")),
            **failed("pier-y2", "pier-y1", "same_service", False, True, 0, None),
            **failed("pier-v2", "pier-v1", "rolled_back", True, False, 1, at("05-23 09:00")),
            **failed("pier-w3", "pier-w1", "rolled_back", True, False, 1, at("05-24 10:00")),
            **failed("pier-w1", "pier-w1", "rolled_back", True, False, 0, at("05-24 10:30")),
            **failed("pier-z3", "pier-z1", "caused_by_change", True, False, 1, at("05-27 11:00")),
            **failed("pier-z4", "pier-z1", "caused_by_change", True, False, 1, at("05-27 12:00")),
            """select work_item_key[25:], deployment_key[19:], method, confidence, is_primary,
                   is_false_alarm, is_counted
               from marts.bridge_incident_deployments
               where deployment_key like 'github:deployment:pier-%' order by 1, 2""": [
                ("DF1", "pier-f1", "caused_by_change", 1.0, True, True, False),
                ("F2", "pier-f1", "caused_by_change", 1.0, True, True, False),
                ("G1", "pier-g2", "hotfixed", 0.7, True, False, True),
                ("I1", "pier-h2", "same_service", 0.4, False, False, False),
                ("I1", "pier-i1", "caused_by_change", 1.0, True, False, True),
                ("I2", "pier-h2", "same_service", 0.4, True, False, False),
                ("J1", "pier-j1", "same_service", 0.4, True, False, False),
                ("J2", "pier-j1", "same_service", 0.4, True, False, False),
                ("K7", "pier-k1", "same_service", 0.4, True, False, False),
                ("L1", "pier-l1", "caused_by_change", 1.0, True, False, True),
                ("M1", "pier-m1", "caused_by_change", 1.0, True, False, True),
                ("M1", "pier-m2", "same_service", 0.4, False, False, False),
                ("N1", "pier-n1", "caused_by_change", 1.0, True, False, True),
                ("O1", "pier-o1", "rolled_back", 0.8, True, False, True),
                ("P1", "pier-p1", "caused_by_change", 1.0, True, False, True),
                ("P2", "pier-p1", "caused_by_change", 1.0, True, False, True),
                ("P3", "pier-p1", "same_service", 0.4, True, False, False),
                ("P5", "pier-q1", "caused_by_change", 1.0, True, False, True),
                ("Q1", "pier-q1", "caused_by_change", 1.0, True, False, True),
                ("Q2", "pier-q1", "caused_by_change", 1.0, True, False, True),
                ("R7", "pier-r2", "rolled_back", 0.8, True, False, True),
                ("T1", "pier-t2", "caused_by_change", 1.0, True, False, True),
                ("T1", "pier-t3", "same_service", 0.4, False, False, False),
                ("U1", "pier-u1", "same_service", 0.4, True, False, False),
                ("U2", "pier-p1", "caused_by_change", 1.0, True, False, True),
                ("U2", "pier-u1", "same_service", 0.4, False, False, False),
                ("V1", "pier-v2", "rolled_back", 0.8, True, False, True),
                ("W1", "pier-w3", "rolled_back", 0.8, True, False, True),
                ("Y1", "pier-y2", "same_service", 0.4, True, False, False),
                ("Y2", "pier-y1", "caused_by_change", 1.0, True, False, True),
                ("Y2", "pier-y2", "same_service", 0.4, False, False, False),
                ("Z3", "pier-z2", "same_service", 0.4, False, False, False),
                ("Z3", "pier-z3", "caused_by_change", 1.0, True, False, True),
                ("Z4", "pier-z4", "caused_by_change", 1.0, True, False, True),
            ],
        },
    ),
    Case(
        "percentiles are of ten and more, by the month of the value stream",
        [Service("Dock"), *dock(), *quay(), *buoy()],
        rows={
            # Lead times of May: 1 to 20 h; the tenth is the median, the 17th the 85th percentile.
            # With eleven rollbacks, of which the last ones count: 1 to 11 h, the median is 6 h.
            # June: leads of 5.5 to 15.5 h and one of 2 h, twelve in all: the sixth and the
            # eleventh. Ten recoveries of 1 to 10 h and a quarter: the fifth. One is not over.
            """select period_start, deployments, deployed_changes, changes, lead_time_p50_s / 3600,
                   lead_time_p85_s / 3600, failed_deployments, change_fail_share,
                   recovered_deployments, recovery_time_p50_s / 3600, is_complete_period
               from metrics.metric_dora where service_key = 'dock' order by 1""": [
                (day("04-01"), 2, 2, 1, None, None, 0, 0.0, 0, None, True),
                (day("05-01"), 31, 20, 20, 10, 17, 11, 11 / 31, 11, 6, True),
                (day("06-01"), 12, 12, 12, 9.5, 14.5, 11, 11 / 12, 10, 5.25, False),
            ],
            """select period_start, merged_changes, traced_changes, changes, lead_time_p50_s,
                   recovered_deployments, recovery_time_p50_s
               from metrics.metric_dora where service_key = 'quay' order by 1""": [
                (day("05-01"), 10, 10, 10, int(9.5 * H), 10, 5 * H),
                (day("06-01"), 9, 9, 9, None, 9, None),
            ],
            # Each is back in both regions 55 minutes and more later: the fifth after 175 minutes.
            """select period_start, deployments, failed_deployments, recovered_deployments,
                   recovery_time_p50_s / 60, changes, lead_time_p50_s / 60
               from metrics.metric_dora_weeks
               where service_key = 'buoy' and deployments > 0 order by 1""": [
                (day("03-04"), 1, 0, 0, None, 0, None),
                (day("03-11"), 20, 10, 10, 175, 10, 60),
                (day("03-18"), 18, 9, 9, None, 9, None),
            ],
            """select period, period_start, deployments, is_complete_period
               from metrics.metric_dora_weeks
               where service_key = 'dock' and (deployments = 1 or period_start > '2024-06-15')
               order by 2""": [
                ("week", day("04-08"), 1, True), ("week", day("05-27"), 1, True),
                ("week", day("06-17"), 3, True),
                ("week", day("06-24"), 2, False),
            ],
        },
    ),
    Case(
        "a clock that runs backwards measures nothing, and is counted",
        backwards(),
        flows={
            # The last commit of LAB-15 is of a week after its end.
            "LAB-15": {"first_commit_at": at("04-20 10:00"), "first_commit_to_done_s": None},
            "DSK-60": {"idea_to_value_s": None, "first_commit_to_done_s": 5 * H},
            "DSK-61": {"idea_to_value_s": 0, "first_commit_to_done_s": 5 * H},
        },
        rows={
            """select change_key[11:], coding_s / 3600, is_coded_after_opening, pickup_s / 3600,
                   is_reviewed_before_ready, review_s / 3600, is_reviewed_after_merge
               from marts.fct_changes where repository = 'watch/works' order by 1""": [
                ("P480", 2, False, None, True, 5, False),
                ("P481", 2, False, 3, False, None, True),
                ("P482", 0, False, 0, False, 0, False),
                ("P483", None, True, None, None, None, None),
                ("P484", None, None, 1, False, None, None),
                ("P485", 1, False, None, None, None, None),
            ],
            """select work_item_key, first_commit_to_done_s from marts.fct_work_item_flows
               where work_item_key in ('github:pr:P482', 'github:pr:P446') order by 1""": [
                ("github:pr:P446", None), ("github:pr:P482", 0),
            ],
            # 431, 439, 440, 446 and 483 were coded after they were opened.
            """select measure, affected from metrics.metric_data_quality
               where source_system = 'github' and measure like 'clock_%' order by 1""": [
                ("clock_ci_jobs_backwards", 2), ("clock_ci_runs_backwards", 1),
                ("clock_coded_after_opening", 6), ("clock_reviewed_after_merge", 1),
                ("clock_reviewed_before_ready", 1), ("clock_written_before_repository", 3),
            ],
        },
    ),
    Case(
        "a repository that nobody gave a service is one of its own, with its owner",
        written(),
        rows={
            """select change_key, service_key, coding_s / 3600, pickup_s / 3600, review_s / 3600,
                   merge_to_deploy_s / 3600, first_review_at, approved_at, ready_at, is_revert
               from marts.fct_changes where repository = 'lab/left' order by 1""": [
                (f"github:commit:lab/left:{435:040x}", "unassigned:github:lab/left", None, None,
                 None, 8, None, None, None, False),
                ("github:pr:P430", "unassigned:github:lab/left", 2, 3, 27, None,
                 at("05-02 13:00"), at("05-03 09:00"), at("05-02 10:00"), True),
                ("github:pr:P431", "unassigned:github:lab/left", None, None, None, 4,
                 None, None, at("05-04 10:00"), False),
                ("github:pr:P432", "unassigned:github:lab/left", 2, None, None, None,
                 None, None, at("05-05 10:00"), False),
                ("github:pr:P433", "unassigned:github:lab/left", 2, None, None, None,
                 None, None, at("05-05 10:00"), False),
                ("github:pr:P434", "unassigned:github:lab/left", None, None, None, 32,
                 None, None, at("05-05 10:00"), False),
                ("github:pr:P436", "unassigned:github:lab/left", 0, None, None, 35,
                 None, None, at("05-07 08:00"), False),
                ("github:pr:P437", "unassigned:github:lab/left", 0, None, None, 34,
                 None, None, at("05-07 08:00"), False),
                ("github:pr:P438", "unassigned:github:lab/left", 0, None, None, 46,
                 None, None, at("05-09 08:00"), False),
                ("github:pr:P439", "unassigned:github:lab/left", None, None, None, 22,
                 None, None, at("05-10 08:00"), False),
                ("github:pr:P444", "unassigned:github:lab/left", 0, None, None, 34.5,
                 None, None, at("05-07 08:00"), False),
                ("github:pr:P446", "unassigned:github:lab/left", None, None, None, 1,
                 None, None, at("05-12 08:00"), False),
                ("gitlab:mr:447", "unassigned:gitlab:lab/left", None, None, None, 59,
                 None, None, at("05-06 08:00"), False),
                ("gitlab:mr:448", "unassigned:gitlab:lab/left", None, None, None, 11,
                 None, None, at("05-08 08:00"), False),
                ("gitlab:mr:449", "unassigned:gitlab:lab/left", None, None, None, 1,
                 None, None, at("05-01 08:00"), False),
            ],
            """select change_key[11:], deployment_key[19:], method, is_first_of_repository
               from marts.bridge_deployment_changes
               where deployment_key like '%:left-%' and change_key like '%:pr:%' order by 1""": [
                ("P431", "left-1", "sha", True),
                ("P434", "left-2", "merge_order", False), ("P436", "left-4b", "sha", False),
                ("P437", "left-4", "sha", False), ("P438", "left-6", "merge_order", False),
                ("P439", "left-6", "sha", False), ("P444", "left-4", "merge_order", False),
                ("P446", "left-7", "sha", False),
            ],
            # Of 434 no commit is known, and 439 was written after it was deployed. Releases of
            # the left are 431, 435, 431 again, 437 and its failed attempt, 436, 438, 439 and 446.
            """select service_key, deployments, deployed_changes, changes, merged_changes,
                   traced_changes, matched_deployments
               from metrics.metric_dora
               where service_key like 'unassigned:github:lab/%' and period_start = '2024-05-01'
               order by 1""": [
                ("unassigned:github:lab/bare", 0, 0, 0, 1, 0, 0),
                ("unassigned:github:lab/clock", 0, 0, 0, 0, 0, 0),
                ("unassigned:github:lab/desk", 0, 0, 0, 0, 0, 0),
                ("unassigned:github:lab/left", 8, 9, 6, 10, 6, 8),
                ("unassigned:github:lab/quay", 0, 0, 0, 1, 0, 0),
                ("unassigned:github:lab/right", 2, 2, 2, 2, 2, 1),
            ],
            """select service_key, name, value_stream_key, team_key, is_current, valid_from,
                   valid_to
               from marts.dim_services
               where
                   service_key not in (
                       'app', 'shop', 'corsvc', 'skiff', 'harbour', 'mole', 'trail', 'reef',
                       'unassigned:github:lab/desk')
                   and service_key not like 'unassigned:%:field/%'
                   and service_key not in ('crane', 'barge', 'slip', 'skid')
                   and service_key not like 'unassigned:%:yard/%'
               order by 1""": [
                ("buoy", "Buoy", "dock", "unassigned", True, day("04-01"), None),
                ("dock", "Dock", "dock", "alpha", True, None, None),
                ("next-dock", "Next dock", "dock", "unassigned", False, day("07-02"), day("08-01")),
                ("old-dock", "Old dock", "dock", "beta", False, day("02-01"), day("03-01")),
                ("pier", "Pier", "dock", "unassigned", True, None, None),
                ("quay", "Quay", "dock", "alpha", True, day("04-01"), day("08-01")),
                ("ship", "Ship", "dock", "unassigned", True, day("07-01"), None),
                ("sunk", "Sunk", "dock", "unassigned", False, day("06-01"), day("07-01")),
                ("tide", "Tide before", "lab", "unassigned", False, None, day("05-01")),
                ("unassigned", "Unassigned", "unassigned", "unassigned", True, None, None),
                ("unassigned:github:lab/bare", "lab/bare", "dock", "beta", True, None, None),
                ("unassigned:github:lab/clock", "lab/clock", "unassigned", "unassigned", True,
                 None, None),
                ("unassigned:github:lab/left", "lab/left", "unassigned", "unassigned", True,
                 None, None),
                ("unassigned:github:lab/quay", "lab/quay", "unassigned", "unassigned", True,
                 None, None),
                ("unassigned:github:lab/right", "lab/right", "unassigned", "unassigned", True,
                 None, None),
                ("unassigned:github:watch/works", "watch/works", "unassigned", "unassigned", True,
                 None, None),
                ("unassigned:gitlab:lab/left", "lab/left", "unassigned", "unassigned", True,
                 None, None),
                ("unassigned:inbox:raft", "raft", "unassigned", "unassigned", True, None, None),
            ],
            # Nothing of it was ever deployed: 441 was merged on 4 May, and nobody traced it.
            """select period, period_start, deployments, merged_changes, traced_changes,
                   lead_time_coverage_share, is_complete_period
               from (select * exclude (metric_dora_key) from metrics.metric_dora union all
                     select * exclude (metric_dora_weeks_key) from metrics.metric_dora_weeks)
               where service_key = 'unassigned:github:lab/bare'
                 and (period = 'month' or period_start < '2024-05-13') order by 1, 2""": [
                ("month", day("05-01"), 0, 1, 0, 0.0, True),
                ("month", day("06-01"), 0, 0, 0, None, False),
                ("week", day("04-29"), 0, 1, 0, 0.0, True),
                ("week", day("05-06"), 0, 0, 0, None, True),
            ],
            # The past of a service that is no more.
            """select service_key, period_start, deployments from metrics.metric_dora
               where service_key = 'old-dock' and deployments > 0""": [
                ("old-dock", day("02-01"), 1),
            ],
        },
    ),
    Case(
        "a run is flaky if the same pipeline passed later on the same commit",
        runs(),
        rows={
            """select ci_run_key, result, queue_s / 60, run_s / 60, is_flaky from marts.fct_ci_runs
               where
                    coalesce(repository, '') not similar to '(field|harbour|yard)/.*'
                    and source_system <> 'jenkins' and ci_run_key not like 'inbox:tekton:%'
                    and ci_run_key not like 'github:run:trail-%'
               order by 1""": [
                ("github:run:R1:1", "failure", 2, 13, True),
                ("github:run:R1:2", "success", 1, 29, False),
                ("github:run:R2:1", "failure", None, None, False),
                ("github:run:R3:1", "failure", None, None, False),
                ("github:run:R4:1", "failure", None, None, False),
                ("github:run:R5:1", "failure", None, None, False),
                ("github:run:R6:1", "cancelled", None, None, False),
                ("github:run:R7:1", "running", 5, None, False),
                ("inbox:argo:1:1", "failure", None, None, False),
                ("inbox:argo:2:1", "failure", None, None, True),
                ("inbox:argo:3:1", "success", None, None, False),
                ("inbox:argo:4:1", "failure", None, None, False),
                ("inbox:argo:5:1", "success", None, None, False),
            ],
            """select ci_job_key, result, queue_s / 60, run_s / 60 from marts.fct_ci_jobs
               where ci_job_key like 'github:job:R%' order by 1""": [
                ("github:job:R1-1", "failure", 2, 13), ("github:job:R1-2", "success", 1, 29),
                ("github:job:R7-1", "running", 5, None),
            ],
        },
    ),
    Case(
        "an environment is named once, by the first line of it",
        [],
        rows={
            """select environment_key, name, tier, is_production from marts.dim_environments
               order by 1""": [
                ("development", "Development", "development", False),
                ("production", "Production", "production", True),
                ("review", "Review", "review", False),
                ("staging", "Stage at GitHub", "staging", False),
                ("test", "Test", "testing", False),
                ("unmapped", "Unmapped", "unmapped", False),
            ],
        },
    ),
    Case(
        "a parent that was left and taken up again is two links, and nothing links to itself",
        [
            Issue("DOCK-1", "2024-06-03 09:00 created in To Do", kind="Epic"),
            Issue("DOCK-2", "2024-06-03 09:00 created in To Do", kind="Epic"),
            Issue(
                "DOCK-3",
                """
                2024-06-03 09:00 created in In Progress
                2024-06-04 09:00 issuetype: Bug
                2024-06-05 09:00 Parent: DOCK-2
                2024-06-06 09:00 Parent: DOCK-1
                2024-06-07 09:00 Parent:
                """,
                parent="DOCK-1",
            ),
            Issue("DOCK-4", "2024-06-03 09:00 created in To Do", parent="DOCK-98"),
            Incident("DOCK-1", "2024-06-03 09:00 created in New"),  # a number of another tool
            ChangeRequest("CHG-SELF", "2024-06-03 09:00", "CHG-SELF"),
            ChangeRequest("CHG-OTHER", "2024-06-03 09:00", "DOCK-1"),
            ChangeRequest("CHG-NONE", "2024-06-03 09:00", "DOCK-99"),
        ],
        rows={
            """select from_key, to_key, link_type, method, confidence, valid_from, valid_to
               from marts.bridge_work_item_links
               where from_key in ('jira:DOCK-3', 'jira:DOCK-4') or from_key like '%:CHG-SELF'
                 or from_key like '%:CHG-OTHER' or from_key like '%:CHG-NONE'
               order by 1, valid_from""": [
                ("jira:DOCK-3", "jira:DOCK-1", "parent", "source", 1.0, at("06-03 09:00"),
                 at("06-05 09:00")),
                ("jira:DOCK-3", "jira:DOCK-2", "parent", "source", 1.0, at("06-05 09:00"),
                 at("06-06 09:00")),
                ("jira:DOCK-3", "jira:DOCK-1", "parent", "source", 1.0, at("06-06 09:00"),
                 at("06-07 09:00")),
                ("servicenow:change_request:CHG-OTHER", "jira:DOCK-1", "relates",
                 "servicenow_correlation_id", 0.8, None, None),
            ],
        },
    ),
]  # fmt: skip
