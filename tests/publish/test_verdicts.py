"""The sentences of the first page: what the demo company's tables say, and what they do not know.

Expected words are the simulation's truth, or counts that this file makes with SQL of its own. A
copy of the published file is altered for what the company never shows.
"""

import re
import shutil
from html import unescape
from pathlib import Path

import duckdb
import pytest

from demo import truth
from publish.report import Site
from publish.site.pages import PAGES

STATION = {
    "waiting_review": "Review",
    "waiting_test": "Test",
    "waiting_release": "Waiting release",
}
"""The station that a queue is of; no work follows the last one."""

QUESTIONS = (
    "Where is the constraint?", "What changed?", "Did interventions help?",
    "When will the open epics be done?", "What broke, and why?", "What is off target?",
)  # fmt: skip


def told(file: Path) -> dict[str, dict[str, str]]:
    """Return the words of the first page by value stream and question."""
    with duckdb.connect(str(file), read_only=True) as connection:
        html = Site(connection, "", beside=()).page(PAGES[0])
    found = {}
    for part in html.split('<div class="verdicts" data-stream="')[1:]:
        stream, _, rest = part.partition('"')
        sections = re.findall(r'aria-label="([^"]+)">(.*?)</section>', rest, re.S)
        found[unescape(stream)] = {
            question: " ".join(unescape(re.sub(r"<h2>.*?</h2>|<[^>]+>", " ", text)).split())
            for question, text in sections
        }
    return found


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Path:
    return demo_home / "published" / "warehouse.duckdb"


@pytest.fixture(scope="module")
def said(published: Path) -> dict[str, dict[str, str]]:
    return told(published)


ALTERED = """
update metrics.metric_constraint
set status = 'insufficient_evidence', insufficient_reason = 'few_visits', constraint_rank = null,
    confidence = null, constraint_since = null
where value_stream_key = 'platform';
update metrics.metric_constraint set confidence = 'low', scores_led = 2
where value_stream_key = 'storefront' and status = 'constraint';
delete from metrics.metric_constraint where value_stream_key = 'payments';

create or replace table metrics.metric_interventions as
select *, 'software' as workflow, 'story' as level, 'work_time' as measure, 26 as baseline_weeks,
    13 as trial_weeks, false as has_constraint_moved, 'software:test' as constraint_now_stage_key,
    0.75 as power_share, date '2025-07-01' as starts_on, null as queue_before,
    null as queue_after, null as arrivals_before, null as arrivals_after,
    null as intervention_cost, null as currency
from (values
    ('a', 'Script', 'payments', 'test', 'improved', null, 'old_queue_drains', 'holding',
     -0.23, -0.2, -0.3, -0.1),
    ('b', 'Checklist', 'storefront', 'review', 'no_signal_yet', 'no_signal', null, null,
     0.07, 0.01, -0.1, 0.12),
    ('c', 'Board', 'storefront', 'waiting_release', 'not_known', 'no_limits', null, null,
     null, null, null, null)
) as rows (intervention_key, name, value_stream_key, stage, verdict, no_verdict_reason,
    confirmation, sustainment, expected_effect, actual_effect, actual_effect_low,
    actual_effect_high);

update metrics.metric_xmr set is_signal = false, signal = 'none', is_run = false
where value_stream_key = 'platform' and no_limits_reason is null;
delete from metrics.metric_xmr where value_stream_key = 'payments';
update metrics.metric_xmr
set is_signal = false, is_run = false, signal = 'none'
where value_stream_key = 'storefront';
update metrics.metric_xmr
set is_signal = true, signal = 'lower', value = 3, centre = 7.25, baseline_n = 20,
    expected_false_alarm_share = 0.33
where (metric, value_stream_key, workflow, level, week_start) in (
    select ('velocity', 'storefront', 'software', 'story', max(week_start))
    from metrics.metric_xmr where value_stream_key = 'storefront' and workflow = 'software'
);
update meta.publications set previous_version_no = 0;
insert into meta.restatements by name
select version_no, 'platform' as value_stream_key, 'late_data' as cause,
    'metric_flow' as table_name, 'velocity' as value_name, 'a' as row_key,
    date '2025-01-01' + cast(n as integer) as period_start
from meta.publications, range(3) as rows (n);

update metrics.metric_epic_progress set outcome = 'done' where value_stream_key = 'platform';
update metrics.metric_epic_progress
set done_p50_date = null, done_p85_date = null,
    no_forecast_reason = 'stream_finished_too_little'
where value_stream_key = 'storefront' and open_count > 0;
update metrics.metric_epic_backtests set is_hit = value_stream_key = 'storefront';

delete from marts.fct_incidents
where work_item_key in (
    select work_item_key from marts.dim_work_items where value_stream_key = 'platform'
);
delete from metrics.metric_dora
where service_key in (
    select service_key from marts.dim_services where value_stream_key = 'platform'
);

delete from metrics.metric_targets where value_stream_key = 'platform' or goal_key like 'platform%';
delete from metrics.metric_guardrails where value_stream_key = 'platform';
update metrics.metric_targets set status = 'not_known', value = null
where goal_key = 'payments-flow-time';
"""


@pytest.fixture(scope="module")
def otherwise(published: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    file = tmp_path_factory.mktemp("altered") / "warehouse.duckdb"
    shutil.copy(published.resolve(), file)
    file.chmod(0o600)
    with duckdb.connect(str(file)) as connection:
        connection.execute(ALTERED)
    return told(file)


def test_every_stream_is_told_apart_and_answers_every_question(said: dict) -> None:
    assert sorted(said) == ["insights", "payments", "platform", "storefront"]
    for stream, answers in said.items():
        assert tuple(answers) == QUESTIONS
        others = {*said} - {stream}
        words = " ".join(answers.values())
        assert not [other for other in others if re.search(rf"\b{other}-", words)]
        for question, answer in answers.items():
            assert re.search(r"n = \d+|We do not know", answer), (stream, question)


@pytest.mark.parametrize("stream", ["payments", "platform", "storefront"])
def test_the_constraint_is_the_true_one(said: dict, published: Path, stream: str) -> None:
    answer = said[stream]["Where is the constraint?"]
    station = STATION[truth.constraints()[stream]]
    assert re.match(rf"{station} is the constraint of software work", answer)
    with duckdb.connect(str(published), read_only=True) as connection:
        visits, since = connection.execute(
            """
            select served_visits, strftime(constraint_since, '%-d %B %Y')
            from metrics.metric_constraint
            where value_stream_key = $1 and workflow = 'software' and status = 'constraint'
                and is_complete_period
            order by week_start desc
            limit 1
            """,
            [stream],
        ).fetchone()
    assert f"n = {visits} visits" in answer
    assert f"since {since}" in answer
    assert "because the line has one station only" in answer


def test_how_sure_the_constraint_is_is_said(said: dict, otherwise: dict) -> None:
    where = "Where is the constraint?"
    assert "probably: it leads 3 of 4 scores" in said["payments"][where]
    assert "and all 4 scores agree" in said["storefront"][where]
    assert "confirms it" in said["storefront"][where]
    assert "perhaps: it leads 2 of 4 scores, so it may be" in otherwise["storefront"][where]
    unknown = r"of software, .* work is, because the first in rank served too few"
    assert re.search(unknown, otherwise["platform"][where])
    assert "is the constraint of" not in otherwise["platform"][where]
    assert "because no complete week" in otherwise["payments"][where]


def test_what_changed_is_a_signal_with_its_odds(said: dict, otherwise: dict) -> None:
    # The planted improvement of payments: test became faster.
    assert said["payments"]["What changed?"].startswith(
        "Flow time of software work was shorter than its baseline in 4 of its last 4 weeks"
    )
    assert (
        "4 signals in four weeks are hard to put down to chance"
        in said["payments"]["What changed?"]
    )
    assert "because this is the first publication" in said["payments"]["What changed?"]
    quiet = otherwise["platform"]["What changed?"]
    assert quiet.startswith("Nothing that is more than noise: none of the")
    assert (
        "3 values of 3 past periods are other than in the publication before (late data)" in quiet
    )
    assert (
        "because nothing was finished in any complete week"
        in otherwise["payments"]["What changed?"]
    )
    one = otherwise["storefront"]["What changed?"]
    assert one.startswith(
        "Throughput of software work was lower than its baseline in 1 of its last 4"
    )
    assert "3 items in the week of 22 December 2025, where 7.2 is usual (baseline: 20 weeks" in one
    assert "One signal is a question, no proof: of charts in which nothing changes 33 % show" in one
    assert "No value of the past is other" in one


def test_open_epics_are_done_by_a_day_or_not_known(
    said: dict, otherwise: dict, published: Path
) -> None:
    when = "When will the open epics be done?"
    with duckdb.connect(str(published), read_only=True) as connection:
        count, first, last, all_open = connection.execute(
            """
            select
                count(done_p85_date),
                strftime(min(done_p85_date), '%-d %B %Y'),
                strftime(max(done_p85_date), '%-d %B %Y'),
                count(*)
            from metrics.metric_epic_progress
            where value_stream_key = 'payments' and outcome = 'open' and open_count > 0
            """
        ).fetchone()
    assert said["payments"][when].startswith(
        f"{count} open epics can be forecast: with 85 % certainty the first is done by {first} and"
        f" the last by {last} ."
    )
    assert f"n = {all_open} open epics" in said["payments"][when]
    assert "because none of its items was finished in the last days" in said["payments"][when]
    with duckdb.connect(str(published), read_only=True) as connection:
        [(tried, hits)] = connection.execute(
            """
            select count(*), count(*) filter (is_hit) from metrics.metric_epic_backtests
            where value_stream_key = 'payments' and level = 'story' and percentile = 85
            """
        ).fetchall()
    assert tried > 20
    record = f"Of {tried} days that were forecast for epics in the past with 85 % certainty"
    assert f"{record} {hits} held" in said["payments"][when]
    assert f"{record} 0 held: fewer than promised" in otherwise["payments"][when]
    assert re.search(r"(\d+) held: more than promised", otherwise["storefront"][when])
    assert otherwise["platform"][when].startswith("No open epic has open items.")
    assert "the value stream finished too little" in otherwise["storefront"][when]
    assert "can be forecast" not in otherwise["storefront"][when]


@pytest.mark.parametrize("stream", ["payments", "platform", "storefront"])
def test_what_broke_is_counted_by_how_it_is_known(said: dict, published: Path, stream: str) -> None:
    with duckdb.connect(str(published), read_only=True) as connection:
        everything, evident, unknown = connection.execute(
            """
            select
                count(*),
                count(*) filter (where exists (
                    from marts.bridge_incident_deployments as causes
                    where causes.work_item_key = incidents.work_item_key and is_counted
                )),
                count(*) filter (where not exists (
                    from marts.bridge_incident_deployments as causes
                    where causes.work_item_key = incidents.work_item_key
                ))
            from marts.fct_incidents as incidents
            inner join marts.dim_work_items as items using (work_item_version_key)
            where items.value_stream_key = $1 and not items.is_deleted
                and opened_at >= (select as_of - interval 13 week from meta.refreshes)
            """,
            [stream],
        ).fetchone()
        deployments, failed = connection.execute(
            """
            with releases as (
                select min(finished_at) as finished_at, bool_or(is_failed) as is_failed
                from marts.fct_deployments
                inner join marts.dim_services using (service_key)
                where value_stream_key = $1 and is_production
                group by release_deployment_key
            )

            select count(*), count(*) filter (where is_failed)
            from releases
            where finished_at >= '2025-10-01' and finished_at < '2026-01-01'
            """,
            [stream],
        ).fetchone()
    answer = said[stream]["What broke, and why?"]
    assert answer.startswith(f"{everything} incidents were opened in the last 13 weeks")
    assert re.search(rf"\b{evident} (is|are) traced to a deployment by evidence", answer)
    assert f"Of {unknown} we do not know why" in answer
    assert f"December 2025, {failed} of {deployments} deployments to production failed" in answer


def test_nothing_broke_is_said_and_so_is_what_cannot_be_known(otherwise: dict) -> None:
    answer = otherwise["platform"]["What broke, and why?"]
    assert answer.startswith("No incident was opened in the last 13 weeks.")
    assert "How often deployments fail we do not know, because no service" in answer


def test_what_is_off_target_is_named_with_its_numbers(said: dict, otherwise: dict) -> None:
    off = "What is off target?"
    answer = said["payments"][off]
    assert answer.startswith("2 of 5 goals are off target and 1 of 3 guardrails is crossed.")
    assert "payments-change-fail : 33 % where 15 % is expected (lower is better, n = 3)" in answer
    assert "Of so few values this may be chance" in answer
    assert "payments-debt : debt has 5.3 % of the active time, below the least, 10 %" in answer
    assert "On target: payments-efficiency, payments-flow-time, payments-three-weeks." in answer
    assert "of storefront-throughput, because nobody set a target" in said["storefront"][off]
    assert "of payments-flow-time, because the number has no value" in otherwise["payments"][off]
    assert "because nobody set a target or a guardrail" in otherwise["platform"][off]


def test_an_intervention_is_judged_or_not_known(otherwise: dict) -> None:
    answers = {key: found["Did interventions help?"] for key, found in otherwise.items()}
    minus = "\u2212"
    assert answers["payments"].startswith(
        "Script (test, since 1 July 2025) helped. Its work time changed by"
        f" {minus}20 % (95 % interval: {minus}30 % to {minus}10 %), where {minus}23 % was expected."
    )
    assert "looks worse for now, because what queued long before finishes" in answers["payments"]
    assert "What it gained holds. The constraint has not moved since." in answers["payments"]
    assert "n = 26 weeks before, 13 since." in answers["payments"]
    assert "Checklist (review, since 1 July 2025) shows no signal yet" in answers["storefront"]
    assert "expected would be found in 75 % of such trials at least" in answers["storefront"]
    assert (
        "Whether Board (waiting release, since 1 July 2025) helped we do not know, because too"
        in (answers["storefront"])
    )
    assert "We do not know, because nobody wrote down an intervention" in answers["platform"]
