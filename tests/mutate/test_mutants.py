"""What the engine breaks, shown on one small statement; and that its list of equals is in use."""

from tests.flow import scratch
from tests.mutate import run
from tests.mutate.mutants import mutants

SQL = """
with late as (
    select a.key, coalesce(a.x, b.x) as x,
        row_number() over (partition by a.kind, a.key order by a.at desc, a.key) as row_num,
        percentile_disc(0.85) within group (order by a.s) as p85
    from a left join b on a.key = b.key
    where a.s >= 60 and a.state in ('done', 'cancelled')
)
select key, min(x) as x, cast(timezone(zone, timezone('UTC', at)) as date) as day from late
"""


def test_every_kind_of_rule_is_broken_in_one_place_at_a_time() -> None:
    found = {(m.operator, m.before, m.after) for m in mutants("late", SQL)}
    assert {
        ("boundary", "a.s >= 60", "a.s > 60"),
        ("constant", "60", "61"),
        ("predicate", "a.s >= 60", ""),
        ("list", "a.state IN ('done', 'cancelled')", "a.state IN ('done')"),
        ("coalesce", "COALESCE(a.x, b.x)", "COALESCE(b.x, a.x)"),
        ("coalesce", "COALESCE(a.x, b.x)", "(b.x)"),
        ("percentile", "0.85", "0.80"),
        ("join", "LEFT JOIN b ON a.key = b.key", "INNER JOIN b ON a.key = b.key"),
        ("aggregate", "MIN(x)", "MAX(x)"),
        (
            "time zone",
            "TIMEZONE(zone, TIMEZONE('UTC', at))",
            "TIMEZONE('UTC', TIMEZONE('UTC', at))",
        ),
    } <= found
    windows = [after for operator, _, after in found if operator in ("partition", "order")]
    assert len(windows) >= 5


def test_branches_of_known_zones_are_no_places_of_their_own() -> None:
    plain = "select timezone(zone, at) as local_at from t"
    branches = (
        "select case zone when 'UTC' then timezone('UTC', at) when 'A/B' then timezone('A/B', at)"
        " else timezone(zone, at) end as local_at from t"
    )
    assert [m.sql for m in mutants("t", branches)] == [m.sql for m in mutants("t", plain)]


def test_every_line_of_the_equals_names_a_model_and_a_reason() -> None:
    lines = run.reasons()
    models = {path.stem for path in (scratch.PROJECT / "models").rglob("*.sql")} | {"*"}
    assert lines
    for line in lines:
        assert line["table"] in models, line
        assert len(line["reason"].split()) >= 3, line
