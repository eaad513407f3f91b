"""Commits outside of pull requests in the demo's GitHub, held against what truly happened.

What is expected comes from the world that the demo generates, and from no model.
"""

import base64
import hashlib
import hmac
from collections import Counter

import duckdb

from demo import truth, world
from demo.company import OWNER, Person
from demo.model import DirectCommit


def commit_key(one: DirectCommit) -> str:
    return f"github:commit:{OWNER}/{one.repository}:{one.sha}"


def person_key(person: Person) -> str:
    """The keyed hash of a person, by the book, with the public key of the demo."""
    text = f"github:{person.github_id}".encode()
    digest = hmac.new(b"flowhouse-demo-key", text, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:20].lower()


def there(made: world.World) -> list[DirectCommit]:
    return [one for one in made.directs if one.at <= made.now]


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
    assert set(found) == true and len(found) == len(true) > 30
    kinds = Counter(one.kind for one in there(made))
    assert set(kinds) == {"named", "none", "typed", "pair", "lookalike", "hotfix", "revert"}


def test_commits_lead_to_the_issues_that_they_name_and_to_no_others(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """In capital letters or in small ones; UTF-8 looks like a key, and is none."""
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
    assert set(found) == true and len(found) == len(true) > 25
    named = Counter(len(one.issues) for one in there(made))
    assert named[0] > 5 and named[1] > 15 and named[2] > 2


def test_commits_came_with_the_deployments_that_truly_brought_them(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """But for what the first deployment of a repository had behind it: nobody knows since when."""
    carried, brought = truth.carried(made, made.now), truth.brought(made, made.now)
    true = {
        (commit_key(one), f"github:{brought[one.sha].id}", "descent", brought[one.sha].succeeded)
        for one in there(made)
        if one.sha in brought
    }
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
    assert {(a, f"github:{b.rpartition(':')[2]}", c, d) for a, b, c, d in found} == true
    assert len(found) == len(true) > 25
    [(behind,)] = link.execute(
        "select count(*) from marts.fct_changes"
        " where kind = 'commit' and is_behind_first_deployment"
    ).fetchall()
    assert behind == sum(one.sha in carried and one.sha not in brought for one in there(made)) > 0
