"""Columns are followed through statements that were written, and traced, by hand."""

import pytest

from publish.columns import Column, Graph
from publish.lineage import Paths, Step, metric_columns, page

CODE = {
    "staging.stg_x__issues": (
        "select id as issue_key, fields ->> '$.status' as status from jira.issues"
    ),
    "intermediate.int_issues": (
        "with issues as (select * from db.staging.stg_x__issues), final as (select issue_key,"
        " upper(status) as status, 'x' as fixed from issues where status <> '') select * from final"
    ),
    "marts.fct_items": (
        "select i.issue_key as item_key, coalesce(m.stage, i.status) as stage"
        " from intermediate.int_issues as i left join seeds.mapping as m on m.status = i.status"
    ),
    "marts.fct_python": None,
    "metrics.metric_stages": (
        "select stage, count(*) as items, sum(1) as ones, max(length(item_key)) as longest"
        " from marts.fct_items group by stage"
    ),
}
READS = {
    "staging.stg_x__issues": ["jira.issues"],
    "intermediate.int_issues": ["staging.stg_x__issues"],
    "marts.fct_items": ["intermediate.int_issues", "seeds.mapping"],
    "marts.fct_python": ["marts.fct_items"],
    "metrics.metric_stages": ["marts.fct_items"],
}
COLUMNS = {
    "jira.issues": ["id", "fields"],
    "staging.stg_x__issues": ["issue_key", "status"],
    "intermediate.int_issues": ["issue_key", "status", "fixed"],
    "seeds.mapping": ["status", "stage"],
    "marts.fct_items": ["item_key", "stage"],
    "marts.fct_python": ["guess"],
    "metrics.metric_stages": ["stage", "items", "ones", "longest"],
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    nodes, sources = {}, {}
    for address in COLUMNS:
        schema, name = address.split(".")
        kind = "model" if address in CODE else "seed" if schema == "seeds" else "source"
        node = {"schema": schema, "name": name, "resource_type": kind}
        if kind == "model":
            code = CODE[address]
            node |= {
                "language": "sql" if code else "python",
                "compiled_code": code,
                "depends_on": {"nodes": READS[address]},
            }
        if kind == "source":
            node |= {"config": {"meta": {"api_endpoint": "/rest/issues"}}}
        (sources if kind == "source" else nodes)[address] = node
    return Graph({"nodes": nodes, "sources": sources}, COLUMNS)


@pytest.mark.parametrize(
    ("column", "parents"),
    [
        ("staging.stg_x__issues.status", {"jira.issues.fields"}),
        ("intermediate.int_issues.status", {"staging.stg_x__issues.status"}),
        ("intermediate.int_issues.fixed", set()),
        ("marts.fct_items.stage", {"seeds.mapping.stage", "intermediate.int_issues.status"}),
        ("marts.fct_items.item_key", {"intermediate.int_issues.issue_key"}),
        ("marts.fct_python.guess", {"marts.fct_items.item_key", "marts.fct_items.stage"}),
        ("metrics.metric_stages.items", {"marts.fct_items.item_key"}),
        ("metrics.metric_stages.ones", {"marts.fct_items.item_key"}),
        ("metrics.metric_stages.longest", {"marts.fct_items.item_key"}),
        ("metrics.metric_stages.stage", {"marts.fct_items.stage"}),
        ("jira.issues.id", set()),
        ("seeds.mapping.stage", set()),
    ],
)
def test_a_column_is_made_of_what_its_statement_takes(
    graph: Graph, column: str, parents: set
) -> None:
    found = graph.parents(Column(*column.rsplit(".", 1)))
    assert {graph.shown(one) for one in found} == parents


def test_a_path_leads_from_a_metric_to_its_endpoint(graph: Graph) -> None:
    paths = Paths(graph)
    columns = metric_columns(graph, ["items", "stage", "item_key", "nobody"])
    shown = {metric: [*map(graph.shown, found)] for metric, found in columns.items()}
    assert shown == {
        "items": ["metrics.metric_stages.items"], "stage": ["metrics.metric_stages.stage"],
        "item_key": ["marts.fct_items.item_key"], "nobody": [],
    }  # fmt: skip
    [items] = columns["items"]
    assert [*map(graph.shown, paths.marts(items))] == ["marts.fct_items.item_key"]
    assert paths.steps(items) == [
        Step("stg_x__issues", ("issue_key",), "jira.issues", ("id",), "/rest/issues")
    ]
    assert paths.steps(columns["stage"][0]) == [
        Step("stg_x__issues", ("status",), "jira.issues", ("fields",), "/rest/issues")
    ]


def test_a_statement_that_cannot_be_followed_is_not_taken_for_one_without_a_source(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(column: Column) -> frozenset:
        raise ValueError("not understood")

    paths = Paths(graph)
    monkeypatch.setattr(graph, "parents", broken)
    stage = Column("staging.stg_x__issues", "status")
    assert {one.name for one in paths.parents(stage)} == {"id", "fields"}
    assert paths.unread == {stage: "ValueError"}


def test_the_page_links_what_it_names_and_loads_nothing(graph: Graph) -> None:
    html = page(Paths(graph), {"items": "Items <b> in a stage", "longest": "y"}, "made today")
    assert 'href="#marts.fct_items.item_key"' in html and 'id="marts.fct_items.item_key"' in html
    assert "Items &lt;b&gt; in a stage" in html and "/rest/issues" in html
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")
