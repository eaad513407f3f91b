"""Issues and commits outside of pull requests in the demo's GitHub, and what truly happened.

What is expected comes from the world that the demo generates, and from no model.
"""

import base64
import hashlib
import hmac
from collections import Counter

import duckdb

from demo import truth, truth_library, world
from demo.company import LIBRARY, OWNER, Person
from demo.model import DirectCommit, HubIssue
from demo.truth_library import commit_key, issue_key, pull_key
from tests.demo.conftest import dora_is_true, plain


def person_key(person: Person) -> str:
    """The keyed hash of a person, by the book, with the public key of the demo."""
    text = f"github:{person.github_id}".encode()
    digest = hmac.new(b"flowhouse-demo-key", text, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:20].lower()


def there(made: world.World) -> list[DirectCommit]:
    return [one for one in made.on_github().directs if one.at <= made.now]


def issues(made: world.World) -> list[HubIssue]:
    return truth_library.existing(made.library, made.now)


def test_commits_outside_of_pull_requests_are_changes_of_their_own(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """All of them, and no commit that a pull request was merged into."""
    found = link.execute(
        """
        select change_key, repository, merge_commit_sha, author_key, is_hotfix, is_revert,
            epoch(first_commit_at), epoch(merged_at), opened_at, first_review_at, additions
        from marts.fct_changes where kind = 'commit'
        """
    ).fetchall()
    true = {
        (
            commit_key(one), f"{OWNER}/{one.repository}", one.sha, person_key(one.author),
            one.kind == "hotfix", one.kind == "revert", one.written, one.at, None, None, None,
        )
        for one in there(made)
    }  # fmt: skip
    assert set(found) == true and len(found) == len(true) > 120
    assert set(Counter(one.kind for one in there(made))) == {
        "named", "none", "typed", "pair", "lookalike", "hotfix", "revert", "fixes", "see",
    }  # fmt: skip


def test_commits_lead_to_the_issues_that_they_name_and_to_no_others(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """In capital letters or in small ones; UTF-8 looks like a key, and is none.

    Of GitHub's issues to the one that it closed: that a commit speaks of one is no link.
    """
    found = link.execute(
        """
        select from_key, to_key, link_type, method, epoch(valid_from), valid_to
        from marts.bridge_work_item_links where from_key like 'github:commit:%'
        """
    ).fetchall()
    true = {
        (commit_key(one), f"jira:{issue.id}", "implements", "issue_key", one.at, None)
        for one in there(made)
        for issue in one.issues
    }
    assert len(true) > 25
    closing = {
        (commit_key(one), issue_key(one.fixes), "implements", "closing_commit", one.at, None)
        for one in there(made)
        if one.fixes
    }
    assert set(found) == true | closing and len(found) == len(true) + len(closing)
    assert len(closing) > 40
    named = Counter(len(one.issues) for one in made.directs if one.at <= made.now)
    assert named[0] > 5 and named[1] > 15 and named[2] > 2


def test_commits_came_with_the_deployments_that_truly_brought_them(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """But for what the first deployment of a repository had behind it: nobody knows since when."""
    hub = made.on_github()
    carried, brought = truth.carried(hub, made.now), truth.brought(hub, made.now)
    true = {
        (
            commit_key(one), str(brought[one.sha].id),
            "sha" if brought[one.sha].sha == one.sha else "descent", brought[one.sha].succeeded,
        )
        for one in there(made)
        if one.sha in brought
    }  # fmt: skip
    found = link.execute(
        """
        select changes.change_key, brought.deployment_key, brought.method,
            epoch(changes.deployed_at)
        from marts.fct_changes as changes
        inner join marts.bridge_deployment_changes as brought
            on changes.change_key = brought.change_key
        where changes.kind = 'commit'
        """
    ).fetchall()
    assert {(a, plain(b), c, d) for a, b, c, d in found} == true
    assert len(found) == len(true) > 100
    assert {method for _, _, method, _ in true} == {"sha", "descent"}
    [(behind,)] = link.execute(
        "select count(*) from marts.fct_changes"
        " where kind = 'commit' and is_behind_first_deployment"
    ).fetchall()
    assert behind == sum(one.sha in carried and one.sha not in brought for one in there(made)) > 0


# the library


def test_issues_were_in_the_statuses_that_they_truly_were_in(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """By their labels of status and by what closed them, to the second; no other label counts."""
    found = link.execute(
        """
        select work_item_key, transition_seq, from_status, to_status, epoch(changed_at),
            is_synthetic
        from marts.fct_status_transitions where work_item_key like 'github:issue:%'
        """
    ).fetchall()
    true = set()
    for issue in issues(made):
        before = None
        for place, (at, status) in enumerate(truth_library.steps(issue, made.now), start=1):
            true.add((issue_key(issue), place, before, status, at))
            before = status
    assert {row[:5] for row in found} == true and len(found) == len(true) > 900
    assert all(is_synthetic == (seq == 1) for _, seq, *_, is_synthetic in found)
    assert {status for _, _, _, status, _ in true} == {*truth_library.STAGES}


def test_issues_stayed_in_their_stages_as_long_as_they_truly_did(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    found = link.execute(
        """
        select work_item_key, stage, epoch(entered_at), epoch(exited_at)
        from marts.fct_stage_visits where work_item_key like 'github:issue:%'
        """
    ).fetchall()
    true = {
        (issue_key(issue), *stay)
        for issue in issues(made)
        for stay in truth_library.stays(issue, made.now)
    }
    assert set(found) == true and len(found) == len(true) > 900
    assert {stage for _, stage, _, _ in found} == {
        "backlog", "selected", "in_progress", "review", "done", "cancelled",
    }  # fmt: skip


def test_issues_began_and_ended_as_they_truly_did(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """Some went back, some were opened again, some were never begun, some came to nothing."""
    found = {
        key: truth_library.Flow(*row)
        for key, *row in link.execute(
            """
            select work_item_key, epoch(created_at), epoch(started_at), epoch(first_done_at),
                epoch(last_done_at), outcome, backward_count, reopen_count
            from marts.fct_work_item_flows where work_item_key like 'github:issue:%'
            """
        ).fetchall()
    }
    true = {issue_key(issue): truth_library.flow(issue, made.now) for issue in issues(made)}
    assert found == true
    seen = Counter(one.outcome for one in true.values())
    assert seen["done"] > 150 and seen["cancelled"] > 20 and seen["open"] > 5
    assert sum(one.moves_back for one in true.values()) > 20
    assert sum(one.reopenings for one in true.values()) > 10
    assert sum(one.started is None for one in true.values()) > 30


def test_issues_are_described_as_they_are(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    found = link.execute(
        """
        select work_item_key, item_key, scope, raw_type, workflow, level, value_stream_key,
            team_key, service_key, is_deleted
        from marts.dim_work_items where is_current and work_item_key like 'github:issue:%'
        """
    ).fetchall()
    scope = f"{OWNER}/{LIBRARY}"
    true = {
        (issue_key(one), f"{scope}#{one.number}", scope, one.labels[0], "software", "story",
         "insights", "insights", LIBRARY, False)
        for one in issues(made)
    }  # fmt: skip
    assert set(found) == true and len(found) == len(true) > 200


def test_items_of_the_library_are_linked_as_they_truly_are(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """Implemented, spoken of, waited for, asked for twice; as long as that held."""
    found = link.execute(
        """
        select from_key, to_key, link_type, method, epoch(valid_from), epoch(valid_to)
        from marts.bridge_work_item_links
        where (to_key like 'github:issue:%' or from_key like 'github:issue:%')
            and link_type <> 'parent'
        """
    ).fetchall()
    true = truth_library.links(made, made.now)
    assert set(found) == true and len(found) == len(true)
    kinds = Counter((kind, method) for _, _, kind, method, _, _ in true)
    assert kinds["implements", "closing_reference"] > 90
    assert kinds["implements", "closing_commit"] > 40
    assert kinds["relates", "cross_referenced"] > 15 and kinds["blocks", "timeline"] > 15
    assert kinds["duplicates", "marked_as_duplicate"] > 5
    cut = Counter(kind for _, _, kind, _, _, until in true if until is not None)
    assert cut["blocks"] > 3 and cut["duplicates"] > 1
    parents = link.execute(
        """
        select from_key, to_key from marts.bridge_work_item_links
        where link_type = 'parent' and from_key like 'github:%'
        """
    ).fetchall()
    assert set(parents) == truth_library.parents(made, made.now) and len(parents) > 15


def test_issues_of_the_library_waited_for_each_other_as_long_as_they_truly_did(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    true = truth_library.dependency(made, made.now)
    found = link.execute(
        """
        select blocking_value_stream_key, dependency_count, dated_dependency_count,
            open_dependency_count, dependent_items, held_up_items, dependency_wait_s
        from metrics.metric_dependencies
        where level = 'story' and value_stream_key = 'insights'
        """
    ).fetchall()
    assert found == [
        ("insights", true.pairs, true.dated, true.is_open, len(true.blocked), len(true.spans),
         true.seconds)
    ]  # fmt: skip
    assert true.pairs > 15 and len(true.spans) > 5


def test_issues_of_the_library_are_traced_to_production(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """By pull requests that close them and by commits that did; nothing builds the library."""
    found = {
        key: truth_library.Trace(*moments)
        for key, *moments, built_at in link.execute(
            """
            select work_item_key, epoch(idea_at), epoch(first_commit_at), epoch(opened_at),
                epoch(merged_at), epoch(deployed_at), built_at
            from marts.fct_traces where work_item_key like 'github:issue:%'
            """
        ).fetchall()
        if built_at is None
    }
    true = truth_library.traces(made, made.now)
    assert found == true
    assert sum(one.deployed_at is not None for one in true.values()) > 120
    assert sum(one.opened_at is None for one in true.values() if one.merged_at) > 20


def test_pull_requests_of_the_library_came_with_their_deployments(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    own = made.in_library()
    brought = truth.brought(own, made.now)
    true = {
        (pull_key(one), str(brought[one.id].id)) for one in own.pulls if one.id in brought
    }  # fmt: skip
    found = link.execute(
        """
        select brought.change_key, brought.deployment_key
        from marts.bridge_deployment_changes as brought
        inner join marts.fct_changes as changes on brought.change_key = changes.change_key
        where changes.service_key = $1 and changes.kind = 'pull_request'
        """,
        [LIBRARY],
    ).fetchall()
    assert {(change, plain(key)) for change, key in found} == true
    assert len(found) == len(true) > 100


def test_dora_of_the_library_is_the_true_one(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """What is pushed counts as what is merged does; a hotfix that is deployed alone is rework."""
    true = truth.periods(made.in_library(), made.now)
    dora_is_true(link, true, LIBRARY)
    assert sum(one.rework for one in true.values()) > 5
