"""What the demo's people wrote into files, against what is published of it.

The lines are read here as they were written, and every number is worked out of them once more.
"""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from demo import company, feeds, truth, world

DAY = timedelta(days=1)
TODAY = datetime.fromtimestamp(company.NOW, UTC).date()
ZONES = {stream.key: ZoneInfo(stream.zone) for stream in company.STREAMS}


@pytest.fixture(scope="module")
def written(made: world.World) -> dict[str, list[dict[str, Any]]]:
    return feeds.files(made)


def asked(link: duckdb.DuckDBPyConnection, sql: str) -> list[tuple]:
    return link.execute(sql).fetchall()


def test_every_line_that_was_written_is_published(
    link: duckdb.DuckDBPyConnection, written: dict[str, list[dict[str, Any]]]
) -> None:
    for name, rows in written.items():
        [(count,)] = asked(link, f"select count(*) from marts.fct_{name}")
        assert count == len(rows) > 10, name
    found = asked(
        link,
        "select distinct object, status, rejected from meta.load_audits where source = 'feeds'",
    )
    assert sorted(found) == [(name, "complete", 0) for name in sorted([*written, "files"])]


def test_ideas_are_as_old_and_as_released_as_their_items_truly_are(
    link: duckdb.DuckDBPyConnection,
    made: world.World,
    written: dict[str, list[dict[str, Any]]],
) -> None:
    traces = truth.traces(made)
    items = {issue.key(company.NOW): issue for issue in made.issues if issue.created < company.NOW}
    says = defaultdict(list)
    for pull in made.pulls:
        if pull.issue and pull.created <= company.NOW:
            says[pull.issue.id].append(truth.says_its_issue(pull, company.NOW))
    found = {
        key: row
        for key, *row in asked(
            link,
            "select experiment_key, idea_on, released_on, idea_to_release_days, work_item_key"
            " from marts.fct_experiments",
        )
    }
    told, older = 0, 0
    for line in written["experiments"]:
        idea, released, days, item = found[line["experiment_key"]]
        if not line["work_item"]:
            assert (idea, released, item) == (line["conceived_on"], None, None)
            continue
        issue = items[line["work_item"]]
        trace, zone = traces[str(issue.id)], ZONES[line["value_stream_key"]]
        begun, out = (
            datetime.fromtimestamp(at, zone).date() for at in (trace.idea_at, trace.deployed_at)
        )
        assert item == f"jira:{issue.id}"
        assert idea == min(begun, line["conceived_on"])
        older += begun < line["conceived_on"]
        if all(says[issue.id]) and released is not None:
            told += 1
            assert (released, days) == (out, (out - idea).days), line["experiment_key"]
    assert told > 10 < older


def test_time_to_learning_is_that_of_the_lines(
    link: duckdb.DuckDBPyConnection, written: dict[str, list[dict[str, Any]]]
) -> None:
    ideas = dict(asked(link, "select experiment_key, idea_on from marts.fct_experiments"))
    true: dict[str, list[int]] = defaultdict(list)
    verdicts: dict[str, list[str]] = defaultdict(list)
    for line in written["experiments"]:
        if line["learned_on"]:
            stream = line["value_stream_key"]
            true[stream].append((line["learned_on"] - ideas[line["experiment_key"]]).days)
            verdicts[stream].append(line["verdict"])
    found = asked(
        link,
        """
        select value_stream_key, sum(learned_experiments), sum(learning_days),
            sum(supported_experiments), sum(refuted_experiments), sum(conceived_experiments)
        from metrics.metric_time_to_learning group by 1 order by 1
        """,
    )
    conceived = [line["value_stream_key"] for line in written["experiments"]]
    assert found == [
        (
            stream, len(days), sum(days), verdicts[stream].count("supported"),
            verdicts[stream].count("refuted"), conceived.count(stream),
        )
        for stream, days in sorted(true.items())
    ]  # fmt: skip
    assert len(found) == 2 and all(len(days) > 8 for days in true.values())
    # What is due, and nobody knows: an idea that nobody built.
    late = asked(link, "select experiment_key from marts.fct_experiments where is_overdue")
    assert late == [
        (line["experiment_key"],)
        for line in written["experiments"]
        if not line["learned_on"] and line["due_on"] < TODAY
    ]


def test_value_per_spend_is_that_of_the_lines(
    link: duckdb.DuckDBPyConnection, written: dict[str, list[dict[str, Any]]]
) -> None:
    spend = {
        (line["value_stream_key"], line["month_start"]): line["spend"]
        for line in written["stream_financials"]
    }
    true = {}
    for line in written["value_measures"]:
        month = line["measured_on"].replace(day=1)
        value = line["value"]
        spent = spend[line["value_stream_key"], month]
        is_bought = line["kind"] == "amount" and line["better"] == "higher"
        true[line["value_stream_key"], line["measure"], month] = (
            value, spent, value / spent if is_bought else None,
        )  # fmt: skip
    rows = asked(
        link,
        """
        select value_stream_key, measure, month_start, measured_value, spend, value_per_spend,
            previous_value, improvement, better
        from metrics.metric_value_per_spend
        """,
    )
    assert len(rows) == len(true) == 144
    for stream, measure, month, value, spent, share, before, gain, better in rows:
        assert (value, spent, share) == pytest.approx(true[stream, measure, month])
        last = true.get((stream, measure, (month - DAY).replace(day=1)), (None,))[0]
        assert before == last
        if last is not None:
            assert gain == pytest.approx(value - last if better == "higher" else last - value)


def test_what_few_people_answered_is_not_shown(
    link: duckdb.DuckDBPyConnection, written: dict[str, list[dict[str, Any]]]
) -> None:
    found = asked(
        link,
        "select value_stream_key, count(*), count(score), count(respondents)"
        " from marts.fct_assessments group by 1 order by 1",
    )
    assert found == [
        (stream, 9, 0 if stream == "platform" else 9, 0 if stream == "platform" else 9)
        for stream in sorted({line["value_stream_key"] for line in written["assessments"]})
    ]


def test_hours_of_a_week_are_people_by_the_calendar_of_their_stream(
    link: duckdb.DuckDBPyConnection, written: dict[str, list[dict[str, Any]]]
) -> None:
    """Four developers and a tester, who are there four fifths of the time and more."""
    weeks: dict[tuple[str, date], float] = defaultdict(float)
    for line in written["team_capacities"]:
        weeks[line["team_key"], line["week_start"]] += line["available_hours"]
    found = asked(
        link,
        """
        select team_key, week_start, available_hours, available_ftes, mean_active_items,
            items_per_fte
        from metrics.metric_team_load
        where level = 'story' and workflow = 'software' and available_hours is not null
        """,
    )
    assert len(found) > 250
    for team, week, hours, ftes, items, each in found:
        assert hours == pytest.approx(weeks[team, week])
        assert ftes is None or 4 <= ftes <= 5
        assert each is None or each == pytest.approx(items / ftes)
