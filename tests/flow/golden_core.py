"""Golden cases of the core: ends that follow one another, workflows in which nothing waits, edges.

Stream `core` keeps UTC and office hours, `west` those of Los Angeles; of `plain` nobody says which
hours it keeps: UTC, the standard ones. Project CHX and team Delta change hands, with time between.
The workflow of type Ladder has two stages that work starts in, and parks items in `review`.
"""

from dataclasses import dataclass
from typing import Any

from tests.flow.golden import Case, H, at, day
from tests.flow.scratch import ChangeRequest, GitHubIssue, Incident, Issue, Rows, Service


@dataclass
class Nobody:
    """An issue whose history names people and does not say what they are."""

    issue: Issue

    def rows(self) -> Rows:
        """Return the rows of the issue without the types of its actors."""
        rows = self.issue.rows()
        for entry in rows["jira", "histories"]:
            del entry["payload"]["author"]["actor_type"]
        return rows


@dataclass
class Blank:
    """An issue whose history does not say which status it left first."""

    issue: Issue

    def rows(self) -> Rows:
        """Return the rows of the issue without that status."""
        rows = self.issue.rows()
        first = rows["jira", "histories"][0]["payload"]["items"][0]
        first["from"] = first["fromString"] = None
        return rows


@dataclass
class Renamed:
    """An issue, and the ids of statuses that its history has under the names they had then.

    Attributes:
        issue: The issue.
        ids: The ids of the names in its history.
        names: What the statuses are called now.
    """

    issue: Issue
    ids: dict[str, str]
    names: dict[str, str]

    def rows(self) -> Rows:
        """Return the rows of the issue with the ids, and the statuses."""
        rows = self.issue.rows()
        for entry in rows["jira", "histories"]:
            for item in entry["payload"]["items"]:
                item["from"] = self.ids.get(item["fromString"], item["from"])
                item["to"] = self.ids.get(item["toString"], item["to"])
        rows["jira", "statuses"] = [
            {"id": no, "name": name, "payload": {}} for no, name in self.names.items()
        ]
        return rows


@dataclass
class Told:
    """An issue, and fields of which Jira tells something else."""

    issue: Issue
    fields: dict[str, Any]

    def rows(self) -> Rows:
        """Return the rows of the issue with the fields."""
        rows = self.issue.rows()
        rows["jira", "issues"][0]["payload"]["fields"] |= self.fields
        return rows


@dataclass
class Assigned:
    """A record of ServiceNow's, and what else it tells of itself."""

    record: Incident | ChangeRequest
    told: dict[str, Any]

    def rows(self) -> Rows:
        """Return the rows of the record with what it tells."""
        rows = self.record.rows()
        next(iter(rows.values()))[0]["payload"] |= self.told
        return rows


@dataclass
class Group:
    """An assignment group of ServiceNow's."""

    name: str

    def rows(self) -> Rows:
        """Return its raw row."""
        return {("servicenow", "groups"): [{"sys_id": self.name, "name": self.name, "payload": {}}]}


def crowd() -> list[Issue]:
    """Return issues that were moved within one second: five by erased people, six by two others."""
    movers = ["erased"] * 5 + ["robot"] * 5 + ["bob"]
    return [
        Issue(
            f"COR-{70 + no}",
            f"""
            2024-05-27 09:00 created in Backlog
            2024-05-27 {10 + (who != "erased")}:00 In Progress @{who}
            2024-05-27 12:{no:02} Done
            """,
        )
        for no, who in enumerate(movers)
    ]


CASES: list[Case] = [
    Case(
        "done, then cancelled: it ends as cancelled, and its finish counts as an earlier one",
        [
            Issue(
                "COR-1",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Done
                2024-04-12 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-2",  # after thirty days to the second
                """
                2024-04-01 09:00 created in In Progress
                2024-04-03 09:00 Done
                2024-05-03 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-3",  # a second later: the finish stands, and another attempt is cancelled
                """
                2024-04-01 09:00 created in In Progress
                2024-04-04 09:00 Done
                2024-05-04 09:00:01 Cancelled
                """,
            ),
            Issue(
                "COR-7",  # taken up again, and then given up
                """
                2024-04-01 09:00 created in In Progress
                2024-04-05 09:00 Done
                2024-04-07 09:00 In Progress
                2024-04-08 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-11",  # done here, cancelled elsewhere
                """
                2024-04-01 09:00 created in In Progress
                2024-04-06 09:00 Done
                2024-04-08 09:00 Key: COW-11
                2024-04-09 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-12",  # twice done within one attempt: the last of them
                """
                2024-04-01 09:00 created in In Progress
                2024-04-10 09:00 Done
                2024-04-11 09:00 In Progress
                2024-04-12 09:00 Done
                2024-04-13 09:00 Cancelled
                """,
            ),
        ],
        flows={
            "COR-1": {
                "outcome": "cancelled", "attempt_count": 1, "first_done_at": at("04-02 09:00"),
                "last_done_at": None, "cancelled_at": at("04-12 09:00"), "reopen_count": 0,
                "is_finish_withdrawn": True, "is_cancelled_after_start": True,
                "created_to_done_s": None, "start_to_done_s": None, "last_pass_s": None,
                "in_flow_s": 24 * H, "done_gap_s": 240 * H, "age_s": None,
            },
            "COR-2": {"outcome": "cancelled", "attempt_count": 1, "is_finish_withdrawn": True},
            "COR-3": {
                "outcome": "cancelled", "attempt_count": 2, "is_finish_withdrawn": True,
                "first_done_at": at("04-04 09:00"), "started_at": at("04-01 09:00"),
                "is_cancelled_after_start": True, "in_flow_s": 72 * H,
            },
            "COR-7": {"outcome": "cancelled", "attempt_count": 1, "in_flow_s": 120 * H},
        },
        visits={"COR-3": ["in_progress 72h", "done 2592001s", "cancelled -"]},
        rows={
            """select work_item_key, attempt_no, outcome, is_latest, start_to_done_s, begins_at,
                   started_at, last_done_at, earlier_finish_at, ended_at
               from marts.fct_flow_attempts
               where work_item_key in ('jira:COR-1', 'jira:COR-2', 'jira:COR-3') order by 1, 2""": [
                ("jira:COR-1", 1, "cancelled", True, None, at("04-01 09:00"), at("04-01 09:00"),
                 at("04-02 09:00"), at("04-02 09:00"), at("04-12 09:00")),
                ("jira:COR-2", 1, "cancelled", True, None, at("04-01 09:00"), at("04-01 09:00"),
                 at("04-03 09:00"), at("04-03 09:00"), at("05-03 09:00")),
                ("jira:COR-3", 1, "done", False, 72 * H, at("04-01 09:00"), at("04-01 09:00"),
                 at("04-04 09:00"), at("04-04 09:00"), at("04-04 09:00")),
                ("jira:COR-3", 2, "cancelled", True, None, at("05-04 09:00:01"), None,
                 None, None, at("05-04 09:00:01")),
            ],
            """select direction, attempt_no from marts.fct_stage_transitions
               where work_item_key = 'jira:COR-3' order by transition_seq""": [
                ("new", 1), ("finish", 1), ("cancel", 2),
            ],
            # On 2 April COR-1, and the first attempts of COR-30 and 31.
            """select date_day, value_stream_key, sum(velocity), sum(earlier_finishes)
               from metrics.metric_flow_days
               where value_stream_key in ('core', 'west') and workflow = 'software'
                 and level = 'story'
               group by 1, 2 having sum(earlier_finishes) > 0 order by 1""": [
                (day("04-02"), "core", 0, 3), (day("04-03"), "core", 0, 1),
                (day("04-04"), "core", 0, 1), (day("04-05"), "core", 0, 1),
                (day("04-06"), "core", 0, 1), (day("04-12"), "core", 0, 1),
            ],
        },
    ),
    Case(
        "cancelled, then done: it ends as done, long after as an attempt that nobody worked in",
        [
            Issue(
                "COR-4",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Cancelled
                2024-04-15 09:00 Done
                """,
            ),
            Issue(
                "COR-5",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Cancelled
                2024-05-15 09:00 Done
                """,
            ),
            Issue(
                "COR-10",  # the end that is left counts, not the one before it
                """
                2024-04-01 09:00 created in In Progress
                2024-04-20 09:00 Cancelled
                2024-05-10 09:00 Done
                2024-06-05 09:00 In Progress
                2024-06-06 09:00 Done
                """,
            ),
        ],
        flows={
            "COR-4": {
                "outcome": "done", "attempt_count": 1, "start_to_done_s": 336 * H,
                "in_flow_s": 24 * H, "done_gap_s": 312 * H, "cancelled_at": None,
                "is_finish_withdrawn": False, "first_done_at": at("04-15 09:00"),
            },
            "COR-5": {
                "outcome": "done", "attempt_count": 2, "created_to_done_s": 1056 * H,
                "is_cancelled_after_start": False,
            },
            "COR-10": {"outcome": "done", "attempt_count": 1, "reopen_count": 1},
        },
        rows={
            """select attempt_no, outcome, start_to_done_s, in_flow_s, earlier_finish_at
               from marts.fct_flow_attempts where work_item_key = 'jira:COR-5' order by 1""": [
                (1, "cancelled", None, 24 * H, None), (2, "done", None, 0, None),
            ],
            """select work_item_key, start_to_done_s, finished_date from metrics.metric_cycle_times
               where work_item_key in ('jira:COR-4', 'jira:COR-5') order by 1""": [
                ("jira:COR-4", 336 * H, day("04-15")), ("jira:COR-5", None, day("05-15")),
            ],
        },
    ),
    Case(
        "done, then deleted: in no throughput; reopened and open: not finished yet",
        [
            Issue(
                "COR-6",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-20 09:00 Done
                """,
                deleted="2024-06-01 09:00",
            ),
            Issue(
                "COR-8",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-21 09:00 Done
                2024-04-23 09:00 In Progress
                """,
            ),
            Issue(
                "COR-9",  # a finish that stood is gone with its item
                """
                2024-04-01 09:00 created in In Progress
                2024-04-22 09:00 Done
                2024-06-01 09:00 In Progress
                """,
                deleted="2024-06-10 09:00",
            ),
        ],
        flows={
            "COR-6": {
                "outcome": "deleted", "attempt_count": 1, "first_done_at": at("04-20 09:00"),
                "last_done_at": None, "is_finish_withdrawn": True,
                "deleted_at": at("06-01 09:00"), "cancelled_at": None,
            },
            "COR-8": {
                "outcome": "open", "attempt_count": 1, "is_finish_withdrawn": True,
                "first_done_at": at("04-21 09:00"), "age_s": 2175 * H,
            },
            "COR-9": {"outcome": "deleted", "attempt_count": 2},
        },
        rows={
            """select work_item_key, attempt_no, outcome, last_done_at, earlier_finish_at
               from marts.fct_flow_attempts
               where work_item_key in ('jira:COR-6', 'jira:COR-8', 'jira:COR-9')
               order by 1, 2""": [
                ("jira:COR-6", 1, "deleted", at("04-20 09:00"), None),
                ("jira:COR-8", 1, "open", at("04-21 09:00"), None),
                ("jira:COR-9", 1, "done", at("04-22 09:00"), None),
                ("jira:COR-9", 2, "deleted", None, None),
            ],
        },
    ),
    Case(
        "flow efficiency is not computable where no stage but parked ones waits",
        [
            Issue(
                "COR-20",  # blocked for 8 of 24 hours, and no stage of an epic waits
                """
                2024-04-01 09:00 created in To Do
                2024-04-01 10:00 In Progress
                2024-04-02 02:00 Blocked
                2024-04-02 10:00 Done
                """,
                kind="Epic",
            ),
            Issue(
                "COR-21",  # waits are modelled, and it met none
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 10:00 In Progress
                2024-05-21 10:00 Done
                """,
            ),
            Issue(
                "COR-22",  # never started
                """
                2024-05-20 09:00 created in Backlog
                2024-05-21 10:00 Done
                """,
            ),
        ],
        flows={
            "COR-20": {
                "active_s": 16 * H, "wait_s": 8 * H, "has_modelled_waits": False,
                "fe_numerator_s": None, "fe_denominator_s": None, "flow_efficiency_share": None,
            },
            "COR-21": {
                "has_modelled_waits": True, "fe_numerator_s": 24 * H, "fe_denominator_s": 24 * H,
                "flow_efficiency_share": 1.0,
            },
            "COR-22": {
                "has_modelled_waits": True, "fe_numerator_s": None, "fe_denominator_s": None,
                "flow_efficiency_share": None,
            },
            "INC-1": {
                "has_modelled_waits": True, "fe_numerator_s": 4 * H, "fe_denominator_s": 8 * H,
                "flow_efficiency_share": 0.5,
            },
        },
    ),
    Case(
        "a reopening forgets how far the item was, wherever it is parked then",
        [
            Issue(
                "COR-30",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Done
                2024-05-20 09:00 Blocked
                2024-05-21 09:00 In Progress
                2024-05-22 09:00 Done
                """,
            ),
            Issue(
                "COR-31",  # another attempt ages from its start, not from the reopening
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Done
                2024-06-20 00:00 Backlog
                2024-06-25 00:00 In Progress
                """,
            ),
            Issue(
                "COR-32",  # the time as done of what nobody worked on starts nothing
                """
                2024-06-20 09:00 created in Backlog
                2024-06-21 09:00 Done
                2024-06-22 09:00 Backlog
                """,
            ),
            Issue("COR-33", "2024-07-01 00:00 created in In Progress"),
            Issue(
                "COR-94",  # moved back, and blocked, before work on it began
                """
                2024-05-06 09:00 created in Selected for Development
                2024-05-06 10:00 Backlog
                2024-05-06 12:00 Selected for Development
                2024-05-06 13:00 Flagged: Nobody
                2024-05-06 14:00 Flagged:
                2024-05-06 15:00 In Progress
                2024-05-06 16:00 Done
                """,
            ),
            Issue(
                "COR-95",  # passed for done before work on it began
                """
                2024-05-06 09:00 created in Backlog
                2024-05-06 10:00 Done
                2024-05-06 11:00 In Progress
                2024-05-06 13:00 Done
                """,
            ),
            Issue(
                "COR-96",
                """
                2024-06-28 00:00 created in To Do
                2024-06-29 12:00 In Progress
                """,
                kind="Epic",
            ),
            Issue(
                "COR-97",  # open, and a child for good
                "2024-06-29 00:00 created in In Progress",
                parent="COR-96",
            ),
            Issue(
                "COR-34",
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 12:00:00 In Progress
                2024-05-20 12:00:01 Done
                """,
            ),
        ],
        flows={
            "COR-30": {
                "attempt_count": 2, "reopen_count": 1, "backward_count": 0, "rework_s": 0,
                "blocked_s": 24 * H, "in_flow_s": 72 * H,
            },
            "COR-31": {"age_s": 144 * H, "attempt_count": 2},
            "COR-32": {
                "outcome": "open", "started_at": None, "in_flow_s": None, "age_s": None,
                "first_done_at": at("06-21 09:00"), "attempt_count": 1,
            },
            "COR-33": {
                "started_at": at("07-01 00:00"), "age_s": 0, "in_flow_s": 0,
                "flow_efficiency_share": None,
            },
            "COR-34": {"start_to_done_s": 1, "flow_efficiency_share": 1.0},
            "COR-94": {"rework_s": 0, "blocked_s": 0, "in_flow_s": H, "backward_count": 1},
            "COR-95": {
                "ready_at": at("05-06 13:00"), "started_at": at("05-06 11:00"),
                "rework_s": 2 * H, "in_flow_s": 2 * H, "done_gap_s": H,
            },
            "COR-96": {"children_in_flow_s": 48 * H, "child_count": 1},
        },
        visits={
            "COR-30": [
                "in_progress 24h", "done 1152h", "blocked 24h blocked 24h", "in_progress#2 24h",
                "done#2 -",
            ]
        },
        rows={
            """select direction, attempt_no, is_rework from marts.fct_stage_transitions
               where work_item_key = 'jira:COR-30' order by transition_seq""": [
                ("new", 1, False), ("finish", 1, False), ("reopen", 2, False),
                ("lateral", 2, False), ("finish", 2, False),
            ],
        },
    ),
    Case(
        "handed over is from one team to another, and where the item is from that moment on",
        [
            Issue(
                "COR-35",
                """
                2024-05-13 09:00 created in Backlog
                2024-05-13 10:00 Team: Alpha
                2024-05-13 11:00 In Progress
                2024-05-13 12:00 Team:
                2024-05-13 13:00 In Review
                2024-05-13 14:00 Team: Beta
                2024-05-13 14:00 In Test
                2024-05-13 15:00 Team: Alpha
                2024-05-13 15:00 In Progress
                2024-05-13 16:00 Done
                """,
            ),
            Issue(
                "COR-36",  # another version from the moment of its end on
                """
                2024-05-14 09:00 created in In Progress
                2024-05-15 09:00 Done
                2024-05-15 09:00 priority: High
                """,
            ),
        ],
        flows={"COR-35": {"handover_count": 1}},
        rows={
            """select from_team_key, to_team_key, stage, handed_over_at, work_item_version_key
               from marts.fct_handovers where work_item_key = 'jira:COR-35'""": [
                ("beta", "alpha", "in_progress", at("05-13 15:00"), "jira:COR-35@5"),
            ],
            """select to_stage, from_team_key, to_team_key, is_handover
               from marts.fct_stage_transitions
               where work_item_key = 'jira:COR-35' order by transition_seq""": [
                ("backlog", None, "unassigned", False),
                ("in_progress", "unassigned", "alpha", False),
                ("review", "alpha", "unassigned", False),
                ("test", "unassigned", "beta", False),
                ("in_progress", "beta", "alpha", True),
                ("done", "alpha", "alpha", False),
            ],
            """select stage, work_item_version_key from marts.fct_stage_visits
               where work_item_key = 'jira:COR-36' order by visit_seq""": [
                ("in_progress", "jira:COR-36@1"), ("done", "jira:COR-36@2"),
            ],
            """select work_item_version_key from marts.fct_flow_attempts
               where work_item_key = 'jira:COR-36'""": [("jira:COR-36@2",)],
        },
    ),
    Case(
        "blocks: what was over at once blocked nothing, the clock decides and not the number",
        [
            Issue(
                "COR-37",
                """
                2024-05-20 09:00 created in In Progress
                2024-05-20 10:00 Blocked
                2024-05-20 10:00 In Progress
                2024-05-20 11:00 Flagged: Vendor
                2024-05-20 11:00 priority: High
                2024-05-20 12:00 Flagged:
                2024-05-20 13:00 Done
                """,
            ),
            Issue(
                "COR-38",
                """
                2024-06-28 09:00 created in In Progress
                2024-06-28 12:00 Flagged: Later
                2024-06-28 10:00 Flagged: Earlier
                2024-06-28 14:00 Flagged: Nothing
                2024-06-28 14:00 Flagged: Something
                2024-06-28 16:00 Flagged:
                2024-07-01 00:00 Flagged: Last
                2024-07-02 00:00 Flagged:
                """,
            ),
            Issue(
                "COR-43",
                """
                2024-06-28 09:00 created in In Progress
                2024-06-29 09:00 Flagged: Stuck
                """,
            ),
            Issue(
                "COR-44",  # free for three hours, whatever blocks COR-45 then
                """
                2024-05-21 09:00 created in In Progress
                2024-05-21 10:00 Flagged: A
                2024-05-21 11:00 Flagged:
                2024-05-21 14:00 Flagged: B
                2024-05-21 15:00 Flagged:
                2024-05-21 16:00 Done
                """,
            ),
            Issue(
                "COR-45",  # blocked by its status all the while, and twice by a flag
                """
                2024-05-21 08:00 created in In Progress
                2024-05-21 09:00 Blocked
                2024-05-21 10:00 Flagged: A
                2024-05-21 11:00 Flagged:
                2024-05-21 12:00 Flagged: B
                2024-05-21 13:00 Flagged:
                2024-05-21 16:00 In Progress
                2024-05-21 17:00 Done
                """,
            ),
        ],
        flows={
            "COR-37": {"blocked_s": H}, "COR-43": {"blocked_s": 39 * H},
            "COR-44": {"blocked_s": 2 * H}, "COR-45": {"blocked_s": 7 * H},
        },
        visits={"COR-37": [
            "in_progress 1h", "blocked 0h", "in_progress#2 3h blocked 1h", "done -",
        ]},
        rows={
            """select reason, blocked_from, blocked_to, work_item_version_key
               from marts.fct_blocked_intervals
               where work_item_key in ('jira:COR-37', 'jira:COR-38') order by 2, 1""": [
                ("Vendor", at("05-20 11:00"), at("05-20 12:00"), "jira:COR-37@2"),
                # Its first entry says that it was flagged before.
                ("Later", at("06-28 09:00"), at("06-28 10:00"), "jira:COR-38@1"),
                ("Earlier", at("06-28 10:00"), at("06-28 12:00"), "jira:COR-38@1"),
                ("Later", at("06-28 12:00"), at("06-28 14:00"), "jira:COR-38@1"),
                ("Something", at("06-28 14:00"), at("06-28 16:00"), "jira:COR-38@1"),
                ("Last", at("07-01 00:00"), None, "jira:COR-38@1"),
            ],
        },
    ),
    Case(
        "entries of one moment count in the order of their numbers, others in that of time",
        [
            Issue(
                "COR-41",
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 09:01 priority: P1
                2024-05-20 09:02 priority: P2
                2024-05-20 09:03 priority: P3
                2024-05-20 09:04 priority: P4
                2024-05-20 09:05 priority: P5
                2024-05-20 09:06 priority: P6
                2024-05-20 09:07 priority: P7
                2024-05-20 09:08 priority: P8
                2024-05-20 10:00 In Progress
                2024-05-20 10:00 In Review
                2024-05-20 10:30 priority: P9
                2024-05-20 11:00 In Progress
                2024-05-20 12:00 Done
                """,
            ),
            Issue(
                "COR-42",
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 10:00 priority: P3
                2024-05-20 10:00 priority: P1
                2024-05-20 12:00 priority: P5
                2024-05-20 11:00 priority: P4
                2024-05-20 13:00 Done
                """,
            ),
            Issue(
                "COR-112",  # what it had first is what its first change left, in time
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 12:00 priority: P2
                2024-05-20 11:00 priority: P1
                2024-05-20 13:00 Done
                """,
            ),
            Issue(
                "COR-113",  # the tenth entry comes after the ninth
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 10:00 In Progress
                2024-05-20 10:01 In Review
                2024-05-20 10:02 In Progress
                2024-05-20 10:03 In Review
                2024-05-20 10:04 In Progress
                2024-05-20 10:05 In Review
                2024-05-20 10:06 In Progress
                2024-05-20 10:07 In Review
                2024-05-20 11:00 priority: P9
                2024-05-20 11:00 priority: P10
                2024-05-20 12:00 Done
                """,
            ),
            Issue(
                "COR-60",
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 10:00 priority: High
                2024-05-20 11:00 Key: COW-60
                2024-05-20 12:00 priority: Low
                2024-05-20 13:00 Key: COR-60
                2024-05-20 14:00 Done
                """,
            ),
        ],
        visits={
            "COR-41": [
                "backlog 1h", "in_progress 0h", "review 1h", "in_progress#2 1h rework", "done -",
            ]
        },
        rows={
            """select to_status from marts.fct_status_transitions
               where work_item_key = 'jira:COR-41' order by transition_seq""": [
                ("Backlog",), ("In Progress",), ("In Review",), ("In Progress",), ("Done",),
            ],
            """select work_item_version_key from marts.fct_work_item_stages
               where work_item_key = 'jira:COR-41' and stage = 'in_progress'""": [
                ("jira:COR-41@10",)
            ],
            """select valid_from, priority from marts.dim_work_items
               where work_item_key = 'jira:COR-42' order by 1""": [
                (at("05-20 09:00"), None), (at("05-20 10:00"), "P1"), (at("05-20 11:00"), "P4"),
                (at("05-20 12:00"), "P5"),
            ],
            """select work_item_key, valid_from, priority from marts.dim_work_items
               where work_item_key in ('jira:COR-112', 'jira:COR-113') order by 1, 2""": [
                ("jira:COR-112", at("05-20 09:00"), "P2"),
                ("jira:COR-112", at("05-20 11:00"), "P1"),
                ("jira:COR-112", at("05-20 12:00"), "P2"),
                ("jira:COR-113", at("05-20 09:00"), None),
                ("jira:COR-113", at("05-20 11:00"), "P10"),
            ],
            """select valid_from, item_key, scope, value_stream_key, priority
               from marts.dim_work_items where work_item_key = 'jira:COR-60' order by 1""": [
                (at("05-20 09:00"), "COR-60", "COR", "core", None),
                (at("05-20 10:00"), "COR-60", "COR", "core", "High"),
                (at("05-20 11:00"), "COW-60", "COW", "west", "High"),
                (at("05-20 12:00"), "COW-60", "COW", "west", "Low"),
                (at("05-20 13:00"), "COR-60", "COR", "core", "Low"),
            ],
        },
    ),
    Case(
        "what happens at as_of has happened, what happens after it has not",
        [
            Issue("COR-39", "2024-06-20 09:00 created in In Progress", deleted="2024-07-01 00:00"),
            Issue(
                "COR-50",  # last updated before its last move: it drifted after that one
                """
                2024-04-08 09:00 created in Backlog
                2024-04-08 10:00 In Progress
                2024-04-08 12:00 In Review
                """,
                shown="Done",
                updated="2024-04-08 11:00",
            ),
            Issue(
                "COR-51",
                """
                2024-06-27 09:00 created in Backlog
                2024-06-28 09:00 In Progress
                """,
                shown="Done",
                updated="2024-07-03 09:00",
            ),
            Issue(
                "COR-52",
                """
                2024-06-27 09:00 created in Backlog
                2024-06-28 09:00 In Progress
                """,
                shown="Done",
                updated="2024-07-01 00:00",
            ),
            Issue(
                "COR-53", "2024-06-30 09:00 created in Done", resolved="2024-07-10 09:00",
                updated="2024-07-10 09:00",
            ),
            Issue("COR-54", "2024-06-30 09:00 created in Done", resolved="2024-07-01 00:00"),
            Issue("COR-55", "2024-06-03 09:00 created in Done", resolved="2024-06-03 09:00"),
            Issue(
                "COR-104",
                """
                2024-06-30 00:00 created in In Progress
                2024-07-01 00:00 priority: High
                2024-07-01 00:00 Done
                2024-07-02 00:00 priority: Low
                2024-07-02 00:00 In Progress
                """,
            ),
            Issue("COR-99", "2024-07-05 00:00 created in In Progress"),
            Issue(
                "COR-58",  # a status may be called what a lost item is called here
                """
                2024-06-20 09:00 created in Backlog
                2024-06-20 10:00 deleted
                """,
                deleted="2024-06-20 11:00",
            ),
        ],
        flows={
            "COR-39": {"outcome": "deleted", "deleted_at": at("07-01 00:00")},
            "COR-50": {
                "outcome": "done", "history_quality": "drift", "last_done_at": at("04-08 12:00"),
            },
            "COR-51": {"outcome": "open", "history_quality": "complete"},
            "COR-52": {"outcome": "done", "last_done_at": at("07-01 00:00")},
            "COR-53": {"outcome": "open", "history_quality": "snapshot_only"},
            "COR-54": {"outcome": "done", "last_done_at": at("07-01 00:00")},
            "COR-104": {"outcome": "done", "last_done_at": at("07-01 00:00")},
            "COR-55": {
                "outcome": "done", "last_done_at": at("06-03 09:00"), "created_to_done_s": 0,
                "history_quality": "complete",
            },
        },
        visits={
            "COR-50": ["backlog 1h", "in_progress 2h", "review 0h", "done -"],
            "COR-53": ["unmapped 15h open"],
            "COR-58": ["backlog 1h", "unmapped 1h", "deleted -"],
        },
        rows={
            """select work_item_key, valid_from, priority from marts.dim_work_items
               where work_item_key in ('jira:COR-99', 'jira:COR-104') order by 1, 2""": [
                ("jira:COR-104", at("06-30 00:00"), None),
                ("jira:COR-104", at("07-01 00:00"), "High"),
            ],
            """select is_deleted from marts.dim_work_items
               where work_item_key = 'jira:COR-39'""": [(True,)],
        },
    ),
    Case(
        "what Jira leaves out or tells in another way: ids of statuses, epics by key, no type",
        [
            Renamed(
                Issue(
                    "COR-110",
                    """
                    2024-05-20 09:00 created in Doing
                    2024-05-20 10:00 Checking
                    2024-05-20 12:00 Finished
                    """,
                    shown="Done",
                ),
                ids={"Doing": "c1", "Checking": "c2", "Finished": "c3"},
                names={"c1": "In Progress", "c2": "In Review", "c3": "Done"},
            ),
            Told(
                Issue("COR-100", "2024-05-20 09:00 created in Done"),
                {"epic_key": "COR-20", "issuetype": {"name": None}},
            ),
            Told(
                Issue("COR-101", "2024-05-20 09:00 created in Done", parent="COR-20"),
                {"epic_key": "COR-96"},
            ),
            Issue("COR-102", "2024-05-20 09:00 created in Done", is_created_known=False),
            Blank(
                Issue(
                    "COR-111",
                    """
                    2024-05-20 09:00 created in Backlog
                    2024-05-20 09:30 In Progress
                    2024-05-20 10:00 Done
                    """,
                )
            ),
        ],
        flows={"COR-111": {"history_quality": "complete", "start_to_done_s": 1800}},
        visits={
            "COR-110": ["in_progress 1h", "review 2h", "done -"],
            "COR-111": ["unmapped 30m", "in_progress 30m", "done -"],
        },
        rows={
            """select work_item_key, raw_type, parent_work_item_key, created_at
               from marts.dim_work_items
               where work_item_key in ('jira:COR-100', 'jira:COR-101', 'jira:COR-102')
               order by 1""": [
                ("jira:COR-100", "unknown", "jira:COR-20", at("05-20 09:00")),
                ("jira:COR-101", "Story", "jira:COR-20", at("05-20 09:00")),
                ("jira:COR-102", "Story", None, at("05-20 09:00")),
            ],
        },
    ),
    Case(
        "the first that GitHub tells of a parent may be that it is one no more",
        [
            GitHubIssue(
                901, "2024-05-06 09:00",
                (
                    ("2024-05-10 09:00", "parent_issue_removed", {"parent_id": "I902"}),
                    ("2024-05-11 09:00", "parent_issue_added", {"parent_id": "I903"}),
                    ("2024-05-12 09:00", "parent_issue_removed", {"parent_id": "I903"}),
                    ("2024-05-12 09:00", "parent_issue_added", {"parent_id": "I902"}),
                ),
            ),
            GitHubIssue(902, "2024-05-06 09:00"),
            GitHubIssue(903, "2024-05-06 09:00"),
            GitHubIssue(
                904, "2024-05-06 09:00",
                (("2024-05-10 12:00", "parent_issue_added", {"parent_id": "I903"}),),
            ),
        ],
        rows={
            """select work_item_key, valid_from, parent_work_item_key from marts.dim_work_items
               where work_item_key in ('github:issue:I901', 'github:issue:I904')
               order by 1, 2""": [
                ("github:issue:I901", at("05-06 09:00"), "github:issue:I902"),
                ("github:issue:I901", at("05-10 09:00"), None),
                ("github:issue:I901", at("05-11 09:00"), "github:issue:I903"),
                ("github:issue:I901", at("05-12 09:00"), "github:issue:I902"),
                ("github:issue:I904", at("05-06 09:00"), None),
                ("github:issue:I904", at("05-10 12:00"), "github:issue:I903"),
            ],
        },
    ),
    Case(
        "erased people are no crowd, and whoever moves one item beside a crowd is none of it",
        [
            *crowd(),
            Nobody(
                Issue(
                    "COR-59",
                    """
                    2024-05-27 09:00 created in Backlog
                    2024-05-27 12:30 Done
                    """,
                )
            ),
        ],
        rows={
            """select actor_key, is_bulk, count(*) from marts.fct_status_transitions
               where work_item_key like 'jira:COR-7_' or work_item_key = 'jira:COR-80'
               group by 1, 2 order by 1, 2""": [
                ("ann", False, 11), ("bob", False, 1), ("erased", False, 5), ("robot", True, 5),
                (None, False, 11),
            ],
            """select to_status, actor_type from marts.fct_status_transitions
               where work_item_key = 'jira:COR-59' order by transition_seq""": [
                ("Backlog", "unknown"), ("Done", "human"),
            ],
        },
    ),
    Case(
        "what nobody owns for a while is nobody's then; owners of scopes, services, teams in turn",
        [
            Issue(
                "CHX-1",
                """
                2024-04-10 00:00 created in In Progress
                2024-05-20 00:00 Done
                """,
                team="Delta",
            ),
            Issue(
                "CHX-2",  # moved away before the next owner came
                """
                2024-04-20 00:00 created in In Progress
                2024-04-25 00:00 Key: COR-62
                2024-04-26 00:00 Done
                """,
            ),
            Issue(
                "CHX-3",  # changed at the very moment of the next owner
                """
                2024-04-14 00:00 created in In Progress
                2024-04-15 00:00 priority: High
                2024-04-16 00:00 Done
                """,
            ),
            Issue(
                "CHX-4",  # open when the next owner comes, which is at as_of
                "2024-06-30 00:00 created in In Progress",
            ),
            Group("Crew"),
            Group("Loners"),
            Service("Core Service"),
            Assigned(
                Incident(
                    "INC-901",
                    """
                    2024-04-05 09:00 created in New
                    2024-04-05 10:00 In Progress
                    2024-05-25 09:00 Resolved
                    """,
                    service="Core Service",
                ),
                {"assignment_group": "Crew"},
            ),
            Assigned(
                Incident(
                    "INC-902",
                    """
                    2024-05-25 09:00 created in New
                    2024-05-25 10:00 Resolved
                    """,
                    service="Core Service",
                ),
                {"assignment_group": "Loners"},
            ),
            Assigned(
                Incident(
                    "INC-903", "2024-04-12 09:00 created in New", service="Core Service"
                ),
                {"assignment_group": "Loners"},
            ),
            Assigned(
                ChangeRequest("CHG-901", "2024-04-12 09:00", "none"),
                {"business_service": "Core Service"},
            ),
        ],
        rows={
            """select work_item_key, valid_from, value_stream_key, team_key
               from marts.dim_work_items where work_item_key like 'jira:CHX-%' order by 1, 2""": [
                ("jira:CHX-1", at("04-10 00:00"), "core", "delta"),
                ("jira:CHX-1", at("04-15 00:00"), "west", "unassigned"),
                ("jira:CHX-1", at("05-01 00:00"), "unassigned", "unassigned"),
                ("jira:CHX-1", at("05-10 00:00"), "west", "delta"),
                ("jira:CHX-1", at("05-15 00:00"), "unassigned", "unassigned"),
                ("jira:CHX-1", at("05-17 00:00"), "core", "delta"),
                ("jira:CHX-2", at("04-20 00:00"), "west", "unassigned"),
                ("jira:CHX-2", at("04-25 00:00"), "core", "unassigned"),
                ("jira:CHX-3", at("04-14 00:00"), "core", "beta"),
                ("jira:CHX-3", at("04-15 00:00"), "west", "unassigned"),
                ("jira:CHX-3", at("05-01 00:00"), "unassigned", "unassigned"),
                ("jira:CHX-4", at("06-30 00:00"), "unassigned", "unassigned"),
            ],
            """select item_key, valid_from, service_key, value_stream_key, team_key
               from marts.dim_work_items where item_key like '%-90_' order by 1, 2""": [
                # All change requests are the desk's: a scope says more than a service.
                ("CHG-901", at("04-12 09:00"), "corsvc", "desk", "beta"),
                ("CHG-901", at("05-10 00:00"), "unassigned", "desk", "unassigned"),
                ("CHG-901", at("05-20 00:00"), "corsvc", "desk", "unassigned"),
                ("INC-901", at("04-05 09:00"), "app", "core", "servicenow:group:Crew"),
                ("INC-901", at("04-10 00:00"), "corsvc", "core", "servicenow:group:Crew"),
                ("INC-901", at("05-10 00:00"), "app", "core", "servicenow:group:Crew"),
                ("INC-901", at("05-20 00:00"), "corsvc", "core", "servicenow:group:Crew"),
                ("INC-902", at("05-25 09:00"), "corsvc", "core", "loners"),
                # Of the loners' scope nobody says whose it is: its service does, else its team.
                ("INC-903", at("04-12 09:00"), "corsvc", "west", "loners"),
                ("INC-903", at("05-10 00:00"), "unassigned", "west", "loners"),
                ("INC-903", at("05-20 00:00"), "corsvc", "core", "loners"),
            ],
        },
    ),
    Case(
        "work starts in the first of two stages, and is ready in the first of two",
        [
            Issue(
                "COR-90",
                """
                2024-05-06 09:00 created in Pending
                2024-05-06 10:00 Build
                2024-05-06 12:00 Stuck
                2024-05-06 13:00 Polish
                2024-05-06 14:00 Staged
                2024-05-06 16:00 Shipped
                """,
                kind="Ladder",
            ),
            Issue(
                "COR-91",  # given up once more is not taken up again
                """
                2024-04-01 09:00 created in Build
                2024-04-02 09:00 Dropped
                2024-06-01 09:00 Void
                """,
                kind="Ladder",
            ),
            Issue(
                "COR-92",  # only what its present type says of its statuses counts
                """
                2024-05-06 09:00 created in In Progress
                2024-05-06 10:00 issuetype: Ladder
                2024-05-06 11:00 Build
                2024-05-06 11:30 In Review
                2024-05-06 12:00 Shipped
                """,
            ),
            Issue(
                "COR-98",  # between the two boundaries it is beyond the first
                """
                2024-05-06 09:00 created in Mix
                2024-05-06 12:00 Shipped
                """,
                kind="Ladder",
            ),
            Issue(
                "COR-93",  # review blocks those on a ladder, and nobody else
                """
                2024-05-06 09:00 created in In Review
                2024-05-06 10:00 Done
                """,
            ),
            Issue(
                "PLN-1",  # over a weekend, from Friday 16:00 to Monday 10:00
                """
                2024-05-17 16:00 created in In Progress
                2024-05-20 10:00 Done
                """,
            ),
        ],
        flows={
            "COR-90": {
                "committed_at": at("05-06 09:00"), "started_at": at("05-06 10:00"),
                "ready_at": at("05-06 14:00"), "active_business_s": 3 * H,
                "last_pass_s": 6 * H, "blocked_s": H, "has_modelled_waits": True,
                "active_s": 3 * H, "wait_s": 3 * H, "flow_efficiency_share": 0.5,
            },
            "COR-98": {"started_at": at("05-06 09:00"), "start_to_done_s": 3 * H},
            "COR-91": {"attempt_count": 1, "outcome": "cancelled"},
            "PLN-1": {"start_to_done_business_s": 2 * H},
        },
        visits={
            "COR-90": [
                "pending 1h", "build 2h", "review 1h blocked 1h", "polish 1h", "staged 2h",
                "shipped -",
            ],
            "COR-92": ["unmapped 2h", "build 30m", "unmapped#2 30m", "shipped -"],
            "COR-93": ["review 1h", "done -"],
        },
        rows={
            """select time_zone, calendar from marts.dim_value_streams
               where value_stream_key = 'plain'""": [("UTC", "standard")],
        },
    ),
]  # fmt: skip
