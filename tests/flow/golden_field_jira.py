"""Golden cases of a Jira that is older than this warehouse: renamed, imported, translated, moved.

Issues are written as the API shows them, and take the way through the extraction. Stream `field`
keeps UTC and office hours; its statuses, types and fields have ids of their own.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from extract.sources.jira.chains import Chain
from extract.sources.jira.rows import Body, History
from extract.sources.jira.rows import Rows as JiraRows
from extract.tables import decode
from tests.flow.golden import Case, H, at
from tests.flow.golden_field_delivery import commits, line, pull, repository
from tests.flow.scratch import CATALOGUE, Delivery, Named, Rows, Ticket, moment

FIELDS = [
    *CATALOGUE,
    {
        "id": "customfield_10026",
        "name": "Story Points",
        "schema": {"type": "number", "custom": "x:float"},
    },
    {
        "id": "customfield_11500",
        "name": "Parent Link",
        "schema": {"type": "any", "custom": "x:jpo-custom-field-parent"},
    },
    {
        "id": "customfield_10400",
        "name": "Detected in",
        "schema": {"type": "option", "custom": "x:select"},
    },
    {
        "id": "customfield_20001",
        "name": "Team",
        "schema": {"type": "string", "custom": "x:textfield"},
    },
]
STORY = {"id": "ft0", "name": "Story"}


def status(*values: str | None) -> dict[str, Any]:
    """Return a change of the status: from id and name, to id and name."""
    names = ("from", "fromString", "to", "toString")
    told = dict(zip(names, values, strict=True))
    return {"field": "status", "fieldtype": "jira", "fieldId": "status", **told}


def custom(name: str, field_id: str, *values: str | None) -> dict[str, Any]:
    """Return a change of a custom field: from and to, in words."""
    told = {"from": None, "fromString": values[0], "to": None, "toString": values[1]}
    return {"field": name, "fieldtype": "custom", "fieldId": field_id, **told}


def resolution(before: str | None, after: str | None) -> dict[str, Any]:
    """Return a change of the resolution, whose ids are its names."""
    told = {"from": before, "fromString": before, "to": after, "toString": after}
    return {"field": "resolution", "fieldtype": "jira", "fieldId": "resolution", **told}


@dataclass
class Shown:
    """An issue as the API shows it, at the moment at which it was read.

    Attributes:
        key: Its key; also its id.
        status: Id and name of its status.
        history: When, id of the entry, what it changed.
        fields: What else it says of itself.
        created: When it was created.
    """

    key: str
    status: tuple[str, str]
    history: tuple[tuple[str, int, dict[str, Any]], ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    created: str = "2024-05-06 09:00"
    id: str | None = None

    def rows(self) -> Rows:
        """Return the raw rows that the extraction makes of it."""
        made, chain = JiraRows(FIELDS), Chain()
        project = self.key.split("-")[0]
        last = max((when for when, _, _ in self.history), default=self.created)
        issue_id = self.id or self.key
        shown = {
            "issuetype": STORY,
            "project": {"id": f"f-{project}", "key": project},
            "status": {"id": self.status[0], "name": self.status[1]},
            "created": moment(self.created).isoformat(),
            "updated": moment(last).isoformat(),
            **self.fields,
        }
        body = {"id": issue_id, "key": self.key, "fields": shown}
        row = made.issue(decode(json.dumps(body).encode(), Body))
        told = []
        for when, no, item in self.history:
            entry = {"id": str(no), "created": moment(when).isoformat(), "items": [item]}
            parsed = decode(json.dumps(entry).encode(), History)
            told.append((when, made.history(parsed, chain)))
        places = chain.numbers()
        return {
            ("jira", "issues"): [{**row, "payload": json.loads(row["payload"])}],
            ("jira", "histories"): [
                {
                    "id": entry[0], "issue_id": issue_id, "created_at": moment(when),
                    "item_count": entry[2], "place": places[entry[0]],
                    "payload": json.loads(entry[3]),
                }
                for when, entry in told
            ],
        }  # fmt: skip


def listed(table: str, id_: str, name: str, **more: Any) -> Named:
    """Return what a listing says of a status, a type or the like today."""
    columns = {key: more.pop(key) for key in ("category_key", "hierarchy_level") if key in more}
    row = {"id": id_, "name": name, "payload": {"name": name, **more}, **columns}
    return Named(table, row, "jira")


def project(key: str, *before: str) -> list[Named]:
    """Return a project with the keys that it had before."""
    row = {"id": f"f-{key}", "key": key, "name": key, "payload": {"projectKeys": [*before, key]}}
    return [Named("projects", row, "jira")]


def moves(key: str) -> str:
    """Return the question for the statuses of an item."""
    return f"""select to_status, changed_at from marts.fct_status_transitions
               where work_item_key = 'jira:{key}' order by transition_seq"""


CASES: list[Case] = [
    Case(
        "what is renamed keeps its id, and no issue in it moves, drifts or leaves its stage",
        [
            *project("FLD"), *project("FLE"),
            listed("statuses", "f1", "Offen", untranslatedName="Open", category_key="new"),
            listed("statuses", "f2", "Werkbank", category_key="indeterminate"),
            listed("statuses", "f3", "Geprüft", category_key="indeterminate"),
            listed("statuses", "f4", "Fertig", category_key="done"),
            listed("issue_types", "ft0", "Story", hierarchy_level=0),
            listed("issue_types", "ft1", "Fehlerbericht", untranslatedName="Vulnerability"),
            listed("priorities", "fp1", "Urgent"),
            # Read before the statuses were renamed; the last entry proves what f4 was called.
            Shown(
                "FLD-1", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f2", "Implementing")),
                    ("2024-05-08 09:00", 2, status("f2", "In Development", "f3", "Code Review")),
                    ("2024-05-09 09:00", 3, status("f3", "Code Review", "f4", "Closed")),
                ),
                {
                    "issuetype": {"id": "ft1", "name": "Bug report"},
                    "priority": {"id": "fp1", "name": "Highest"},
                },
            ),
        ],
        flows={"FLD-1": {
            "outcome": "done", "history_quality": "complete", "start_to_done_s": 48 * H,
            "backward_count": 0,
        }},
        visits={"FLD-1": ["backlog 24h", "in_progress 24h", "review 24h", "done -"]},
        rows={
            moves("FLD-1"): [
                ("Offen", at("05-06 09:00")), ("Werkbank", at("05-07 09:00")),
                ("Geprüft", at("05-08 09:00")), ("Fertig", at("05-09 09:00")),
            ],
            """select raw_type, work_type, priority, current_status from marts.dim_work_items
               where work_item_key = 'jira:FLD-1' and is_current""": [
                ("Fehlerbericht", "risk", "Urgent", "Fertig"),
            ],
        },
    ),
    Case(
        "two statuses that took each other's names stay what they are by their ids",
        [
            listed("statuses", "f5", "Swap Test"), listed("statuses", "f6", "Swap Review"),
            # Each still stands where its last entry put it: so the ids are this site's own.
            Shown(
                "FLD-10", ("f5", "Swap Review"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f5", "Swap Review")),),
            ),
            Shown(
                "FLD-11", ("f6", "Swap Test"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f5", "Swap Review")),
                    ("2024-05-08 09:00", 2, status("f5", "Swap Review", "f6", "Swap Test")),
                ),
            ),
        ],
        rows={
            moves("FLD-11"): [
                ("Offen", at("05-06 09:00")), ("Swap Test", at("05-07 09:00")),
                ("Swap Review", at("05-08 09:00")),
            ],
        },
    ),
    Case(
        "an imported history: ids of another site, one time and ids backwards, no beginning",
        [
            listed("statuses", "f7", "In Qs"),
            # f7 was Implementing where it came from; here that is f8, and f2 was it before.
            listed("statuses", "f8", "Implementing"),
            Shown(
                "FLD-20", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 9, status("x1", "Open", "f7", "Implementing")),
                    ("2024-05-07 09:00", 8, status("f7", "Implementing", "x4", "Closed")),
                ),
            ),
            # Written as a change from nothing: the first is its birth, a later one says less.
            Shown(
                "FLD-21", ("f8", "Implementing"),
                (
                    ("2024-05-06 09:00", 1, status(None, None, "f1", "Open")),
                    ("2024-05-07 09:00", 2, status("f1", "Open", "f8", "Implementing")),
                ),
            ),
            Shown(
                "FLD-22", ("f8", "Implementing"),
                (("2024-05-07 09:00", 1, status(None, None, "f8", "Implementing")),),
            ),
        ],
        flows={
            "FLD-20": {
                "outcome": "done", "last_done_at": at("05-07 09:00"), "reopen_count": 0,
                "history_quality": "complete",
            },
            "FLD-21": {"outcome": "open", "history_quality": "complete"},
        },
        visits={
            "FLD-20": ["backlog 24h", "in_progress 0h", "done -"],
            "FLD-22": ["unmapped 24h", "in_progress 1311h open"],
        },
        rows={
            moves("FLD-20"): [
                ("Offen", at("05-06 09:00")), ("Implementing", at("05-07 09:00")),
                ("Fertig", at("05-07 09:00")),
            ],
            moves("FLD-21"): [("Offen", at("05-06 09:00")), ("Implementing", at("05-07 09:00"))],
        },
    ),
    Case(
        "what was set at creation, and what is told by two fields",
        [
            # A clone that is flagged, and one whose flag came down.
            Shown(
                "FLD-30", ("f8", "Implementing"),
                (("2024-06-28 09:00", 1, status("f1", "Open", "f8", "Implementing")),),
                {"customfield_10021": [{"value": "Impediment"}]},
            ),
            Shown(
                "FLD-31", ("f8", "Implementing"),
                (
                    ("2024-06-28 09:00", 1, status("f1", "Open", "f8", "Implementing")),
                    ("2024-06-28 12:00", 2,
                     custom("Flagged", "customfield_10021", "Impediment", "")),
                ),
            ),
            # 5 points in the old field, 8 in the new one since noon; emptied where it is unused.
            Shown(
                "FLD-32", ("f1", "Open"),
                (
                    ("2024-05-07 09:00", 1,
                     custom("Story Points", "customfield_10026", None, "5")),
                    ("2024-05-07 12:00", 2, custom("Points", "customfield_10016", None, "8")),
                    ("2024-05-08 09:00", 3,
                     custom("Story Points", "customfield_10026", "5", None)),
                    ("2024-05-09 09:00", 4, custom("Team", "customfield_20001", "x", "y")),
                ),
                {"customfield_10016": 8.0, "customfield_10026": None,
                 "customfield_10001": {"id": "f-team", "name": "Alpha"}},
            ),
        ],
        flows={"FLD-30": {"blocked_s": 63 * H}, "FLD-31": {"blocked_s": 3 * H}},
        rows={
            """select points, valid_from, team_key from marts.dim_work_items
               where work_item_key = 'jira:FLD-32' order by valid_from""": [
                (None, at("05-06 09:00"), "alpha"), (5.0, at("05-07 09:00"), "alpha"),
                (8.0, at("05-07 12:00"), "alpha"),
            ],
        },
    ),
    Case(
        "the resolution at the end of its stay says whether what is done was done",
        [
            # Without a history; changed while it is closed; reopened, and done after all.
            Shown(
                "FLD-40", ("f4", "Closed"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f4", "Closed")),),
                {"resolution": {"id": "fr1", "name": "Won\u2019t  Do"}},
            ),
            Shown(
                "FLD-41", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f4", "Closed")),
                    ("2024-05-07 09:00", 2, resolution(None, "Fixed")),
                    ("2024-05-08 09:00", 3, resolution("Fixed", "Duplicate")),
                ),
                {"resolution": {"id": "Duplicate", "name": "Duplicate"}},
            ),
            Shown(
                "FLD-42", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f4", "Closed")),
                    ("2024-05-07 09:00", 2, resolution(None, "Incomplete")),
                    ("2024-05-08 09:00", 3, status("f4", "Closed", "f8", "Implementing")),
                    ("2024-05-08 09:00", 4, resolution("Incomplete", None)),
                    ("2024-05-09 09:00", 5, status("f8", "Implementing", "f4", "Closed")),
                    ("2024-05-09 09:00", 6, resolution(None, "Fixed")),
                ),
                {"resolution": {"id": "Fixed", "name": "Fixed"}},
            ),
            # Translated: the history has its first name.
            listed("resolutions", "fr9", "Nicht erledigt"),
            Shown(
                "FLD-44", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f4", "Closed")),
                    ("2024-05-07 09:00", 2, {
                        **resolution(None, "Declined"), "to": "fr9",
                    }),
                ),
                {"resolution": {"id": "fr9", "name": "Nicht erledigt"}},
            ),
            # Said after it was reopened, and in the second in which it was: not of its first end.
            Shown(
                "FLD-46", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f4", "Closed")),
                    ("2024-05-08 09:00", 2, status("f4", "Closed", "f8", "Implementing")),
                    ("2024-05-08 10:00", 3, resolution(None, "Duplicate")),
                    ("2024-05-09 09:00", 4, status("f8", "Implementing", "f4", "Closed")),
                ),
                {"resolution": {"id": "Duplicate", "name": "Duplicate"}},
            ),
            Shown(
                "FLD-47", ("f4", "Closed"),
                (
                    ("2024-05-07 09:00", 1, status("f1", "Open", "f4", "Closed")),
                    ("2024-05-07 09:00", 2, resolution(None, "Fixed")),
                    ("2024-05-08 09:00", 3, status("f4", "Closed", "f8", "Implementing")),
                    ("2024-05-08 09:00", 4, resolution("Fixed", "Duplicate")),
                    ("2024-05-09 09:00", 5, status("f8", "Implementing", "f4", "Closed")),
                ),
                {"resolution": {"id": "Duplicate", "name": "Duplicate"}},
            ),
            # A workflow with two ways to cancel has the first by name; one without has none.
            listed("issue_types", "ft45", "Ladder", hierarchy_level=0),
            Shown(
                "FLD-48", ("f45", "Shipped"),
                (("2024-05-07 09:00", 1, status("f46", "Build", "f45", "Shipped")),),
                {"resolution": {"id": "Duplicate", "name": "Duplicate"},
                 "issuetype": {"id": "ft45", "name": "Ladder"}},
            ),
            listed("issue_types", "ft46", "Errand", hierarchy_level=0),
            Shown(
                "FLD-49", ("f47", "Brought"),
                (("2024-05-07 09:00", 1, status("f48", "Asked", "f47", "Brought")),),
                {"resolution": {"id": "Duplicate", "name": "Duplicate"},
                 "issuetype": {"id": "ft46", "name": "Errand"}},
            ),
            # Nothing is said of what goes on.
            Shown(
                "FLD-43", ("f8", "Implementing"), (),
                {"resolution": {"id": "fr1", "name": "Won\u2019t  Do"}},
            ),
        ],
        flows={
            "FLD-40": {"outcome": "cancelled"}, "FLD-41": {"outcome": "cancelled"},
            "FLD-42": {"outcome": "done", "last_done_at": at("05-09 09:00"), "reopen_count": 1},
            "FLD-43": {"outcome": "open"}, "FLD-44": {"outcome": "cancelled"},
            "FLD-49": {"outcome": "done"},
        },
        visits={
            "FLD-42": ["backlog 24h", "cancelled 24h", "in_progress 24h", "done -"],
            "FLD-46": ["backlog 24h", "done 24h", "in_progress 24h rework", "cancelled -"],
            "FLD-47": ["backlog 24h", "done 24h", "in_progress 24h rework", "cancelled -"],
            "FLD-48": ["build 24h", "dropped -"],
        },
        rows={
            """select to_status, to_stage, resolution from marts.fct_stage_transitions
               where work_item_key in ('jira:FLD-40', 'jira:FLD-41') and to_status = 'Fertig'
               order by work_item_key""": [
                ("Fertig", "cancelled", "Won\u2019t Do"), ("Fertig", "cancelled", "Duplicate"),
            ],
        },
    ),
    Case(
        "a project's own status is what that project means by it",
        [
            # `Approved` is a queue for everybody; in FLE it is the end, by Jira's own category.
            listed(
                "statuses", "f50", "Approved", category_key="done",
                scope={"project": {"id": "f-FLE"}},
            ),
            listed("statuses", "f51", "Approved", category_key="new"),
            # `Released` is done; there it is a place to wait in, says a line with its id.
            listed(
                "statuses", "f52", "Released", category_key="indeterminate",
                scope={"project": {"id": "f-FLE"}},
            ),
            Shown(
                "FLE-1", ("f50", "Approved"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f50", "Approved")),),
            ),
            Shown(
                "FLD-50", ("f51", "Approved"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f51", "Approved")),),
            ),
            Shown(
                "FLE-2", ("f52", "Released"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f52", "Released")),),
            ),
            # A line for one project and a name: elsewhere it is reviewed.
            Shown(
                "FLE-3", ("f53", "Lab Bench"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f53", "Lab Bench")),),
            ),
            # It meant something else there until the eighth.
            *(
                Shown(
                    f"FLE-{no}", ("f54", "Lab Shelf"),
                    ((f"2024-05-{day} 12:00", 1, status("f1", "Open", "f54", "Lab Shelf")),),
                )
                for no, day in ((4, "07"), (5, "08"), (6, "09"))
            ),
            Shown(
                "FLD-51", ("f53", "Lab\u00a0 Bench "),
                (("2024-05-07 09:00", 1, status("f1", " open\u200b", "f53", "Lab Bench")),),
            ),
        ],
        rows={
            """select work_item_key, to_stage, to_status from marts.fct_stage_transitions
               where work_item_key in
               ('jira:FLE-1', 'jira:FLE-2', 'jira:FLE-3', 'jira:FLD-50', 'jira:FLD-51')
               and transition_seq = 2 order by 1""": [
                ("jira:FLD-50", "selected", "Approved"),
                ("jira:FLD-51", "review", "Lab Bench"),
                ("jira:FLE-1", "done", "Approved"),
                ("jira:FLE-2", "waiting_release", "Released"),
                ("jira:FLE-3", "test", "Lab Bench"),
            ],
            """select work_item_key, to_stage, map_version from marts.fct_stage_transitions
               where to_status = 'Lab Shelf' order by 1""": [
                ("jira:FLE-4", "test", "always"), ("jira:FLE-5", "review", "2024-05-08"),
                ("jira:FLE-6", "review", "2024-05-08"),
            ],
        },
    ),
    Case(
        "Jira's hierarchy says what lies above a story, whatever it is called",
        [
            *(
                listed("issue_types", f"ft{no}", name, hierarchy_level=level)
                for no, name, level in (
                    (10, "Big Rock", 1), (11, "Saga", 2), (12, "Feature", 0), (13, "Piece", -1),
                    (14, "Epic", 1),
                )
            ),
            *(
                Shown(
                    f"FLD-6{no}", ("f1", "Open"), (),
                    {"issuetype": {"id": f"ft1{no}", "name": name}},
                )
                for no, name in enumerate(("Big Rock", "Saga", "Feature", "Piece", "Epic"))
            ),
        ],
        rows={
            """select raw_type, level, workflow, work_type from marts.dim_work_items
               where item_key like 'FLD-6_' order by item_key""": [
                ("Big Rock", "epic", "epic", "feature"),
                ("Saga", "portfolio", "epic", "feature"),
                ("Feature", "story", "software", "feature"),
                ("Piece", "task", "software", "improvement"),
                ("Epic", "epic", "epic", "feature"),
            ],
        },
    ),
    Case(
        "a key that an issue had before is still its own, for epics, parents and changes",
        [
            *project("FNW", "FOLD"),
            Shown(
                "FNW-1", ("f1", "Open"),
                (
                    ("2024-05-07 09:00", 1, {
                        "field": "Key", "fieldtype": "jira", "from": None, "fromString": "FLE-90",
                        "to": None, "toString": "FNW-1",
                    }),
                ),
                id="F901",
            ),
            Shown("FLD-70", ("f1", "Open"), (), {"customfield_10014": "FLE-90"}),
            Shown("FLD-71", ("f1", "Open"), (), {"customfield_11500": "FOLD-1"}),
            Shown(
                "FLD-72", ("f1", "Open"), (), {"customfield_11500": {"data": {"key": "FNW-1"}}}
            ),
            Delivery(
                900, ("FOLD-1",), "2024-05-07 08:00", "2024-05-07 09:00", "2024-05-07 10:00", None,
                "lab/buoy",
            ),
        ],
        rows={
            """select item_key, parent_work_item_key from marts.dim_work_items
               where item_key in ('FLD-70', 'FLD-71', 'FLD-72') order by 1""": [
                ("FLD-70", "jira:F901"), ("FLD-71", "jira:F901"), ("FLD-72", "jira:F901"),
            ],
            """select from_key, method from marts.bridge_work_item_links
               where to_key = 'jira:F901' and from_key = 'github:pr:P900'""": [
                ("github:pr:P900", "issue_key"),
            ],
        },
    ),
    Case(
        "a change implements what its commits name, pushed, merged by hand, in any letters",
        [
            Shown("FLD-75", ("f1", "Open")),
            Shown("FLD-76", ("f1", "Open")),
            repository("field/keys"),
            commits("field/keys", (0x701, (), "05-08 09:00"), keys=["FLD-76"], typed=["FLD-75"]),
            # An issue by two of its keys is one.
            commits("field/keys", (0x702, (0x701,), "05-08 10:00"),
                    keys=["FLD-75", "FLD-75", "FNW-1", "FOLD-1"]),
            pull("field/keys", 1, "05-08 09:30", "05-08 10:00", merged_as=0x702, closes=("I1",)),
            # A branch that was merged by hand, and one that nobody merged.
            commits("field/keys", (0x703, (0x701,), "05-08 09:30"), keys=["FOLD-1"]),
            commits("field/keys", (0x704, (0x703,), "05-08 10:30"), keys=["FLD-76"]),
            commits(
                "field/keys", (0x705, (0x702, 0x704), "05-08 11:00"),
                keys=["NOWHERE-9", "NOWHERE-8"], typed=["UTF-8"],
            ),
            commits("field/keys", (0x706, (0x702,), "05-08 12:00"), keys=["FLD-75"]),
            line("field/keys", 0x701, 0x702, 0x705),
            # What the repository was called before: its commits were read again.
            commits("field/former-keys", (0x701, (), "05-08 09:00")),
            line("field/former-keys", 0x701),
        ],
        flows={"FLD-76": {"first_commit_at": at("05-08 09:00")}},
        rows={
            f"""select replace(from_key, 'field/keys:{0:036x}', ''), to_key, method,
                    confidence, valid_from
                from marts.bridge_work_item_links
                where from_key like '%field/keys%' order by 1, 2""": [
                ("github:commit:0701", "jira:FLD-75", "issue_key", 0.9, at("05-08 09:00")),
                ("github:commit:0701", "jira:FLD-76", "issue_key", 0.9, at("05-08 09:00")),
                ("github:commit:0705", "jira:F901", "issue_key", 0.9, at("05-08 11:00")),
                ("github:commit:0705", "jira:FLD-76", "issue_key", 0.9, at("05-08 11:00")),
                ("github:pr:field/keys-1", "github:issue:I1", "closing_reference", 1.0,
                 at("05-08 09:30")),
                ("github:pr:field/keys-1", "jira:F901", "issue_key", 0.9, at("05-08 09:30")),
                ("github:pr:field/keys-1", "jira:FLD-75", "issue_key", 0.9, at("05-08 09:30")),
            ],
            f"""select change_key from marts.fct_changes
                where merge_commit_sha = '{0x701:040x}'""": [
                (f"github:commit:field/keys:{0x701:040x}",),
            ],
            """select replace(change_key, 'github:commit:field/keys:', ''), key_project, named_keys,
                    keys_without_item
                from marts.fct_change_keys where change_key like '%field/keys%'
                    and keys_without_item > 0 order by 2""": [
                (f"{0x705:040x}", "NOWHERE", 2, 2), (f"{0x705:040x}", "other", 1, 1),
            ],
            """select named_keys from marts.fct_change_keys
               where change_key like '%field/keys%' and key_project = 'FNW'""": [(1,), (1,)],
            """select measure, affected from metrics.metric_data_quality
               where measure in ('keys_without_item_FLD', 'keys_without_item_NOWHERE',
                   'keys_without_item_UTF', 'keys_without_item_other') order by 1""": [
                ("keys_without_item_NOWHERE", 2), ("keys_without_item_other", 1),
            ],
        },
    ),
    Case(
        "a link is what its type says of its ends today, in either direction",
        [
            listed("link_types", "fl1", "Hindernis", outward="blocks", inward="is blocked by"),
            Shown("FLD-80", ("f1", "Open"), (), {"issuelinks": [
                {"id": "1", "type": {"id": "fl1", "name": "Old", "outward": "old"},
                 "outwardIssue": {"id": "FLD-81", "key": "FLD-81"}},
                {"id": "2", "type": {"id": "fl2", "name": "Depends", "outward": "Is  blocked by"},
                 "outwardIssue": {"id": "FLD-82", "key": "FLD-82"}},
                {"id": "3", "type": {"id": "fl3", "name": "Cloners", "outward": "clones"},
                 "outwardIssue": {"id": "FLD-83", "key": "FLD-83"}},
            ]}),
            *(Shown(f"FLD-8{no}", ("f1", "Open")) for no in (1, 2, 3)),
        ],
        rows={
            """select from_key, link_type, to_key from marts.bridge_work_item_links
               where from_key like 'jira:FLD-8_' order by 1, 3""": [
                ("jira:FLD-80", "blocks", "jira:FLD-81"),
                ("jira:FLD-80", "relates", "jira:FLD-83"),
                ("jira:FLD-82", "blocks", "jira:FLD-80"),
            ],
        },
    ),
    Case(
        "a time that cannot be is no time, of whatever source",
        [
            Shown(
                "FLD-90", ("f8", "Implementing"),
                (("2024-05-07 09:00", 1, status("f1", "Open", "f8", "Implementing")),),
                created="0021-03-04 10:00",
            ),
            Named("groups", {"sys_id": "edge-field", "name": "Field Desk"}),
            Ticket(
                "incident", "FLD-91", "2024-05-06 09:00 created in New\n2024-05-06 10:00 Resolved",
                start={"assignment_group": "edge-field"}, now={"opened_at": "0021-03-04 10:00:00"},
            ),
        ],
        flows={"FLD-90": {"history_quality": "truncated", "created_at": at("05-07 09:00")}},
        rows={
            """select created_at from marts.fct_work_item_flows
               where work_item_key = 'servicenow:incident:FLD-91'""": [(at("05-06 09:00"),)],
            "select count(*) from marts.dim_dates where date_day < '2015-01-01'": [(0,)],
        },
    ),
]  # fmt: skip
