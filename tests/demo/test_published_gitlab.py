"""What the Insights team does in GitLab, held against what truly happened there.

What is expected comes from the world that the demo generates, and from no model.
"""

import duckdb

from demo import truth, world
from demo.company import INSIGHTS
from tests.demo.conftest import dora_is_true, plain


def test_everything_that_is_in_gitlab_is_in_the_warehouse(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    counts = truth.counts(made, made.now)
    for name, sql in (
        ("issues", "marts.dim_work_items where is_current and item_kind = 'issue'"),
        ("merge_requests", "marts.dim_work_items where is_current and item_kind = 'pull_request'"),
        ("deployments", "marts.fct_deployments where true"),
        ("pipelines", "marts.fct_ci_runs where true"),
    ):
        sql = f"select count(*) from {sql} and source_system = 'gitlab'"
        assert link.execute(sql).fetchone() == (counts[f"gitlab.{name}"],), name
    jobs = "select count(*) from marts.fct_ci_jobs where source_system = 'gitlab'"
    assert link.execute(jobs).fetchone() == (
        sum(len(one.jobs) for one in made.insights.pipelines if one.finished <= made.now),
    )


def test_merge_requests_came_with_the_deployments_that_truly_brought_them(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """But for what the first deployment of a project had behind it: nobody knows since when."""
    own = made.in_gitlab()
    requests = {one.id: one for one in own.pulls}
    firsts: dict[str, int] = {}
    for one in own.deployments:
        if one.environment == "production" and one.succeeded:
            firsts[one.repository] = min(one.succeeded, firsts.get(one.repository, one.succeeded))
    true = {
        str(key): str(one.id)
        for key, one in truth.carried(own, made.now).items()
        if one.succeeded != firsts[one.repository] or one.sha == requests[key].merge_sha
    }
    found = link.execute(
        "select change_key, deployment_key from marts.bridge_deployment_changes"
        " where change_key like 'gitlab:%'"
    ).fetchall()
    assert {plain(change): plain(key) for change, key in found} == true
    assert len(found) == len(true) > 350


def test_dora_of_its_services_is_the_true_one(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """It has no desk: what failed are attempts that did not reach production."""
    true = truth.periods(made.in_gitlab(), made.now)
    dora_is_true(link, true, "insights-%")
    assert sum(one.failed for one in true.values()) > 3


def test_issues_are_traced_through_their_merge_request_to_production(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """Of those whose merge request says so; the others have no change."""
    work, own = made.insights, made.in_gitlab()
    shipped = truth.carried(own, made.now)
    firsts = {
        name: min(
            one.succeeded for one in own.deployments
            if (one.repository, one.environment) == (name, "production") and one.succeeded
        )
        for name in INSIGHTS.repositories
    }  # fmt: skip
    true = {}
    for one in work.tickets:
        if one.created <= made.now:
            true[str(one.id)] = (one.created, None, None, None, None)
    unknown = set()
    for one in work.requests:
        ticket = str(work.ticket_of[one.id].id)
        if one.created > made.now or one.id not in work.said:
            continue
        is_merged = one.merged is not None and one.merged <= made.now
        deployment = shipped.get(one.id)
        if deployment and deployment.succeeded == firsts[one.repository]:
            unknown.add(ticket)
        commits = [commit.at for commit in one.commits if commit.seen_from <= made.now]
        true[ticket] = (
            work.ticket_of[one.id].created, min(commits), one.created,
            one.merged if is_merged else None,
            deployment.succeeded if deployment else None,
        )  # fmt: skip
    found = {
        plain(key): tuple(moments)
        for key, *moments in link.execute(
            """
            select work_item_key, epoch(idea_at), epoch(first_commit_at), epoch(opened_at),
                epoch(merged_at), epoch(deployed_at)
            from marts.fct_traces
            where work_item_key like 'gitlab:%' and work_item_key not like 'gitlab:mr:%'
            """
        ).fetchall()
    }
    assert 0 < len(unknown) < 12 and found.keys() == true.keys()
    assert {key: found[key] for key in true.keys() - unknown} == {
        key: true[key] for key in true.keys() - unknown
    }
    assert sum(moments[1] is not None for moments in true.values()) > 300


def test_merge_requests_are_reviewed_and_approved_when_they_truly_were(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    true = {}
    for one in made.insights.requests:
        approvals = [review.at for review in one.reviews if review.state == "APPROVED"]
        if one.created <= made.now:
            true[str(one.id)] = next((at for at in approvals if at <= made.now), None)
    found = {
        plain(key): at
        for key, at in link.execute(
            """
            select items.work_item_key, min(case when moves.to_status = 'approved'
                then epoch(moves.changed_at) end)
            from marts.dim_work_items as items
            left join marts.fct_status_transitions as moves
                on items.work_item_key = moves.work_item_key
            where items.is_current and items.work_item_key like 'gitlab:mr:%' group by 1
            """
        ).fetchall()
    }
    assert found == true and sum(at is not None for at in true.values()) > 380


def test_a_build_is_flaky_or_fails_as_often_as_it_truly_did(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    over = [one for one in made.insights.pipelines if one.finished <= made.now]
    [(passed, failed)] = link.execute(
        """
        select count(*) filter (result = 'success'), count(*) filter (result = 'failure')
        from marts.fct_ci_runs where source_system = 'gitlab'
        """
    ).fetchall()
    assert (passed, failed) == (
        sum(one.is_passed for one in over), sum(not one.is_passed for one in over),
    )  # fmt: skip
    assert failed > 20
