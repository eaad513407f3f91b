"""What the benchmark rests on: its generated company, its exponents, and the limits of memory."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.environments import Environment, create
from dbt.config.profile import read_profile
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context

from extract.sources import SOURCES
from tests.benchmarks.generate import AS_OF, Generator
from tests.benchmarks.run import Size, exponents, too_steep
from tests.flow.scratch import PROJECT

ITEMS = 2_000


def read(folder: Path, sql: str) -> list[tuple]:
    with duckdb.connect() as link:
        link.execute("set TimeZone = 'UTC'")
        for source in ("jira", "github", "servicenow"):
            link.execute(f"attach '{folder}/raw_{source}.duckdb' as raw_{source} (read_only)")
        return link.execute(sql).fetchall()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("raw")
    with Generator(folder) as generator:
        generator.first_load(ITEMS)
    yield folder


def test_a_company_has_the_items_that_were_asked_for(raw: Path) -> None:
    [counts] = read(
        raw,
        """
        select
            (select count(*) from raw_jira.jira.issues),
            (select count(*) from raw_github.github.pull_requests),
            (select count(*) from raw_servicenow.servicenow.incidents)
            + (select count(*) from raw_servicenow.servicenow.change_requests)
            + (select count(*) from raw_servicenow.servicenow.problems)
        """,
    )
    assert counts == (1200, 500, 300)


STATUS_CHANGES = """
    with told as (
        select
            issue_id, created_at, cast(id as bigint) as no,
            unnest(from_json(payload, '{"items": [
                {"field": "VARCHAR", "fromString": "VARCHAR", "toString": "VARCHAR"}
            ]}').items) as item
        from raw_jira.jira.histories
    ),
    changes as (
        select issue_id, created_at, no, item.fromString as old, item.toString as new
        from told where item.field = 'status'
    )
"""


def test_every_history_is_one_story(raw: Path) -> None:
    [(broken, late)] = read(
        raw,
        STATUS_CHANGES
        + """
        select
            count(*) filter (where old <> before),
            count(*) filter (where created_at > timestamp '2026-01-01 06:00')
        from (
            select *, lag(new, 1, 'Backlog') over (partition by issue_id order by no) as before
            from changes
        ) as told
        """,
    )
    assert (broken, late) == (0, 0)
    assert str(AS_OF) == "2026-01-01 06:00:00"


def test_an_issue_shows_the_status_that_its_history_ends_with(raw: Path) -> None:
    [(wrong, issues)] = read(
        raw,
        STATUS_CHANGES
        + """
        select
            count(*) filter (where payload ->> '$.fields.status.name' <> new), count(*)
        from raw_jira.jira.issues
        inner join (
            select issue_id, arg_max(new, no) as new from changes group by 1
        ) as told on id = issue_id
        """,
    )
    assert wrong == 0
    assert issues > 1100


def test_histories_are_as_long_as_real_ones(raw: Path) -> None:
    [(typical, long, reopened)] = read(
        raw,
        STATUS_CHANGES
        + """
        select
            count(*) filter (where moves between 5 and 13) / count(*),
            count(*) filter (where moves > 19),
            count(*) filter (where reopenings > 0)
        from (
            select
                issue_id, count(*) as moves,
                count(*) filter (where old = 'Done' and new = 'In Progress') as reopenings
            from changes group by 1
        ) as told
        """,
    )
    assert typical > 0.6
    assert long > 5
    assert reopened > 30


def test_there_is_of_everything_that_makes_histories_hard(raw: Path) -> None:
    [found] = read(
        raw,
        """
        with told as (
            select
                payload,
                unnest(from_json(payload, '{"items": [{"field": "VARCHAR"}]}').items).field as field
            from raw_jira.jira.histories
        )
        select
            count(*) filter (where field = 'Key'), count(*) filter (where field = 'Impediment'),
            count(*) filter (where field = 'Story Points'),
            count(*) filter (where payload like '%"bot"%'),
            (select count(*) from raw_jira.jira.tombstones),
            (select count(*) from raw_github.github.deployments where environment = 'production'),
            (select count(*) from raw_servicenow.servicenow.incidents
             where payload ->> '$.caused_by' is not null)
        from told
        """,
    )
    assert min(found) >= 4, found


def test_the_same_company_is_made_twice(raw: Path, tmp_path: Path) -> None:
    with Generator(tmp_path) as generator:
        generator.first_load(ITEMS)
    for table in ("raw_jira.jira.histories", "raw_github.github.jobs", "raw_jira.jira.issues"):
        sql = f"select count(*), bit_xor(hash(t)) from {table} as t"
        assert read(raw, sql) == read(tmp_path, sql), table


def test_a_next_load_changes_a_share_of_the_items(tmp_path: Path) -> None:
    with Generator(tmp_path) as generator:
        generator.first_load(ITEMS)
        changed = generator.next_load(0.1)
    [(new, moved)] = read(
        tmp_path,
        STATUS_CHANGES
        + """
        select
            (select count(*) from raw_jira.jira.issues) - 1200,
            (
                select count(*) from raw_jira.jira.issues inner join (
                    select issue_id, arg_max(new, created_at) as new from changes group by 1
                ) as told on id = issue_id
                where updated_at > timestamp '2026-01-01 06:00' and id < '101200'
                    and (payload ->> '$.fields.status.name') = new
            )
        """,
    )
    assert 150 < changed < 250
    assert new == 24
    assert 100 < moved < 220


def sized(items: int, **seconds: float) -> Size:
    return Size(items, nodes={name: {"cpu_s": cpu} for name, cpu in seconds.items()})


def test_an_exponent_is_the_slope_of_the_logarithms() -> None:
    sizes = [
        sized(n, linear=n / 1000, squared=n * n / 1e6, flat=3.0, small=n / 1e6)
        for n in (1_000, 10_000, 100_000)
    ]
    found = exponents(sizes)
    assert {name: round(slope, 6) for name, slope in found.items()} == {
        "linear": 1,
        "squared": 2,
        "flat": 0,
    }
    assert list(too_steep(sizes)) == ["squared"]


def test_what_takes_next_to_nothing_is_not_judged() -> None:
    sizes = [sized(1_000, steep=0.0045), sized(10_000, steep=0.45)]
    assert exponents(sizes)["steep"] > 1.9
    assert too_steep(sizes) == {}


def test_the_cost_of_any_statement_is_taken_off() -> None:
    idle = {f"model.idle_{no}": 0.1 for no in range(30)}
    sizes = [
        sized(10_000, **idle, **{"model.squared": 0.1 + 0.01}),
        sized(100_000, **idle, **{"model.squared": 0.1 + 1}),
    ]
    assert round(exponents(sizes)["model.squared"], 6) == 2
    assert list(too_steep(sizes)) == ["model.squared"]


def test_statements_that_were_measured_alone_count() -> None:
    sizes = [sized(10_000, noisy=0.1), sized(100_000, noisy=2.0)]
    assert list(too_steep(sizes)) == ["noisy"]
    for size, alone in zip(sizes, (0.12, 1.2)):
        size.nodes["noisy"]["statement_s"] = alone
    assert round(exponents(sizes)["noisy"], 6) == 1


def test_a_squared_statement_is_refused_though_it_is_short_and_noise_is_not() -> None:
    sizes = [sized(2_000, squared=0.1, noisy=0.1), sized(10_000, squared=0.9, noisy=0.9)]
    for name, alone in (("squared", (0.02, 0.5)), ("noisy", (0.064, 0.6))):
        for size, cpu_s in zip(sizes, alone):
            size.nodes[name]["statement_s"] = cpu_s
    assert list(too_steep(sizes)) == ["squared"]


def opened(home: Path, **settings: str) -> Environment:
    """Open the warehouse as dbt does, by its own reading of profiles.yml."""
    raw_folder = home / "raw"
    raw_folder.mkdir()
    for source in SOURCES:
        duckdb.connect(str(raw_folder / f"raw_{source}.duckdb")).close()
    environment = {
        "FLOWHOUSE_BUILD": str(home / "build.duckdb"),
        "FLOWHOUSE_RAW": str(raw_folder),
        **settings,
    }
    set_invocation_context(environment)
    profile = ProfileRenderer({}).render_data(read_profile(str(PROJECT))["flowhouse"])
    output = profile["outputs"][profile["target"]]
    del output["type"], output["threads"]
    return create(DuckDBCredentials.from_dict(output))


def test_memory_limit_and_spill_folder_reach_duckdb(tmp_path: Path) -> None:
    spill = tmp_path / "spilled"
    environment = opened(tmp_path, FLOWHOUSE_MEMORY_LIMIT="100MB", FLOWHOUSE_SPILL=str(spill))
    handle = environment.handle()
    cursor = handle.cursor()
    asked = "select current_setting('memory_limit'), current_setting('temp_directory')"
    assert cursor.execute(asked).fetchall() == [("95.3 MiB", str(spill))]
    cursor.execute(
        "create temp table big as select md5(cast(i as varchar)) as m from range(3000000) t (i)"
    )
    cursor.execute("create temp table sorted as select * from big order by m")
    assert list(spill.iterdir())


def test_without_settings_memory_is_limited_and_spills_beside_the_warehouse(tmp_path: Path) -> None:
    environment = opened(tmp_path)
    handle = environment.handle()
    cursor = handle.cursor()
    asked = "select current_setting('memory_limit'), current_setting('temp_directory')"
    assert cursor.execute(asked).fetchall() == [("2.7 GiB", str(tmp_path / "build.duckdb.tmp"))]


def test_a_small_machine_or_container_gets_half_of_its_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from orchestration import environment

    given = tmp_path / "memory.max"
    monkeypatch.setattr(environment, "CGROUP_LIMITS", (tmp_path / "none", given))
    given.write_text("2147483648\n")
    assert environment.memory_limit() == "1073MB"
    given.write_text("max\n")
    there_is = environment.os.sysconf("SC_PAGE_SIZE") * environment.os.sysconf("SC_PHYS_PAGES")
    assert environment.memory_limit() == f"{min(3000, there_is // 2_000_000)}MB"
