"""Golden cases after reports from the field about delivery, each with its kin in other tools."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.flow.golden import Case, at, day
from tests.flow.scratch import Delivery, Rows, Told, moment

PEOPLE = {"person_key": "ann", "actor_type": "human"}


def sha(number: int) -> str:
    """Return the commit of a number."""
    return f"{number:040x}"


def may(text: str) -> datetime:
    """Return a moment; without a year it is one of 2024."""
    return moment(f"2024-{text}" if text[2] == "-" else text)


@dataclass
class Raw:
    """Rows of one raw table."""

    table: tuple[str, str]
    values: list[dict[str, Any]]

    def rows(self) -> Rows:
        """Return them by their table."""
        return {self.table: self.values}


def repository(name: str, made: str = "04-01 00:00", source: str = "github") -> Raw:
    """Return a repository, and when it was made."""
    names = {"github": ("repositories", "full_name"), "gitlab": ("projects", "path")}
    table, column = names[source]
    return Raw(
        (source, table),
        [{"id": name, column: name, "default_branch": "main", "created_at": may(made),
          "payload": {}}],
    )  # fmt: skip


def gap(
    source: str, object: str, scope: str, name: str, reason: str | None = None,
    ends: str | None = None, begins: str | None = None,
) -> Raw:  # fmt: skip
    """Return a stretch of time of which a source holds no history; without an end there is none."""
    return Raw(
        (source, "history_gaps"),
        [
            {
                "object": object,
                "scope": scope,
                "gap": name,
                "reason": reason,
                "gap_from": begins and may(begins),
                "gap_to": ends and may(ends),
                "payload": {},
            }
        ],
    )


def commits(name: str, *told: tuple[int, tuple[int, ...], str], **more: Any) -> Raw:
    """Return commits with their parents and when they were made."""
    return Raw(
        ("github", "commits"),
        [
            {
                "repository": name,
                "sha": sha(number),
                "first_parent": sha(parents[0]) if parents else None,
                "authored_at": may(more.get("authored", when)),
                "committed_at": may(when),
                "payload": {
                    "parents": [sha(parent) for parent in parents],
                    "author": PEOPLE,
                    "pull_request_no": more.get("pull"),
                    "issue_keys": more.get("keys"),
                    "typed_keys": more.get("typed"),
                },
            }
            for number, parents, when in told
        ],
    )


def line(name: str, *numbers: int) -> Raw:
    """Return the main line of a repository."""
    rows = [{"repository": name, "sha": sha(no), "payload": {}} for no in numbers]
    return Raw(("github", "main_lines"), rows)


def pull(
    name: str, number: int, opened: str, ended: str, *, merged_as: int | None = None,
    head: int = 0, base: str | None = "main", events: tuple[tuple[str, str], ...] = (),
    closes: tuple[str, ...] = (),
) -> Raw:  # fmt: skip
    """Return a pull request that was merged as a commit, or closed."""
    is_merged = merged_as is not None
    return Raw(
        ("github", "pull_requests"),
        [
            {
                "id": f"{name}-{number}",
                "repository": name,
                "number": number,
                "state": "closed",
                "created_at": may(opened),
                "updated_at": may(ended),
                "payload": {
                    "mergedAt": may(ended).isoformat() if is_merged else None,
                    "closedAt": may(ended).isoformat(),
                    "mergeCommitOid": sha(merged_as) if merged_as else None,
                    "headRefOid": sha(head) if head else None,
                    "baseRefName": base,
                    "closes": list(closes),
                    "author": PEOPLE,
                    "events": [
                        {"type": kind, "at": may(when).isoformat(), "actor": PEOPLE}
                        for kind, when in events
                    ],
                },
            }
        ],
    )


def reviews(pull_id: str, *told: tuple[str, str, str, str]) -> Raw:
    """Return reviews of a pull request: when, by whom, human or bot, and with what."""
    return Raw(
        ("github", "reviews"),
        [
            {
                "id": f"{pull_id}-{no}",
                "pull_request_id": pull_id,
                "state": state,
                "submitted_at": may(when),
                "payload": {"author": {"person_key": who, "actor_type": kind}},
            }
            for no, (when, who, kind, state) in enumerate(told)
        ],
    )


def written(table: tuple[str, str], request: str, number: int, authored: str, put: str) -> Raw:
    """Return a commit of a pull request or merge request, as it was written and committed."""
    owner = {"github": "pull_request_id", "gitlab": "merge_request_id"}[table[0]]
    return Raw(
        table,
        [{owner: request, "sha": sha(number), "repository": "x", "authored_at": moment(authored),
          "committed_at": may(put), "payload": {}}],
    )  # fmt: skip


def github(
    name: str, key: str, number: int, *states: tuple[str, str], where: str = "production", **flags
) -> list[Raw]:
    """Return a deployment of GitHub with its statuses; it was asked for with the first of them."""
    began = may(states[0][1])
    return [
        Raw(
            ("github", "deployments"),
            [{"id": key, "repository": name, "sha": sha(number), "environment": where,
              "created_at": began, "updated_at": began, "payload": flags}],
        ),
        Raw(
            ("github", "deployment_statuses"),
            [
                {"status_key": f"{key}-{no}", "deployment_id": key, "state": state,
                 "created_at": may(when), "payload": {}}
                for no, (state, when) in enumerate(states)
            ],
        ),
    ]  # fmt: skip


def run(name: str, key: str, number: int, began: str, ended: str, where: str = "production") -> Any:
    """Return a deployment of GitHub that ran and succeeded."""
    return github(name, key, number, ("in_progress", began), ("success", ended), where=where)


def gitlab(
    name: str, no: int, number: int, began: str | None, ended: str, status: str = "success",
    where: str = "production", environment_id: str | None = None, asked: str | None = None,
) -> Raw:  # fmt: skip
    """Return a deployment of GitLab with its job."""
    return Raw(
        ("gitlab", "deployments"),
        [
            {
                "id": f"{name}-{no}", "iid": no, "project": name, "environment": where,
                "sha": sha(number), "status": status, "job_status": status,
                "created_at": may(asked or began or ended),
                "started_at": may(began) if began else None,
                "finished_at": may(ended), "updated_at": may(ended),
                "payload": {"environment_id": environment_id},
            }
        ],
    )  # fmt: skip


def merge_request(
    name: str, number: int, opened: str, merged: str, base: str = "main", head: int | None = None
) -> Raw:
    """Return a merge request of GitLab that was merged as the commit of its number."""
    return Raw(
        ("gitlab", "merge_requests"),
        [
            {
                "id": str(number), "iid": number, "project": name, "status": "merged",
                "created_at": may(opened), "updated_at": may(merged), "merged_at": may(merged),
                "payload": {
                    "author": PEOPLE, "merge_commit_sha": sha(number), "target_branch": base,
                    "sha": sha(head) if head else None,
                },
            }
        ],
    )  # fmt: skip


ENDS = """
    select items.item_key, flows.outcome, items.current_status
    from marts.fct_work_item_flows as flows
    inner join marts.dim_work_items as items on flows.work_item_key = items.work_item_key
    where items.is_current and items.item_key like 'field/end%' order by 1
"""

DEPLOYED = """
    select split_part(changes.change_key, ':', 2) || ':' || changes.merge_commit_sha[37:],
        split_part(links.deployment_key, ':', 3), links.method, changes.is_behind_first_deployment
    from marts.fct_changes as changes
    left join marts.bridge_deployment_changes as links on changes.change_key = links.change_key
    where changes.repository = '{}' order by changes.merged_at, changes.change_key
"""

WAY = """
    select split_part(deployment_key, ':', 3), split_part(release_deployment_key, ':', 3), result,
        is_rollback, is_failed, is_retried
    from marts.fct_deployments where repository = '{}' order by started_at, deployment_key
"""


def ways(name: str, *told: tuple) -> dict[str, list[tuple]]:
    """Return what the deployments of a repository are expected to be."""
    return {WAY.format(name): list(told)}


CASES = [
    Case(
        "a release counts on the day on which it first succeeded, not that of a try or of the last",
        [
            repository("field/monday", "03-01 00:00"),
            # Tried on a Sunday, the last of March; elsewhere it came five weeks later.
            *github("field/monday", "m-1", 0x91, ("in_progress", "03-31 23:40"),
                    ("failure", "03-31 23:50")),
            *run("field/monday", "m-2", 0x91, "04-01 00:05", "04-01 00:10"),
            *run("field/monday", "m-3", 0x91, "05-06 09:00", "05-06 09:30", where="production eu"),
        ],
        rows={
            f"""select period_start, deployments, failed_deployments from metrics.{table}
                where service_key = 'unassigned:github:field/monday' order by 1 limit 2""": [
                (day("04-01"), 1, 0),
                (following, 0, 0),
            ]
            for table, following in (
                ("metric_dora", day("05-01")),
                ("metric_dora_weeks", day("04-08")),
            )
        },
    ),
    Case(
        "merged is the end, whoever closes it and when",
        [
            repository("field/end"),
            # Closed a second after its merge, and taken off the queue after it.
            pull("field/end", 1, "05-02 09:00", "05-02 10:00", merged_as=0x11, events=(
                ("merged", "2024-05-02 10:00:00"), ("closed", "2024-05-02 10:00:01"),
                ("removed_from_merge_queue", "2024-05-02 10:00:02"))),
            # A robot pushed it, and closed what it had merged.
            pull("field/end", 2, "05-02 09:00", "2024-05-03 10:00:05",
                 events=(("closed", "2024-05-03 10:00:05"),)),
            commits("field/end", (0x12, (), "05-03 10:00"), pull=2),
            # The commit that names it is older, or came long after it was given up.
            pull("field/end", 3, "05-04 09:00", "05-04 10:00", events=(("closed", "05-04 10:00"),)),
            commits("field/end", (0x13, (0x12,), "05-04 08:00"), pull=3),
            pull("field/end", 4, "05-04 09:00", "05-04 10:00", events=(("closed", "05-04 10:00"),)),
            commits("field/end", (0x14, (0x13,), "05-06 08:00"), pull=4),
            line("field/end", 0x12, 0x13, 0x14),
            repository("field/end-gl", source="gitlab"),
            merge_request("field/end-gl", 9001, "05-02 09:00", "05-02 10:00"),
            Raw(("gitlab", "merge_request_state_events"), [
                {"id": f"90{no}", "merge_request_id": "9001", "state": state,
                 "created_at": moment(f"2024-05-02 10:00:0{no}"), "payload": {"user": PEOPLE}}
                for no, state in enumerate(("merged", "closed"))
            ]),
        ],
        rows={
            ENDS: [
                ("field/end#1", "done", "merged"), ("field/end#2", "done", "merged"),
                ("field/end#3", "cancelled", "closed"), ("field/end#4", "cancelled", "closed"),
                ("field/end-gl!9001", "done", "merged"),
            ],
            """select merge_commit_sha[39:], kind from marts.fct_changes
               where repository = 'field/end' and merged_at is not null order by 1""": [
                ("11", "pull_request"), ("12", "pull_request"), ("13", "commit"), ("14", "commit"),
            ],
        },
    ),
    Case(
        "a deployment carries what its commit descends from, and the first one itself alone",
        [
            repository("field/graph"),
            # 21 - 22 - 24 - 26 is the main line, 23 a release cut from 22, 25 another branch; 27
            # was squashed from 28, and 28 itself was deployed.
            commits("field/graph", (0x21, (), "05-01 10:00"), (0x22, (0x21,), "05-02 10:00"),
                    (0x24, (0x22,), "05-04 10:00"), (0x23, (0x22,), "05-05 10:00"),
                    (0x26, (0x24,), "05-07 10:00"), (0x28, (0x24,), "05-07 11:00"),
                    (0x27, (0x26,), "05-08 10:00")),
            line("field/graph", 0x21, 0x22, 0x24, 0x26, 0x27),
            pull("field/graph", 1, "05-01 09:00", "05-01 10:00", merged_as=0x21),
            pull("field/graph", 2, "05-01 09:00", "05-02 10:00", merged_as=0x22),
            pull("field/graph", 4, "05-01 09:00", "05-04 10:00", merged_as=0x24),
            pull("field/graph", 3, "05-01 09:00", "05-05 10:00", merged_as=0x23, base="release/1"),
            pull("field/graph", 5, "05-01 09:00", "05-06 10:00", merged_as=0x25, base="next"),
            pull("field/graph", 6, "05-01 09:00", "05-07 10:00", merged_as=0x26),
            pull("field/graph", 7, "05-01 09:00", "05-08 10:00", merged_as=0x27, head=0x28),
            *run("field/graph", "gr-1", 0x22, "05-02 11:00", "05-02 12:00"),
            *run("field/graph", "gr-2", 0x23, "05-05 11:00", "05-05 12:00"),
            # Told by another tool: the commits are where the code is.
            Told("gr-3", "service.deployed", "2024-05-07 12:00", {
                "repository": "field/graph", "environment": "live", "sha": sha(0x26)}),
            *run("field/graph", "gr-4", 0x28, "05-08 11:00", "05-08 12:00"),
            # What lies behind the first one was there before, whoever brings it again.
            *run("field/graph", "gr-5", 0x21, "05-09 11:00", "05-09 12:00"),
            # Merged in the second in which it was there.
            commits("field/graph", (0x29, (0x27,), "05-10 12:00")),
            line("field/graph", 0x29),
            pull("field/graph", 8, "05-01 09:00", "05-10 12:00", merged_as=0x29),
            *run("field/graph", "gr-6", 0x29, "05-10 11:00", "05-10 12:00"),
            # Its branch was deployed before it was merged: tried, and not there yet.
            commits("field/graph", (0x2b, (0x29,), "05-11 10:00"), (0x2a, (0x29,), "05-12 10:00")),
            line("field/graph", 0x2a),
            pull("field/graph", 9, "05-10 13:00", "05-12 10:00", merged_as=0x2a, head=0x2b),
            *run("field/graph", "gr-7", 0x2b, "05-11 11:00", "05-11 12:00"),
            *run("field/graph", "gr-8", 0x2a, "05-13 11:00", "05-13 12:00"),
            # Where nobody shows the commits: by the order of merges, but not of another branch.
            repository("field/order", source="gitlab"),
            merge_request("field/order", 9021, "05-01 09:00", "05-01 10:00"),
            merge_request("field/order", 9022, "05-01 09:00", "05-02 10:00"),
            merge_request("field/order", 9023, "05-01 09:00", "05-03 10:00", base="release/1"),
            merge_request("field/order", 9024, "05-01 09:00", "05-04 10:00"),
            merge_request("field/order", 9025, "05-01 09:00", "05-05 10:00", head=0x9926),
            gitlab("field/order", 1, 9022, "05-02 11:00", "05-02 12:00"),
            gitlab("field/order", 2, 0x9926, "05-05 11:00", "05-05 12:00"),
            gitlab("field/order", 3, 9021, "05-06 11:00", "05-06 12:00"),
        ],
        rows={
            DEPLOYED.format("field/graph"): [
                ("pr:0021", None, None, True), ("pr:0022", "gr-1", "sha", False),
                ("pr:0024", "gr-3", "descent", False), ("pr:0023", "gr-2", "sha", False),
                ("pr:0025", None, None, False), ("pr:0026", "gr-3", "sha", False),
                ("pr:0027", "gr-4", "sha", False), ("pr:0029", "gr-6", "sha", False),
                ("pr:002a", "gr-8", "sha", False),
            ],
            """select merge_to_deploy_s from marts.fct_changes
               where repository = 'field/graph' and merge_commit_sha like '%29'""": [(0,)],
            DEPLOYED.format("field/order"): [
                ("mr:233d", None, None, True), ("mr:233e", "field/order-1", "sha", False),
                ("mr:233f", None, None, False),
                ("mr:2340", "field/order-2", "merge_order", False),
                ("mr:2341", "field/order-2", "sha", False),
            ],
        },
    ),
    Case(
        "back is to what was there before, forward to what came later, and a slow part is neither",
        [
            repository("field/back"),
            commits("field/back", (0x31, (), "05-01 10:00"), (0x32, (0x31,), "05-02 10:00"),
                    (0x33, (0x32,), "05-03 10:00")),
            line("field/back", 0x31, 0x32, 0x33),
            *run("field/back", "b-1", 0x31, "05-03 11:00", "05-03 11:05"),
            *run("field/back", "b-2", 0x33, "05-04 11:00", "05-04 11:05"),
            # 32 never ran here alone, and 33 descends from it.
            *run("field/back", "b-3", 0x32, "05-05 11:00", "05-05 11:05"),
            *run("field/back", "b-4", 0x33, "05-06 11:00", "05-06 11:05"),
            # Without commits: what came there first is the earlier one.
            repository("field/back-gl", source="gitlab"),
            gitlab("field/back-gl", 1, 0x31, "05-03 11:00", "05-03 11:05"),
            gitlab("field/back-gl", 2, 0x32, "05-04 11:00", "05-04 11:05"),
            gitlab("field/back-gl", 3, 0x31, "05-05 11:00", "05-05 11:05"),
            gitlab("field/back-gl", 4, 0x32, "05-06 11:00", "05-06 11:05"),
            # Three parts of each push; the last part of the first ends after the second push.
            repository("field/parts"),
            *run("field/parts", "p-1", 0x31, "05-03 10:00", "05-03 10:02"),
            *run("field/parts", "p-2", 0x31, "05-03 10:01", "05-03 10:09"),
            *run("field/parts", "p-3", 0x32, "05-03 10:05", "05-03 10:06"),
            *run("field/parts", "p-4", 0x32, "05-03 10:06", "05-03 10:07", where="production-us"),
        ],
        rows={
            **ways(
                "field/back",
                ("b-1", "b-1", "success", False, False, False),
                ("b-2", "b-2", "success", False, True, False),
                ("b-3", "b-3", "success", True, False, False),
                ("b-4", "b-4", "success", False, False, False),
            ),
            **ways(
                "field/back-gl",
                ("field/back-gl-1", "field/back-gl-1", "success", False, False, False),
                ("field/back-gl-2", "field/back-gl-2", "success", False, True, False),
                ("field/back-gl-3", "field/back-gl-3", "success", True, False, False),
                ("field/back-gl-4", "field/back-gl-4", "success", False, False, False),
            ),
            **ways(
                "field/parts",
                ("p-1", "p-1", "success", False, False, False),
                ("p-2", "p-1", "success", False, False, False),
                ("p-3", "p-3", "success", False, False, False),
                ("p-4", "p-3", "success", False, False, False),
            ),
        },
    ),
    Case(
        "what never ran has not failed, what is tried again is one, and nothing runs for ever",
        [
            repository("field/tries"),
            *github("field/tries", "t-1", 0x41, ("waiting", "05-02 10:00"),
                    ("failure", "05-02 12:00")),
            *github("field/tries", "t-2", 0x41, ("in_progress", "05-03 10:00"),
                    ("failure", "05-03 10:10")),
            *run("field/tries", "t-3", 0x41, "05-03 10:20", "05-03 10:30"),
            # An hour later it is no second try of a job: somebody put something right.
            *github("field/tries", "t-4", 0x42, ("in_progress", "05-04 10:00"),
                    ("failure", "05-04 10:10")),
            *run("field/tries", "t-5", 0x42, "05-04 11:10", "05-04 11:20"),
            *github("field/tries", "t-6", 0x43, ("queued", "05-05 10:00"),
                    ("inactive", "05-05 12:00")),
            *github("field/tries", "t-7", 0x44, ("in_progress", "05-06 10:00")),
            *run("field/tries", "t-8", 0x45, "05-07 10:00", "05-07 10:10"),
            *github("field/tries", "t-9", 0x46, ("in_progress", "06-30 10:00")),
            repository("field/tries-gl", source="gitlab"),
            gitlab("field/tries-gl", 1, 0x41, None, "05-02 12:00", "failed", asked="05-02 10:00"),
            gitlab("field/tries-gl", 2, 0x41, "05-03 10:00", "05-03 10:10", "failed"),
            gitlab("field/tries-gl", 3, 0x41, "05-03 10:20", "05-03 10:30"),
        ],
        rows={
            **ways(
                "field/tries",
                ("t-1", None, "skipped", False, False, False),
                ("t-2", "t-3", "failure", False, False, True),
                ("t-3", "t-3", "success", False, False, False),
                ("t-4", "t-5", "failure", False, True, False),
                ("t-5", "t-5", "success", False, False, False),
                ("t-6", None, "unknown", False, False, False),
                ("t-7", None, "unknown", False, False, False),
                ("t-8", "t-8", "success", False, False, False),
                ("t-9", None, "running", False, False, False),
            ),
            **ways(
                "field/tries-gl",
                ("field/tries-gl-1", None, "skipped", False, False, False),
                ("field/tries-gl-2", "field/tries-gl-3", "failure", False, False, True),
                ("field/tries-gl-3", "field/tries-gl-3", "success", False, False, False),
            ),
        },
    ),
    Case(
        "a review is a person's, between ready and merge, and no work is older than its repository",
        [
            repository("field/review"),
            # A program first, a person on the draft, the program's approval, then a person.
            pull("field/review", 1, "05-02 09:00", "05-03 10:00", merged_as=0x51,
                 events=(("ready_for_review", "05-02 12:00"), ("merged", "05-03 10:00"))),
            reviews("field/review-1", ("05-02 12:01", "coder", "bot", "COMMENTED"),
                    ("05-02 10:00", "bob", "human", "COMMENTED"),
                    ("05-02 12:30", "coder", "bot", "APPROVED"),
                    ("05-02 14:00", "bob", "human", "APPROVED")),
            written(("github", "pull_request_commits"), "field/review-1", 0x52,
                    "1970-01-01 00:00", "05-02 08:00"),
            # Both dates are too early: nobody knows.
            pull("field/review", 2, "05-04 09:00", "05-04 10:00", merged_as=0x53),
            written(("github", "pull_request_commits"), "field/review-2", 0x54,
                    "1970-01-01 00:00", "03-31 23:59"),
            # A program alone has not reviewed it.
            reviews("field/review-2", ("05-04 09:01", "coder", "bot", "COMMENTED")),
            # Pushed directly, with the date of the epoch.
            commits("field/review", (0x55, (), "05-05 10:00"), authored="1970-01-01 00:00"),
            line("field/review", 0x55),
            repository("field/review-gl", source="gitlab"),
            merge_request("field/review-gl", 9051, "05-02 09:00", "05-03 10:00"),
            Raw(("gitlab", "merge_request_notes"), [
                {"id": f"905{no}", "merge_request_id": "9051", "kind": kind,
                 "created_at": may(when), "payload": {
                     "author": {"person_key": who, "actor_type": actor}}}
                for no, (when, kind, who, actor) in enumerate((
                    ("05-02 09:01", "comment", "coder", "bot"),
                    ("05-02 10:00", "comment", "bob", "human"),
                ))
            ]),
            written(("gitlab", "merge_request_commits"), "9051", 0x56, "1970-01-01 00:00",
                    "05-02 07:00"),
        ],
        rows={
            """select change_key, coding_s / 3600, pickup_s / 3600, review_s / 3600,
                   first_commit_at, first_review_at, approved_at, is_written_before_repository
               from marts.fct_changes where repository like 'field/review%' order by 1""": [
                (f"github:commit:field/review:{sha(0x55)}", None, None, None, at("05-05 10:00"),
                 None, None, True),
                ("github:pr:field/review-1", 1, 2, 20, at("05-02 08:00"), at("05-02 14:00"),
                 at("05-02 14:00"), True),
                ("github:pr:field/review-2", None, None, None, None, None, None, True),
                ("gitlab:mr:9051", 2, 1, 24, at("05-02 07:00"), at("05-02 10:00"), None, True),
            ],
        },
    ),
    Case(
        "a pipeline is its file, and its jobs are those that ran in it, as long as it does",
        [
            repository("field/ci"),
            # Named by who started them; two files of one name; one that nobody let run.
            *(
                Raw(("github", "workflow_runs"), [
                    {"id": f"ci-{key}", "run_attempt": attempt, "repository": "field/ci",
                     "head_sha": sha(0x61), "event": "push", "status": "completed",
                     "conclusion": came, "created_at": may("05-02 10:00"),
                     "run_started_at": may(began), "updated_at": may(ended),
                     "payload": {"name": f"Ship by @{key}", "path": path, "workflow_id": 7}}])
                for key, attempt, came, began, ended, path in (
                    ("a", 1, "failure", "05-02 10:00", "05-02 10:20", ".github/workflows/b.yml"),
                    ("a", 2, "success", "05-02 14:00", "05-02 14:15", ".github/workflows/b.yml"),
                    ("b", 1, "failure", "05-02 10:00", "05-02 10:20",
                     ".github/workflows/c.yml@refs/heads/jane"),
                    ("d", 1, "success", "05-02 10:00", "05-02 10:20", ".github/workflows/d.yml"),
                    ("c", 1, "action_required", "05-02 10:00", "05-02 10:00", None),
                )
            ),
            Raw(("github", "jobs"), [
                {"id": key, "run_id": run_id, "run_attempt": attempt, "status": "completed",
                 "conclusion": "success", "created_at": may(asked), "started_at": may(began),
                 "completed_at": may(ended), "payload": {"name": key}}
                for key, run_id, attempt, asked, began, ended in (
                    ("ci-build", "ci-a", 1, "05-02 10:00", "05-02 10:01", "05-02 10:05"),
                    ("ci-again", "ci-a", 2, "05-02 10:00", "05-02 10:01", "05-02 10:05"),
                    ("ci-test", "ci-a", 2, "05-02 14:00", "05-02 14:01", "05-02 14:10"),
                    ("ci-late", "ci-a", 2, "05-02 14:00", "05-02 14:12", "05-02 14:11"),
                    ("ci-early", "ci-a", 2, "05-02 14:05", "05-02 14:04", "05-02 14:10"),
                    ("ci-now", "ci-a", 2, "05-02 14:05", "05-02 14:05", "05-02 14:10"),
                    # Began before its run was asked for.
                    ("ci-odd", "ci-d", 1, "05-02 09:59", "05-02 09:59", "05-02 10:09"),
                )
            ]),
            # Another tool's run of the same commit, under the same name, says nothing of it.
            Told("ci-w", "pipelinerun.finished", "2024-05-02 12:00",
                 {"run_id": "w", "pipeline": "c.yml", "repository": "field/ci", "sha": sha(0x61),
                  "result": "success"}),
            Raw(("jenkins", "builds"), [
                {"job_full_name": "field/deploy-prod", "number": 1,
                 "started_at": may("05-02 10:00"), "duration_ms": 300000, "is_building": False,
                 "result": "SUCCESS", "class": "WorkflowRun",
                 "payload": {"head_sha": sha(0x62), "repository": None, "causes": []}}]),
            # Before the 29th of April nothing was kept; for two weeks no load ran, until what was
            # built had been discarded. Of the other job all is known.
            gap("jenkins", "builds", "field/deploy-prod", "beginning", "retention", "04-29 00:00"),
            gap("jenkins", "builds", "field/deploy-prod", "a", "pause", "06-03 00:01",
                "05-20 00:00"),
            gap("jenkins", "builds", "field/other", "beginning"),
            gap("github", "workflow_runs", "field/ci", "beginning", "oldest_shown", "05-02 10:00",
                "04-01 00:00"),
            gap("gitlab", "pipelines", "field/ci", "beginning", "start_date", "05-01 00:00"),
            Raw(("jenkins", "stages"), [
                {"job_full_name": "field/deploy-prod", "number": 1,
                 "build_started_at": may("05-02 10:00"), "stage_id": str(no),
                 "started_at": may("05-02 10:01"), "duration_ms": took, "status": status,
                 "payload": {"name": f"stage {no}"}}
                for no, (status, took) in enumerate(
                    # The last ones in the words of the newer plugin.
                    (("SUCCESS", 60000), ("SUCCESS", -158445), ("IN_PROGRESS", None),
                     ("failure", 60000), ("not_built", 0), ("paused", 60000), ("unstable", 60000)))
            ]),
        ],
        rows={
            """select ci_run_key, pipeline, result, queue_s, run_s / 60, is_flaky
               from marts.fct_ci_runs
               where repository = 'field/ci' and source_system = 'github' order by 1""": [
                ("github:run:ci-a:1", "b.yml", "failure", 60, 4, True),
                ("github:run:ci-a:2", "b.yml", "success", 60, 10, False),
                ("github:run:ci-b:1", "c.yml", "failure", None, None, False),
                ("github:run:ci-c:1", "workflow-7", "skipped", None, None, False),
                ("github:run:ci-d:1", "d.yml", "success", None, 10, False),
            ],
            """select job, result, queue_s, run_s / 60, is_inherited, is_clock_backwards
               from marts.fct_ci_jobs where job like 'ci-%' or job like 'stage _' order by 1""": [
                ("ci-again", "success", None, None, True, False),
                ("ci-build", "success", 60, 4, False, False),
                ("ci-early", "success", None, 6, False, True),
                ("ci-late", "success", 720, None, False, True),
                ("ci-now", "success", 0, 5, False, False),
                ("ci-odd", "success", 0, 10, False, False),
                ("ci-test", "success", 60, 9, False, False),
                ("stage 0", "success", None, 1, False, False),
                ("stage 1", "success", None, None, False, True),
                ("stage 2", "unknown", None, None, False, False),
                ("stage 3", "failure", None, 1, False, False),
                ("stage 4", "skipped", None, 0, False, False),
                ("stage 5", "unknown", None, None, False, False),
                ("stage 6", "failure", None, 1, False, False),
            ],
            # A job that a seed calls a deployment.
            """select source_system, repository, environment_key, is_production, sha, result
               from marts.fct_deployments where repository = 'field/deploy-prod'""": [
                ("jenkins", "field/deploy-prod", "production", True, sha(0x62), "success"),
            ],
            # What no load saw is not known, and not nothing.
            """select source_system, object, scope, service_key, reason, gap_from, gap_to
               from meta.history_gaps where scope like 'field/%' order by 1, gap_to""": [
                ("github", "workflow_runs", "field/ci", None, "oldest_shown",
                 at("04-01 00:00"), at("05-02 10:00")),
                ("gitlab", "pipelines", "field/ci", None, "start_date", None, at("05-01 00:00")),
                ("jenkins", "builds", "field/deploy-prod", "unassigned:jenkins:field/deploy-prod",
                 "retention", None, at("04-29 00:00")),
                ("jenkins", "builds", "field/deploy-prod", "unassigned:jenkins:field/deploy-prod",
                 "pause", at("05-20 00:00"), at("06-03 00:01")),
            ],
            """select period_start, is_history_known, deployments, failed_deployments, changes,
                   change_fail_share
               from metrics.metric_dora_weeks
               where service_key = 'unassigned:jenkins:field/deploy-prod'
                   and period_start < '2024-06-17' order by 1""": [
                (day("04-29"), True, 1, 0, 0, 0.0),
                (day("05-06"), True, 0, 0, 0, None),
                (day("05-13"), True, 0, 0, 0, None),
                (day("05-20"), False, None, None, None, None),
                (day("05-27"), False, None, None, None, None),
                (day("06-03"), False, None, None, None, None),
                (day("06-10"), True, 0, 0, 0, None),
            ],
            """select period_start, is_history_known, deployments, merged_changes
               from metrics.metric_dora
               where service_key = 'unassigned:jenkins:field/deploy-prod' order by 1""": [
                (day("05-01"), False, None, 0), (day("06-01"), False, None, 0),
                (day("07-01"), True, 0, 0),
            ],
        },
    ),
    Case(
        "an issue of GitLab is where its labels say, else where loads saw its own status",
        [
            repository("field/status-gl", source="gitlab"),
            Raw(("gitlab", "issues"), [
                {"id": f"90{no}", "iid": no, "project": "field/status-gl", "status": state,
                 "created_at": may("05-01 09:00"), "updated_at": may("05-06 12:00"),
                 "closed_at": may("05-06 12:00") if state == "closed" else None,
                 "payload": {"labels": labels}}
                for no, state, labels in (
                    (61, "opened", []), (62, "closed", []), (63, "opened", []),
                    (64, "opened", ["workflow::in review"]), (65, "opened", []))
            ]),
            Raw(("gitlab", "issue_state_events"), [
                {"id": f"906{no}", "issue_id": "9062", "state": state, "created_at": may(when),
                 "payload": {"user": PEOPLE}}
                for no, (state, when) in enumerate((
                    ("closed", "05-02 12:00"), ("reopened", "05-03 12:00"),
                    # A moment after what the issue itself says.
                    ("closed", "2024-05-06 12:00:00.120")))
            ]),
            Raw(("gitlab", "snapshots"), [
                {"object": "issue_statuses", "id": f"90{no}", "seen_at": may(when),
                 "payload": {"status": status, "category": category}}
                for no, when, status, category in (
                    (61, "05-03 00:00", "To do", "to_do"),
                    (61, "05-05 00:00", "In progress", "in_progress"),
                    (62, "05-07 00:00", "Won't do", "canceled"),
                    # Nobody ever moved it.
                    (63, "05-03 00:00", "To do", "to_do"),
                    (64, "05-03 00:00", "In progress", "in_progress"),
                    # After as_of.
                    (65, "2024-07-05 00:00", "In progress", "in_progress"))
            ]),
        ],
        rows={
            """select items.item_key[17:], transitions.to_status, transitions.changed_at
               from marts.fct_status_transitions as transitions
               inner join marts.dim_work_items as items
                   on transitions.work_item_version_key = items.work_item_version_key
               where items.scope = 'field/status-gl' order by 1, 3""": [
                ("61", "opened", at("05-01 09:00")), ("61", "to do", at("05-03 00:00")),
                ("61", "in progress", at("05-05 00:00")),
                ("62", "opened", at("05-01 09:00")), ("62", "closed", at("05-02 12:00")),
                ("62", "opened", at("05-03 12:00")),
                ("62", "won't do", datetime(2024, 5, 6, 12, 0, 0, 120000)),
                ("63", "opened", at("05-01 09:00")),
                ("64", "workflow::in review", at("05-01 09:00")),
                ("65", "opened", at("05-01 09:00")),
            ],
            """select items.item_key[17:], items.current_status, flows.outcome,
                   flows.history_quality
               from marts.fct_work_item_flows as flows
               inner join marts.dim_work_items as items
                   on flows.work_item_version_key = items.work_item_version_key
               where items.scope = 'field/status-gl' order by 1""": [
                ("61", "in progress", "open", "snapshot_only"),
                ("62", "won't do", "cancelled", "snapshot_only"),
                ("63", "opened", "open", "complete"),
                ("64", "workflow::in review", "open", "complete"),
                ("65", "opened", "open", "complete"),
            ],
        },
    ),
    Case(
        "a period is not known when a gap touches it, by the clock of its stream",
        [
            # Dock keeps the time of Los Angeles: midnight is at 08:00, from 10 March at 07:00.
            *(
                Raw(("jenkins", "builds"), [
                    {"job_full_name": "harbour/deploy-prod", "number": no,
                     "started_at": may(when), "duration_ms": 300000, "is_building": False,
                     "result": "SUCCESS", "class": "WorkflowRun",
                     "payload": {"head_sha": sha(0x80 + no), "repository": None, "causes": []}}])
                for no, when in ((1, "01-20 10:00"), (2, "05-15 10:00"))
            ),
            *(
                gap("jenkins", "builds", "harbour/deploy-prod", name, "pause", ends, begins)
                for name, begins, ends in (
                    ("a", None, "01-25 00:00"),
                    ("b", "03-01 03:00", "03-02 00:00"),
                    ("c", "03-11 03:00", "03-12 00:00"),
                    ("d", "05-01 07:00", "05-13 07:00"),
                    ("e", "05-20 07:00", "06-01 07:00"),
                )
            ),
        ],
        rows={
            """select period_start, is_history_known, deployments from metrics.metric_dora
               where service_key = 'harbour' order by 1""": [
                (day("01-01"), False, None), (day("02-01"), False, None),
                (day("03-01"), False, None), (day("04-01"), True, 0), (day("05-01"), False, None),
                (day("06-01"), True, 0),
            ],
            """select period_start, deployments from metrics.metric_dora_weeks
               where service_key = 'harbour' and (not is_history_known or deployments > 0)
               order by 1""": [
                (day(monday), deployments)
                for monday, deployments in (
                    ("01-15", None), ("01-22", None), ("02-26", None), ("03-04", None),
                    ("03-11", None), ("04-29", None), ("05-06", None), ("05-13", 1),
                    ("05-20", None), ("05-27", None),
                )
            ],
        },
    ),
    Case(
        "a service begins on the day of its first change or try",
        [
            # In Los Angeles it still was March.
            repository("harbour/mole", "01-01 00:00"),
            pull("harbour/mole", 1, "03-30 09:00", "04-01 03:00", merged_as=0x93),
            repository("field/never", "01-01 00:00"),
            *github("field/never", "n-1", 0x94, ("in_progress", "03-31 23:40"),
                    ("failure", "03-31 23:50")),
            *github("field/never", "n-2", 0x94, ("in_progress", "04-01 00:05"),
                    ("failure", "04-01 00:10")),
        ],
        rows={
            f"""select period_start, merged_changes from metrics.{table}
                where service_key = 'mole' order by 1 limit 2""": [
                (day(first), 1), (day("04-01"), 0)
            ]
            for table, first in (("metric_dora", "03-01"), ("metric_dora_weeks", "03-25"))
        } | {
            f"""select period_start, deployments, failed_deployments from metrics.{table}
                where service_key = 'unassigned:github:field/never' order by 1 limit 2""": [
                (day(first), 1, 1), (day("04-01"), 0, 0)
            ]
            for table, first in (("metric_dora", "03-01"), ("metric_dora_weeks", "03-25"))
        },
    ),
    Case(
        "what was written after a draft was opened was written too late to be timed",
        [
            repository("field/draft"),
            Delivery(
                0x9501, (), "2024-05-06 10:00", "2024-05-06 09:00", "2024-05-06 14:00", None,
                "field/draft", ready="2024-05-06 11:00",
            ),
        ],
        rows={
            """select is_coded_after_opening, coding_s from marts.fct_changes
               where repository = 'field/draft'""": [(True, None)],
        },
    ),
    Case(
        "what is production is said by the company, by the tool, or by the words of a name",
        [
            repository("field/where"),
            *run("field/where", "w-1", 0x71, "05-02 10:00", "05-02 10:05", where="product-search"),
            *github("field/where", "w-2", 0x71, ("success", "05-02 11:00"), where="shop-eu",
                    production_environment=True),
            *github("field/where", "w-3", 0x71, ("success", "05-02 12:00"), where="live-pr-18",
                    transient_environment=True),
            *run("field/where", "w-4", 0x71, "05-02 13:00", "05-02 13:05", where="eu/live-2"),
            *run("field/where", "w-5", 0x71, "05-02 14:00", "05-02 14:05", where="live-test"),
            repository("field/where-gl", source="gitlab"),
            Raw(("gitlab", "environments"), [
                {"id": f"{no}", "project": "field/where-gl", "name": name, "tier": tier,
                 "payload": {}}
                for no, (name, tier) in enumerate((("gprd", "production"), ("live", "staging")))
            ]),
            gitlab("field/where-gl", 1, 0x71, "05-02 10:00", "05-02 10:05", where="gprd",
                   environment_id="0"),
            gitlab("field/where-gl", 2, 0x71, "05-02 10:00", "05-02 10:05", where="live",
                   environment_id="1"),
        ],
        rows={
            """select raw_environment, environment_key, is_production from marts.fct_deployments
               where repository like 'field/where%' order by 1""": [
                ("eu/live-2", "production", True), ("gprd", "production", True),
                ("live", "staging", False), ("live-pr-18", "review", False),
                ("live-test", "test", False), ("product-search", "production", True),
                ("shop-eu", "production", True),
            ],
        },
    ),
]  # fmt: skip
