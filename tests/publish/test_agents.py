"""`flowhouse mcp` as an agent sees it: the SDK's own client, over stdio, on the demo company."""

import csv
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mcp.client.stdio import StdioServerParameters

from demo import truth, world
from demo.company import STREAMS
from publish.agents import TOOLS, server
from publish.guarded import MOST_SIGNS
from publish.snapshot import publish
from tests.publish.agent import Agent
from tests.publish.published_file import write_published_file

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "defaults" / "metrics.csv"


@pytest.fixture(scope="module")
def agent(demo_home: Path) -> Iterator[Agent]:
    """An agent whose server is the command, as agents start it."""
    made = Agent(
        StdioServerParameters(
            command=str(FLOWHOUSE),
            args=["mcp"],
            env={**os.environ, "FLOWHOUSE_HOME": str(demo_home)},
        )
    )
    yield made
    made.leaves()


@pytest.fixture(scope="module")
def by_hand(demo_home: Path) -> Iterator[Callable[[str], list[tuple]]]:
    """Ask the published file in SQL that shares nothing with the tools."""
    version = (demo_home / "published" / "warehouse.duckdb").resolve()
    with duckdb.connect(str(version), read_only=True) as file:
        yield lambda query: file.execute(query).fetchall()


def test_tools_are_listed_with_what_they_take_and_say_that_they_only_read(agent: Agent) -> None:
    listed = agent.does(lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == [tool.__name__ for tool in TOOLS]
    for tool in listed:
        assert tool.annotations.read_only_hint and not tool.annotations.destructive_hint
        assert len(tool.description) > 60 and "file" not in tool.input_schema["properties"]
        assert {"as_of", "rows", "sql", "definitions"} <= {*tool.output_schema["properties"]}
    [metric] = [tool for tool in listed if tool.name == "metric"]
    assert metric.input_schema["required"] == ["metric", "entity"]
    assert metric.input_schema["properties"]["entity_type"]["enum"][0] == "value_stream"


def test_streams_count_their_items(agent: Agent, by_hand: Callable) -> None:
    rows = agent.ask("streams")["rows"]
    assert {row["value_stream_key"] for row in rows} >= {stream.key for stream in STREAMS}
    [row] = [
        row for row in rows
        if (row["value_stream_key"], row["workflow"], row["level"])
        == ("payments", "software", "story")
    ]  # fmt: skip
    [want] = by_hand(
        "select count(*), count(*) filter (where work_item_key in"
        " (select work_item_key from marts.fct_work_item_flows where outcome = 'open'))"
        " from marts.dim_work_items where is_current and not is_deleted"
        " and value_stream_key = 'payments' and workflow = 'software' and level = 'story'"
    )
    assert (row["items"], row["open_items"]) == want


def test_a_metric_has_its_value_and_all_that_belongs_to_it(agent: Agent, by_hand: Callable) -> None:
    answer = agent.ask(
        "metric", metric="velocity", entity="payments", workflow="software", level="story",
        since="2025-11-01", until="2025-11-01",
    )  # fmt: skip
    [row] = answer["rows"]
    [(finished,)] = by_hand(
        "select count(*) from marts.fct_work_item_flows as flows"
        " inner join marts.dim_work_items as items using (work_item_version_key)"
        " where items.value_stream_key = 'payments' and items.workflow = 'software'"
        " and items.level = 'story' and flows.outcome = 'done'"
        " and strftime(timezone('Europe/Berlin', timezone('UTC', last_done_at)), '%Y-%m')"
        " = '2025-11'"
    )
    assert row["value"] == row["n"] == finished > 10
    assert row["period_end"] == "2025-11-30" and row["is_complete_period"]
    with SEED.open() as seed:
        [line] = [line for line in csv.DictReader(seed) if line["metric"] == "velocity"]
    [defined] = answer["definitions"]
    assert {name: str(defined[name]) for name in ("definition", "version", "unit", "better")} == {
        name: line[name] for name in ("definition", "version", "unit", "better")
    }
    qualities = by_hand(
        "select history_quality, count(*) from marts.fct_work_item_flows"
        " where work_item_version_key in (select work_item_version_key from marts.dim_work_items"
        " where value_stream_key = 'payments') group by 1"
    )
    assert answer["history_quality"] == dict(qualities)
    assert answer["as_of"] == "2026-01-01T06:00:00" and answer["publication"] == 1


def test_the_newest_periods_come_first_and_levels_are_kept_apart(agent: Agent) -> None:
    answer = agent.ask("metric", metric="velocity", entity="payments", period="week")
    starts = [row["period_start"] for row in answer["rows"]]
    assert starts == sorted(starts, reverse=True) and len({*starts}) == 12
    assert {row["level"] for row in answer["rows"]} > {"epic", "story"}
    assert {row["work_type"] for row in answer["rows"]} == {"all"}
    assert "never add them up" in answer["notes"][0]


def test_what_is_compared_is_of_one_period_and_stands_beside_the_one_before(
    agent: Agent, by_hand: Callable
) -> None:
    answer = agent.ask(
        "compare", metric="flow_time_p85_s", entities=["payments", "storefront"], level="story",
        workflow="software",
    )  # fmt: skip
    want = by_hand(
        "select value_stream_key, flow_time_p85_s, n from metrics.metric_flow_month_totals"
        " where value_stream_key in ('payments', 'storefront') and workflow = 'software'"
        " and level = 'story' and month_start = '2025-12-01' order by 1"
    )
    before = by_hand(
        "select flow_time_p85_s from metrics.metric_flow_month_totals"
        " where value_stream_key in ('payments', 'storefront') and workflow = 'software'"
        " and level = 'story' and month_start = '2025-11-01' order by value_stream_key"
    )
    told = answer["rows"]
    assert [(row["entity_key"], row["value"], row["n"]) for row in told] == want
    assert [row["value_before"] for row in told] == [value for (value,) in before]
    assert [row["change"] for row in told] == [
        now - then for (_, now, _), (then,) in zip(want, before)
    ]
    assert {row["period_start"] for row in told} == {"2025-12-01"}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.key)
def test_the_constraint_is_the_one_that_was_simulated(agent: Agent, stream: Any) -> None:
    answer = agent.ask("constraint", value_stream=stream.key, workflow="software", level="story")
    first, *others = answer["rows"]
    # The queue that was simulated is that of its station; no work follows that of a gate.
    assert first["stage"] in (stream.constraint, stream.constraint.removeprefix("waiting_"))
    assert (first["status"], first["constraint_rank"]) == ("constraint", 1)
    assert first["confidence"] in ("high", "medium") and first["n"] > 20
    assert others and {row["status"] for row in others} == {"rival"}
    assert {line["metric"] for line in answer["definitions"]} >= {"saturation", "queued_share"}


def test_a_trace_has_the_moments_that_truly_were(agent: Agent) -> None:
    made = [issue for issue in world.build().issues if issue.kind != "Epic" and not issue.links]
    [issue] = [one for one in made if truth.visits(one)[-1].stage == "done"][:1]
    answer = agent.ask("trace", key=f"jira:{issue.id}")
    [row] = answer["rows"]
    *_, last = truth.visits(issue)

    def told(at: int) -> str:
        return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()

    assert (row["created_at"], row["last_done_at"], row["outcome"]) == (
        told(issue.created), told(last.entered_at), "done",
    )  # fmt: skip
    assert answer["history_quality"] == {row["history_quality"]: 1}
    assert agent.ask("trace", key=row["item_key"])["rows"] == answer["rows"]


def test_a_trace_leads_to_the_other_ends_of_its_links(agent: Agent, by_hand: Callable) -> None:
    [(item, *_)] = by_hand(
        "select from_key from marts.bridge_work_item_links"
        " where starts_with(from_key, 'jira:') and link_type = 'implements' order by 1 limit 1"
    ) or by_hand(
        "select from_key from marts.bridge_work_item_links"
        " where from_key in (select work_item_key from marts.dim_work_items) order by 1 limit 1"
    )
    want = by_hand(
        f"select link_type, to_key from marts.bridge_work_item_links where from_key = '{item}'"
        " union all select link_type, from_key from marts.bridge_work_item_links"
        f" where to_key = '{item}'"
    )
    [row] = agent.ask("trace", key=item)["rows"]
    assert sorted((one["link_type"], one["other_key"]) for one in row["links"]) == sorted(want)


def test_a_forecast_says_how_often_such_ones_held(agent: Agent, by_hand: Callable) -> None:
    answer = agent.ask("forecast", value_stream="payments", workflow="software", level="story")
    want = by_hand(
        "select kind, horizon_days, percentile, value, n from metrics.metric_forecast"
        " where value_stream_key = 'payments' and workflow = 'software' and level = 'story'"
    )
    told = [
        tuple(row[name] for name in ("kind", "horizon_days", "percentile", "value", "n"))
        for row in answer["rows"]
    ]
    assert sorted(map(str, told)) == sorted(map(str, want)) and len(want) > 5
    held = {row["percentile"]: (row["held_share"], row["held_n"]) for row in answer["rows"]}
    assert held == {
        percentile: (share, n)
        for percentile, share, n in by_hand(
            "select percentile, coverage_share, n from metrics.metric_forecast_calibration"
            " where value_stream_key = 'payments' and workflow = 'software' and level = 'story'"
        )
    }


def test_definitions_are_found_by_words(agent: Agent) -> None:
    rows = agent.ask("definition", search="lead_time_p50_s")["rows"]
    assert rows[0]["metric"] == "lead_time_p50_s" and "first commit" in rows[0]["definition"]
    assert "metrics.metric_dora" in rows[0]["tables"]
    assert rows[0]["entities"] == ["service by month", "service by week"] and rows[0]["n"] > 0
    with SEED.open() as seed:
        names = sorted(line["metric"] for line in csv.DictReader(seed))
    assert sorted(row["metric"] for row in agent.ask("definition")["rows"]) == names


def test_what_is_missing_is_told(agent: Agent, by_hand: Callable) -> None:
    rows = agent.ask("data_quality")["rows"]
    kinds = ("measure", "not held by its source", "not fully loaded", "time in unmapped statuses")
    count = {kind: sum(row["finding"] == kind for row in rows) for kind in kinds}
    [want] = by_hand(
        "select (select count(*) from metrics.metric_data_quality),"
        " (select count(*) from meta.history_gaps),"
        " (select count(*) from meta.load_audits where status <> 'complete'),"
        " (select count(*) from metrics.metric_unmapped_time)"
    )
    assert tuple(count.values()) == want
    only = agent.ask("data_quality", source_system="jira")["rows"]
    assert only and {row["of"] for row in only} == {"jira"}


def test_tables_say_what_a_row_is(agent: Agent) -> None:
    rows = agent.ask("tables")["rows"]
    assert len(rows) > 80 and all(row["description"].startswith("One row per") for row in rows)
    columns = agent.ask("tables", search="marts.fct_traces")["rows"]
    assert columns[0]["column_name"] == "work_item_key" and columns[0]["description"]
    assert [row["address"] for row in agent.ask("tables", search="sla incident")["rows"]] == [
        "metrics.metric_incident_sla"
    ]


ASKED = (
    ("streams", {}),
    ("metric", {"metric": "load", "entity": "platform", "period": "week"}),
    ("compare", {"metric": "velocity", "entities": ["payments", "platform"]}),
    ("constraint", {"value_stream": "platform"}),
    ("trace", {"key": "PAY-12"}),
    ("forecast", {"value_stream": "storefront"}),
    ("definition", {"search": "o'clock"}),
    ("data_quality", {}),
    ("tables", {"search": "marts.dim_teams"}),
)


@pytest.mark.parametrize(("tool", "words"), ASKED, ids=[tool for tool, _ in ASKED])
def test_the_sql_of_an_answer_finds_the_same_rows(agent: Agent, tool: str, words: dict) -> None:
    answer = agent.ask(tool, **words)
    assert agent.ask("sql", query=answer["sql"], most_rows=1_000)["rows"] == answer["rows"]


@pytest.mark.parametrize(
    ("tool", "words", "says"),
    [
        ("metric", {"metric": "velocty", "entity": "payments"}, "did you mean velocity"),
        ("metric", {"metric": "velocity", "entity": "x' or 'a' = 'a"}, "are: insights, payments"),
        ("metric", {"metric": "deployments", "entity": "payments"}, "service by month"),
        ("metric", {"metric": "start_to_done_s", "entity": "payments"}, "not kept by period"),
        ("metric", {"metric": "velocity", "entity": "payments", "period": "day"}, "period"),
        ("constraint", {"value_stream": "nowhere"}, "there is no value stream"),
        ("trace", {"key": "PAY-0"}, "there is no work item"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(
    agent: Agent, tool: str, words: dict, says: str
) -> None:
    assert says in agent.refusal(tool, **words)


HOSTILE = {
    "a file": ("select * from read_csv('/etc/passwd')", "file system operations are disabled"),
    "a file by name": ("select * from '/etc/passwd.csv'", "disabled"),
    "text": ("select * from read_text('/etc/passwd')", "disabled"),
    "bytes": ("select * from read_blob('/etc/passwd')", "disabled"),
    "names of files": ("select * from glob('/etc/*')", "disabled"),
    "secrets": ("select * from duckdb_secrets()", "disabled"),
    "a query in a query": ("select * from query('select * from read_csv(''/etc/passwd'')')",
                           "disabled"),
    "copy": ("copy marts.dim_teams to '/tmp/flowhouse-stolen.csv'", "one select"),
    "attach": ("attach '/tmp/flowhouse-stolen.db'", "one select"),
    "pragma": ("pragma database_list", "one select"),
    "call": ("call pragma_version()", "one select"),
    "set": ("set enable_external_access = true", "one select"),
    "reset": ("reset lock_configuration", "one select"),
    "variable": ("set variable x = 1", "one select"),
    "install": ("install httpfs", "one select"),
    "load": ("load httpfs", "one select"),
    "two": ("select 1; select 2", "one select"),
    "two in brackets": ("select 1); drop table marts.dim_teams; select (1", "Parser Error"),
    "hidden": ("select 1 /* */; copy marts.dim_teams to '/tmp/x' --", "one select"),
    "insert": ("insert into marts.dim_teams (name) values ('x')", "one select"),
    "drop": ("drop table marts.dim_teams", "one select"),
    "create": ("create temp table x as select 1", "one select"),
    "pivot": ("pivot marts.dim_teams on name", "one select"),
    "explain": ("explain analyze select 1", "one select"),
    "export": ("export database '/tmp/flowhouse-stolen'", "one select"),
    "begin": ("begin", "one select"),
    "nothing": (" -- ", "one select"),
    "no such table": ("select * from marts.dim_salaries", "does not exist"),
    "a variable of the program": ("select * from query", "does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_sql_is_refused(agent: Agent, kind: str) -> None:
    query, says = HOSTILE[kind]
    assert says in agent.refusal("sql", query=query)
    assert not [*Path("/tmp").glob("flowhouse-stolen*")]


def test_a_select_may_be_written_as_one_likes(agent: Agent) -> None:
    for query in (
        "from marts.dim_value_streams select count(*) as n", "with x as (select 1 as n) from x;",
        "select 1 as n -- ;", "values (1)", " select n from (values (1)) as of (n) order by n ; ",
    ):  # fmt: skip
        assert len(agent.ask("sql", query=query)["rows"]) == 1
    answer = agent.ask("sql", query="select * from range(50)", most_rows=3)
    assert answer["is_cut"] and [row["range"] for row in answer["rows"]] == [0, 1, 2]
    [row] = agent.ask("sql", query="select repeat('x', 1000000) as x, 'nan'::double as y")["rows"]
    assert len(row["x"]) == MOST_SIGNS + 1 and row["y"] is None
    assert "1000" in agent.refusal("sql", query="select 1", most_rows=100_000)
    [row] = agent.ask("sql", query="select current_setting('memory_limit') as most")["rows"]
    assert row == {"most": "953.6 MiB"}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    publish(write_published_file(tmp_path / "built.duckdb"), tmp_path / "published")
    return tmp_path / "published"


def test_an_endless_question_is_ended(published: Path) -> None:
    quick = Agent(server(published / "warehouse.duckdb", most_s=0.5))
    endless = "select count(*) from range(1000000000) as a, range(1000000000) as b"
    assert "ended after 0.5 s" in quick.refusal("sql", query=endless)
    assert quick.ask("sql", query="select 1 as n")["rows"] == [{"n": 1}]
    quick.leaves()


def test_the_next_question_is_asked_of_the_newest_version(published: Path) -> None:
    one = Agent(server(published / "warehouse.duckdb"))
    query = "select count(*) as n from meta.refreshes"
    first = one.ask("sql", query=query)
    build = published.parent / "built.duckdb"
    with duckdb.connect(str(build)) as file:
        file.execute("insert into meta.refreshes values ('another', '2026-02-01')")
    publish(build, published)
    second = one.ask("sql", query=query)
    assert (first["publication"], first["rows"]) == (1, [{"n": 1}])
    assert (second["publication"], second["rows"]) == (2, [{"n": 2}])
    one.leaves()
