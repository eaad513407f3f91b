"""Versions, dependencies and defects of the demo company, held against what truly happened there.

What is expected comes from the world that the demo generates, and from no model.
"""

import re
from collections import Counter
from datetime import UTC, datetime

import duckdb

from demo import truth, truth_defects, world
from tests.demo.conftest import plain


def test_versions_are_released_when_they_truly_were(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    found = link.execute(
        "select release_key, scope, name, is_released, starts_on, release_on"
        " from marts.dim_releases order by 1"
    ).fetchall()
    assert found == sorted(
        (f"jira:{one.id}", one.stream.project, one.name, one.released <= made.now,
         one.starts_on, one.released_on)
        for one in made.versions if one.known <= made.now
    )  # fmt: skip
    assert {released for *_, released, _, _ in found} == {True, False}


def test_every_issue_is_in_the_versions_that_it_was_planned_for(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    """From when until when, to the second."""

    def at(moment: int | None) -> datetime | None:
        is_over = moment is not None and moment <= made.now
        return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None) if is_over else None

    found = link.execute(
        "select work_item_key, release_key, link_role, valid_from, valid_to"
        " from marts.bridge_work_item_releases"
    ).fetchall()
    true = {
        (f"jira:{issue.id}", f"jira:{one.version.id}", one.role, at(one.since), at(one.until))
        for issue in made.issues
        for one in issue.plans
        if one.since <= made.now
    }
    assert set(found) == true and len(found) == len(true) > 3000
    assert {role for _, _, role, _, _ in found} == {"fix", "affects"}


def test_streams_wait_for_each_other_as_long_as_they_truly_did(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    found = {
        (blocking, blocked): numbers
        for blocking, blocked, *numbers in link.execute(
            """
            select blocking_value_stream_key, value_stream_key, dependency_count,
                dated_dependency_count, open_dependency_count, dependent_items, held_up_items,
                dependency_wait_s
            from metrics.metric_dependencies
            where level = 'story' and value_stream_key <> 'insights'
            """
        ).fetchall()
    }
    true = truth.dependencies(made, made.now)
    assert found == {
        pair: [one.pairs, one.dated, one.is_open, len(one.blocked), len(one.spans), one.seconds]
        for pair, one in true.items()
    }
    assert sum(len(one.spans) for one in true.values()) > 100
    assert all(one.pairs > one.dated > 0 and one.seconds > 86400 for one in true.values())


def test_links_are_there_from_when_they_were_made_until_they_were_cut(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    found = link.execute(
        """
        select from_key, to_key, epoch(valid_from), epoch(valid_to)
        from marts.bridge_work_item_links where link_type = 'blocks' and from_key like 'jira:%'
        """
    ).fetchall()
    true = {
        (
            f"jira:{issue.id}", f"jira:{one.other.id}",
            one.at if one.is_told else None,
            one.until if one.until is not None and one.until <= made.now else None,
        )
        for issue in made.issues for one in issue.links
        if one.kind == "Blocks" and one.end == "outwardIssue" and one.at <= made.now
    }  # fmt: skip
    assert set(found) == true and len(found) == len(true)
    cut = [row for row in found if row[3] is not None]
    assert 10 < len(cut) < sum(row[2] is not None for row in found) < len(found)


def test_defects_were_found_where_somebody_says_so(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    true = truth_defects.defects(made, made.now)
    rows = link.execute(
        """
        select work_item_key, value_stream_key, is_escaped, detection_method, environment_key,
            incident_work_item_key, cohort_method, release_key, deployment_key, cohort_on,
            found_on, is_withdrawn
        from marts.fct_defects
        """
    ).fetchall()
    found = {
        plain(key): truth_defects.Defect(
            stream, bool(escaped), way, place, plain(incident),
            (cohort, plain(release or deployment)), on, day, withdrawn,
        )
        for key, stream, escaped, way, place, incident, cohort, release, deployment, on, day,
            withdrawn in rows
    }  # fmt: skip
    # What nobody says is not known, whatever is true of it.
    assert {plain(key) for key, _, escaped, *_ in rows if escaped is None} == {
        key for key, one in true.items() if one.way is None
    }
    said = {key for key, one in true.items() if one.way}
    assert {key: found[key] for key in said} == {key: true[key] for key in said}
    for key in true.keys() - said:
        one, other = found[key], true[key]
        assert (one.way, one.cohort, one.cohort_on) == (None, other.cohort, other.cohort_on)
    assert Counter(one.way for one in true.values()).keys() == {
        "field", "label", "incident", "release", None,
    }  # fmt: skip


def test_rates_of_escape_are_the_true_ones_of_each_month(
    link: duckdb.DuckDBPyConnection, made: world.World
) -> None:
    true = truth_defects.escapes(made, made.now)
    names = ("defects", "found_before", "escaped", "escaped_late", "not_known", "logged_defects")
    found = {}
    for stream, month, share, *numbers in link.execute(
        f"""
        select value_stream_key, month_start, escape_share, {", ".join(names)}
        from metrics.metric_defect_escapes where level = 'story'
        """
    ).fetchall():
        found[stream, month] = Counter(dict(zip(names, numbers, strict=True)))
        one = true[stream, month]
        known = one["escaped"] + one["found_before"]
        assert share == (one["escaped"] / known if known else None)
    assert {key: +one for key, one in found.items()} == true
    assert len(true) > 60


def test_the_rate_of_what_is_said_is_close_to_that_of_all_defects(made: world.World) -> None:
    """Nobody hides what escaped: a reader of the shares learns what is true."""
    some = [one for one in truth_defects.defects(made, made.now).values() if not one.is_withdrawn]
    said = [one.has_escaped for one in some if one.way]
    assert 0.7 < len(said) / len(some) < 0.9
    whole = sum(one.has_escaped for one in some) / len(some)
    assert abs(sum(said) / len(said) - whole) < 0.03


def test_histories_of_links_and_versions_are_as_jira_writes_them(made: world.World) -> None:
    """Both ends of a link tell of it in one second, each with the key that the other has then."""
    told: dict[tuple[int, str, str], set[str]] = {}
    for issue in made.issues:
        for history in issue.histories:
            for item in history.items:
                if item["field"] == "Link":
                    other = item["to"] or item["from"]
                    sentence = item["toString"] or item["fromString"]
                    assert re.fullmatch(rf"This issue (blocks|is blocked by) {other}", sentence)
                    assert (item["to"] is None) == (item["toString"] is None)
                    pair = sorted((issue.key(history.at), other))
                    told.setdefault((history.at, *pair), set()).add(sentence.split()[-2])
    assert len(told) > 100
    assert {frozenset(words) for words in told.values()} == {frozenset(("blocks", "by"))}
