"""The rules of the project, checked on what dbt and the code themselves say of the project."""

import ast
import json
import os
import re
import subprocess
import tomllib
from collections import Counter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from publish.facts import OWN_TABLES
from publish.facts import PERIODS as PERIOD_COLUMNS
from tests.conftest import LONG
from tests.flow import scratch

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "dbt_project"

PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("dim_", "fct_", "bridge_"),
    "measures": ("measure_",),
    "simulations": ("sim_",),
    "metrics": ("metric_",),
    "observations": ("fct_metric_",),
    "checks": ("check_",),
    "meta": ("history_gaps", "load_audits", "refreshes"),
    "bi": ("",),  # tests/test_bi.py: a fact without `fct_`, or a question
}
PUBLIC = ("marts", "metrics", "observations", "meta")
DESCRIBED = (*PUBLIC, "bi")
MAY_READ = {
    "staging": {"source"},
    "intermediate": {"staging", "intermediate", "seed"},
    "marts": {"intermediate", "marts", "seed"},
    "measures": {"marts", "measures", "metrics", "seed"},
    "simulations": {"measures", "metrics"},
    "metrics": {"marts", "measures", "simulations", "metrics", "observations", "meta", "seed"},
    "observations": {"measures", "metrics"},
    "checks": {"intermediate", "marts", "seed"},
    "meta": {"intermediate"},
    # Nothing else is in the published file, and a view on a view need be made after it.
    "bi": {"marts", "metrics", "observations", "meta"},
}


@pytest.fixture(scope="session")
def manifest(parsed: Path) -> dict:
    return json.loads((parsed / "target" / "manifest.json").read_text())


@pytest.fixture(scope="session")
def nodes(manifest: dict) -> dict:
    return manifest["nodes"] | manifest["sources"]


@pytest.fixture(scope="session")
def models(nodes: dict) -> list[dict]:
    return [node for node in nodes.values() if node["resource_type"] == "model"]


def layer(node: dict) -> str:
    return node["fqn"][1] if node["resource_type"] == "model" else node["resource_type"]


def test_a_name_says_its_layer(models: list[dict]) -> None:
    assert [m["name"] for m in models if not m["name"].startswith(PREFIXES[layer(m)])] == []


def test_a_layer_reads_only_the_layers_before_it(models: list[dict], nodes: dict) -> None:
    wrong = [
        (model["name"], nodes[key]["name"])
        for model in models
        for key in model["depends_on"]["nodes"]
        if layer(nodes[key]) not in MAY_READ[layer(model)]
        # It says which items are made anew, and nothing of them.
        and nodes[key]["name"] != "int_touched_items"
    ]
    assert wrong == []


def test_a_model_is_documented_in_the_file_of_its_name(models: list[dict]) -> None:
    wrong = [m["name"] for m in models if Path(m["patch_path"] or "").stem != m["name"]]
    assert wrong == []


def test_every_description_says_what_one_row_is(manifest: dict, models: list[dict]) -> None:
    described = [*models, *manifest["sources"].values()]
    described += [n for n in manifest["nodes"].values() if n["resource_type"] == "seed"]
    assert [n["name"] for n in described if not n["description"].startswith("One row per ")] == []


def test_every_column_of_a_public_model_is_described_and_typed(models: list[dict]) -> None:
    wrong = [
        (model["name"], column["name"])
        for model in models
        if layer(model) in DESCRIBED
        for column in model["columns"].values()
        if not column["description"] or not column["data_type"]
    ]
    assert wrong == []


def test_every_public_model_has_an_enforced_contract(models: list[dict]) -> None:
    wrong = [
        model["name"]
        for model in models
        if layer(model) in DESCRIBED and not model["contract"]["enforced"]
    ]
    assert wrong == []


def test_every_layer_has_a_group_and_what_is_not_published_is_private(
    manifest: dict, models: list[dict]
) -> None:
    """dbt refuses a model of another group that reads a private one."""
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    assert set(owners) == {"facts", "metrics", "bi"} and all(owners.values())
    assert [m["name"] for m in models if m["config"]["group"] not in owners] == []
    open_to_others = {m["name"] for m in models if m["access"] != "private"}
    # Models of single items in every group ask it what changed (macros/incremental.sql).
    published = {m["name"] for m in models if layer(m) in (*DESCRIBED,)} | {"int_touched_items"}
    assert open_to_others == published


def test_a_description_that_recurs_is_a_docs_block() -> None:
    """A column of twelve tables is described once, in models/docs.md."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = Counter(
        (column["name"], column["description"].strip())
        for path in sorted((PROJECT / "models").rglob("*.yml"))
        for model in yaml.load(path.read_text(), loader).get("models") or []
        for column in model.get("columns") or []
        if "doc(" not in column.get("description", "doc(")
    )
    assert [column for column, count in found.items() if count >= 12] == []


def test_every_public_model_has_a_tested_key(models: list[dict], nodes: dict) -> None:
    tested = {
        node["attached_node"]
        for node in nodes.values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in ("primary_key", "unique_combination")
    }
    public = [m for m in models if layer(m) in PUBLIC]
    assert [m["name"] for m in public if m["unique_id"] not in tested] == []


FOREIGN_KEYS_BY_OTHER_NAMES = {
    "actor_key": "dim_people",
    "approver_key": "dim_people",
    "author_key": "dim_people",
    "change_request_key": "fct_change_requests",
    "deployer_key": "dim_people",
    "source_system": "dim_source_systems",
    "calendar": "dim_calendars",
    "metric": "dim_metrics",
    "date_day": "dim_dates",
}
"""Columns that refer to a table whose key has another name, or that are not called keys."""

NO_FOREIGN_KEYS = {
    ("bridge_work_item_links", "from_key"): "of several tables: both_ends_of_a_link_exist",
    ("bridge_work_item_links", "to_key"): "of several tables: both_ends_of_a_link_exist",
    ("dim_work_items", "work_item_key"): "a part of its own key: its versions have one item",
    ("dim_work_items", "item_key"): "the name that people give an item",
    ("dim_calendars", "calendar"): "a part of its own key",
    ("fct_metric_observations", "entity_key"): "of several tables: one test for each entity_type",
    ("metric_scenarios", "scenario_key"): "of a seed, whose keys seeds.py checks; or as_is",
    ("metric_guardrails", "guardrail_key"): "of a seed, whose keys seeds.py checks",
    ("metric_targets", "goal_key"): "of two seeds, whose keys seeds.py checks",
    ("metric_targets", "objective_key"): "of a seed, whose keys seeds.py checks",
    ("metric_targets", "entity_key"): "of several tables; a goal may be of what nobody measured",
    ("metric_aging_wip", "item_key"): "the name that people give an item",
    ("metric_cycle_times", "item_key"): "the name that people give an item",
}


def generic_tests(nodes: dict, model: dict, name: str) -> list[dict]:
    """Return the generic tests of one name that a model has."""
    return [
        node
        for node in nodes.values()
        if node["resource_type"] == "test"
        and node.get("attached_node") == model["unique_id"]
        and node["test_metadata"]["name"] == name
    ]


def test_every_foreign_key_is_held_against_its_table(models: list[dict], nodes: dict) -> None:
    public = [model for model in models if layer(model) in PUBLIC[:-1]]
    own = {
        model["name"]: {test["column_name"] for test in generic_tests(nodes, model, "primary_key")}
        for model in public
    }
    # An item is one in every fact that has it as its key; what an item is, its dimension says.
    homes = {key: name for name, keys in own.items() for key in keys if key.endswith("_key")}
    homes |= {"work_item_key": "dim_work_items"}
    wrong, seen = [], set()
    for model in public:
        held = {
            test["column_name"]: re.search(r"ref\('(\w+)'", test["test_metadata"]["kwargs"]["to"])[
                1
            ]
            for test in generic_tests(nodes, model, "relationships")
        }
        for column in model["columns"]:
            if (model["name"], column) in NO_FOREIGN_KEYS:
                seen.add((model["name"], column))
                continue
            if column in own[model["name"]] and column != "work_item_key":
                continue
            home = FOREIGN_KEYS_BY_OTHER_NAMES.get(column)
            home = home or next((homes[key] for key in homes if column.endswith(key)), None)
            # A fact of every item has its key, too.
            near = {home, "fct_work_item_flows"} if home == "dim_work_items" else {home}
            if (home or column.endswith("_key")) and held.get(column) not in near - {None}:
                wrong.append((model["name"], column, home, held.get(column)))
    assert wrong == []
    assert set(NO_FOREIGN_KEYS) - seen == set()


def test_every_fact_of_an_item_says_which_version_of_it(models: list[dict]) -> None:
    """So that nobody has to join dim_work_items on a key that it has several rows of."""
    wrong = [
        model["name"]
        for model in models
        if model["name"].startswith(("fct_", "bridge_"))
        and "work_item_key" in model["columns"]
        and "work_item_version_key" not in model["columns"]
    ]
    assert wrong == []


def test_every_source_table_names_its_endpoint(manifest: dict) -> None:
    """The extraction says which endpoint a raw table is from; dbt's documentation says the same."""
    from extract.sources import SOURCES

    read = {
        (name, table.name): table.endpoint
        for name, source in SOURCES.items()
        for table in source.tables
    }
    said = {
        (source["source_name"], source["name"]): {
            **source["meta"], **source["config"].get("meta", {})
        }.get("api_endpoint")
        for source in manifest["sources"].values()
        if source["name"] != "load_audits"
    }  # fmt: skip
    assert said == read


def test_every_raw_table_is_a_dbt_source_and_the_other_way_round(manifest: dict) -> None:
    from extract.sources import SOURCES

    raw = {(name, table.name) for name, source in SOURCES.items() for table in source.tables}
    raw |= {(name, "load_audits") for name in SOURCES}
    assert {(s["source_name"], s["name"]) for s in manifest["sources"].values()} == raw


FEEDS_NOTHING = "No published table reads it: "


def test_a_raw_table_that_no_published_table_reads_says_why(manifest: dict, nodes: dict) -> None:
    def is_published(key: str, seen: set[str]) -> bool:
        seen.add(key)
        node = nodes.get(key)
        if (
            node
            and node["resource_type"] == "model"
            and layer(node) in ("marts", "metrics", "meta")
        ):
            return True
        return any(
            is_published(child, seen) for child in manifest["child_map"][key] if child not in seen
        )

    sources = manifest["sources"].items()
    names = {key: f"{source['source_name']}/{source['name']}" for key, source in sources}
    unread = {names[key] for key in names if not is_published(key, set())}
    say_why = {names[key] for key, source in sources if FEEDS_NOTHING in source["description"]}
    assert unread == say_why
    texts = [source["description"].partition(FEEDS_NOTHING)[2] for _, source in sources]
    assert all(len(text) > 30 for text in texts if text)


def test_the_report_is_said_to_read_what_it_reads(manifest: dict) -> None:
    from publish import report

    own = {name for _, name in OWN_TABLES} | {"quality_results"}
    read = {
        table
        for path in report.FOLDER.rglob("*.sql")
        for table in re.findall(r"\b(?:marts|metrics|meta)\.(\w+)", path.read_text())
    }
    exposure = manifest["exposures"]["exposure.flowhouse.report"]
    said = {key.split(".")[-1] for key in exposure["depends_on"]["nodes"]}
    assert said == read - own


def test_restatements_know_the_key_and_the_day_of_every_metric_of_a_period(
    models: list[dict], nodes: dict
) -> None:
    wrong = []
    for model in models:
        if layer(model) != "metrics" or "is_complete_period" not in model["columns"]:
            continue
        keys = [test["column_name"] for test in generic_tests(nodes, model, "primary_key")]
        first = next(iter(model["columns"]))
        if keys != [first] or not set(PERIOD_COLUMNS) & set(model["columns"]):
            wrong.append(model["name"])
    assert wrong == []


def test_every_sql_file_has_its_yml(models: list[dict]) -> None:
    files = [path for path in (PROJECT / "models").rglob("*.sql")]
    assert [path.name for path in files if not path.with_suffix(".yml").exists()] == []


BANNED = {
    r"::": "cast(x as type)",
    r"\bqualify\b": "a subquery with row_number()",
    r"\bcurrent_date\b|\bcurrent_timestamp\b|\bnow\(": "the variable as_of",
    r"\bdistinct on\b": "row_number()",
    r"\bexclude\b": "a list of columns",
    r"\bstrftime\b|\bdate_diff\b|\bepoch\(": "a macro of macros/dialect.sql",
    r"\bgroup by all\b|\border by all\b": "a list of columns",
}


@pytest.mark.parametrize("pattern", BANNED, ids=lambda pattern: pattern.replace("\\b", ""))
def test_models_keep_to_the_sql_that_engines_share(pattern: str) -> None:
    wrong = [
        path.name
        for folder in ("models", "tests")
        for path in (PROJECT / folder).rglob("*.sql")
        if re.search(pattern, re.sub(r"--[^\n]*", "", path.read_text()).lower())
    ]
    assert wrong == [], f"write {BANNED[pattern]}"


MAY_IMPORT = {
    "extract": {"extract"},
    "publish": {"publish"},
    "demo": {"demo"},
    "orchestration": {"orchestration", "extract", "publish"},
}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_it_may_know(package: str) -> None:
    wrong = []
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                if top in MAY_IMPORT and top not in MAY_IMPORT[package]:
                    wrong.append((path.name, name))
                if top.startswith("dagster") and package != "orchestration":
                    wrong.append((path.name, name))
    assert wrong == []


DIALECT = r"(^|_)(anew|births?|house|misfits|places?|told|whole|whys)(_|$)"
"""Words that names of the code do without: docs/glossary.md has those of the field."""

OF_OTHERS = {"add_batch_definition_whole_table"}
"""Names that a package of others gives."""


@pytest.mark.parametrize("package", ["extract", "orchestration", "publish"])
def test_names_are_plain(package: str) -> None:
    parts = {ast.Name: "id", ast.arg: "arg", ast.Attribute: "attr"}
    parts |= dict.fromkeys((ast.FunctionDef, ast.ClassDef), "name")
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if type(node) in parts
        and re.search(DIALECT, name := getattr(node, parts[type(node)]), re.IGNORECASE)
        and name not in OF_OTHERS
    ]
    assert wrong == []


PATCHED = {"agate", "dbt_common", "parsedatetime"}
"""Parts of dbt that `orchestration/patches.py` changes: they come with it."""


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = {
        re.split(r"[\[=<>]", line)[0].lower().replace("_", "-")
        for line in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])
    }
    homes = packages_distributions()
    wrong = set()
    for package in (*MAY_IMPORT, "tests"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for top in {name.partition(".")[0] for name in names} - PATCHED:
                    found = {name.lower().replace("_", "-") for name in homes.get(top, ())}
                    if found and not found & {*declared, "flowhouse"}:
                        wrong.add((top, *sorted(found)))
    assert wrong == set()


def test_every_setting_that_a_source_reads_is_listed_in_env_example() -> None:
    from extract.settings import setting_name
    from extract.sources import SOURCES

    listed = (ROOT / ".env.example").read_text()
    missing = [
        setting_name(name, field)
        for name, source in SOURCES.items()
        for field in source.settings.get_resolvable_fields()
        if setting_name(name, field) not in listed
    ]
    assert missing == []


def test_the_workflow_runs_what_a_merge_asks_for() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    [job] = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert "schedule" in workflow[True]  # YAML 1.1 reads `on` as true
    assert job["env"]["NIGHT"] == "${{ github.event_name == 'schedule' && '1' || '' }}"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_no_lane_is_left_out_and_no_long_file_renamed_away() -> None:
    told = re.findall(r"^ *make (.+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert [words.split()[0] for words in told] == [
        "lint", "demo", "test", "test-serving", "mutate-sample", "test-superset", "bench",
        "test-long", "invariants", "faults", "week",
    ]  # fmt: skip
    files = [path.as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert [name for name in LONG if not any(path.endswith(f"/{name}") for path in files)] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_no_recorded_data_is_in_the_repository() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in files if name.endswith((".ndjson", ".xz", ".gz", ".duckdb"))] == []


def meta_of(node: dict) -> dict:
    return {**node["meta"], **node["config"].get("meta", {})}


def test_the_sources_say_which_tables_bring_work_items_as_the_registry_does(
    manifest: dict,
) -> None:
    from extract.sources import SOURCES

    said = {
        (node["source_name"], node["name"]): (
            meta_of(node)["work_item_kind"], (meta_of(node)["work_item_id"],),
        )
        for node in manifest["sources"].values()
        if "work_item_kind" in meta_of(node)
    }  # fmt: skip
    registered = {
        (name, table.name): (table.work_item_kind, table.key)
        for name, source in SOURCES.items()
        for table in source.tables
        if table.work_item_kind
    }
    assert said == registered


def test_every_kind_of_work_item_has_a_workflow_and_a_type_and_the_other_way_round() -> None:
    from extract.sources import SOURCES

    registered = {
        (name, table.work_item_kind)
        for name, source in SOURCES.items()
        for table in source.tables
        if table.work_item_kind
    } | {("inbox", "incident")}  # events tell of them, and no table has a row for each
    for seed in ("workflows", "work_types"):
        lines = (PROJECT / "seeds" / "defaults" / f"{seed}.csv").read_text().splitlines()[1:]
        assert {tuple(line.split(",")[:2]) for line in lines} == registered, seed


def test_every_class_of_servicenows_tasks_is_an_item_or_lies_below_one() -> None:
    from extract.sources.servicenow.tables import TASK_TABLES

    below = {name for name, table in TASK_TABLES.items() if table.work_item_kind is None}
    assert below == {"change_task", "sc_task"}


def test_the_list_of_published_models_is_complete(models: list[dict]) -> None:
    listed = re.findall(r"'(\w+)'", (PROJECT / "macros" / "published_models.sql").read_text())
    public = sorted(m["name"] for m in models if layer(m) in PUBLIC)
    assert sorted(listed) == public


PERIODS = {"week_start", "month_start", "period_start", "increment_start", "date_day"}


def test_every_metric_of_a_period_says_whether_it_is_complete(models: list[dict]) -> None:
    of_periods = [m for m in models if layer(m) in PUBLIC[1:3] and PERIODS & set(m["columns"])]
    assert [m["name"] for m in of_periods if "is_complete_period" not in m["columns"]] == []


NOT_OBSERVED = {
    "of single items": (
        *("age_s", "bounce_count", "created_to_done_s", "stage_age_s", "stage_blocked_s"),
        *("start_to_done_business_s", "start_to_done_s"),
    ),
    "of days, which stay in metric_wip, metric_wip_totals and metric_cumulative_flow": (
        *("arrivals", "cfd_highwater", "departures", "left_before_items", "reached_items"),
        *("wip_by_stage", "wip_limit", "wip_s"),
    ),
    "of one moment: metric_value_stream_map_totals, metric_aging_wip, metric_forecast,"
    " metric_epic_progress, metric_dependencies, metric_critical_paths": (
        *("cancelled_count", "child_count", "done_count", "done_points", "done_share"),
        *("dated_dependency_count", "dependency_count", "dependency_wait_s", "held_up_items"),
        *("dependent_items", "held_up_s", "late_count", "open_dependency_count", "path_held_up_s"),
        *("path_s", "step_count", "step_s"),
        *("open_count", "points", "started_count", "window_done_count"),
        *("items", "open_active_s", "open_wait_s", "pace_n", "pace_p50_s", "pace_p85_s"),
        *("pace_p95_s", "predictability_share", "wip"),
    ),
    "the numerator, the denominator or the n of another one": (
        *("affected", "assumed_failed_deployments", "changes", "ended", "first_pass_items", "hits"),
        *("in_flow_s", "matched_deployments", "met", "n", "recovered_deployments"),
        *("rework_deployments", "rework_s", "rework_visits", "time_n", "total", "traced_changes"),
        "unmapped_s",
    ),
    "how a chart or a forecast is made, which metric_xmr and metric_forecast_backtests tell": (
        *("actual", "baseline_n", "centre", "expected_false_alarm_share", "lower_limit"),
        *("moving_range", "range_limit", "run_length", "upper_limit", "value"),
    ),
    "of CI, which metric_ci_health and metric_ci_health_jobs tell by pipeline and job": (
        *("attempts", "built_changes", "cost", "cost_per_change", "environment_failures"),
        *("environment_lost_s", "failed_attempts", "failure_share", "flaky_attempts"),
        *("flaky_share", "judged_attempts", "lead_time_in_ci_s", "lead_time_in_ci_share"),
        *("lead_time_s", "machine_s", "priced_changes", "priced_machine_s", "queue_n"),
        *("queue_p50_s", "queue_p85_s", "retries", "run_n", "run_p50_s", "run_p85_s"),
    ),
    "of links, which metric_trace_coverage and metric_trace_methods tell by link and method": (
        *("finished_items", "linked_items", "linked_share", "method_items", "method_share"),
    ),
    "of releases, which metric_defect_escapes tells by their month": (
        *("dated_by_release", "defects", "escape_share", "escaped", "escaped_late"),
        *("found_before", "logged_defects", "not_known", "releases"),
    ),
    "of causes, which metric_delay_pareto and metric_waste tell by cause": (
        *("all_lost_s", "cost_of_delay", "cumulative_lost_s", "cumulative_lost_share"),
        *("delayed_items", "delayed_parents", "loss_rank", "lost_item_days", "lost_s"),
        *("lost_share", "waste_count", "waste_s"),
    ),
    "of a window of weeks that ends with each, which metric_constraint tells": (
        *("active_item_s", "active_period_s", "active_period_share", "busy_items"),
        *("constraint_rank", "downstream_starved_s", "downstream_starved_share"),
        *("queue_wait_mean_s", "queue_wait_s", "queued_s", "queued_share", "queued_visits"),
        *("saturation", "scores_known", "scores_led", "served_visits", "window_s"),
    ),
    "of an intervention, which metric_interventions tells": (
        *("actual_effect", "actual_effect_high", "actual_effect_low", "arrivals_after"),
        *("arrivals_before", "baseline_weeks", "expected_effect", "intervention_cost"),
        *("power_share", "queue_after", "queue_before", "trial_weeks", "watch_weeks"),
    ),
    "of a simulated year, which metric_scenarios tells": (
        *("amount", "arrivals_n", "as_is", "change_high", "change_low", "change_median"),
        *("gain_high", "gain_low", "gain_median", "observed", "scenario_cost"),
        *("value_high", "value_low", "value_median"),
    ),
    "of a team and its people, which metric_team_load tells": (
        *("available_ftes", "available_hours", "items_per_fte", "mean_active_items"),
    ),
    "the numerator, the n or what another number of a feed is held against": (
        *("learning_days", "measured_days", "previous_value", "spend"),
    ),
    "a target, or where a number stands beside it": (
        *("active_target_s", "actual_share", "allocated", "allocated_of_all", "baseline"),
        *("expected", "max_share", "mean_before", "min_share", "progress_share", "target"),
        "wait_target_s",
    ),
}
"""Metrics that fct_metric_observations leaves out, by the reason."""


def test_every_metric_is_observed_or_says_why_not(
    golden_warehouse: scratch.ScratchWarehouse,
) -> None:
    left_out = golden_warehouse.rows(
        """
        select metric from marts.dim_metrics
        where metric not in (select metric from marts.fct_metric_observations)
        """
    )
    reasons = [metric for metrics in NOT_OBSERVED.values() for metric in metrics]
    assert sorted(metric for (metric,) in left_out) == sorted(reasons)


FLOWS = (
    "metric_flow", "metric_flow_totals", "metric_flow_teams", "metric_flow_team_totals",
    "metric_flow_months", "metric_flow_month_totals", "metric_flow_team_months",
    "metric_flow_team_month_totals", "metric_flow_increments", "metric_flow_increment_totals",
    "metric_flow_team_increments", "metric_flow_team_increment_totals",
)  # fmt: skip
PERCENTILES_OF = {
    **{(table, "flow_time"): "n" for table in FLOWS},
    ("metric_aging_wip", "pace"): "pace_n",
    ("metric_ci_health", "queue"): "queue_n",
    ("metric_ci_health", "run"): "run_n",
    ("metric_ci_health_jobs", "queue"): "queue_n",
    ("metric_ci_health_jobs", "run"): "run_n",
    ("metric_dora", "lead_time"): "changes",
    ("metric_dora", "recovery_time"): "recovered_deployments",
    ("metric_dora_weeks", "lead_time"): "changes",
    ("metric_dora_weeks", "recovery_time"): "recovered_deployments",
    ("metric_incident_sla", "time"): "time_n",
    ("metric_time_in_stage", "elapsed"): "visits",
    ("metric_value_stream_map", "wait"): "visits",
    ("metric_value_stream_map", "active"): "visits",
    ("metric_value_stream_map_totals", "wait"): "visits",
    ("metric_value_stream_map_totals", "active"): "visits",
}
"""How many values a percentile is of: a column that stands beside it."""


def percentiles(models: list[dict]) -> list[tuple[str, str, str]]:
    """Return table, name without the percentage, and column of every published percentile."""
    return [
        (model["name"], found[1], column)
        for model in models
        if layer(model) == "metrics"
        for column in model["columns"]
        if (found := re.fullmatch(r"(\w+)_p\d+_s", column))
    ]


def test_every_percentile_has_its_number_beside_it(models: list[dict]) -> None:
    columns = {model["name"]: set(model["columns"]) for model in models}
    assert {(table, stem) for table, stem, _ in percentiles(models)} == set(PERCENTILES_OF)
    assert [key for key, n in PERCENTILES_OF.items() if n not in columns[key[0]]] == []


def test_a_percentile_is_shown_of_ten_and_more(
    models: list[dict], golden_warehouse: scratch.ScratchWarehouse
) -> None:
    of_few, never = [], []
    for table, stem, column in percentiles(models):
        n = PERCENTILES_OF[table, stem]
        [(wrong, shown)] = golden_warehouse.rows(
            f"""
            select
                count(*) filter (({column} is not null) <> (coalesce({n}, 0) >= 10)),
                count({column})
            from metrics.{table}
            """
        )
        of_few += [(table, column)] * (wrong > 0)
        never += [(table, column)] * (shown == 0)
    assert (of_few, never) == ([], [])


AS_IT_EVER_WAS = {
    "dim_calendars": "its first year is in the sum; of seeds and streams otherwise",
    "dim_value_streams": "zone and calendar of a stream are of seeds, or those of all without one",
    "int_scopes_alone": "made of the name of a scope, which an item's version has, and of seeds",
}
"""What incremental models read beside it, and why no row that they made before can be wrong."""


def test_what_incremental_models_read_is_what_touches_items(nodes: dict) -> None:
    """Else a row stays as it was made, though what it was made of is something else."""

    def parents(key: str) -> list[str]:
        return nodes[key].get("depends_on", {}).get("nodes", [])

    def is_of_seeds(key: str) -> bool:
        return key.startswith("seed.") or (
            key in nodes and bool(parents(key)) and all(map(is_of_seeds, parents(key)))
        )

    by_item = {
        key for key, node in nodes.items() if node["config"].get("incremental_strategy") == "items"
    }
    known = by_item | {"model.flowhouse.int_touched_items"}
    known |= set(parents("model.flowhouse.int_touched_items"))
    wrong = [
        f"{nodes[key]['name']} reads {nodes[parent]['name']}"
        for key in by_item
        for parent in parents(key)
        if parent not in known
        and not is_of_seeds(parent)
        and nodes[parent]["name"] not in AS_IT_EVER_WAS
    ]
    assert len(by_item) > 8
    assert wrong == [], "int_touched_items must sum it too"
