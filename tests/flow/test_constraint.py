"""How often the constraint is found in 200 made-up lines, and how often other detectors find it.

Every line is a value stream: their stays are written into a copy of the golden company's
warehouse, and the models that judge them run on it.
"""

import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from demo import company
from tests.flow import lines, scratch

WITHOUT = 20
"""Of each kind, lines that are told once more with waits that nobody recorded."""

AS_OF = lines.AS_OF
MODELS = (
    "measure_station_spans",
    "measure_station_steps",
    "metric_constraint_visits",
    "metric_constraint",
)

STAYS = """
    insert into marts.fct_group_stays by name
    select
        key || ':' || seq as group_stay_key, key as work_item_key, key as work_item_version_key,
        stream as value_stream_key, 'line' as workflow, 'story' as level, 'feature' as work_type,
        'UTC' as time_zone, 'line:' || stage as stage_key, stage,
        case when is_queue then 'wait' else 'active' end as flow_state, seq as transition_seq,
        1 as attempt_no, true as is_wip, entered_at, exited_at, entered_at as aging_since_at
    from (
        select
            *, kind || '-' || line as stream, kind || '-' || line || '-' || item as key,
            case when is_queue then 'queue' else 'work' end || station as stage,
            2 * station + case when is_queue then 0 else 1 end as seq,
            $as_of - to_seconds(since_s) as entered_at,
            case when until_s > 0 then $as_of - to_seconds(until_s) end as exited_at
        from told where since_s > 0
    )
"""

UNRECORDED = """
    select
        '{name}' as kind, line, item, station, false as is_queue, max(since_s) as since_s,
        min(until_s) as until_s
    from told inner join truth using (line)
    where line < {count} and {which}
    group by line, item, station
    union all
    select '{name}', line, item, station, is_queue, since_s, until_s
    from told inner join truth using (line)
    where line < {count} and not ({which})
"""


@pytest.fixture(scope="module")
def judged(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> scratch.ScratchWarehouse:
    home = tmp_path_factory.mktemp("lines")
    for name in ("raw", "project"):
        shutil.copytree(golden_warehouse.home / name, home / name)
    shutil.copyfile(golden_warehouse.home / "build.duckdb", home / "build.duckdb")
    with duckdb.connect(str(home / "build.duckdb")) as build:
        build.execute("delete from marts.fct_group_stays")
        build.execute("delete from marts.fct_blocked_intervals")
        build.execute(
            """
            insert into marts.dim_stages
            select
                'line:' || kind || no, 'line', kind || no,
                2 * no - case when kind = 'queue' then 1 else 0 end,
                case when kind = 'queue' then 'wait' else 'active' end, 'necessary',
                false, false, false, false
            from (values ('queue'), ('work')) as kinds (kind), range(1, 6) as numbers (no)
            """
        )
        build.execute("create table main.truths (stream text, stage text)")
        for kind in (lines.EASY, lines.HARD):
            made = lines.simulate(kind)
            truth = enumerate(made.constraint + 1)
            build.register("simulated", lines.stays(made))
            build.execute("create or replace temp table told as select * from simulated")
            build.execute("create or replace temp table truth (line integer, place integer)")
            build.executemany(
                "insert into truth values (?, ?)", [[*map(int, row)] for row in truth]
            )
            build.execute(
                "insert into main.truths select ? || '-' || line, 'work' || place from truth",
                [kind.name],
            )
            build.execute(f"alter table told add column kind text default '{kind.name}'")
            build.execute(STAYS, {"as_of": AS_OF})
            for name, which in (("unwaited", "true"), ("hidden", "station = place")):
                build.execute(
                    "create or replace temp table told_less as "
                    + UNRECORDED.format(name=f"{name}-{kind.name}", count=WITHOUT, which=which)
                )
                build.execute(STAYS.replace("told", "told_less"), {"as_of": AS_OF})
    found = scratch.ScratchWarehouse(home, str(AS_OF))
    done = found.dbt("run", "--select", *MODELS, DBT_WRITE_JSON="false")
    assert done.returncode == 0, done.stdout[-4000:]
    return found


def hits(judged: scratch.ScratchWarehouse, kind: str) -> dict[str, float]:
    """Return how often the constraint of a line was found, and how often others would find it."""
    [row] = judged.rows(
        """
        with stations as (
            select
                stays.value_stream_key as stream, 'work' || right(stays.stage, 1) as stage,
                avg(epoch(left_at) - epoch(came_at)) filter (flow_state = 'active') as touch,
                sum(epoch(left_at) - epoch(came_at)) as stock,
                count(*) filter (flow_state = 'active') as visits,
                count(*) filter (flow_state = 'wait' and stays.exited_at is null)
                - count(*) filter (
                    flow_state = 'wait' and entered_at < $from and coalesce(exited_at, $to) >= $from
                ) as growth
            from (
                select
                    *, greatest(entered_at, $from) as came_at, coalesce(exited_at, $to) as left_at
                from marts.fct_group_stays
            ) as stays
            where left_at > $from and starts_with(stays.value_stream_key, $kind)
            group by 1, 2
        ),
        others as (
            select
                stream, arg_max(stage, touch) as touch, arg_max(stage, stock) as stock,
                arg_max(stage, stock / visits) as stay, arg_max(stage, growth) as growth
            from stations group by 1
        ),
        scores as (
            select
                value_stream_key as stream,
                max(stage) filter (status = 'constraint') as found,
                max(confidence) as confidence,
                arg_max(stage, queue_wait_s / served_visits) as queue_wait,
                arg_max(stage, queued_share) as queued, arg_max(stage, saturation) as saturation,
                arg_max(stage, active_period_share) as active_period
            from metrics.metric_constraint
            where week_start = $week and starts_with(value_stream_key, $kind)
            group by 1
        )
        select
            count(*) as lines,
            avg((found = stage)::int) as found,
            count(*) filter (confidence = 'high') as high,
            avg((found = stage)::int) filter (confidence = 'high') as high_hits,
            avg((found = stage)::int) filter (confidence <> 'high') as other_hits,
            avg((queue_wait = stage)::int), avg((queued = stage)::int),
            avg((saturation = stage)::int), avg((active_period = stage)::int),
            avg((others.stay = stage)::int), avg((others.stock = stage)::int),
            avg((others.growth = stage)::int), avg((others.touch = stage)::int)
        from main.truths
        inner join scores using (stream)
        inner join others using (stream)
        """,
        {
            "kind": f"{kind}-", "from": datetime(2024, 4, 1), "to": AS_OF,
            "week": datetime(2024, 6, 24),
        },
    )  # fmt: skip
    names = (
        "lines", "found", "high", "high_hits", "other_hits", "queue wait", "queued share",
        "saturation", "active period", "mean time in stage", "work in progress", "queue growth",
        "touch time",
    )  # fmt: skip
    return dict(zip(names, row, strict=True))


LEAST = {"easy": 0.95, "hard": 0.85}


@pytest.mark.parametrize("kind", LEAST)
def test_the_constraint_of_made_up_lines_is_found(
    judged: scratch.ScratchWarehouse, kind: str
) -> None:
    rates = hits(judged, kind)
    print(f"\n{kind}: {rates}")  # what docs/definitions.md says of them
    assert rates["lines"] == 100
    assert rates["found"] >= LEAST[kind]
    naive = ("mean time in stage", "work in progress", "queue growth", "touch time")
    assert rates["found"] >= max(rates[name] for name in naive)
    assert rates["found"] > rates["queue growth"] + 0.2
    assert rates["found"] > rates["touch time"] + 0.2
    # What is said with high confidence is right as often as the documentation says.
    assert rates["high"] >= 75
    assert rates["high_hits"] >= 0.95


@pytest.mark.parametrize("kind", ["unwaited-", "hidden-"])
def test_where_waits_are_not_recorded_no_constraint_is_named(
    judged: scratch.ScratchWarehouse, kind: str
) -> None:
    """Of all stations, or of the one that is the constraint: then the others look like it."""
    found = judged.rows(
        """
        select status, insufficient_reason, count(distinct value_stream_key), max(constraint_rank)
        from metrics.metric_constraint
        where week_start = date '2024-06-24' and starts_with(value_stream_key, ?)
        group by 1, 2
        """,
        [kind],
    )
    assert found == [("insufficient_evidence", "waits_not_modelled", 2 * WITHOUT, None)]


def test_the_constraint_of_each_stream_of_the_demo_company_is_found(demo_build: Path) -> None:
    """From the first quarter on, in every week until the world ends; it says which queue it is."""
    stations = {"waiting_review": "review", "waiting_test": "test"}
    with duckdb.connect(str(demo_build), read_only=True) as build:
        found = build.execute(
            """
            select value_stream_key, stage, count(*) from metrics.metric_constraint
            where status = 'constraint' and workflow = 'software' and level = 'story'
                and week_start >= date '2024-04-01' and week_start < date '2025-12-29'
            group by 1, 2
            """
        ).fetchall()
    assert set(found) == {
        (stream.key, stations.get(stream.constraint, stream.constraint), 91)
        for stream in company.STREAMS
    }


def test_the_same_lines_are_made_again() -> None:
    once, again = lines.simulate(lines.HARD), lines.simulate(lines.HARD)
    assert (once.ended == again.ended).all()
    # Nobody is served before they come, and a station never serves more than it has servers.
    assert (once.begun >= once.arrived).all()
    assert (once.arrived[1:] == once.ended[:-1]).all()
