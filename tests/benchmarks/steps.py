"""Single steps of the benchmark, each run in a process of its own so that what it takes is its own.

python -m tests.benchmarks.steps STEP HOME RESULT.json [WORD]
"""

import importlib.util
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from publish.report import write_report
from publish.snapshot import publish
from tests.benchmarks.generate import SQL, Generator, write_project

Facts = dict[str, float]


def generate(home: Path, items: str) -> Facts:
    """Write raw files of so many items, and the project with the seeds of their company."""
    with Generator(home / "raw") as generator:
        generator.first_load(int(items))
        rows = generator.rows()
    write_project(home / "project")
    return {"rows": sum(rows.values())}


def change(home: Path, words: str) -> Facts:
    """Write a load in which a share of the items changed."""
    items, loads, share = words.split(",")
    with Generator(home / "raw", int(items), int(loads)) as generator:
        return {"rows": generator.next_load(float(share)), "items": generator.items}


def published(home: Path, _: str) -> Facts:
    """Publish the working warehouse."""
    return {"bytes": publish(home / "build.duckdb", home / "published").stat().st_size}


def report(home: Path, _: str) -> Facts:
    """Write the report."""
    page = write_report(home / "published" / "warehouse.duckdb", home / "report.html")
    return {"bytes": page.stat().st_size}


def ask(home: Path, _: str) -> Facts:
    """Ask what a BI tool asks."""
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as link:
        return _timed(link, "bi.sql", home)


def bare(home: Path, _: str) -> Facts:
    """Do the least that an engine must do."""
    with duckdb.connect() as link:
        _prepare(link, home)
        return _timed(link, "bare.sql", home)


def again(home: Path, nodes: str) -> Facts:
    """Run the statements of models and tests again, each three times; return the least it took.

    A machine that is shared makes one run of a statement twice as dear as the next one.
    """
    target = home / "project" / "target"
    results = json.loads((target / "run_results.json").read_text())["results"]
    manifest = json.loads((target / "manifest.json").read_text())["nodes"]
    compiled = {result["unique_id"]: result.get("compiled_code") for result in results}
    took = {}
    with duckdb.connect() as link:
        link.execute(f"attach '{home / 'build.duckdb'}' as build (read_only)")
        _prepare(link, home)
        link.execute("use build")
        for node in nodes.split(","):
            if manifest[node].get("language") == "python":
                took[node] = min(_model_seconds(link, home, node, manifest) for _ in range(3))
            elif compiled.get(node):
                took[node] = min(_seconds(link, compiled[node]) for _ in range(3))
    return took


def lead_time(home: Path, pulls: str) -> Facts:
    """Return what it costs to find the lead times of so many pull requests, and the bare query.

    Each has a branch of nine commits and a merge, and five are deployed together; after ten such
    deployments an older commit that was never deployed for itself comes back.
    """
    made = """
    create table ci as
    select
        repository, no, 'r' || repository || 'm' || no as sha,
        timestamp '2020-01-01' + to_seconds(no * 3600) as merged_at
    from range(100) as r (repository), range({pulls} // 100) as n (no);

    create table deployed as
    select
        'd:' || sha as deployment_key, repository, sha, merged_at as commit_merged_at,
        merged_at + to_seconds(600) as finished_at
    from ci where no % 5 = 4
    union all
    select 'back:' || sha, repository, sha, merged_at, merged_at + to_seconds(7 * 3600 + 1200)
    from ci where no % 50 = 42;

    insert into build.intermediate.int_commits_unioned by name
    select
        'github' as source_system, 'repo' || repository as repository, sha,
        case when no > 0 then ['r' || repository || 'm' || (no - 1), sha || 'b8'] else [sha || 'b8']
        end as parent_shas
    from ci
    union all
    select
        'github', 'repo' || repository, sha || 'b' || step,
        case
            when step > 0 then [sha || 'b' || (step - 1)]
            when no > 0 then ['r' || repository || 'm' || (no - 1)]
            else []
        end
    from ci, range(9) as s (step);

    insert into build.intermediate.int_changes_unioned by name
    select
        'c:' || sha as change_key, 'pull_request' as kind, 'github' as source_system,
        'repo' || repository as repository, 's' || repository as service_key,
        sha as merge_commit_sha, sha || 'b8' as head_sha, 'main' as base_branch, merged_at,
        merged_at - to_seconds(86400) as first_commit_at, false as is_revert, false as is_hotfix
    from ci;

    insert into build.intermediate.int_deployments_located by name
    select
        deployment_key, 'github' as source_system, 'github' as code_source_system,
        'repo' || repository as repository, sha, true as is_production, 'success' as result,
        finished_at
    from deployed;

    insert into build.intermediate.int_deployments_placed by name
    select
        located.*, deployed.commit_merged_at, 'main' as base_branch,
        row_number() over (
            partition by located.repository order by located.finished_at
        ) = 1 as is_first_of_repository
    from (
        select
            deployment_key, source_system, code_source_system, repository, sha, is_production,
            result, finished_at
        from build.intermediate.int_deployments_located
    ) as located
    inner join deployed using (deployment_key);
    """
    bare = """
    with recursive deployed as (
        select
            deployment_key, code_source_system as source_system, repository, sha, finished_at,
            row_number() over (
                partition by code_source_system, repository order by finished_at, deployment_key
            ) as place
        from build.intermediate.int_deployments_located
        where is_production and result = 'success'
    ),
    walked as (
        select source_system, repository, sha, place from deployed
        union
        select walked.source_system, walked.repository, behind.sha, walked.place
        from walked
        inner join (
            select source_system, repository, sha as child, unnest(parent_shas) as sha
            from build.intermediate.int_commits_unioned
        ) as behind
            on
                walked.source_system = behind.source_system
                and walked.repository = behind.repository and walked.sha = behind.child
        left join deployed
            on
                behind.source_system = deployed.source_system
                and behind.repository = deployed.repository and behind.sha = deployed.sha
                and deployed.place < walked.place
        where deployed.sha is null
    ),
    -- Found once: or the engine joins each change with all deployments of its repository.
    carried as materialized (
        select
            first.source_system, first.repository, first.sha, first.place,
            deployed.deployment_key, deployed.finished_at, deployed.sha as deployed_sha
        from (
            select source_system, repository, sha, min(place) as place from walked group by all
        ) as first
        inner join deployed using (source_system, repository, place)
    ),
    brought as (
        select changes.*, carried.* exclude (source_system, repository, sha)
        from (
            select
                change_key, source_system, repository, merge_commit_sha, head_sha, merged_at,
                unnest([merge_commit_sha, head_sha]) as sha
            from build.intermediate.int_changes_unioned
        ) as changes
        inner join carried using (source_system, repository, sha)
        where changes.sha = changes.merge_commit_sha or carried.finished_at >= changes.merged_at
        qualify row_number() over (partition by change_key order by place) = 1
    )
    select
        change_key, deployment_key, place = 1 as is_first_of_repository, finished_at as deployed_at,
        case when deployed_sha in (merge_commit_sha, head_sha) then 'sha' else 'descent' end
        as method,
        epoch(finished_at)::bigint - epoch(merged_at)::bigint as merge_to_deploy_s
    from brought
    where place > 1 or deployed_sha in (merge_commit_sha, head_sha)
    """
    same = """
    select
        change_key, deployment_key, is_first_of_repository, deployed_at, method, merge_to_deploy_s
    from build.marts.bridge_deployment_changes
    inner join build.marts.fct_changes using (change_key)
    """
    models = (
        "int_commits_carried", "int_changes_carried", "bridge_deployment_changes", "fct_changes",
    )  # fmt: skip
    empty = (
        "intermediate.int_commits_unioned", "intermediate.int_changes_unioned",
        "intermediate.int_deployments_located", "intermediate.int_deployments_placed",
        "staging.stg_gitlab__deployment_merge_requests",
    )  # fmt: skip
    return _against(home, empty, made.format(pulls=pulls), models, bare, same)


def attribution(home: Path, incidents: str) -> Facts:
    """Return what it costs to find the deployments behind incidents, and the bare query.

    There are 55 deployments for each incident, of a hundred services; one incident in five says
    which change caused it.
    """
    made = """
    insert into build.intermediate.int_deployments_placed by name
    select
        'd' || no as deployment_key, 'd' || no as release_deployment_key, 's' || no % 100 as
        service_key, 'production' as raw_environment, 'success' as result, true as is_production,
        case when no >= 100 then 'd' || (no - 100) end as previous_deployment_key,
        no % 50 = 0 as is_rollback, no % 40 = 0 as is_hotfix, 'chg' || no as change_request_key,
        timestamp '2020-01-01' + to_seconds(no * 600) as finished_at
    from range({incidents} * 55) as n (no);

    create table told as
    select
        'i' || no as work_item_key, 'i' || no || '@1' as work_item_version_key,
        's' || no * 7 % 100 as service_key,
        timestamp '2020-01-01' + to_seconds(no * 33000 + 1800) as opened_at, 'done' as outcome,
        no
    from range({incidents}) as n (no);

    insert into build.marts.fct_incidents by name
    select work_item_key, work_item_version_key, service_key, opened_at from told;
    insert into build.marts.fct_work_item_flows by name select work_item_key, outcome from told;
    insert into build.intermediate.int_incidents_described by name select work_item_key from told;
    insert into build.marts.bridge_work_item_links by name
    select work_item_key as from_key, 'chg' || no * 55 as to_key, 'caused_by' as link_type
    from told where no % 5 = 0;
    """
    bare = """
    with deployments as (
        select * from build.intermediate.int_deployments_placed
        where release_deployment_key is not null
    ),
    incidents as (
        select
            incidents.work_item_key, incidents.work_item_version_key, incidents.service_key,
            incidents.opened_at, flows.outcome in ('cancelled', 'deleted') as is_false_alarm
        from build.marts.fct_incidents as incidents
        inner join build.marts.fct_work_item_flows as flows using (work_item_key)
    ),
    remedies as (
        select before.release_deployment_key, bool_or(after.is_rollback) as is_rolled_back
        from deployments as after
        inner join deployments as before on after.previous_deployment_key = before.deployment_key
        where after.is_rollback or after.is_hotfix
        group by 1
    ),
    causes as (
        select
            incidents.work_item_key, deployments.deployment_key, deployments.finished_at,
            case
                when remedies.is_rolled_back then 'rolled_back'
                when remedies.release_deployment_key is not null then 'hotfixed'
                else 'same_service'
            end as method
        from incidents
        asof inner join (from deployments where result = 'success') as deployments
            on
                incidents.service_key = deployments.service_key
                and incidents.opened_at >= deployments.finished_at
        left join remedies using (release_deployment_key)
        where incidents.opened_at < deployments.finished_at + interval 24 hour
        union all
        select
            links.from_key, deployments.deployment_key, deployments.finished_at, 'caused_by_change'
        from build.marts.bridge_work_item_links as links
        inner join deployments on links.to_key = deployments.change_request_key
        where links.link_type = 'caused_by'
    ),
    rated as (
        select
            *,
            case method
                when 'caused_by_change' then 1.0 when 'rolled_back' then 0.8
                when 'hotfixed' then 0.7 else 0.4
            end::double as confidence
        from causes
        qualify
            row_number() over (partition by work_item_key, deployment_key order by confidence desc)
            = 1
    )
    select
        work_item_key || '>' || deployment_key as incident_deployment_key, work_item_key,
        work_item_version_key, deployment_key, method, confidence,
        row_number() over (
            partition by work_item_key order by confidence desc, finished_at desc, deployment_key
        ) = 1 as is_primary,
        is_false_alarm, is_primary and not is_false_alarm and confidence >= 0.7 as is_counted
    from rated
    inner join incidents using (work_item_key)
    """
    same = "select * from build.marts.bridge_incident_deployments"
    empty = (
        "intermediate.int_deployments_placed", "intermediate.int_incidents_described",
        "marts.fct_incidents", "marts.fct_work_item_flows", "marts.bridge_work_item_links",
    )  # fmt: skip
    made = made.format(incidents=incidents)
    return _against(home, empty, made, ("bridge_incident_deployments",), bare, same)


def _against(
    home: Path, empty: tuple[str, ...], made: str, models: tuple[str, ...], bare: str, same: str
) -> Facts:
    """Build models on rows that are made up; return their CPU seconds and those of a bare query.

    Args:
        home: A company that was built: its tables say what columns there are.
        empty: Tables that the models read.
        made: Statements that fill them.
        models: Models, each after what it reads.
        bare: The statement that does the least that an engine must do.
        same: What of the models it has to come to, by column; both have the same rows, or
            whatever took less is no measure of the other.
    """
    target = home / "project" / "target"
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    compiled = {result["unique_id"]: result.get("compiled_code") for result in results}
    took: Facts = {}
    with duckdb.connect() as link:
        link.execute("attach ':memory:' as build")
        link.execute(f"attach '{home / 'build.duckdb'}' as former (read_only)")
        _prepare(link, home)
        for schema in ("staging", "intermediate", "marts"):
            link.execute(f"create schema build.{schema}")
        link.execute("use build")
        for table in empty:
            link.execute(f"create table build.{table} as select * from former.{table} limit 0")
        link.execute(made)
        for name in models:
            key = f"model.flowhouse.{name}"
            address = f"build.{nodes[key]['schema']}.{name}"
            if nodes[key]["language"] == "python":
                took[name] = _model_seconds(link, home, key, nodes, address)
            else:
                began = time.process_time()
                link.execute(f"create table {address} as {compiled[key]}")
                took[name] = time.process_time() - began
        took["own"] = sum(took.values())
        took["bare"] = min(_seconds(link, bare) for _ in range(3))
        columns = ", ".join(name for name, *_ in link.execute("from made_again").description)
        both = f"select {columns} from ({same})", f"select {columns} from made_again"
        for one, other in (both, both[::-1]):
            [(odd,)] = link.execute(f"select count(*) from ({one} except all {other})").fetchall()
            if odd:
                raise SystemExit(f"the bare statement comes to other rows: {odd} of ({one})")
        [(took["rows"],)] = link.execute("select count(*) from made_again").fetchall()
    return took


def _model_seconds(
    link: duckdb.DuckDBPyConnection,
    home: Path,
    node: str,
    manifest: dict[str, Any],
    keep: str | None = None,
) -> float:
    """Run a Python model on what the build made; return the CPU seconds that it took.

    `keep` is the table that its rows are kept in.
    """
    path = home / "project" / manifest[node]["original_file_path"]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    addresses = {each["name"]: f"{each['schema']}.{each['name']}" for each in manifest.values()}
    dbt = SimpleNamespace(
        ref=lambda name: link.sql(f"from {addresses[name]}"),
        config=SimpleNamespace(get=lambda name: manifest[node]["config"].get(name)),
    )
    began = time.process_time()
    rows = module.model(dbt, link)
    if keep:
        link.register("made_rows", rows)
        link.execute(f"create table {keep} as select * from made_rows")
    return time.process_time() - began


def _seconds(link: duckdb.DuckDBPyConnection, sql: str) -> float:
    began = time.process_time()
    link.execute(f"create or replace temp table made_again as {sql}")
    return time.process_time() - began


def _prepare(link: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Set what profiles.yml sets, and attach the raw files."""
    link.execute(
        f"set TimeZone = 'UTC'; set threads = 2; set temp_directory = '{home / 'spill'}';"
        " set preserve_insertion_order = false; set memory_limit = '3GB'"
    )
    for path in sorted((home / "raw").glob("raw_*.duckdb")):
        link.execute(f"attach '{path}' as {path.stem} (read_only)")


def _timed(link: duckdb.DuckDBPyConnection, file: str, home: Path) -> Facts:
    """Run the statements of a file; return the CPU seconds of what stands below each `-- name`."""
    text = (SQL / file).read_text().replace("{seeds}", str(home / "project" / "seeds"))
    parts = re.split(r"^-- (.+)\n\n?(?=create|select)", text, flags=re.MULTILINE)[1:]
    took = {}
    for name, sql in zip(parts[::2], parts[1::2], strict=True):
        began = time.process_time()
        for statement in filter(str.strip, sql.split(";")):
            link.execute(statement).fetchall()
        took[name] = time.process_time() - began
    return took


STEPS: dict[str, Callable[[Path, str], Facts]] = {
    "generate": generate,
    "change": change,
    "publish": published,
    "report": report,
    "ask": ask,
    "bare": bare,
    "again": again,
    "lead time": lead_time,
    "attribution": attribution,
}


def main() -> None:
    """Run one step and write what it found."""
    step, home, result, *words = sys.argv[1:]
    found = STEPS[step](Path(home), words[0] if words else "")
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
