"""Golden cases of moved issues, teams, incidents, changes and agreements; see golden.py.

The desk keeps the time of Auckland: until 7 April 2024 thirteen hours before UTC, then twelve.
"""

from tests.flow.golden import Case, H, at, day
from tests.flow.scratch import Agreement, Delivery, Issue, Named, Ticket, moment

DESK = {"assignment_group": "g-a", "priority": "4"}


def incident(name: str, history: str, **more) -> Ticket:
    """Return an incident of the first group of the desk, opened on 6 May at 9."""
    text = f"2024-05-06 09:00 created in {more.pop('born', 'New')}\n{history}"
    return Ticket("incident", f"INC-{name}", text, start={**DESK, **more.pop("start", {})}, **more)


def spans(name: str, *told: tuple[str, str, str | None]) -> list[Named]:
    """Return the spans of a metric on the state of an incident, on 6 May."""
    return [
        Named("metric_instances", {
            "sys_id": f"{name}/{no}", "definition_id": "states", "document_id": f"INC-{name}",
            "started_at": moment(f"2024-05-06 {start}"),
            "ended_at": end and moment(f"2024-05-06 {end}"),
            "payload": {"value": state, "field_value": state},
        })
        for no, (state, start, end) in enumerate(told, 1)
    ]  # fmt: skip


def change(name: str, history: str, kind: str = "normal", **more) -> Ticket:
    """Return a change request, opened on 6 May at 8."""
    text = f"2024-05-06 08:00 created in New\n{history}"
    return Ticket("change_request", f"CHG-{name}", text, start={"type": kind}, **more)


def moved(number: int, *, form: int = 0, told: str = "both", before: str = "") -> Issue:
    """Return an issue that is moved to the project of the desk on 5 March."""
    old = f" <- {before}-{number}" if before else ""
    return Issue(
        f"{'GONE' if before == 'GONE' else 'MOV'}-{number}",
        f"""
        2024-03-04 09:00 created in Backlog
        2024-03-05 09:00 Key: DSK-{100 + number}{old}
        2024-03-06 09:00 Done
        """,
        form=form,
        told=told,
    )


def described(number: int, form: int, told: str = "both") -> Issue:
    """Return an issue all of whose attributes change."""
    return Issue(
        f"DSK-{number}",
        """
        2024-03-04 09:00 created in In Progress
        2024-03-04 10:00 issuetype: Bug
        2024-03-04 11:00 priority: High
        2024-03-04 12:00 points: 5
        2024-03-04 13:00 Team: Beta
        2024-03-04 14:00 Parent: DSK-10
        2024-03-04 15:00 Flagged: Impediment
        2024-03-04 16:00 Flagged:
        2024-03-04 17:00 Done
        """,
        team="Alpha",
        points="3",
        form=form,
        told=told,
    )


def teamed(number: int, *teams: str) -> Issue:
    """Return an issue without a team, that gets one after an hour, and another one after that."""
    lines = [f"2024-03-04 {10 + no}:00 Team: {team}" for no, team in enumerate(teams)]
    return Issue(f"DSK-{number}", "\n".join(["2024-03-04 09:00 created in In Progress", *lines]))


def agreements() -> list[Ticket]:
    """Return incidents with agreements: times by priority 1, verdicts by priority 2."""

    def ended(day_: str, hours: int, *, broken: bool = False) -> Agreement:
        facts = {"duration_s": hours * H, "business_duration_s": H, "pause_duration_s": hours * H}
        return Agreement(
            f"2024-{day_} 00:00", f"2024-{day_} 20:00", f"2024-{day_} 23:00",
            facts={**facts, "has_breached": broken},
        )  # fmt: skip

    twenty = [ended("04-10", hours) for hours in range(1, 20)] + [ended("04-11", 0, broken=True)]
    nine = [ended("05-10", hours) for hours in range(1, 10)]
    ten = [ended("06-10", hours) for hours in range(1, 11)]
    early = Agreement("2024-02-10 00:00", None, "2024-02-11 00:00")  # before it was opened
    one = Ticket(
        "incident", "INC-S1", "2024-03-01 00:00 created in New",
        start={"assignment_group": "g-a", "priority": "1"},
        agreements=(*twenty, *nine, *ten, early),
    )  # fmt: skip
    silent = {"has_breached": None}
    kinds = (
        # the month is that of Auckland
        Agreement("2024-03-31 10:59:59", None, "2024-04-30 11:59:59"),  # started in March
        Agreement("2024-03-31 11:00", None, "2024-04-30 12:00"),  # from April to May
        # broken before it ended, on another month's day
        Agreement("2024-04-10 00:00", "2024-04-20 00:00", "2024-05-20 00:00",
                  facts={"has_breached": True}),
        # given up; and given up after it was broken
        Agreement("2024-04-10 00:00", None, "2024-05-21 00:00", facts={"stage": "Cancelled"}),
        Agreement("2024-04-10 00:00", "2024-04-30 12:00", "2024-06-21 00:00",
                  facts={"stage": "cancelled", "has_breached": True}),
        # the times say what the source does not
        Agreement("2024-06-01 00:00", "2024-06-02 00:00", "2024-06-02 00:00:01", facts=silent),
        Agreement("2024-06-01 00:00", "2024-06-02 00:00", "2024-06-02 00:00", facts=silent),
        Agreement("2024-06-01 00:00", None, "2024-06-02 00:00", facts=silent),
        # running: in time, over now, over in June, and with a clock that stands still
        Agreement("2024-06-10 00:00", "2024-07-01 00:00:01"),
        Agreement("2024-06-10 00:00", "2024-07-01 00:00"),
        Agreement("2024-06-10 00:00", "2024-06-20 00:00"),
        Agreement("2024-06-10 00:00", "2024-06-20 00:00", facts={"stage": "paused"}),
        Agreement("2024-06-10 00:00", "2024-06-20 00:00",
                  facts={"stage": "Paused", "has_breached": True}),
        Agreement("2024-06-10 00:00", None, facts={"stage": None}),
        # it ends later, and was broken by then
        Agreement("2024-06-10 00:00", "2024-07-02 00:00", "2024-07-03 00:00",
                  facts={"has_breached": True, "is_active": False}),
        Agreement("2024-07-01 00:00", "2024-07-05 00:00"),
        Agreement("2024-07-01 00:00:01", "2024-07-05 00:00"),  # it has not begun
        # it has ended, and nobody says when
        Agreement("2024-06-10 00:00", "2024-07-05 00:00", facts={"is_active": False}),
        Agreement("2024-06-10 00:00", "2024-07-05 00:00"),  # the source no longer has it
        Agreement("2024-06-10 00:00", "2024-07-05 00:00", definition="nowhere"),
    )  # fmt: skip
    two = Ticket(
        "incident", "INC-S2", "2024-03-01 00:00 created in New",
        start={"assignment_group": "g-a", "priority": "2"}, agreements=kinds,
    )  # fmt: skip
    aside = Agreement("2024-06-10 00:00", "2024-07-05 00:00")

    def simple(name: str, history: str, priority: str | None, group: str, *some: Agreement):
        start = {"assignment_group": group, "priority": priority}
        text = f"2024-03-01 00:00 created in New\n{history}"
        return Ticket("incident", f"INC-{name}", text, start=start, agreements=some)

    whole = Agreement("2024-05-01 00:00", "2024-07-05 00:00")
    return [
        one,
        two,
        simple("S3", "", None, "g-a", whole),
        # it gets another priority in the very second in which the agreement ends
        simple(
            "S4",
            "2024-05-10 00:00 priority: 6",
            "5",
            "g-a",
            Agreement("2024-05-01 00:00", None, "2024-05-10 00:00"),
        ),
        simple("S5", "", "1", "g-w", whole),
        # a running one is of the priority of today
        simple("S6", "2024-05-10 00:00 priority: 8", "7", "g-a", whole),
        Ticket("change_task", "CTASK-S1", "2024-03-01 00:00 created in New", agreements=(aside,)),
        Ticket("change_request", "CHG-S1", "2024-03-01 00:00 created in New", agreements=(aside,)),
    ]


def judged() -> list[Ticket]:
    """Return incidents of priority 3 that ServiceNow itself has a verdict on."""

    def incident_(name: str, history: str, **now) -> Ticket:
        return Ticket(
            "incident", f"INC-V{name}", history,
            start={"assignment_group": "g-a", "priority": "3", "made_sla": "true"},
            now={"made_sla": True, **now},
        )  # fmt: skip

    missed = {"made_sla": False}
    return [
        incident_("1", "2024-05-06 09:00 created in New\n2024-05-06 12:00 Resolved"),
        # it is missed when it is closed, after the end
        incident_(
            "2",
            """
            2024-05-06 09:00 created in New
            2024-05-07 09:00 Resolved
            2024-06-10 09:00 Closed
            & 2024-06-10 09:00 made_sla: false
            """,
            **missed,
        ),
        # missed while it runs
        incident_(
            "3", "2024-05-06 09:00 created in New\n2024-06-10 09:00 made_sla: false", **missed
        ),
        # missed, and nothing tells since when
        incident_("4", "2024-05-06 09:00 created in New", **missed),
        incident_("5", "2024-05-06 09:00 created in New\n2024-06-06 09:00 Canceled"),
        # what is said later is not known yet; a program writes ones and noughts
        incident_(
            "6",
            """
            2024-05-06 09:00 created in New
            2024-07-02 09:00 made_sla: 0 <- 1
            """,
            **missed,
        ),
        # missed while it ran, and resolved later
        incident_(
            "8",
            """
            2024-05-06 09:00 created in New
            2024-05-10 09:00 made_sla: false
            2024-06-10 09:00 Resolved
            """,
            **missed,
        ),
        incident_("9", "2024-05-06 09:00 created in New"),  # the source no longer has it
        Ticket(
            "incident", "INC-V7", "2024-05-06 09:00 created in New",
            start={"assignment_group": "g-a", "priority": "3"},
        ),
    ]  # fmt: skip


CASES: list[Case] = [
    Case(
        "a moved issue was in its former project, whatever tells of the move",
        [
            moved(1), moved(2, form=1), moved(3, form=2), moved(4, told="keys"),
            moved(5, form=1, told="projects"), moved(6, before="GONE"),
            moved(7, form=2, before="OLDMOV"),
        ],
        rows={
            """select work_item_key, item_key, scope, value_stream_key, valid_from
               from marts.dim_work_items where item_key like 'DSK-10_'
                 or scope in ('MOV', 'GONE') order by work_item_key, valid_from""": [
                row
                for no, key, scope in (
                    (6, "GONE-6", "GONE"), (1, "MOV-1", "MOV"), (2, "MOV-2", "MOV"),
                    (3, "MOV-3", "MOV"), (4, "MOV-4", "MOV"),
                    (5, "DSK-105", "MOV"),  # the entry names no key
                    (7, "OLDMOV-7", "MOV"),  # the project has been renamed since
                )
                for row in (
                    (f"jira:{scope}-{no}", key, scope, "counter", at("03-04 09:00")),
                    (f"jira:{scope}-{no}", f"DSK-10{no}", "DSK", "desk", at("03-05 09:00")),
                )
            ],
        },
    ),
    Case(
        "a history says the same in every form",
        [
            Issue("DSK-10", "2024-03-04 08:00 created in Backlog", kind="Epic"),
            described(11, 0), described(12, 1), described(13, 2), described(14, 0, "keys"),
        ],
        rows={
            f"""select raw_type, priority, points, team_key, parent_work_item_key, valid_from
               from marts.dim_work_items where work_item_key = 'jira:DSK-{number}'
               order by valid_from""": [
                ("Story", None, 3, "alpha", None, at("03-04 09:00")),
                ("Bug", None, 3, "alpha", None, at("03-04 10:00")),
                ("Bug", "High", 3, "alpha", None, at("03-04 11:00")),
                ("Bug", "High", 5, "alpha", None, at("03-04 12:00")),
                ("Bug", "High", 5, "beta", None, at("03-04 13:00")),
                ("Bug", "High", 5, "beta", "jira:DSK-10", at("03-04 14:00")),
            ]
            for number in (11, 12, 13, 14)
        },
        flows={
            f"DSK-{number}": {"blocked_s": H, "start_to_done_s": 8 * H, "outcome": "done"}
            for number in (11, 12, 13, 14)
        },
    ),
    Case(
        "an item whose team is named late is not half of nobody; one without a team is nobody's",
        [teamed(21, "Beta"), teamed(22), teamed(23, "Beta", "", "Alpha")],
        rows={
            """select work_item_key, team_key, weight from marts.bridge_work_item_teams
               where work_item_key like 'jira:DSK-2_' order by 1, 2""": [
                ("jira:DSK-21", "beta", 1.0),
                ("jira:DSK-22", "unassigned", 1.0),
                ("jira:DSK-23", "alpha", 0.5),
                ("jira:DSK-23", "beta", 0.5),
            ],
        },
    ),
    Case(
        "a retired team stays as what it was last; one to come is what it will be first",
        [
            Named("groups", {"sys_id": "g-a", "name": "Desk A"}),
            Named("groups", {"sys_id": "g-b", "name": "Desk B"}),
            Named("groups", {"sys_id": "g-w", "name": "Desk W"}),
            Named("groups", {"sys_id": "g-c", "name": "Desk B"}),
            Named("groups", {"sys_id": "g-d", "name": "Alpha"}),
            Named("groups", {"sys_id": "g-e", "name": None}),
            Issue("DSK-30", "2024-02-05 09:00 created in In Progress", team="Epsilon"),
        ],
        rows={
            """select team_key, name, value_stream_key, is_current, valid_from, valid_to
               from marts.dim_teams
               where team_key not in ('beta', 'gamma', 'delta', 'hands', 'loners', 'oars')
                 and team_key <> 'servicenow:group:Crew'
                 and team_key not like 'servicenow:group:edge-%'
                 and team_key not in ('servicenow:group:g-haven', 'servicenow:group:field-desk')
               order by 1""": [
                ("alpha", "Alpha", "lab", True, None, None),
                ("epsilon", "Epsilon", "desk", False, None, day("03-01")),
                ("iota", "Iota", "desk", True, day("07-01"), None),
                ("kappa", "Kappa", "counter", True, day("01-01"), day("07-02")),
                # its last day was yesterday
                ("lambda", "Lambda", "desk", False, None, day("07-01")),
                ("servicenow:group:g-a", "Desk A", "unassigned", True, None, None),
                ("servicenow:group:g-b", "Desk B", "unassigned", True, None, None),
                ("servicenow:group:g-w", "Desk W", "unassigned", True, None, None),
                ("theta", "Theta", "desk", False, day("08-01"), day("09-01")),
                ("unassigned", "Unassigned", "unassigned", True, None, None),
                ("zeta", "Zeta Two", "counter", False, day("02-01"), day("06-01")),
            ],
            """select team_key from marts.dim_work_items where work_item_key = 'jira:DSK-30'
               order by valid_from""": [("epsilon",), ("unassigned",)],
            """select team_key, weight from marts.bridge_work_item_teams
               where work_item_key = 'jira:DSK-30'""": [("epsilon", 1.0)],
        },
    ),
    Case(
        "acknowledged is the first work of a person, before the end and not by it",
        [
            Named("metric_definitions", {
                "sys_id": "states", "table_name": "incident", "field_name": "state",
            }),
            incident("K1", """
                2024-05-06 09:05 assigned_to: bob
                2024-05-06 09:30 In Progress
                2024-05-06 12:00 Resolved
                """),
            incident("K2", """
                2024-05-06 09:01 assignment_group: g-b @robot
                2024-05-06 09:02 assigned_to: bob @robot
                2024-05-06 09:30 In Progress @robot
                2024-05-06 10:00 work_notes: seen
                2024-05-06 12:00 Resolved
                """),
            incident("K3", """
                2024-05-06 12:00 Resolved
                & 2024-05-06 12:00 assigned_to: bob
                2024-05-06 13:00 work_notes: told the caller
                """),
            incident("K4", """
                2024-05-06 12:00 assigned_to: bob
                2024-05-06 12:00 Resolved
                """),
            incident("K5", """
                2024-05-06 12:00 Resolved
                2024-05-06 12:00 assigned_to: bob
                """),
            incident("K6", """
                2024-05-06 09:10 assigned_to:
                2024-05-06 09:20 assignment_group:
                2024-05-06 09:40 On Hold
                2024-05-06 12:00 Resolved
                """, start={"assigned_to": "bob"}),
            incident("K7", """
                2024-05-06 12:00 Resolved
                2024-05-06 13:00 In Progress
                2024-05-06 14:00 Resolved
                """),
            incident("K8", """
                2024-05-06 09:30 Canceled
                & 2024-05-06 09:30 assigned_to: bob
                """),
            incident("K9", """
                2024-05-06 09:10 priority: 3
                2024-07-02 09:00 In Progress
                2024-07-02 09:00 assigned_to: bob
                """),
            incident("KA", """
                2024-05-06 09:10 Quarantine
                2024-05-06 09:12 Assigned
                2024-05-06 12:00 Resolved
                """),
            incident("KB", """
                2024-05-06 08:50 assignment_group: g-b
                2024-05-06 12:00 Resolved
                """),
            # what was shown at last is nobody's move; the way back to new is no work
            incident("KC", """
                2024-05-06 09:05 In Progress @robot
                2024-05-06 09:10 New
                """, now={"state": "On Hold"}),
            incident("KD", "2024-05-06 12:00 Resolved", born="In Progress"),
            incident("KE", "2024-05-06 09:15 assignment_group: g-b"),
            # spans of a metric number themselves, and not the updates of the record
            incident("KF", "2024-05-06 12:00 assigned_to: bob", now={"state": "Resolved"}),
            *spans("KF", ("New", "09:00", "12:00"), ("Resolved", "12:00", None)),
            # whose move it was nobody says
            incident("KG", "2024-05-06 12:00 close_notes: x", now={"state": "Resolved"}),
            *spans(
                "KG", ("New", "09:00", "10:00"), ("In Progress", "10:00", "12:00"),
                ("Resolved", "12:00", None),
            ),
            incident("KH", """
                2024-05-06 09:10 In Progress @robot
                2024-05-06 09:20 New @robot
                2024-05-06 10:00 In Progress
                2024-05-06 12:00 Resolved
                """, now={"closed_at": "2024-07-01 00:00:00"}),
            # numbers that contradict the times
            incident("KI", """
                2024-05-06 13:00 assigned_to: bob
                2024-05-06 12:00 Resolved
                """, now={"closed_at": "2024-07-01 00:00:01"}),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), acknowledged_at, time_to_acknowledge_s,
                 time_to_resolve_s
               from marts.fct_incidents where work_item_key like '%:INC-K_' order by 1""": [
                ("INC-K1", at("05-06 09:05"), 300, 3 * H),
                ("INC-K2", at("05-06 10:00"), H, 3 * H),
                ("INC-K3", None, None, 3 * H),
                ("INC-K4", at("05-06 12:00"), 3 * H, 3 * H),
                ("INC-K5", None, None, 3 * H),
                ("INC-K6", at("05-06 09:40"), 2400, 3 * H),
                ("INC-K7", None, None, 5 * H),
                ("INC-K8", None, None, None),
                ("INC-K9", None, None, None),
                ("INC-KA", at("05-06 09:12"), 720, 3 * H),
                ("INC-KB", at("05-06 09:00"), 0, 3 * H),
                ("INC-KC", None, None, None),
                ("INC-KD", None, None, 3 * H),
                ("INC-KE", at("05-06 09:15"), 900, None),
                ("INC-KF", None, None, 3 * H),
                ("INC-KG", at("05-06 10:00"), H, 3 * H),
                ("INC-KH", at("05-06 10:00"), H, 3 * H),
                ("INC-KI", None, None, 3 * H),
            ],
            """select closed_at from marts.fct_incidents
               where work_item_key like '%:INC-KH' or work_item_key like '%:INC-KI'
               order by work_item_key""": [(at("07-01 00:00"),), (None,)],
        },
    ),
    Case(
        "counters are held against the source's own, and a difference has a reason",
        [
            incident("R1", """
                2024-05-06 09:10 assignment_group: g-b
                & 2024-05-06 09:10 reassignment_count: 1
                2024-05-06 09:20 assignment_group: g-a
                & 2024-05-06 09:20 reassignment_count: 2
                """, start={"reassignment_count": "0"}),
            incident("R2", """
                2024-05-06 09:10 reassignment_count: 1
                """, start={"reassignment_count": "0"}),
            incident("R3", """
                2024-05-06 09:10 assignment_group: g-b
                2024-05-06 09:20 assignment_group: g-a
                & 2024-05-06 09:20 reassignment_count: 1
                """, start={"reassignment_count": "0"}),
            incident("R4", """
                2024-05-06 09:10 assignment_group: g-a
                2024-05-06 09:20 assignment_group: g-b
                """, start={"assignment_group": None}, now={"reassignment_count": 1}),
            # one is not counted, and later seven at once
            incident("R5", """
                2024-05-06 09:10 assignment_group: g-b
                2024-05-06 09:20 reassignment_count: 7
                """, start={"reassignment_count": "0"}),
            incident("R6", """
                2024-07-02 09:10 assignment_group: g-b
                & 2024-07-02 09:10 reassignment_count: 1
                """, start={"reassignment_count": "0"}),
            incident("R7", """
                2024-07-02 09:10 assignment_group: g-b
                """, now={"reassignment_count": 1}),
            incident("R8", "", now={"reassignment_count": 4}, is_audited=False),
            incident("R9", """
                2024-05-06 09:10 assignment_group:
                & 2024-05-06 09:10 reassignment_count: 1
                2024-05-06 09:20 assignment_group: g-b
                & 2024-05-06 09:20 reassignment_count: 2
                2024-05-06 09:30 assignment_group: g-b
                """, start={"reassignment_count": "0"}),
            # one is counted too many, another one is not counted
            incident("RA", """
                2024-05-06 09:10 assignment_group: g-b
                2024-05-06 09:20 reassignment_count: 1
                """, start={"reassignment_count": "0"}),
            incident("RB", """
                2024-05-06 09:10 assignment_group: g-b
                & 2024-05-06 09:10 reassignment_count: 2
                """, start={"reassignment_count": "0"}),
            # two from none, and the source lacks both
            incident("RC", """
                2024-05-06 09:10 assignment_group: g-a
                2024-05-06 09:20 assignment_group:
                2024-05-06 09:30 assignment_group: g-b
                """, start={"assignment_group": None}, now={"reassignment_count": 1}),
            incident("RD", """
                2024-05-06 10:00 Resolved
                2024-05-06 11:00 In Progress
                & 2024-05-06 11:00 reopen_count: 1
                2024-05-06 12:00 Resolved
                """, start={"reopen_count": "0"}),
            incident("RE", """
                2024-05-06 10:00 Resolved
                2024-05-06 11:00 In Progress
                2024-05-06 12:00 Resolved
                """, now={"reopen_count": 0}),
            incident("RF", "2024-05-06 10:00 Resolved", now={"reopen_count": 1}),
            incident("RG", "2024-05-06 09:10 In Progress", updates=5),
            incident("RH", """
                2024-05-06 09:10 In Progress
                2024-05-06 09:20 Resolved
                """, updates=1),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), reassignment_count,
                 source_reassignment_count, reopen_count, source_reopen_count
               from marts.fct_incidents where work_item_key like '%:INC-R_' order by 1""": [
                ("INC-R1", 2, 2, 0, None), ("INC-R2", 0, 1, 0, None), ("INC-R3", 2, 1, 0, None),
                ("INC-R4", 2, 1, 0, None), ("INC-R5", 1, 7, 0, None), ("INC-R6", 0, 0, 0, None),
                ("INC-R7", 0, None, 0, None), ("INC-R8", 4, 4, None, None),
                ("INC-R9", 2, 2, 0, None), ("INC-RA", 1, 1, 0, None), ("INC-RB", 1, 2, 0, None),
                ("INC-RC", 3, 1, 0, None), ("INC-RD", 0, None, 1, 1), ("INC-RE", 0, None, 1, 0),
                ("INC-RF", 0, None, 0, 1), ("INC-RG", 0, None, 0, None),
                ("INC-RH", 0, None, 0, None),
            ],
            """select split_part(work_item_key, ':', 3), reason, own_count, source_count
               from marts.fct_history_flags where work_item_key like '%:INC-R_'
                 and own_count is not null order by 1""": [
                ("INC-R2", "counted_without_a_change_of_group", 0, 1),
                ("INC-R3", "change_of_group_not_counted", 2, 1),
                ("INC-R4", "assignment_from_none_not_counted", 2, 1),
                ("INC-R5", "counted_without_a_change_of_group", 1, 7),
                ("INC-RB", "counted_without_a_change_of_group", 1, 2),
                ("INC-RC", "assignment_from_none_not_counted", 3, 1),
                ("INC-RE", "reopening_not_counted", 1, 0),
                ("INC-RF", "counted_without_a_reopening", 0, 1),
                ("INC-RG", "updates_without_audit", 1, 5),
                ("INC-RH", "updates_beyond_the_count", 2, 1),
            ],
        },
    ),
    Case(
        "a change is successful when it is closed as such; nobody waits whom nobody let wait",
        [
            change("D1", """
                2024-05-06 09:00 approval: requested
                2024-05-07 09:00 approval: approved
                & 2024-05-07 09:00 Scheduled
                2024-05-08 09:00 Implement
                2024-05-08 11:00 Review
                2024-05-08 12:00 Closed
                & 2024-05-08 12:00 close_code: successful
                """),
            change("D2", """
                2024-05-07 09:00 Scheduled
                2024-05-08 09:00 Implement
                2024-05-08 11:00 Closed
                & 2024-05-08 11:00 close_code: Successful Issues
                """, "standard"),
            change("D3", """
                2024-05-06 09:00 Authorize
                2024-05-06 12:00 Implement
                2024-05-06 13:00 Closed
                & 2024-05-06 13:00 close_code: unsuccessful
                """, "emergency"),
            change("D4", """
                2024-05-06 09:00 Authorize
                2024-05-06 10:00 New
                2024-05-06 11:00 Authorize
                2024-05-06 13:00 Scheduled
                2024-05-07 09:00 Closed
                & 2024-05-07 09:00 close_code: Backed Out
                """),
            change("D5", "2024-05-06 09:00 Closed"),
            change("D6", "2024-05-06 09:00 Closed\n& 2024-05-06 09:00 close_code: odd"),
            change("D7", """
                2024-05-06 09:00 Implement
                2024-05-06 10:00 Review
                2024-05-06 11:00 Implement
                """, now={"close_code": "successful"}),
            change("D8", """
                2024-05-06 09:00 Implement
                2024-05-06 10:00 Authorize
                """),
            change("D9", """
                2024-05-06 09:00 Implement
                2024-05-06 10:00 Canceled
                """, now={"close_code": "successful"}),
            change("DA", """
                2024-05-06 09:00 Implement
                2024-05-06 10:00 Scheduled
                2024-05-06 11:00 Implement
                2024-05-06 12:00 Review
                """),
            change("DB", """
                2024-06-20 09:00 Closed
                & 2024-06-20 09:00 close_code: successful
                2024-07-02 09:00 close_code: unsuccessful
                """),
            change("DC", """
                2024-05-06 09:00 approval: requested
                2024-05-06 10:00 approval: rejected
                2024-05-06 12:00 approval: requested
                2024-05-06 13:00 approval: approved @robot
                2024-05-06 14:00 approval: requested
                2024-05-06 15:00 approval: approved
                """),
            change("DD", "2024-05-06 09:00 approval: approved @robot"),
            change("DE", """
                2024-06-06 09:00 Implement
                2024-07-02 09:00 Closed
                & 2024-07-02 09:00 close_code: successful
                """),
            change("DF", """
                2024-05-06 09:00 Authorize
                2024-05-06 11:00 approval: approved
                2024-05-06 12:00 Scheduled
                """),
            change("DG", """
                2024-05-06 09:00 Authorize
                2024-05-06 10:00 Closed
                & 2024-05-06 10:00 close_code: rejected
                """),
            change("DH", "2024-05-06 09:00 Closed\n& 2024-05-06 09:00 close_code: failed"),
            change("DI", """
                2024-05-06 09:00 Authorize
                2024-05-06 10:00 Scheduled
                2024-05-06 12:00 Implement
                """),
            change("DJ", """
                2024-06-30 09:00 Authorize
                2024-06-30 10:00 approval: requested
                """),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), approval_wait_s, is_automated,
                 is_successful, approval_requested_at, approved_at, implemented_at, closed_at
               from marts.fct_change_requests where work_item_key like '%:CHG-D_' order by 1""": [
                ("CHG-D1", 24 * H, False, True, at("05-06 09:00"), at("05-07 09:00"),
                 at("05-08 11:00"), at("05-08 12:00")),
                ("CHG-D2", None, True, True, None, None, at("05-08 11:00"), at("05-08 11:00")),
                ("CHG-D3", 3 * H, None, False, None, at("05-06 12:00"), at("05-06 13:00"),
                 at("05-06 13:00")),
                ("CHG-D4", 3 * H, None, False, None, at("05-06 13:00"), None, at("05-07 09:00")),
                ("CHG-D5", None, None, None, None, None, None, at("05-06 09:00")),
                ("CHG-D6", None, None, None, None, None, None, at("05-06 09:00")),
                ("CHG-D7", None, None, None, None, None, None, None),
                ("CHG-D8", 1334 * H, None, None, None, at("05-06 09:00"), None, None),
                ("CHG-D9", None, None, None, None, None, None, None),
                ("CHG-DA", None, None, None, None, None, at("05-06 12:00"), None),
                ("CHG-DB", None, None, True, None, None, None, at("06-20 09:00")),
                ("CHG-DC", 3 * H, True, None, at("05-06 09:00"), at("05-06 13:00"), None, None),
                ("CHG-DD", None, True, None, None, at("05-06 09:00"), None, None),
                ("CHG-DE", None, None, None, None, None, None, None),
                ("CHG-DF", None, False, None, None, at("05-06 11:00"), None, None),
                ("CHG-DG", 1 * H, None, False, None, None, None, at("05-06 10:00")),
                ("CHG-DH", None, None, False, None, None, None, at("05-06 09:00")),
                ("CHG-DI", H, None, None, None, at("05-06 10:00"), None, None),
                ("CHG-DJ", 14 * H, None, None, at("06-30 10:00"), None, None, None),
            ],
        },
    ),
    Case(
        "nobody waits for the approval of a change that has ended",
        [
            change("E1", """
                2024-05-06 09:00 approval: requested
                2024-05-06 12:00 Canceled
                """),
            change("E2", """
                2024-05-06 09:00 approval: requested
                2024-05-06 14:00 Closed
                & 2024-05-06 14:00 close_code: successful
                """),
            change("E3", "2024-05-06 09:00 approval: requested"),  # it was deleted a day later
            Named("tombstones", {
                "object": "change_requests", "id": "CHG-E3", "state": "deleted",
                "missed_at": moment("2024-05-07 09:00"), "gone_at": moment("2024-05-07 09:00"),
            }),
            # refused when nobody waited any more
            change("E4", """
                2024-05-06 09:00 approval: requested
                2024-05-06 12:00 Canceled
                2024-05-06 15:00 approval: rejected
                """),
            # taken up again an hour before the moment, and nobody has decided
            change("E5", """
                2024-05-06 09:00 approval: requested
                2024-05-06 11:00 Canceled
                2024-06-30 23:00 New
                """),
            change("E6", """
                2024-05-06 09:00 Canceled
                2024-05-06 10:00 approval: requested
                """),
            change("E7", """
                2024-05-06 09:00 approval: requested
                2024-05-06 10:00 approval: not requested
                & 2024-05-06 10:00 Canceled
                """),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), approval_wait_s, approval_requested_at
               from marts.fct_change_requests where work_item_key like '%:CHG-E_' order by 1""": [
                ("CHG-E1", 3 * H, at("05-06 09:00")), ("CHG-E2", 5 * H, at("05-06 09:00")),
                ("CHG-E3", 24 * H, at("05-06 09:00")), ("CHG-E4", 3 * H, at("05-06 09:00")),
                ("CHG-E5", 3 * H, at("05-06 09:00")), ("CHG-E6", 0, at("05-06 10:00")),
                ("CHG-E7", H, at("05-06 09:00")),
            ],
        },
    ),
    Case(
        "agreements that run are seen, and those that are broken already; pauses do not count",
        [
            Named("sla_definitions", {
                "sys_id": "resolve", "name": "Resolve in a day",
                "payload": {"type": "SLA", "target": "resolution", "duration": 24 * H},
            }),
            Named("tombstones", {
                "object": "task_slas", "id": "INC-S2/19", "state": "deleted",
                "missed_at": None, "gone_at": None,
            }),
            *agreements(),
        ],
        rows={
            """select month_start, started, ended, met, breached, unjudged, running,
                 running_breached, met_share, time_n, time_p50_s, time_p85_s, is_complete_period
               from metrics.metric_incident_sla
               where value_stream_key = 'desk' and priority = '1' order by 1""": [
                (day("02-01"), 1, 1, 1, 0, 0, 0, 0, 1.0, 0, None, None, True),
                (day("04-01"), 20, 20, 19, 1, 0, 0, 0, 0.95, 20, 9 * H, 16 * H, True),
                (day("05-01"), 9, 9, 9, 0, 0, 0, 0, 1.0, 9, None, None, True),
                (day("06-01"), 10, 10, 10, 0, 0, 0, 0, 1.0, 10, 5 * H, 9 * H, True),
            ],
            # west of Greenwich it is still June
            """select value_stream_key, priority, month_start, ended, running, is_complete_period
               from metrics.metric_incident_sla
               where priority in ('unknown', '5', '6', '7', '8') and value_stream_key = 'desk'
                 or value_stream_key = 'frontier' order by 1, 2, 3""": [
                ("desk", "6", day("05-01"), 1, 0, True),
                ("desk", "8", day("05-01"), 0, 1, True),
                ("desk", "8", day("06-01"), 0, 1, True),
                ("desk", "8", day("07-01"), 0, 1, False),
                ("desk", "unknown", day("05-01"), 0, 1, True),
                ("desk", "unknown", day("06-01"), 0, 1, True),
                ("desk", "unknown", day("07-01"), 0, 1, False),
                ("frontier", "1", day("04-01"), 0, 1, True),
                ("frontier", "1", day("05-01"), 0, 1, True),
                ("frontier", "1", day("06-01"), 0, 1, False),
            ],
            """select month_start, started, ended, met, breached, unjudged, running,
                 running_breached, met_share, time_n, is_complete_period
               from metrics.metric_incident_sla
               where value_stream_key = 'desk' and priority = '2' and target = 'resolution'
               order by 1""": [
                (day("03-01"), 1, 0, 0, 0, 0, 1, 0, None, 0, True),
                (day("04-01"), 4, 1, 1, 0, 0, 4, 1, 1.0, 0, True),
                (day("05-01"), 0, 2, 1, 1, 1, 1, 1, 0.5, 0, True),
                (day("06-01"), 11, 3, 2, 1, 2, 7, 2, 2 / 3, 0, True),
                (day("07-01"), 1, 0, 0, 0, 0, 8, 3, None, 0, False),
            ],
            """select split_part(task_sla_key, ':', 3), outcome, is_running, target, elapsed_s,
                 counted_s, paused_s, breached_at
               from marts.fct_task_slas
               where task_sla_key like '%:INC-S2/%' or task_sla_key like '%:INC-S1/20'
               order by started_at, length(task_sla_key), task_sla_key""": [
                (f"INC-{name}", outcome, outcome == "running" or name in running, target,
                 elapsed, *more, broken)
                for running in [("S2/10", "S2/11", "S2/13")]
                for name, outcome, target, elapsed, more, broken in (
                    ("S2/1", "met", "resolution", 721 * H, (None, None), None),
                    ("S2/2", "met", "resolution", 721 * H, (None, None), None),
                    ("S2/3", "breached", "resolution", 960 * H, (None, None), at("04-20 00:00")),
                    ("S2/4", "cancelled", "resolution", 984 * H, (None, None), None),
                    ("S2/5", "cancelled", "resolution", 1728 * H, (None, None), at("04-30 12:00")),
                    (
                        "S1/20", "breached", "resolution", 23 * H, (0, 0),
                        at("04-11 20:00"),
                    ),
                    ("S2/6", "breached", "resolution", 24 * H + 1, (None, None), at("06-02 00:00")),
                    ("S2/7", "met", "resolution", 24 * H, (None, None), None),
                    ("S2/8", "unknown", "resolution", 24 * H, (None, None), None),
                    ("S2/9", "running", "resolution", 504 * H, (None, None), None),
                    ("S2/10", "breached", "resolution", 504 * H, (None, None), at("07-01 00:00")),
                    ("S2/11", "breached", "resolution", 504 * H, (None, None), at("06-20 00:00")),
                    ("S2/12", "running", "resolution", 504 * H, (None, None), None),
                    ("S2/13", "breached", "resolution", 504 * H, (None, None), at("06-20 00:00")),
                    ("S2/14", "running", "resolution", 504 * H, (None, None), None),
                    ("S2/15", "running", "resolution", 504 * H, (None, None), None),
                    ("S2/18", "met", "resolution", None, (None, None), None),
                    ("S2/20", "running", "unknown", 504 * H, (None, None), None),
                    ("S2/16", "running", "resolution", 0, (None, None), None),
                )
            ],
            """select split_part(task_sla_key, ':', 3), work_item_key from marts.fct_task_slas
               where task_sla_key like '%TASK-S1%' or task_sla_key like '%CHG-S1%'
               order by 1""": [
                ("CHG-S1/1", "servicenow:change_request:CHG-S1"), ("CTASK-S1/1", None),
            ],
        },
    ),
    Case(
        "ServiceNow's own verdict on an incident is one from its opening to its end",
        [
            *judged(),
            Named("tombstones", {
                "object": "incidents", "id": "INC-V9", "state": "deleted",
                "missed_at": moment("2024-06-01 00:00"), "gone_at": moment("2024-06-01 00:00"),
            }),
        ],
        rows={
            """select month_start, started, ended, met, breached, unjudged, running,
                 running_breached, is_complete_period
               from metrics.metric_incident_sla
               where value_stream_key = 'desk' and priority = '3' and target = 'incident'
               order by 1""": [
                (day("05-01"), 7, 2, 1, 1, 0, 5, 1, True),
                (day("06-01"), 0, 1, 0, 1, 1, 3, 1, True),
                (day("07-01"), 0, 0, 0, 0, 0, 3, 2, False),
            ],
            """select split_part(work_item_key, ':', 3), made_sla, sla_missed_at
               from marts.fct_incidents where work_item_key like '%:INC-V_' order by 1""": [
                ("INC-V1", True, None), ("INC-V2", False, at("06-10 09:00")),
                ("INC-V3", False, at("06-10 09:00")), ("INC-V4", False, None),
                ("INC-V5", True, None), ("INC-V6", True, None), ("INC-V7", None, None),
                ("INC-V8", False, at("05-10 09:00")), ("INC-V9", True, None),
            ],
        },
    ),
    Case(
        "whoever was seen as a program is one; whoever only wrote a change is somebody",
        [
            Issue(
                "DSK-41",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done @cyborg
                """,
            ),
            incident("P1", "2024-05-06 09:10 In Progress @cyborg"),
            Delivery(
                90, (), "2024-03-04 09:00", "2024-03-04 10:00", "2024-03-04 11:00", None,
                "lab/desk", author="dot",
            ),
        ],
        rows={
            """select person_key, actor_type from marts.dim_people
               where person_key in ('cyborg', 'dot') order by 1""": [
                ("cyborg", "bot"), ("dot", "human"),
            ],
        },
    ),
    Case(
        "a share of nothing is not computable",
        [
            Named(
                "issues",
                {
                    "id": "7", "iid": 7, "project": "lab/desk", "status": "opened",
                    "created_at": moment("2024-06-03 09:00"),
                    "updated_at": moment("2024-06-03 09:00"),
                },
                source="gitlab",
            ),
        ],
        rows={
            """select affected, total, affected_share from metrics.metric_data_quality
               where source_system = 'gitlab' and measure = 'finished_never_started'""": [
                (0, 18, 0.0)  # of the dock three, of the field and the skid seven, of the raft one
            ],
        },
    ),
    Case(
        "what is opened after the moment is not there yet",
        [
            Ticket(
                "incident", "INC-F1", "2024-07-05 09:00 created in New",
                start={"assignment_group": "g-a", "priority": "1", "made_sla": "true"},
                agreements=(Agreement("2024-06-10 00:00", "2024-07-05 00:00"),),
            ),
            Named("tombstones", {
                "object": "incidents", "id": "INC-F1", "state": "archived",
                "missed_at": None, "gone_at": None,
            }),
            Ticket("change_request", "CHG-F1", "2024-07-05 09:00 created in New"),
        ],
        rows={
            f"select count(*) from marts.{table} where work_item_key like '%-F1'": [(0,)]
            for table in ("fct_incidents", "fct_change_requests", "fct_history_flags")
        }
        | {
            """select work_item_key, is_running from marts.fct_task_slas
               where task_sla_key like '%INC-F1%'""": [(None, True)],
        },
    ),
]  # fmt: skip
