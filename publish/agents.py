"""`flowhouse mcp`: what is published, as tools for agents (Model Context Protocol, over stdio).

Each tool asks one question in SQL that its answer shows. Numbers come with what they are of (`n`),
with the definition and version of their metric, with how complete the histories behind them are,
and with the instant that they hold at. Nothing is added up here: levels contain each other.
"""

from collections.abc import Callable
from datetime import date
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import duckdb
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from publish.guarded import MOST_ROWS, MOST_S, Found, Refused, ask, ask_anything, literal, opened

INSTRUCTIONS = (
    "How work flows from idea to production in one company, measured. Ask `streams` first, then"
    " `metric` or the others; `definition` says what a number means, `tables` what `sql` can read."
    " Quote n, as_of and the period with every number. A null is not zero: nobody knows. Levels"
    " (epic, story, task) contain each other and are never added up; percentiles never are."
)

PERIODS = 12
"""How many periods an answer shows that names no first one."""

EntityType = Literal["value_stream", "team", "service", "stage", "source_system"]
Period = Literal["week", "month", "increment", "as_of"]

LATEST_WEEK = "select max(week_start) from metrics.metric_constraint where is_complete_period"


class Answer(BaseModel):
    """What a tool answers.

    Attributes:
        as_of: The instant that open work was aged to (UTC); nothing younger is known.
        publication: Number of the published version that was asked.
        rows: What was found; n is how many values a number is of.
        definitions: What the metrics of the rows are, in which version.
        history_quality: Of the items behind the rows, how many have which history; of all
            but `complete` ones some times are estimated or missing. Null where it says nothing.
        notes: What to mind.
        is_cut: Whether there are more rows.
        sql: The question; `sql` takes it as it is.
    """

    as_of: str
    publication: int
    rows: list[dict[str, Any]]
    definitions: list[dict[str, Any]] = []
    history_quality: dict[str, int] | None = None
    notes: list[str] = []
    is_cut: bool = False
    sql: str


def server(link: Path, most_s: float = MOST_S) -> MCPServer:
    """Return the server of a published warehouse.

    Args:
        link: The link to the newest version.
        most_s: How long a question may take.
    """
    made = MCPServer("flowhouse", instructions=INSTRUCTIONS, log_level="WARNING")
    reads = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    for tool in TOOLS:
        made.tool(annotations=reads)(_on_file(tool, link, most_s))
    return made


def _on_file(tool: Callable[..., Answer], link: Path, most_s: float) -> Callable[..., Answer]:
    """Give a tool the newest version when it is asked, and make a refusal its answer."""

    @wraps(tool)
    def asked(**words: Any) -> Answer:
        try:
            with opened(link, most_s) as file:
                return tool(file, **words)
        except Refused as why:
            raise ToolError(str(why)) from None

    hints = {name: hint for name, hint in tool.__annotations__.items() if name != "file"}
    asked.__annotations__ = hints
    asked.__signature__ = _without_file(tool)  # type: ignore[attr-defined]
    return asked


def _without_file(tool: Callable[..., Answer]) -> Any:
    from inspect import signature

    full = signature(tool)
    return full.replace(parameters=[p for name, p in full.parameters.items() if name != "file"])


def _answer(
    file: duckdb.DuckDBPyConnection,
    found: Found,
    sql: str,
    *,
    metrics: list[str] | None = None,
    streams: list[str] | None = None,
    notes: list[str] | None = None,
) -> Answer:
    """Put around rows what they must not be read without.

    Args:
        file: The version.
        found: The rows.
        sql: What found them.
        metrics: Metrics that are defined in the answer.
        streams: Value streams whose items are behind the rows.
        notes: What to mind.
    """
    [(as_of, number)] = file.execute(
        "select as_of, version_no from meta.publications order by version_no desc limit 1"
    ).fetchall()
    defined = _defined(file, metrics) if metrics else []
    return Answer(
        as_of=as_of.isoformat(),
        publication=number,
        rows=found.rows,
        definitions=defined,
        history_quality=_histories(file, streams) if streams else None,
        notes=notes or [],
        is_cut=found.is_cut,
        sql=sql.strip(),
    )


def _defined(file: duckdb.DuckDBPyConnection, metrics: list[str]) -> list[dict[str, Any]]:
    listed = ", ".join(map(literal, metrics))
    return ask(
        file,
        "select metric, version, definition, unit, better, target, owner"
        f" from marts.dim_metrics where metric in ({listed}) order by metric",
    ).rows


def _histories(file: duckdb.DuckDBPyConnection, streams: list[str]) -> dict[str, int]:
    listed = ", ".join(map(literal, streams))
    found = file.execute(
        f"""
        select flows.history_quality, count(*)
        from marts.fct_work_item_flows as flows
        inner join marts.dim_work_items as items
            on flows.work_item_version_key = items.work_item_version_key
        where items.value_stream_key in ({listed})
        group by flows.history_quality
        order by 2 desc, 1
        """
    ).fetchall()
    return dict(found)


def _known(file: duckdb.DuckDBPyConnection, what: str, name: str, query: str) -> None:
    """Refuse a name that is not there, and say what there is.

    Raises:
        Refused: The name is unknown.
    """
    there = [str(one) for (one,) in file.execute(query).fetchall()]
    if name in there:
        return
    near = get_close_matches(name, there, n=5, cutoff=0.4)
    few = ", ".join(sorted(there)[:20])
    meant = f"did you mean {', '.join(near)}?" if near else f"there are: {few}"
    raise Refused(f"there is no {what} {name!r}; {meant}")


def streams(file: duckdb.DuckDBPyConnection) -> Answer:
    """List the value streams, with the workflows and levels that have work in each.

    One row per value stream, workflow and level: items is how many there ever were, open_items how
    many are not finished. Its keys are what the other tools take as `entity` or `value_stream`.
    """
    sql = """
        select
            streams.value_stream_key, streams.name, streams.kind, items.workflow, items.level,
            count(*) as items, count(*) filter (where flows.outcome = 'open') as open_items
        from marts.dim_value_streams as streams
        inner join marts.dim_work_items as items
            on streams.value_stream_key = items.value_stream_key
        inner join marts.fct_work_item_flows as flows
            on items.work_item_version_key = flows.work_item_version_key
        where not items.is_deleted
        group by all
        order by all
    """
    found = ask(file, sql)
    return _answer(file, found, sql, streams=[*{row["value_stream_key"] for row in found.rows}])


def metric(
    file: duckdb.DuckDBPyConnection,
    metric: Annotated[str, Field(description="As `definition` lists them: velocity, load, ...")],
    entity: Annotated[str, Field(description="Key of the value stream, team, service, stage ...")],
    entity_type: EntityType = "value_stream",
    period: Period = "month",
    since: Annotated[date | None, Field(description="First day of the first period.")] = None,
    until: Annotated[date | None, Field(description="First day of the last period.")] = None,
    workflow: str | None = None,
    level: str | None = None,
    work_type: Annotated[str | None, Field(description="Without one, all types together.")] = None,
    part: Annotated[
        str | None, Field(description="p50, p85 ... of forecasts; rarely needed")
    ] = None,
) -> Answer:
    """Show the values of a metric of one entity over time, the newest period first.

    Without `since` the last twelve periods. One row per period, workflow, level, type of work and
    part: value in the unit of the definition, numerator and denominator of a share, n. A period
    that is not over has is_complete_period = false.
    """
    _known_metric(file, metric, entity_type, entity, period)
    where = [
        f"metric = {literal(metric)}", f"entity_type = {literal(entity_type)}",
        f"entity_key = {literal(entity)}", f"period = {literal(period)}",
    ]  # fmt: skip
    where += [
        f"{name} = {literal(value)}"
        for name, value in (("workflow", workflow), ("level", level))
        if value
    ]
    notes = []
    for name, value in (("work_type", work_type), ("part", part)):
        if value or _has_all(file, name, where):
            where.append(f"{name} = {literal(value or 'all')}")
    if since:
        where.append(f"period_start >= {literal(since)}")
    if until:
        where.append(f"period_start <= {literal(until)}")
    chosen = "\n            and ".join(where)
    last = (
        ""
        if since
        else f"\n        qualify dense_rank() over (order by period_start desc) <= {PERIODS}"
    )
    sql = f"""
        select
            period_start, period_end, workflow, level, work_type, part,
            value, numerator, denominator, n, is_complete_period, value_stream_key
        from marts.fct_metric_observations
        where {chosen}{last}
        order by period_start desc, workflow, level, work_type, part
    """
    found = ask(file, sql, 500)
    if len({row["level"] for row in found.rows}) > 1:
        notes.append("there are several levels, which contain each other: never add them up")
    behind = {row["value_stream_key"] for row in found.rows} - {"all"}
    return _answer(file, found, sql, metrics=[metric], streams=[*behind], notes=notes)


def _known_metric(
    file: duckdb.DuckDBPyConnection, metric: str, entity_type: str, entity: str, period: str
) -> None:
    _known(file, "metric", metric, "select metric from marts.dim_metrics")
    of = f"from marts.fct_metric_observations where metric = {literal(metric)}"
    kinds = file.execute(f"select distinct entity_type, period {of} order by all").fetchall()
    if not kinds:
        raise Refused(
            f"{metric} is a column of tables and not kept by period: `definition` names them"
        )
    if (entity_type, period) not in kinds:
        choices = ", ".join(f"{kind} by {every}" for kind, every in kinds)
        raise Refused(f"{metric} is not kept of a {entity_type} by {period}; it is of {choices}")
    _known(
        file, entity_type, entity,
        f"select distinct entity_key {of} and entity_type = {literal(entity_type)}",
    )  # fmt: skip


def _has_all(file: duckdb.DuckDBPyConnection, column: str, where: list[str]) -> bool:
    return bool(
        file.execute(
            "select 1 from marts.fct_metric_observations"
            f" where {' and '.join(where)} and {column} = 'all' limit 1"
        ).fetchall()
    )


def compare(
    file: duckdb.DuckDBPyConnection,
    metric: str,
    entities: Annotated[list[str], Field(description="Two or more keys.", min_length=2)],
    entity_type: EntityType = "value_stream",
    period: Period = "month",
    period_start: Annotated[
        date | None, Field(description="First day; without it the last period that is over.")
    ] = None,
    workflow: str | None = None,
    level: str | None = None,
) -> Answer:
    """Show one metric of several entities in the same period, and in the period before it.

    One row per entity, workflow and level: value and n, value_before and n_before, change.
    Compare rows of the same workflow and level only. A small n says little.
    """
    for entity in entities:
        _known_metric(file, metric, entity_type, entity, period)
    where = [
        f"metric = {literal(metric)}", f"entity_type = {literal(entity_type)}",
        f"entity_key in ({', '.join(map(literal, entities))})", f"period = {literal(period)}",
        "work_type = 'all'", "part = 'all'",
    ]  # fmt: skip
    where += [
        f"{name} = {literal(value)}"
        for name, value in (("workflow", workflow), ("level", level))
        if value
    ]
    chosen = "\n                and ".join(where)
    at = literal(period_start) if period_start else (
        "(select max(period_start) from chosen where is_complete_period)"
    )  # fmt: skip
    sql = f"""
        with

        chosen as (
            select *
            from marts.fct_metric_observations
            where {chosen}
        ),

        compared as (
            select
                *,
                lag(value) over before as value_before,
                lag(n) over before as n_before
            from chosen
            window before as (partition by entity_key, workflow, level order by period_start)
        )

        select
            entity_key, workflow, level, period_start, value, n, is_complete_period,
            value_before, n_before, value - value_before as change, value_stream_key
        from compared
        where period_start = {at}
        order by workflow, level, entity_key
    """
    found = ask(file, sql)
    notes = ["rows of one workflow and level compare; others do not"]
    missing = {*entities} - {row["entity_key"] for row in found.rows}
    if missing:
        notes.append(f"nothing is kept of {', '.join(sorted(missing))} in that period")
    behind = {row["value_stream_key"] for row in found.rows} - {"all"}
    return _answer(file, found, sql, metrics=[metric], streams=[*behind], notes=notes)


def constraint(
    file: duckdb.DuckDBPyConnection,
    value_stream: str,
    workflow: str | None = None,
    level: str | None = None,
) -> Answer:
    """Say which stage limits a value stream now, since when, how sure, and on what evidence.

    One row per station of a line in the last complete week, the constraint first. status is
    constraint, rival, or insufficient_evidence with its reason; confidence is of the constraint.
    n is how many visits to the station the scores are of.
    """
    _known(file, "value stream", value_stream, STREAMS)
    where = [f"value_stream_key = {literal(value_stream)}", f"week_start = ({LATEST_WEEK})"]
    where += [
        f"{name} = {literal(value)}"
        for name, value in (("workflow", workflow), ("level", level))
        if value
    ]
    chosen = "\n            and ".join(where)
    sql = f"""
        select
            workflow, level, stage, status, insufficient_reason, constraint_rank, confidence,
            constraint_since, previous_stage_key, scores_led, scores_known,
            served_visits as n, queue_wait_mean_s, queued_share, saturation, active_period_share,
            window_start, week_start
        from metrics.metric_constraint
        where {chosen}
        order by workflow, level, constraint_rank nulls last, ordinal
    """
    found = ask(file, sql)
    scores = ["queue_wait_mean_s", "queued_share", "saturation", "active_period_share"]
    return _answer(
        file, found, sql, metrics=["constraint_rank", *scores], streams=[value_stream],
        notes=["one station in a rank of 1 with confidence low may well be another one next week"],
    )  # fmt: skip


STREAMS = "select value_stream_key from marts.dim_value_streams"


def trace(
    file: duckdb.DuckDBPyConnection,
    key: Annotated[str, Field(description="PAY-12, owner/name#7, INC0012345, or a work_item_key.")],
) -> Answer:
    """Follow one work item from idea to production: its clocks, its links, what is missing.

    One row per work item of that key (several sources may have one of the same name):
    times, seconds of each phase, changes and deployments behind it (change_count is the n of
    them), history_quality, missing_links.
    """
    wanted = f"(item_key = {literal(key)} or work_item_key = {literal(key)})"
    sql = f"""
        select
            items.work_item_key, items.item_key, items.item_kind, items.source_system,
            items.value_stream_key, items.workflow, items.level, items.work_type,
            items.current_status, flows.outcome, flows.history_quality,
            flows.created_at, flows.committed_at, flows.started_at, flows.last_done_at,
            flows.start_to_done_s, flows.active_s, flows.wait_s, flows.blocked_s, flows.rework_s,
            flows.age_s, traces.idea_work_item_key, traces.first_commit_at, traces.merged_at,
            traces.built_at, traces.deployed_at, traces.first_incident_at, traces.ideation_s,
            traces.integration_s, traces.verification_s, traces.delivery_s,
            traces.change_count, traces.deployment_count, traces.is_complete, traces.missing_links,
            (
                select list(struct_pack(
                    link_type := links.link_type, other_key := if(
                        links.from_key = items.work_item_key, links.to_key, links.from_key
                    ), method := links.method, confidence := links.confidence
                ) order by links.link_type, links.to_key, links.from_key)
                from marts.bridge_work_item_links as links
                where items.work_item_key in (links.from_key, links.to_key)
            ) as links
        from marts.dim_work_items as items
        inner join marts.fct_work_item_flows as flows
            on items.work_item_key = flows.work_item_key
        left join marts.fct_traces as traces on items.work_item_key = traces.work_item_key
        where items.is_current and {wanted.replace("(", "(items.", 1).replace("or ", "or items.")}
        order by items.work_item_key
    """
    found = ask(file, sql, 20)
    if not found.rows:
        raise Refused(f"there is no work item {key!r}; keys are written as their source shows them")
    answer = _answer(file, found, sql)
    qualities = [row["history_quality"] for row in found.rows]
    answer.history_quality = {name: qualities.count(name) for name in dict.fromkeys(qualities)}
    return answer


def forecast(
    file: duckdb.DuckDBPyConnection,
    value_stream: str,
    workflow: str | None = None,
    level: str | None = None,
) -> Answer:
    """Say how many items will be finished, and when what is in flow will be, with what certainty.

    One row per workflow, level, kind, horizon and percentile. kind how_many: at least `value`
    items within horizon_days; when: at most `value` days for `items` items. n is how many items
    were finished in the window that is drawn from; held_share how often such forecasts came true
    in the past, in held_n backtests.
    """
    _known(file, "value stream", value_stream, STREAMS)
    where = [f"forecasts.value_stream_key = {literal(value_stream)}"]
    where += [
        f"forecasts.{name} = {literal(value)}"
        for name, value in (("workflow", workflow), ("level", level))
        if value
    ]
    chosen = "\n            and ".join(where)
    sql = f"""
        select
            forecasts.workflow, forecasts.level, forecasts.kind, forecasts.horizon_days,
            forecasts.items, forecasts.percentile, forecasts.value, forecasts.forecast_date,
            forecasts.origin_date, forecasts.window_days, forecasts.n,
            calibrations.coverage_share as held_share, calibrations.n as held_n
        from metrics.metric_forecast as forecasts
        left join metrics.metric_forecast_calibration as calibrations
            on
                forecasts.value_stream_key = calibrations.value_stream_key
                and forecasts.workflow = calibrations.workflow
                and forecasts.level = calibrations.level
                and forecasts.percentile = calibrations.percentile
        where {chosen}
        order by
            forecasts.workflow, forecasts.level, forecasts.kind, forecasts.horizon_days,
            forecasts.percentile
    """
    found = ask(file, sql)
    notes = ["nothing is forecast of groups with few finished items"] if not found.rows else []
    notes.append("it is supposed that the next weeks go as the last ones went")
    names = ["value", "coverage_share"]
    return _answer(file, found, sql, metrics=names, streams=[value_stream], notes=notes)


def definition(
    file: duckdb.DuckDBPyConnection,
    search: Annotated[str, Field(description="A metric, or words of it; empty lists all.")] = "",
) -> Answer:
    """Say what metrics mean: definition, version, unit, which way is better, owner, target.

    One row per metric whose name or definition has all of the words, with the tables that have it
    as a column, and of what it is kept by period (for `metric`); n is how many such values there
    are.
    """
    words = " and ".join(
        f"contains(lower(metrics.metric || ' ' || metrics.definition), {literal(word.lower())})"
        for word in search.split()
    )
    sql = f"""
        select
            metrics.metric, metrics.version, metrics.definition, metrics.unit, metrics.better,
            metrics.target, metrics.owner,
            (
                select list(held.schema_name || '.' || held.table_name order by held.table_name)
                from duckdb_columns() as held
                where
                    held.column_name = metrics.metric
                    and held.schema_name in ('marts', 'metrics')
            ) as tables,
            kept.entities, coalesce(kept.n, 0) as n
        from marts.dim_metrics as metrics
        left join (
            select
                metric, count(value) as n,
                list_sort(list(distinct entity_type || ' by ' || period)) as entities
            from marts.fct_metric_observations
            group by metric
        ) as kept on metrics.metric = kept.metric
        where {words or "true"}
        order by metrics.metric = {literal(search)} desc, metrics.metric
    """
    return _answer(file, ask(file, sql, 300), sql)


def data_quality(
    file: duckdb.DuckDBPyConnection,
    source_system: Annotated[str | None, Field(description="jira, github, ...; empty: all")] = None,
) -> Answer:
    """Say what is missing or odd in the data behind all numbers.

    One row per finding: measures of each source (affected of n, affected_share), stretches of time
    of which a source holds nothing, scopes that the last load did not read in full, value streams
    with time in statuses that nobody mapped.
    """
    wanted = f"source_system = {literal(source_system)}" if source_system else "true"
    of_loads = wanted.replace("source_system", "source")
    sql = f"""
        select
            'measure' as finding, source_system as of, measure as what,
            affected, total as n, affected_share, null as detail
        from metrics.metric_data_quality
        where {wanted}
        union all
        select
            'not held by its source', source_system, object || ' ' || scope,
            null, null, null,
            reason || ' from ' || coalesce(cast(gap_from as varchar), 'the beginning')
            || ' to ' || cast(gap_to as varchar)
        from meta.history_gaps
        where {wanted}
        union all
        select
            'not fully loaded', source, object || ' ' || coalesce(scope, 'all'),
            acl_gap, api_count, null, status || coalesce(': ' || message, '')
        from meta.load_audits
        where
            {of_loads} and status <> 'complete'
            and refresh_id = (select refresh_id from meta.refreshes)
        union all
        select
            'time in unmapped statuses', value_stream_key, 'unmapped_share',
            null, null, unmapped_share, if(is_marked, 'too much: its times say too little', null)
        from metrics.metric_unmapped_time
        where {str(not source_system).lower()}
        order by finding, of, what
    """
    return _answer(file, ask(file, sql), sql, metrics=["affected_share", "unmapped_share"])


def tables(
    file: duckdb.DuckDBPyConnection,
    search: Annotated[
        str, Field(description="A table (marts.fct_traces) or words; empty: all")
    ] = "",
) -> Answer:
    """List what `sql` can read: tables with what one row of each is, or the columns of one table.

    Without the name of a table one row per table (n is about how many rows it has), with one a row
    per column.
    """
    columns = f"""
        select column_name, data_type, comment as description
        from duckdb_columns()
        where not internal and schema_name || '.' || table_name = {literal(search)}
        order by column_index
    """
    found = ask(file, columns)
    if found.rows:
        return _answer(file, found, columns)
    words = " and ".join(
        f"contains(lower(address || ' ' || coalesce(description, '')), {literal(word.lower())})"
        for word in search.split()
    )
    sql = f"""
        select *
        from (
            select
                schema_name || '.' || table_name as address, comment as description,
                estimated_size as n
            from duckdb_tables()
            where not internal
            union all
            select schema_name || '.' || view_name, comment, null
            from duckdb_views()
            where not internal
        )
        where {words or "true"}
        order by address
    """
    return _answer(file, ask(file, sql), sql)


def sql(
    file: duckdb.DuckDBPyConnection,
    query: Annotated[str, Field(description="One select statement of DuckDB's SQL.")],
    most_rows: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 100,
) -> Answer:
    """Answer one select statement; nothing else is run, and nothing outside of the file is read.

    Durations (*_s) are seconds, times are UTC, shares lie between 0 and 1. Facts join dimensions
    by the columns of the same name; dim_work_items has a row per version of an item, so join it by
    work_item_version_key. Prefer `metric`: it knows definitions.
    """
    found = ask_anything(file, query, most_rows)
    return _answer(file, found, query, notes=["no definition stands behind a query of your own"])


TOOLS = (
    streams, metric, compare, constraint, trace, forecast, definition, data_quality, tables, sql,
)  # fmt: skip
"""Each takes the opened file first, which the one who asks does not see."""
