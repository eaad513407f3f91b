"""How often verdicts on made-up interventions are right, and those on the demo company's two.

The stays of made-up lines are written into a copy of the golden company's warehouse, and the models
that judge them run on it.
"""

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.flow import changes, scratch

KINDS = (changes.QUICKER, changes.NOTHING, changes.FEWER, changes.SLOWER)
MODELS = (
    "measure_station_spans",
    "measure_station_steps",
    "measure_xmr_points",
    "measure_intervention_stays",
    "measure_intervention_points",
    "metric_intervention_weeks",
    "metric_interventions",
)

STAYS = """
    insert into marts.fct_group_stays by name
    select
        key || ':' || seq as group_stay_key, key as work_item_key, key as work_item_version_key,
        stream as value_stream_key, 'trial' as workflow, 'story' as level, 'feature' as work_type,
        'UTC' as time_zone, 'trial:' || stage as stage_key, stage, flow_state,
        seq as transition_seq, 1 as attempt_no, true as is_wip,
        $as_of - to_seconds(since_s) as entered_at,
        case when until_s > 0 then $as_of - to_seconds(until_s) end as exited_at,
        entered_at as aging_since_at
    from (
        select *, $kind || '-' || line as stream, $kind || '-' || line || '-' || item as key
        from (
            select line, item, 1 as seq, 'queue' as stage, 'wait' as flow_state,
                came_s as since_s, begun_s as until_s from told
            union all
            select line, item, 2, 'work', 'active', begun_s, ended_s from told
        )
        where since_s > 0
    )
"""

FINISHED = """
    insert into metrics.metric_cycle_times by name
    select
        $kind || '-' || line || '-' || item as work_item_key, $kind || '-' || line
        as value_stream_key, 'trial' as workflow, 'story' as level,
        came_s - ended_s as start_to_done_s,
        cast($as_of - to_seconds(ended_s) as date) as finished_date
    from told where ended_s > 0
"""


@pytest.fixture(scope="module")
def judged(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> scratch.ScratchWarehouse:
    home = tmp_path_factory.mktemp("changes")
    for name in ("raw", "project"):
        shutil.copytree(golden_warehouse.home / name, home / name)
    shutil.copyfile(golden_warehouse.home / "build.duckdb", home / "build.duckdb")
    with duckdb.connect(str(home / "build.duckdb")) as build:
        for table in (
            "marts.fct_group_stays", "marts.fct_blocked_intervals", "metrics.metric_cycle_times",
            "metrics.metric_constraint", "config.interventions",
        ):  # fmt: skip
            build.execute(f"delete from {table}")
        build.execute(
            """
            insert into marts.dim_stages
            values
                ('trial:queue', 'trial', 'queue', 1, 'wait', 'waste', false, false, false, false),
                ('trial:work', 'trial', 'work', 2, 'active', 'waste', false, false, false, false)
            """
        )
        for kind in KINDS:
            build.register("told", changes.told(kind))
            named = {"kind": kind.name, "as_of": changes.AS_OF}
            build.execute(STAYS, named)
            build.execute(FINISHED, named)
            build.execute(
                """
                insert into marts.dim_value_streams by name
                select distinct
                    ? || '-' || line as value_stream_key, 'Line' as name, 'core' as kind,
                    'UTC' as time_zone, 'standard' as calendar
                from told
                """,
                [kind.name],
            )
            build.execute(
                """
                insert into config.interventions by name
                select distinct
                    ? || '-' || line as intervention_key, 'Change' as name,
                    intervention_key as value_stream_key, 'trial' as workflow, 'story' as level,
                    'work' as stage, ?::date as starts_on, 'work_time' as measure,
                    -0.25 as expected_effect
                from told
                """,
                [kind.name, changes.STARTS_ON],
            )
    found = scratch.ScratchWarehouse(home, str(changes.AS_OF))
    done = found.dbt("run", "--select", *MODELS, DBT_WRITE_JSON="false")
    assert done.returncode == 0, done.stdout[-4000:]
    return found


def rates(judged: scratch.ScratchWarehouse, kind: changes.Kind) -> dict[str, float]:
    """Return how often each verdict is given, and each signal of the flow time alone."""
    [row] = judged.rows(
        """
        select
            count(*), avg((verdict = 'improved')::int), avg((verdict = 'worse')::int),
            avg((verdict = 'no_signal_yet')::int), avg((flow_time_signal = 'better')::int),
            avg((flow_time_signal = 'worse')::int),
            avg((confirmation = 'confirmed')::int) filter (verdict = 'improved')
        from metrics.metric_interventions where starts_with(value_stream_key, ?)
        """,
        [f"{kind.name}-"],
    )
    names = (
        "lines", "improved", "worse", "no signal yet", "flow time better", "flow time worse",
        "confirmed",
    )  # fmt: skip
    return dict(zip(names, row, strict=True))


def test_verdicts_on_made_up_interventions_are_right_as_often_as_the_documentation_says(
    judged: scratch.ScratchWarehouse,
) -> None:
    found = {kind.name: rates(judged, kind) for kind in KINDS}
    for name, row in found.items():
        print(f"\n{name}: {row}")  # what docs/definitions.md says of them
    assert [row["lines"] for row in found.values()] == [kind.lines for kind in KINDS]
    assert found["quicker"]["improved"] >= 0.85
    assert found["quicker"]["worse"] <= 0.02
    assert found["nothing"]["improved"] <= 0.12
    assert found["nothing"]["worse"] <= 0.15
    assert found["fewer come"]["improved"] <= 0.2
    assert found["slower"]["worse"] >= 0.6
    assert found["slower"]["improved"] <= 0.02
    # What everybody looks at would be wrong of most lines in which nothing happened.
    naive = found["nothing"]["flow time better"] + found["nothing"]["flow time worse"]
    assert naive > 3 * (found["nothing"]["improved"] + found["nothing"]["worse"])


POWER = {0.0: 0.06, 0.25: 0.16, 0.5: 0.35, 0.75: 0.58, 1.0: 0.79, 1.25: 0.91, 1.5: 0.97, 2.0: 0.99}


@pytest.mark.parametrize("sigmas", POWER)
def test_a_change_of_some_standard_deviations_is_found_as_often_as_power_share_says(
    sigmas: float,
) -> None:
    """In 26 normal weeks against 26: eight in a row below the mean, or three below the limit."""
    random = np.random.default_rng(7)
    before = random.normal(size=(20_000, 26))
    after = random.normal(size=(20_000, 26)) - sigmas
    centre = before.mean(axis=1)
    limit = centre - 2.66 * np.abs(np.diff(before, axis=1)).mean(axis=1)
    run, outside = np.zeros(20_000, int), np.zeros(20_000, int)
    is_found = np.zeros(20_000, bool)
    for week in range(26):
        run = np.where(after[:, week] < centre, run + 1, 0)
        outside += after[:, week] < limit
        is_found |= (run >= 8) | (outside >= 3)
    print(f"\n{sigmas} standard deviations in 26 weeks: found in {is_found.mean():.1%}")
    assert POWER[sigmas] <= is_found.mean() <= POWER[sigmas] + 0.02


def test_what_was_planted_in_the_demo_company_is_told(demo_build: Path) -> None:
    """The test of payments got quicker in July 2025, reviews of storefront slower in February."""
    with duckdb.connect(str(demo_build), read_only=True) as build:
        found = build.execute(
            """
            select intervention_key, verdict, confirmation, has_constraint_moved, is_as_expected
            from metrics.metric_interventions order by 1
            """
        ).fetchall()
        # The times of payments looked worse than before, eight weeks in a row, when the test was
        # better already: nobody is told so.
        [(weeks_worse,)] = build.execute(
            """
            select count(*) from metrics.metric_intervention_weeks
            where intervention_key = 'payments-test-data' and measure = 'flow_time'
                and phase = 'trial' and signal = 'worse'
            """
        ).fetchall()
    assert found == [
        ("payments-test-data", "improved", "confirmed", False, True),
        ("storefront-checklist", "worse", "confirmed", False, False),
    ]
    assert weeks_worse > 0
