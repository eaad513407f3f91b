"""Golden cases of change requests, releases and defects; see golden.py.

The value stream `slip` keeps the time of Los Angeles, seven hours behind UTC.
"""

from typing import Any

from tests.flow.golden import Case, at, day
from tests.flow.golden_field_delivery import commits, line
from tests.flow.golden_field_jira import Shown
from tests.flow.scratch import (
    ChangeRequest,
    Delivery,
    Deployment,
    Incident,
    Issue,
    Named,
    Service,
    Ticket,
    moment,
)

SLIP, SKID = "lab/slip", "lab/skid"
BUG = {"id": "10004", "name": "Bug"}


def merged(number: int, day_: str, *keys: str) -> Delivery:
    """Return a change of the slip that names keys and is merged at nine."""
    return Delivery(number, keys, *[f"2024-{day_} 08:00"] * 2, f"2024-{day_} 09:00", None, SLIP)


def shipped(number: int, day_: str, *numbers: str, where: str = "production") -> Deployment:
    """Return a deployment of the slip at ten that names change requests."""
    name = f"slip-{number}" + ("" if where == "production" else f"-{where}")
    return Deployment(
        name, number, f"2024-{day_} 10:00", repository=SLIP, environment=where, numbers=numbers
    )


def request(number: int, merged_at: str, *keys: str) -> Named:
    """Return a merge request of the skid, opened an hour before it was merged."""
    at_ = moment(f"2024-{merged_at}")
    return Named(
        "merge_requests",
        {
            "id": str(number), "iid": number, "project": SKID, "status": "merged",
            "created_at": moment("2024-05-01 08:00"), "updated_at": at_, "merged_at": at_,
            "payload": {
                "author": {"person_key": "ann", "actor_type": "human"},
                "merge_commit_sha": f"{number:040x}", "issue_keys": list(keys),
            },
        },
        "gitlab",
    )  # fmt: skip


def landed(name: str, number: int, ended: str, *brought: int, where: str = "production") -> list:
    """Return a deployment of the skid, and the merge requests that GitLab says it brought."""
    at_ = moment(f"2024-{ended}")
    return [
        Named(
            "deployments",
            {
                "id": f"skid-{name}", "iid": 1, "project": SKID, "environment": where,
                "sha": f"{number:040x}", "status": "success", "job_status": "success",
                "created_at": at_, "started_at": at_, "finished_at": at_, "updated_at": at_,
            },
            "gitlab",
        ),
        *(
            Named(
                "deployment_merge_requests",
                {"deployment_id": f"skid-{name}", "merge_request_id": str(one)},
                "gitlab",
            )
            for one in brought
        ),
    ]  # fmt: skip


def version(no: int, released: str | None, *, is_out: bool = True, starts: str | None = None):
    """Return a version of the project REL."""
    return Named(
        "versions",
        {
            "id": f"r{no}", "name": f"{no}.0", "project_key": "REL", "is_released": is_out,
            "release_on": released, "payload": {"startDate": starts},
        },
        "jira",
    )  # fmt: skip


def named(no: int, *, is_gone: bool = False, field: str = "Fix Version") -> dict[str, Any]:
    """Return what a history tells of a version that was added, or taken away."""
    told, empty = (f"r{no}", f"{no}.0"), (None, None)
    (old, old_text), (new, new_text) = (told, empty) if is_gone else (empty, told)
    return {
        "field": field, "fieldtype": "jira", "from": old, "fromString": old_text, "to": new,
        "toString": new_text,
    }  # fmt: skip


def priority(before: str, after: str) -> dict[str, Any]:
    """Return a change of the priority, whose ids are its names."""
    told = {"from": before, "fromString": before, "to": after, "toString": after}
    return {"field": "priority", "fieldtype": "jira", "fieldId": "priority", **told}


def bug(
    number: int, created: str, *, affects: tuple[int, ...] = (), fixed: tuple[int, ...] = (),
    found: str | None = None, labels: tuple[str, ...] = (),
) -> Shown:  # fmt: skip
    """Return a defect as it is today."""
    return Shown(
        f"REL-{number}", ("f1", "Open"), (),
        {
            "issuetype": BUG,
            "versions": [{"id": f"r{no}"} for no in affects],
            "fixVersions": [{"id": f"r{no}"} for no in fixed],
            "customfield_10400": found and {"value": found},
            "labels": list(labels),
        },
        f"2024-{created}",
    )  # fmt: skip


def requested(number: int, opened: str, deployment: str = "") -> ChangeRequest:
    """Return a change request."""
    return ChangeRequest(f"CHG003000{number}", f"2024-{opened} 08:00", deployment or "nothing")


CASES: list[Case] = [
    Case(
        "a deployment knows its change request by its id, by what it says, or by what it brings",
        [
            Service("Slip"),
            *(requested(no, "05-01") for no in (1, 2, 3, 6)),
            requested(4, "05-01", "slip-8004"),
            requested(5, "05-02"),
            shipped(8001, "05-02", "CHG0030001"),
            # In the text of a change; a deployment to another place is of no change request.
            merged(8002, "05-03", "CHG0030002"),
            shipped(8002, "05-03"),
            shipped(8002, "05-03", "CHG0030001", where="staging"),
            # In a message.
            commits(SLIP, (8003, (), "05-04 09:00"), keys=["CHG0030003"]),
            line(SLIP, 8003),
            shipped(8003, "05-04"),
            # The surest, then the first that was asked for.
            shipped(8004, "05-05", "CHG0030001"),
            shipped(8005, "05-06", "CHG0030005", "CHG0030006"),
            merged(8006, "05-07", "CHG0030001", "CHG0030002"),
            shipped(8006, "05-07", "CHG0030005"),
            # One that nobody loaded is counted, and asks for no item.
            merged(8007, "05-08", "CHG0039999"),
            shipped(8007, "05-08"),
        ],
        rows={
            """select replace(deployment_key, 'github:deployment:slip-', ''),
                   right(change_request_key, 1), change_request_method
               from marts.fct_deployments
               where service_key = 'slip' and deployment_key not like '%8009' order by 1""": [
                ("8001", "1", "deployment_text"), ("8002", "2", "change_text"),
                ("8002-staging", None, None), ("8003", "3", "change_text"),
                ("8004", "4", "correlation_id"), ("8005", "6", "deployment_text"),
                ("8006", "5", "deployment_text"), ("8007", None, None),
            ],
            """select from_key, to_key, method, confidence from marts.bridge_work_item_links
               where link_type = 'authorized_by' order by 1, 2""": [
                (f"github:commit:lab/slip:{8003:040x}", "servicenow:change_request:CHG0030003",
                 "issue_key", 0.9),
                *(
                    (f"github:pr:P{pull}", f"servicenow:change_request:CHG003000{no}",
                     "issue_key", 0.9)
                    for pull, no in ((8002, 2), (8006, 1), (8006, 2))
                ),
            ],
            """select key_project, named_keys, keys_without_item from marts.fct_change_keys
               where change_key in ('github:pr:P8006', 'github:pr:P8007') order by 3""": [
                ("change_request", 2, 0), ("change_request", 1, 1),
            ],
            """select distinct item from metrics.metric_change_evidence
               where change_key in ('github:pr:P8002', 'github:pr:P8007')""": [("no",)],
        },
    ),
    Case(
        "where the commits are not known, the tool that deployed says what it brought",
        [
            # What the first known deployment brought may have been there before.
            request(8020, "05-06 09:00"),
            *landed("a", 1, "05-06 10:00", 8020),
            request(8021, "05-07 09:00", "REL-40"),
            *landed("b", 2, "05-07 10:00", 8021),
            # What it brought before it was merged was not it; then the first that says so.
            request(8022, "05-08 09:00"),
            *landed("c", 3, "05-08 08:00", 8022),
            *landed("e", 4, "05-08 11:00", 8022),
            *landed("d", 5, "05-08 10:00", 8022),
            request(8023, "05-09 09:00", "REL-40"),
            *landed("f", 8023, "05-09 10:00", 8023),
            # Nobody says so of the first of two; of a place that is not production nobody asks.
            request(8024, "05-10 08:00"),
            request(8025, "05-10 09:00"),
            *landed("g", 8025, "05-10 10:00"),
            request(8026, "05-11 09:00"),
            *landed("h", 8026, "05-11 10:00", 8026, where="staging"),
            Issue("REL-40", "2024-05-06 09:00 created in In Progress"),
        ],
        rows={
            """select replace(changes.change_key, 'gitlab:mr:', ''),
                   replace(links.deployment_key, 'gitlab:deployment:skid-', ''), links.method,
                   changes.is_behind_first_deployment
               from marts.fct_changes as changes
               left join marts.bridge_deployment_changes as links using (change_key)
               where changes.repository = 'lab/skid' order by 1""": [
                ("8020", None, None, True), ("8021", "b", "source", False),
                ("8022", "d", "source", False), ("8023", "f", "sha", False),
                ("8024", "g", "merge_order", False), ("8025", "g", "sha", False),
                ("8026", None, None, False),
            ],
            "select deployment_method from marts.fct_traces where work_item_key = 'jira:REL-40'": [
                ("source",)
            ],
        },
    ),
    Case(
        "an item is in a release from when it was added to when it was taken out, late or in time",
        [
            version(1, "2024-05-10", starts="2024-05-02"),
            version(2, "2024-05-20"),
            version(3, "2024-07-10", is_out=False),
            version(4, None),
            version(5, "2024-04-20"),
            *(version(no, "2024-05-18") for no in (7, 8)),
            version(9, "2024-05-01", is_out=False),  # overdue
            version(10, None, is_out=False),
            Shown(
                "REL-1", ("f1", "Open"),
                (
                    ("2024-05-02 23:00", 901, named(1)),
                    ("2024-05-03 09:00", 902, named(1, is_gone=True)),
                    ("2024-05-03 10:00", 903, named(1)),
                    # It is another version of itself from this second on.
                    ("2024-05-03 10:00", 904, priority("Medium", "High")),
                    ("2024-07-02 09:00", 908, named(1, is_gone=True)),
                ),
                {"fixVersions": [{"id": "r1"}], "priority": {"id": "High", "name": "High"}},
                "2024-05-01 09:00",
            ),
            Shown(
                "REL-2", ("f1", "Open"), (), {"fixVersions": [{"id": "r2"}, {"id": "r99"}]},
                "2024-05-01 09:00",
            ),
            # Taken out first, so it was there; told of, and gone with its version.
            Shown(
                "REL-3", ("f1", "Open"),
                (
                    ("2024-05-05 09:00", 905, named(1, is_gone=True)),
                    ("2024-05-06 09:00", 906, named(2)),
                    # What it affects is never added late.
                    ("2024-05-07 09:00", 907, named(1, field="Version")),
                ),
                {"versions": [{"id": "r1"}]},
                "2024-05-01 09:00",
            ),
        ],
        rows={
            """select work_item_key[10:], release_key[7:], link_role, is_added_late, valid_from,
                   valid_to
               from marts.bridge_work_item_releases
               where work_item_key in ('jira:REL-1', 'jira:REL-2', 'jira:REL-3')
               order by 1, valid_from""": [
                ("1", "1", "fix", False, at("05-02 23:00"), at("05-03 09:00")),
                ("1", "1", "fix", True, at("05-03 10:00"), None),
                ("2", "2", "fix", False, at("05-01 09:00"), None),
                ("3", "1", "fix", False, at("05-01 09:00"), at("05-05 09:00")),
                ("3", "1", "affects", False, at("05-07 09:00"), None),
            ],
            """select replace(work_item_version_key, 'jira:REL-1', '')
               from marts.bridge_work_item_releases
               where work_item_key = 'jira:REL-1' order by valid_from""": [("@1",), ("@2",)],
            """select release_key, scope, name, is_released, starts_on, release_on
               from marts.dim_releases where release_key <= 'jira:r5' and scope = 'REL'
               order by 1""": [
                ("jira:r1", "REL", "1.0", True, day("05-02"), day("05-10")),
                ("jira:r10", "REL", "10.0", False, None, None),
                ("jira:r2", "REL", "2.0", True, None, day("05-20")),
                ("jira:r3", "REL", "3.0", False, None, day("07-10")),
                ("jira:r4", "REL", "4.0", True, None, None),
                ("jira:r5", "REL", "5.0", True, None, day("04-20")),
            ],
        },
    ),
    Case(
        "a defect escaped when it was found in production, and is counted with its release",
        [
            # Said by the field; five days after, two days before, 30 and 31 days after the release.
            bug(11, "05-15 12:00", affects=(1,), found="Production"),
            bug(12, "05-08 12:00", affects=(1,), found="QA"),
            bug(33, "06-09 12:00", affects=(1,), found="Production", labels=("found-in-test",)),
            bug(24, "06-10 12:00", affects=(1,), found="production"),
            bug(32, "04-22 12:00", affects=(5,), found="live"),
            bug(50, "06-15 12:00", affects=(1,), labels=("found-in-test",)),
            # Said by labels: by words, two of them, as the company says it, and not at all.
            bug(13, "05-16 12:00", labels=("found-in-prod",)),
            bug(14, "05-16 12:00", labels=("found-in-test", "detected:live")),
            bug(15, "05-16 12:00", labels=("customer-acme",)),
            bug(16, "05-16 12:00", labels=("found-in-prod-like-lab",)),
            bug(17, "05-16 12:00", labels=("production",), fixed=(2,)),
            bug(31, "06-02 12:00", labels=("found-in-prod",)),
            # In Los Angeles it is still May.
            bug(30, "06-01 05:00"),
            # Two incidents, the first one of a deployment; one whose cause is only guessed.
            bug(18, "05-18 12:00"),
            Deployment("slip-8009", 8009, "2024-05-18 01:00", repository=SLIP),
            ChangeRequest("CHG-REL-1", "2024-05-10 09:00", "slip-8009"),
            Incident(
                "REL-Z", "2024-05-18 03:00 created in New", service="Slip", caused_by="CHG-REL-1",
                correlation="REL-18",
            ),
            Incident("REL-B", "2024-05-18 04:00 created in New", correlation="REL-18"),
            bug(19, "05-18 12:00"),
            Incident(
                "REL-C", "2024-05-18 04:00 created in New", service="Slip", correlation="REL-19"
            ),
            # Two in one second; one that names another one at the last moment.
            bug(27, "05-18 12:00"),
            *(
                Incident(f"REL-{no}", "2024-05-18 05:00 created in New", correlation="REL-27")
                for no in "ED"
            ),
            bug(28, "05-18 12:00"),
            bug(29, "05-18 12:00"),
            Ticket(
                "incident", "REL-F",
                "2024-05-18 06:00 created in New\n"
                "2024-07-01 00:00 correlation_id: REL-29 <- REL-28",
                now={"correlation_id": "REL-29"},
            ),
            # Told by days: that of the release, the next one in Los Angeles, not out yet, no day.
            bug(20, "05-11 06:00", affects=(2, 1)),
            bug(21, "05-11 08:00", affects=(1,)),
            bug(22, "05-12 12:00", affects=(3,), fixed=(3, 2, 5, 8, 7)),
            bug(23, "05-12 12:00", affects=(4,)),
            bug(26, "05-14 12:00", affects=(3, 1)),
            # Overdue is not out; of several the first that is out, by day, then by name.
            bug(44, "05-12 12:00", affects=(9,)),
            bug(45, "05-12 12:00", affects=(10,)),
            bug(47, "05-14 12:00", affects=(9, 1)),
            bug(48, "05-22 12:00", affects=(2, 7)),
            bug(49, "05-22 12:00", affects=(8, 7)),
            # On the evening of the day in Los Angeles; mended by what is not out.
            bug(42, "05-21 05:00", labels=("found-in-test",), fixed=(2,)),
            bug(43, "05-21 12:00", labels=("found-in-test",), fixed=(3,)),
            # What it does not affect any more.
            Shown(
                "REL-41", ("f1", "Open"),
                (
                    ("2024-05-12 12:00", 911, named(1, field="Version")),
                    ("2024-05-13 12:00", 912, named(1, is_gone=True, field="Version")),
                ),
                {"issuetype": BUG},
                "2024-05-12 09:00",
            ),
            Issue(
                "REL-46", "2024-05-14 12:00 created in In Progress", kind="Bug",
                deleted="2024-05-16 12:00",
            ),
            Issue(
                "REL-25", "2024-05-14 12:00 created in In Progress\n2024-05-15 12:00 Cancelled",
                kind="Bug",
            ),
            Named(
                "issues",
                {
                    "id": "9721", "iid": 1, "project": SKID, "status": "opened",
                    "created_at": moment("2024-05-21 12:00"),
                    "updated_at": moment("2024-05-21 12:00"),
                    "payload": {"labels": ["type::bug", "found::staging"]},
                },
                "gitlab",
            ),
            Named(
                "issues",
                {
                    "id": "I9722", "repository": "elsewhere/board", "number": 9722,
                    "state": "open", "created_at": moment("2024-05-21 12:00"),
                    "updated_at": moment("2024-05-21 12:00"),
                    "payload": {"labels": ["bug", "detected: prod"]},
                },
                "github",
            ),
        ],
        rows={
            """select replace(work_item_key, 'jira:REL-', ''), is_escaped, detection_method,
                   environment_key, cohort_method,
                   replace(coalesce(release_key, deployment_key), 'jira:', ''), cohort_on,
                   days_after_release
               from marts.fct_defects
               where value_stream_key = 'slip' or work_item_key = 'github:issue:I9722'
               order by 1""": [
                ("11", True, "field", "production", "release", "r1", day("05-10"), 5),
                ("12", False, "field", "test", "release", "r1", day("05-10"), -2),
                ("13", True, "label", "production", "found", None, day("05-16"), 0),
                ("14", True, "label", "production", "found", None, day("05-16"), 0),
                ("15", True, "label", "production", "found", None, day("05-16"), 0),
                ("16", False, "label", "test", "found", None, day("05-16"), 0),
                ("17", None, None, None, "found", None, day("05-16"), 0),
                ("18", True, "incident", None, "deployment", "github:deployment:slip-8009",
                 day("05-17"), 1),
                ("19", True, "incident", None, "found", None, day("05-18"), 0),
                ("20", False, "release", None, "release", "r1", day("05-10"), 0),
                ("21", True, "release", None, "release", "r1", day("05-10"), 1),
                ("22", False, "release", None, "fix", "r7", day("05-18"), -6),
                ("23", None, None, None, "found", None, day("05-12"), 0),
                ("24", True, "field", "production", "release", "r1", day("05-10"), 31),
                ("25", None, None, None, "found", None, day("05-14"), 0),
                ("26", True, "release", None, "release", "r1", day("05-10"), 4),
                ("27", True, "incident", None, "found", None, day("05-18"), 0),
                ("28", None, None, None, "found", None, day("05-18"), 0),
                ("29", True, "incident", None, "found", None, day("05-18"), 0),
                ("30", None, None, None, "found", None, day("05-31"), 0),
                ("31", True, "label", "production", "found", None, day("06-02"), 0),
                ("32", True, "field", "production", "release", "r5", day("04-20"), 2),
                ("33", True, "field", "production", "release", "r1", day("05-10"), 30),
                ("41", None, None, None, "found", None, day("05-12"), 0),
                ("42", False, "label", "test", "fix", "r2", day("05-20"), 0),
                ("43", False, "label", "test", "found", None, day("05-21"), 0),
                ("44", False, "release", None, "found", None, day("05-12"), 0),
                ("45", False, "release", None, "found", None, day("05-12"), 0),
                ("46", None, None, None, "found", None, day("05-14"), 0),
                ("47", True, "release", None, "release", "r1", day("05-10"), 4),
                ("48", True, "release", None, "release", "r7", day("05-18"), 4),
                ("49", True, "release", None, "release", "r7", day("05-18"), 4),
                ("50", False, "label", "test", "release", "r1", day("05-10"), 36),
                ("github:issue:I9722", True, "label", "production", "found", None, day("05-21"),
                 0),
                ("gitlab:issue:9721", False, "label", "staging", "found", None, day("05-21"), 0),
            ],
            """select work_item_key, incident_work_item_key, detection_confidence, is_withdrawn
               from marts.fct_defects
               where work_item_key in ('jira:REL-12', 'jira:REL-16', 'jira:REL-18', 'jira:REL-20',
                   'jira:REL-25', 'jira:REL-27', 'jira:REL-46') order by 1""": [
                ("jira:REL-12", None, 1.0, False), ("jira:REL-16", None, 0.9, False),
                ("jira:REL-18", "servicenow:incident:REL-Z", 0.8, False),
                ("jira:REL-20", None, 0.6, False), ("jira:REL-25", None, None, True),
                ("jira:REL-27", "servicenow:incident:REL-D", 0.8, False),
                ("jira:REL-46", None, None, True),
            ],
            # May has r1, r2, r7 and a deployment. Before are 12, 16, 20, 22, 42 to 45, 50 and that
            # of GitLab, after 11, 13 to 15, 18, 19, 21, 26, 27, 29, 33 and 47 to 49, nobody knows
            # of 17, 23, 28, 30 and 41. With a release are 11, 12, 18, 20 to 22, 24, 26, 33, 42 and
            # 47 to 50. June is not over in Los Angeles, and May is not mature there.
            """select month_start, defects, releases, dated_by_release, found_before, escaped,
                   escaped_late, not_known, escape_share, logged_defects, is_mature,
                   is_complete_period
               from metrics.metric_defect_escapes
               where value_stream_key = 'slip' order by 1""": [
                (day("04-01"), 1, 1, 1, 0, 1, 0, 0, 1.0, 1, True, True),
                (day("05-01"), 30, 4, 14, 10, 14, 1, 5, 14 / 24, 27, False, True),
                (day("06-01"), 1, 0, 0, 0, 1, 0, 0, 1.0, 4, False, False),
            ],
        },
    ),
]  # fmt: skip
