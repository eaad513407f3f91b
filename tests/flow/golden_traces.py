"""Golden cases of traces: what links items with time, from the idea to what broke.

The value stream `trail` keeps the time of Los Angeles, seven hours behind UTC.
"""

from typing import Any

from tests.flow.golden import Case, at, day
from tests.flow.golden_delivery import change
from tests.flow.golden_field_delivery import Raw, commits, line, pull, sha
from tests.flow.golden_field_jira import Shown, listed, status
from tests.flow.scratch import (
    ChangeRequest,
    Delivery,
    Deployment,
    GitHubIssue,
    Incident,
    Issue,
    Run,
    Service,
    Ticket,
)

TRAIL, CLOSERS = "lab/trail", "field/closers"


def named(number: int, key: str, first: str, merged: str | None, **more: Any) -> Delivery:
    """Return a change of the trail that names an issue, opened with its first commit."""
    return Delivery(
        number, (key,), f"2024-{first}", f"2024-{more.pop('opened', first)}",
        merged and f"2024-{merged}", None, TRAIL, **more,
    )  # fmt: skip


def shipped(number: int, when: str, **more: Any) -> Deployment:
    """Return a deployment of the trail."""
    return Deployment(f"trail-{number}", number, f"2024-{when}", repository=TRAIL, **more)


def green(number: int, began: str, ended: str, **more: Any) -> Run:
    """Return a run of the trail's commit of a number."""
    told = {"conclusion": "success", "repository": TRAIL, **more}
    return Run(f"trail-{number}", number, f"2024-{began}", f"2024-{began}", f"2024-{ended}", **told)


def story(number: int, created: str, done: str | None = None, **more: Any) -> Issue:
    """Return an issue of the trail."""
    history = f"2024-{created} created in In Progress" + (f"\n2024-{done} Done" if done else "")
    return Issue(f"TRC-{number}", history, **more)


def blamed(name: str, opened: str, number: int | str, end: str = "Resolved") -> list[Any]:
    """Return an incident that a deployment of the trail caused, and the change that says so."""
    return [
        ChangeRequest(f"CHG-TRC-{name}", "2024-04-01 09:00", f"trail-{number}"),
        Incident(
            f"TRC-{name}", f"2024-{opened} created in New\n2024-06-01 09:00 {end}",
            service="Trail", caused_by=f"CHG-TRC-{name}",
        ),
    ]  # fmt: skip


def asked(name: str, opened: str, item: str) -> Incident:
    """Return an incident that names an item of another tool."""
    return Incident(f"TRC-{name}", f"2024-{opened} created in New", correlation=item)


def told_and_named() -> Raw:
    """Return a pull request that closes an issue and names it too."""
    raw = pull(TRAIL, 7930, "05-19 09:00", "05-19 10:00", merged_as=7930, closes=("I9703",))
    raw.values[0]["payload"]["issue_keys"] = ["elsewhere/board#9703"]
    return raw


def tried() -> Raw:
    """Return a pull request that was closed, with the commit that merging it would have made."""
    raw = pull(TRAIL, 7915, "05-18 10:00", "05-18 12:00")
    raw.values[0]["payload"] |= {"issue_keys": ["TRC-17"], "mergeCommitOid": sha(7915)}
    return raw


def mentioning(node: str) -> Raw:
    """Return a pull request that says what GitHub's timelines call it."""
    raw = pull(TRAIL, 7933, "05-19 09:00", "05-19 10:00", merged_as=7933)
    raw.values[0]["payload"]["node_id"] = node
    return raw


def link(said: str, other: str, *, is_gone: bool = False, **more: str) -> dict[str, Any]:
    """Return what a history tells of a link that was made, or taken away."""
    empty, told = (None, None), (other, f"{said} {other}")
    (old, old_text), (new, new_text) = (told, empty) if is_gone else (empty, told)
    return {
        "field": "Link", "fieldtype": "jira", "from": old, "fromString": old_text, "to": new,
        "toString": new_text, **more,
    }  # fmt: skip


def linked(number: int, type_: str, key: str, end: str = "outwardIssue") -> dict[str, Any]:
    """Return a link as an issue shows it."""
    return {"id": f"trd-{number}", "type": {"id": type_}, end: {"id": key, "key": key}}


BLOCKED = "This issue is blocked by"


def begun(number: int, when: str, entry: int, *told: tuple[str, dict[str, Any]]) -> Shown:
    """Return an issue that work began on, and what else its history tells."""
    moves = [(when, status("f1", "Open", "t3", "In Progress")), *told]
    history = tuple((f"2024-{at_}", entry + no, item) for no, (at_, item) in enumerate(moves))
    return Shown(f"REL-{number}", ("t3", "In Progress"), history)


def trace(*keys: str) -> str:
    """Return the question for the moments of items."""
    names = ", ".join(f"'{key}'" for key in keys)
    return f"""select replace(work_item_key, 'jira:', ''), idea_at, first_commit_at, opened_at,
                   merged_at, built_at, deployed_at, first_incident_at
               from marts.fct_traces where work_item_key in ({names}) order by 1"""


CASES: list[Case] = [
    Case(
        "a trace has every milestone from idea to incident, of several changes the last",
        [
            Service("Trail"),
            change(7899, TRAIL, "04-28 08:00", "04-28 09:00"),
            shipped(7899, "04-29 09:00"),
            # One change, complete; its epic is older, and what it broke was seen elsewhere first.
            story(10, "04-01 09:00", kind="Epic"),
            story(1, "05-01 09:00", "05-06 09:00", parent="TRC-10"),
            named(7900, "TRC-1", "05-02 08:00", "05-03 09:00", opened="05-02 10:00"),
            green(7900, "05-03 09:10", "05-03 09:30"),
            Run("trail-900b", 7900, "2024-05-03 09:10", "2024-05-03 09:10", "2024-05-03 09:50",
                "success", repository=TRAIL, pipeline="nightly"),
            shipped(7900, "05-04 09:00"),
            Deployment("trail-us", 7900, "2024-05-04 10:00", repository=TRAIL,
                       environment="production-us"),
            *blamed("T0", "05-04 12:00", 7900, "Cancelled"),
            *blamed("T1", "05-05 09:00", 7900),
            *blamed("T2", "05-05 08:00", "us"),
            # Three changes: one deployed with its own commit, one with a later one, one open.
            story(2, "05-05 09:00", "05-09 10:00"),
            named(7901, "TRC-2", "05-06 07:00", "05-06 10:00"),
            green(7901, "05-06 10:05", "05-06 10:20"),
            shipped(7901, "05-06 12:00"),
            named(7902, "TRC-2", "05-07 08:00", "05-08 10:00"),
            green(7902, "05-08 10:05", "05-08 10:30", conclusion="failure"),
            green(7902, "05-08 10:40", "05-08 11:00", attempt=2),
            named(7905, "TRC-2", "05-10 08:00", None),
            # Deployed, and no run of its own commit; one of another repository is none.
            story(7, "05-07 09:00"),
            named(7903, "TRC-7", "05-08 11:00", "05-08 12:00"),
            Run("trail-else", 7903, "2024-05-08 12:05", "2024-05-08 12:05", "2024-05-08 12:30",
                "success", repository="lab/else"),
            shipped(7903, "05-09 09:00"),
            # What has not come so far.
            story(3, "05-20 09:00", "06-01 02:00"),
            story(4, "05-11 08:00"),
            named(7906, "TRC-4", "05-11 09:00", None, closed="2024-05-12 09:00"),
            story(5, "06-19 09:00", "06-21 09:00"),
            named(7907, "TRC-5", "06-19 10:00", "06-20 09:00"),
            story(6, "06-19 09:00", "06-21 09:00"),
            named(7908, "TRC-6", "06-19 11:00", "06-20 10:00"),
            green(7908, "06-20 10:00", "06-20 10:30"),
            # A commit past any pull request.
            story(16, "05-17 09:00"),
            commits(TRAIL, (7914, (), "05-18 09:00"), keys=["TRC-16"]),
            line(TRAIL, 7914),
        ],
        rows={
            trace("jira:TRC-1", "jira:TRC-2", "jira:TRC-16"): [
                ("TRC-1", at("04-01 09:00"), at("05-02 08:00"), at("05-02 10:00"),
                 at("05-03 09:00"), at("05-03 09:30"), at("05-04 09:00"), at("05-05 08:00")),
                ("TRC-16", at("05-17 09:00"), at("05-18 09:00"), None, at("05-18 09:00"), None,
                 None, None),
                ("TRC-2", at("05-05 09:00"), at("05-06 07:00"), at("05-06 07:00"),
                 at("05-08 10:00"), at("05-08 11:00"), at("05-09 09:00"), None),
            ],
            # From 1 April to 2 May are 31 days less an hour.
            """select replace(work_item_key, 'jira:TRC-', ''), ideation_s / 3600,
                   integration_s / 3600, verification_s / 3600, delivery_s / 3600,
                   observation_s / 3600, change_count, deployment_count, change_method,
                   deployment_method
               from marts.fct_traces where work_item_key in ('jira:TRC-1', 'jira:TRC-2')
               order by 1""": [
                ("1", 743, 25, 0.5, 23.5, 23, 1, 1, "issue_key", "sha"),
                ("2", 22, 51, 1, 22, None, 3, 2, "issue_key", "merge_order"),
            ],
            """select replace(work_item_key, 'jira:TRC-', ''), is_complete, missing_links,
                   backward_phases
               from marts.fct_traces
               where work_item_key in ('jira:TRC-1', 'jira:TRC-2', 'jira:TRC-3', 'jira:TRC-4',
                   'jira:TRC-5', 'jira:TRC-6', 'jira:TRC-7', 'jira:TRC-16', 'github:pr:P7899',
                   'github:pr:P7900', 'github:pr:P7905') order by 1""": [
                ("1", True, None, None),
                ("16", False, "build, deployment", None),
                ("2", True, None, None),
                ("3", False, "change", None),
                ("4", False, "merge", None),
                ("5", False, "build, deployment", None),
                ("6", False, "deployment", None),
                ("7", False, "build", None),
                ("github:pr:P7899", False, "idea, build", None),
                ("github:pr:P7900", True, None, None),
                ("github:pr:P7905", False, "merge", None),
            ],
            # At 2 on 1 June it is May in Los Angeles, and June is not over there as of 1 July.
            """select month_start, link, linked_items, finished_items, linked_share,
                   is_complete_period
               from metrics.metric_trace_coverage
               where value_stream_key = 'trail' and workflow = 'software' order by 1, 2""": [
                (day("05-01"), "build", 2, 3, 2 / 3, True),
                (day("05-01"), "change", 2, 3, 2 / 3, True),
                (day("05-01"), "demand", 1, 3, 1 / 3, True),
                (day("05-01"), "deployment", 2, 3, 2 / 3, True),
                (day("05-01"), "merge", 2, 3, 2 / 3, True),
                (day("05-01"), "whole", 2, 3, 2 / 3, True),
                (day("06-01"), "build", 1, 2, 0.5, False),
                (day("06-01"), "change", 2, 2, 1.0, False),
                (day("06-01"), "demand", 0, 2, 0.0, False),
                (day("06-01"), "deployment", 0, 2, 0.0, False),
                (day("06-01"), "merge", 2, 2, 1.0, False),
                (day("06-01"), "whole", 0, 2, 0.0, False),
            ],
            """select month_start, link, method, method_items, finished_items, method_share,
                   is_complete_period
               from metrics.metric_trace_methods
               where value_stream_key = 'trail' and workflow = 'software' order by 1, 2, 3""": [
                (day("05-01"), "change", "issue_key", 2, 3, 2 / 3, True),
                (day("05-01"), "change", "missing", 1, 3, 1 / 3, True),
                (day("05-01"), "deployment", "merge_order", 1, 3, 1 / 3, True),
                (day("05-01"), "deployment", "missing", 1, 3, 1 / 3, True),
                (day("05-01"), "deployment", "sha", 1, 3, 1 / 3, True),
                (day("06-01"), "change", "issue_key", 2, 2, 1.0, False),
                (day("06-01"), "deployment", "missing", 2, 2, 1.0, False),
            ],
        },
    ),
    Case(
        "a phase that runs backwards is null and named, and one without length is none",
        [
            # Written down after the code, built after it was deployed.
            story(8, "05-13 09:00"),
            named(7909, "TRC-8", "05-12 09:00", "05-13 12:00", opened="05-13 10:00"),
            green(7909, "05-13 12:10", "05-13 14:00"),
            shipped(7909, "05-13 13:00"),
            # Broken by its first change before the second one was deployed.
            story(9, "05-13 09:00"),
            named(7910, "TRC-9", "05-14 08:00", "05-14 10:00"),
            green(7910, "05-14 10:00", "05-14 10:10"),
            shipped(7910, "05-14 12:00"),
            *blamed("T3", "05-14 18:00", 7910),
            named(7911, "TRC-9", "05-15 09:00", "05-15 12:00"),
            green(7911, "05-15 12:00", "05-15 12:10"),
            shipped(7911, "05-15 15:10"),
            # The branch was built, and merged as it was.
            story(12, "05-15 09:00"),
            named(7912, "TRC-12", "05-16 08:00", "05-16 10:00"),
            green(7912, "05-16 09:00", "05-16 09:30"),
            shipped(7912, "05-16 12:00"),
            # All at once, the incident too.
            story(13, "05-17 09:00"),
            named(7913, "TRC-13", "05-17 09:00", "05-17 09:00"),
            green(7913, "05-17 09:00", "05-17 09:00"),
            shipped(7913, "05-17 09:00"),
            *blamed("T4", "05-17 09:00", 7913),
            # What was built was never merged, and what was merged was never built.
            story(17, "05-18 09:00"),
            named(7916, "TRC-17", "05-18 10:00", "05-18 11:00"),
            tried(),
            green(7915, "05-18 10:10", "05-18 10:20"),
        ],
        rows={
            """select replace(work_item_key, 'jira:TRC-', ''), backward_phases, ideation_s / 3600,
                   integration_s / 3600, verification_s / 3600, delivery_s / 3600,
                   observation_s / 3600, is_complete
               from marts.fct_traces
               where work_item_key in ('jira:TRC-8', 'jira:TRC-9', 'jira:TRC-12', 'jira:TRC-13')
               order by 1""": [
                ("12", "verification", 23, 2, None, 2.5, None, True),
                ("13", None, 0, 0, 0, 0, 0, True),
                ("8", "ideation, delivery", None, 27, 2, None, None, True),
                ("9", "observation", 23, 28, 1 / 6, 3, None, True),
            ],
            trace("jira:TRC-17"): [
                ("TRC-17", at("05-18 09:00"), at("05-18 10:00"), at("05-18 10:00"),
                 at("05-18 11:00"), None, None, None),
            ],
            """select change_count, missing_links from marts.fct_traces
               where work_item_key = 'jira:TRC-17'""": [(2, "build, deployment")],
        },
    ),
    Case(
        "the idea is the first of what stands behind an item, up to six links away",
        [
            # A parent that came later; what a desk was asked; what is a duplicate.
            story(11, "05-20 09:00", kind="Epic"),
            story(14, "05-19 09:00", parent="TRC-11"),
            story(15, "05-01 09:00"),
            asked("T9", "04-20 09:00", "TRC-15"),
            GitHubIssue(
                9701, "2024-05-02 09:00",
                (("2024-05-06 09:00", "marked_as_duplicate", {"other_id": "I9702"}),),
            ),
            GitHubIssue(9702, "2024-05-05 09:00"),
            # One behind the other, and a desk behind the last; the pull request is one farther.
            *(story(20 + no, f"05-{20 - no} 09:00", parent=f"TRC-{21 + no}") for no in range(5)),
            story(25, "05-15 09:00"),
            asked("T10", "03-01 10:00", "TRC-25"),
            named(7920, "TRC-20", "05-21 09:00", None),
            # What a problem and a request ask for; a pull request that only mentions an issue.
            *(story(no, "05-21 09:00") for no in (30, 31)),
            *(
                Ticket(kind, f"TRC-{kind}", f"2024-05-0{no - 29} 09:00 created in New",
                       start={"correlation_id": f"TRC-{no}"})
                for no, kind in ((30, "problem"), (31, "sc_req_item"))
            ),
            mentioning("PR_7933"),
            GitHubIssue(
                9711, "2024-05-19 08:00",
                (("2024-05-19 09:30", "cross_referenced", {"other_id": "PR_7933"}),),
            ),
            # Each is the parent of the other.
            story(26, "05-01 09:00", parent="TRC-27"),
            story(27, "05-02 09:00", parent="TRC-26"),
            # A parent of the past is no demand of today.
            Issue(
                "TRC-28",
                """
                2024-05-21 09:00 created in In Progress
                2024-05-22 09:00 Parent: <- TRC-10
                """,
            ),
            # The surest way counts for a change, the least sure change for the item.
            GitHubIssue(9703, "2024-05-18 09:00"),
            told_and_named(),
            GitHubIssue(9708, "2024-05-18 09:00"),
            pull(TRAIL, 7931, "05-19 09:00", "05-19 10:00", merged_as=7931, closes=("I9708",)),
            named(7932, "elsewhere/board#9708", "05-19 09:00", None),
        ],
        rows={
            """select replace(work_item_key, 'jira:', ''), idea_work_item_key, idea_at, has_demand
               from marts.fct_traces
               where work_item_key in ('jira:TRC-3', 'jira:TRC-14', 'jira:TRC-15', 'jira:TRC-20',
                   'jira:TRC-26', 'jira:TRC-27', 'jira:TRC-28', 'jira:TRC-30', 'jira:TRC-31',
                   'github:issue:I9701',
                   'github:issue:I9702', 'github:pr:P7899', 'github:pr:P7900', 'github:pr:P7920')
               order by 1""": [
                ("TRC-14", "jira:TRC-14", at("05-19 09:00"), True),
                ("TRC-15", "servicenow:incident:TRC-T9", at("04-20 09:00"), True),
                ("TRC-20", "servicenow:incident:TRC-T10", at("03-01 10:00"), True),
                ("TRC-26", "jira:TRC-26", at("05-01 09:00"), True),
                ("TRC-27", "jira:TRC-26", at("05-01 09:00"), True),
                ("TRC-28", "jira:TRC-28", at("05-21 09:00"), False),
                ("TRC-3", "jira:TRC-3", at("05-20 09:00"), False),
                ("TRC-30", "servicenow:problem:TRC-problem", at("05-01 09:00"), True),
                ("TRC-31", "servicenow:request:TRC-sc_req_item", at("05-02 09:00"), True),
                ("github:issue:I9701", "github:issue:I9701", at("05-02 09:00"), False),
                ("github:issue:I9702", "github:issue:I9701", at("05-02 09:00"), True),
                ("github:pr:P7899", None, None, False),
                ("github:pr:P7900", "jira:TRC-10", at("04-01 09:00"), True),
                ("github:pr:P7920", "jira:TRC-25", at("05-15 09:00"), True),
            ],
            """select work_item_key, change_count, change_method from marts.fct_traces
               where work_item_key in ('github:issue:I9703', 'github:issue:I9708',
                   'github:issue:I9711') order by 1""": [
                ("github:issue:I9703", 1, "closing_reference"),
                ("github:issue:I9708", 2, "issue_key"),
                ("github:issue:I9711", 0, None),
            ],
            "select count(*) from marts.fct_traces where work_item_key like 'servicenow:%'": [(0,)],
        },
    ),
    Case(
        "a commit that closes an issue implements it, or its pull request does",
        [
            # Pushed; the merge of a pull request that does not say so, and of one that does.
            commits(CLOSERS, (0x711, (), "05-20 09:00"), authored="05-20 08:00"),
            commits(CLOSERS, (0x712, (0x711,), "05-20 10:00"), (0x713, (0x712,), "05-20 11:00")),
            line(CLOSERS, 0x711, 0x712, 0x713),
            pull(CLOSERS, 1, "05-20 09:30", "05-20 10:00", merged_as=0x712),
            pull(CLOSERS, 2, "05-20 10:30", "05-20 11:00", merged_as=0x713, closes=("I9732",)),
            # The last one was closed by a commit that is not loaded.
            *(
                GitHubIssue(
                    number, "2024-05-19 09:00",
                    ((f"2024-{when}", "closed",
                      {"stateReason": "COMPLETED", "closer_sha": sha(commit)}),),
                    closed=(f"2024-{when}", "COMPLETED"),
                )
                for number, when, commit in (
                    (9730, "05-20 09:00", 0x711), (9731, "05-20 10:00", 0x712),
                    (9732, "05-20 11:00", 0x713), (9733, "05-20 12:00", 0x714),
                )
            ),
        ],
        rows={
            """select from_key, to_key, link_type, method, confidence, valid_from
               from marts.bridge_work_item_links
               where to_key in ('github:issue:I9730', 'github:issue:I9731', 'github:issue:I9732',
                   'github:issue:I9733') order by 2""": [
                (f"github:commit:{CLOSERS}:{sha(0x711)}", "github:issue:I9730", "implements",
                 "closing_commit", 1.0, at("05-20 09:00")),
                (f"github:pr:{CLOSERS}-1", "github:issue:I9731", "implements", "closing_commit",
                 1.0, at("05-20 09:30")),
                (f"github:pr:{CLOSERS}-2", "github:issue:I9732", "implements",
                 "closing_reference", 1.0, at("05-20 10:30")),
            ],
            """select change_count, change_method, first_commit_at, opened_at, merged_at
               from marts.fct_traces where work_item_key = 'github:issue:I9730'""": [
                (1, "closing_commit", at("05-20 08:00"), None, at("05-20 09:00")),
            ],
        },
    ),
    Case(
        "a link lasts from the entry that made it to the one that took it away",
        [
            # Both ends tell of it, one a second later; then one end alone.
            GitHubIssue(
                9704, "2024-05-01 09:00",
                (
                    ("2024-05-03 09:00", "blocked_by_added", {"other_id": "I9705"}),
                    ("2024-05-04 09:00", "blocked_by_removed", {"other_id": "I9705"}),
                ),
            ),
            GitHubIssue(
                9705, "2024-05-01 09:00",
                (
                    ("2024-05-03 09:00:01", "blocking_added", {"other_id": "I9704"}),
                    ("2024-05-04 09:00:01", "blocking_removed", {"other_id": "I9704"}),
                    ("2024-05-06 09:00", "blocking_added", {"other_id": "I9704"}),
                ),
            ),
            # Nobody told of the beginning; the other issue is not loaded.
            GitHubIssue(
                9706, "2024-05-01 09:00",
                (
                    ("2024-05-05 09:00", "blocked_by_removed", {"other_id": "I9705"}),
                    ("2024-05-05 09:00", "blocked_by_added", {"other_id": "I9799"}),
                ),
            ),
            listed("link_types", "tr1", "Blocks", outward="blocks", inward="is blocked by"),
            listed("link_types", "tr2", "Relates", outward="relates to", inward="relates to"),
            listed("link_types", "tr3", "Cloners", outward="clones", inward="is cloned by"),
            listed("link_types", "tr4", "Blockade", outward="wird blockiert von",
                   inward="blockiert"),
            # Made and shown; made and gone; shown, and nobody knows since when; gone, the same.
            Shown(
                "TRD-1", ("f1", "Open"),
                (
                    ("2024-05-07 09:00", 71, link("This issue blocks", "TRD-2")),
                    ("2024-05-07 10:00", 72, link("Dieser Vorgang blocks", "TRD-3",
                                                  fieldId="issuelinks")),
                    ("2024-05-08 10:00", 73, link("This issue blocks", "TRD-3", is_gone=True)),
                    ("2024-05-08 11:00", 74, link("This issue clones", "TRD-4", is_gone=True)),
                    ("2024-05-08 12:00", 75, link("This issue is blocked by", "TRD-5")),
                    ("2024-07-02 12:00", 76, link("This issue blocks", "TRD-2", is_gone=True)),
                ),
                {"issuelinks": [linked(1, "tr1", "TRD-2"), linked(2, "tr3", "TRD-3")]},
            ),
            Shown(
                "TRD-2", ("f1", "Open"),
                (("2024-05-07 09:00", 77, link("This issue is blocked by", "TRD-1")),),
                # What blocks it is not loaded: the link points to its beginning.
                {"issuelinks": [linked(4, "tr4", "TRD-99")]},
            ),
            # Mutual: told and shown by the end that is the second by name.
            Shown("TRD-3", ("f1", "Open")),
            Shown(
                "TRD-4", ("f1", "Open"),
                (("2024-05-09 09:00", 79, link("This issue relates to", "TRD-3")),),
                {"issuelinks": [linked(3, "tr2", "TRD-3")]},
            ),
            # The end that is blocked alone tells of it.
            Shown(
                "TRD-5", ("f1", "Open"),
                (
                    ("2024-05-10 09:00", 80, link("This issue is blocked by", "TRD-3")),
                    ("2024-05-11 09:00", 81, link("This issue is blocked by", "TRD-3",
                                                  is_gone=True)),
                ),
            ),
        ],
        rows={
            """select from_key, link_type, to_key, method, confidence, valid_from, valid_to
               from marts.bridge_work_item_links
               where from_key like 'github:issue:I970_' and link_type = 'blocks'
               order by 1, 3, 6""": [
                ("github:issue:I9705", "blocks", "github:issue:I9704", "timeline", 1.0,
                 at("05-03 09:00"), at("05-04 09:00")),
                ("github:issue:I9705", "blocks", "github:issue:I9704", "timeline", 1.0,
                 at("05-06 09:00"), None),
                ("github:issue:I9705", "blocks", "github:issue:I9706", "timeline", 1.0, None,
                 at("05-05 09:00")),
            ],
            # That TRD-5 blocks TRD-1 was told, is shown by neither, and nobody knows since when.
            """select from_key[10:], link_type, to_key[10:], method, valid_from, valid_to
               from marts.bridge_work_item_links
               where from_key like 'jira:TRD-%' and to_key like 'jira:TRD-%'
               order by 1, 2, 3""": [
                ("1", "blocks", "2", "jira_link", at("05-07 09:00"), None),
                ("1", "blocks", "3", "jira_link", at("05-07 10:00"), at("05-08 10:00")),
                ("1", "relates", "3", "jira_link", None, None),
                ("1", "relates", "4", "jira_link", None, at("05-08 11:00")),
                ("3", "blocks", "5", "jira_link", at("05-10 09:00"), at("05-11 09:00")),
                ("4", "relates", "3", "jira_link", at("05-09 09:00"), None),
            ],
        },
    ),
    Case(
        "an item waits for another one from the link on until that one has ended, while in flow",
        [
            begun(51, "05-06 10:00", 961, ("05-07 09:00", link(BLOCKED, "REL-52"))),
            # It ends, and goes on for a day, twice.
            Shown(
                "REL-52", ("t4", "Done"),
                (
                    ("2024-05-08 09:00", 964, status("f1", "Open", "t4", "Done")),
                    ("2024-05-09 09:00", 965, status("t4", "Done", "t3", "In Progress")),
                    ("2024-05-10 09:00", 966, status("t3", "In Progress", "t4", "Done")),
                    ("2024-05-11 09:00", 976, status("t4", "Done", "t3", "In Progress")),
                    ("2024-05-12 09:00", 977, status("t3", "In Progress", "t4", "Done")),
                ),
                {"issuelinks": [linked(5, "tr1", "REL-51"), linked(61, "tr1", "EPE-1")]},
            ),
            # The link is taken away; another one is there before the work begins.
            begun(
                53, "05-06 10:00", 967, ("05-07 10:00", link(BLOCKED, "REL-54")),
                ("05-07 16:00", link(BLOCKED, "REL-54", is_gone=True)),
            ),
            begun(55, "05-09 10:00", 970, ("05-07 10:00", link(BLOCKED, "REL-54"))),
            # Nobody knows since when.
            begun(56, "05-09 10:00", 972),
            Shown(
                "REL-54", ("t5", "In Review"),
                (
                    ("2024-05-06 12:00", 981, status("f1", "Open", "t3", "In Progress")),
                    ("2024-05-08 12:00", 982, status("t3", "In Progress", "t5", "In Review")),
                ),
                {
                    "issuelinks": [
                        linked(6, "tr1", "REL-55"), linked(7, "tr1", "REL-56"),
                        linked(62, "tr1", "EPE-1"),
                    ]
                },
            ),
            # What it names was done from the start.
            begun(59, "05-06 10:00", 987, ("05-07 09:00", link(BLOCKED, "REL-60"))),
            Shown(
                "REL-60", ("t4", "Done"), (), {"issuelinks": [linked(9, "tr1", "REL-59")]}
            ),
            # Of another value stream: it waits for two at once.
            Shown(
                "EPE-1", ("t4", "Done"),
                (
                    ("2024-05-09 10:00", 991, status("f1", "Open", "t3", "In Progress")),
                    ("2024-05-10 09:00", 992, link(BLOCKED, "REL-52")),
                    ("2024-05-10 09:00", 993, link(BLOCKED, "REL-54")),
                    ("2024-05-12 09:00", 994, status("t3", "In Progress", "t4", "Done")),
                ),
                {"parent": {"id": "EPC-10", "key": "EPC-10"}},
            ),
            # What blocks it is given up.
            begun(57, "05-06 10:00", 983, ("05-07 09:00", link(BLOCKED, "REL-58"))),
            Shown(
                "REL-58", ("t6", "Cancelled"),
                (("2024-05-09 12:00", 985, status("f1", "Open", "t6", "Cancelled")),),
                {"issuelinks": [linked(8, "tr1", "REL-57")]},
            ),
        ],
        rows={
            """select work_item_key[10:], blocking_work_item_key, source, reason, blocked_from,
                   blocked_to
               from marts.fct_blocked_intervals where work_item_key like 'jira:REL-5_'
               order by 1, 5""": [
                ("51", "jira:REL-52", "link", "REL", at("05-07 09:00"), at("05-08 09:00")),
                ("51", "jira:REL-52", "link", "REL", at("05-09 09:00"), at("05-10 09:00")),
                ("51", "jira:REL-52", "link", "REL", at("05-11 09:00"), at("05-12 09:00")),
                ("53", "jira:REL-54", "link", "REL", at("05-07 10:00"), at("05-07 16:00")),
                ("55", "jira:REL-54", "link", "REL", at("05-09 10:00"), None),
                ("57", "jira:REL-58", "link", "REL", at("05-07 09:00"), at("05-09 12:00")),
            ],
            # Three days of 51, six hours of 53, of 55 from 9 May until as_of, 51 hours of 57. Open
            # are 54 and what it blocks still; the link of 56 has no date. EPE-1 waits two days.
            """select value_stream_key, level, is_between_streams, dependency_count,
                   open_dependency_count, dated_dependency_count, dependent_items, held_up_items,
                   dependency_wait_s / 3600
               from metrics.metric_dependencies
               where blocking_value_stream_key = 'slip' and value_stream_key <> 'delay'
               order by 1""": [
                ("behind", "story", True, 2, 0, 2, 1, 1, 48),
                ("slip", "story", False, 6, 2, 5, 6, 4, 72 + 6 + 1262 + 51),
            ],
        },
    ),
]  # fmt: skip
