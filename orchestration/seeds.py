"""The seeds, checked before anything else happens: what each must hold, and one line per fault.

What a seed holds is declared below, as data: a new seed is an entry of `SEEDS`. dbt loads the files
with DuckDB's COPY, so the reader here takes for empty, for a date or for a line what COPY does, or
is stricter. Values of seeds are not secrets: a fault shows them.
"""

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import yaml

from extract.raw_store import ROOT
from extract.sources import SOURCES

FOLDER = ROOT / "dbt_project" / "seeds"

METRICS = ROOT / "dbt_project" / "models" / "metrics"

NO_MEASURES = {
    *("attempt_no", "horizon_days", "ordinal", "percentile", "phase_no", "point_no", "seed"),
    *("stay_no", "step_no", "trials", "window_days"),
}
"""Numbers of the metrics tables without a line there; the test on metrics has the same ones."""

DEFAULTS = "defaults"
"""The folder of what each tool's stock workflow means; the other one is the company's."""

MOST_SHOWN = 20
"""Faults that are shown; of more than these only the number."""

LEAST_WEEKS = 20
"""Of a baseline: limits of fewer points are too wide of the mark."""


@dataclass(frozen=True)
class Column:
    """What the values of a column must be.

    Attributes:
        type: Its type in the warehouse, as in `_seeds.yml`.
        is_needed: No line may leave it empty.
        one_of: The values that there are; empty allows all.
        reserved: Names that the models add themselves.
        form: Returns what is wrong with a value, or None.
        least: Smallest number.
        most: Largest number.
        is_folded: Capitals do not matter.
    """

    type: str = "varchar"
    is_needed: bool = False
    one_of: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    form: Callable[[str], str | None] | None = None
    least: int = 0
    most: int | None = None
    is_folded: bool = False


@dataclass(frozen=True)
class Reference:
    """Columns whose values are a line of another seed.

    Attributes:
        columns: The columns here; of several the last one is what is named in a fault.
        to: The seeds that may have the line.
        target: Their columns; empty means the same names.
        besides: Values that need no line.
    """

    columns: tuple[str, ...]
    to: tuple[str, ...]
    target: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Period:
    """The columns of a line's first and last day."""

    first: str
    last: str
    is_last_in_it: bool


@dataclass(frozen=True)
class Seed:
    """What a seed must hold.

    Attributes:
        columns: All columns, by name.
        is_default: It lies in the folder `defaults` and not in the company's.
        unique: Keys; two lines never have the same.
        period: When a line holds.
        apart: Keys; two lines with the same never hold on the same day.
        agree: Keys, and the columns that all lines with the same agree on.
        references: What must be in other seeds.
        rules: What else can be wrong with the lines: number of the line and what is wrong.
        over: The default seed whose lines of the same key it replaces.
    """

    columns: dict[str, Column]
    is_default: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    period: Period | None = None
    apart: tuple[tuple[str, ...], ...] = ()
    agree: tuple[tuple[str, tuple[str, ...]], ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Callable[["File"], Iterator[tuple[int, str]]], ...] = ()
    over: str = ""


@dataclass
class File:
    """A file as it is: its lines by column, the number of each, and what is wrong so far."""

    name: str
    shown_path: str
    seed: Seed
    lines: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    is_readable: bool = False
    """Whether it could be read to its end, so that others may be held against it."""

    def fault(self, line: int, what: str) -> None:
        """Note what is wrong with a line, or (0) with the file."""
        self.faults.append((line, what))

    def fault_lines(self) -> list[str]:
        """Return one line per fault, in the order of the file."""
        return [
            f"{self.shown_path} line {line}: {what}" if line else f"{self.shown_path}: {what}"
            for line, what in sorted(self.faults, key=lambda fault: fault[0])
        ]


# Forms of values


def lower_case(value: str) -> str | None:
    """Check what is compared with names in lower case."""
    if value != value.lower():
        return f"is never met: write it in lower case, '{value.lower()}'"
    return None


def hour(value: str) -> str | None:
    """Check a time of day."""
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return None
    return "is not a time of day; write hours and minutes, 00:00 to 23:59, for example 09:00"


def last_hour(value: str) -> str | None:
    """Check where the hours of a day end: at its very end, too."""
    return None if value == "24:00" else hour(value)


def time_zone(value: str) -> str | None:
    """Check a name of the time zone database."""
    try:
        is_known = value[:1].isupper() and value != "Factory" and bool(ZoneInfo(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        is_known = False
    if is_known:
        return None
    zones = {zone.lower(): zone for zone in available_timezones()}
    near = get_close_matches(value.lower(), zones, n=1, cutoff=0.8)
    return "is not a time zone; " + (
        f"did you mean '{zones[near[0]]}'?" if near else "write for example Europe/Berlin or UTC"
    )


def no_joint_of_keys(value: str) -> str | None:
    """Check a key that the keys of tables are joined of."""
    joint = next((sign for sign in "|:" if sign in value), None)
    return joint and f"has the sign {joint}, which flowhouse joins keys with; choose another"


# Rules of single seeds

_SHARE = r"[01](\.[0-9]+)?"


def hours_lie_apart(file: File, calendar: str | None) -> Iterator[tuple[int, str]]:
    """Check the hours of a day, and a night shift against the day that it ends on."""
    starts = {
        (row[calendar] if calendar else "", row["iso_weekday"]): (line, row["work_start"])
        for line, row in file.lines
    }
    for line, row in file.lines:
        start, end = row["work_start"], row["work_end"]
        if hour(start) or last_hour(end) or not re.fullmatch("[1-7]", row["iso_weekday"]):
            continue
        if start == end:
            yield line, f"work_start and work_end are both {start}; a day has hours or no line"
        elif end < start:
            day = str(int(row["iso_weekday"]) % 7 + 1)
            other, begins = starts.get((row[calendar] if calendar else "", day), (0, ""))
            if begins and begins < end:
                yield (
                    line,
                    f"ends on the next day at {end}, and line {other} begins then at {begins};"
                    " let hours not overlap",
                )


def boundaries_are_in_order(file: File) -> Iterator[tuple[int, str]]:
    """Check that the work of each workflow begins before it ends."""
    first: dict[str, int] = {}
    started: dict[str, int] = {}
    finished: dict[str, int] = {}
    for line, row in file.lines:
        workflow = row["workflow"]
        first.setdefault(workflow, line)
        if not re.fullmatch("[0-9]{1,9}", row["ordinal"]):
            return
        ordinal = int(row["ordinal"])
        if row["is_started_boundary"].lower() == "true" and ordinal:
            started[workflow] = min(ordinal, started.get(workflow, ordinal))
        if row["is_finished_boundary"].lower() == "true":
            finished[workflow] = min(ordinal, finished.get(workflow, ordinal))
    for workflow, line in first.items():
        if workflow not in started or workflow not in finished:
            what = "is_started_boundary" if workflow not in started else "is_finished_boundary"
            yield line, f"workflow '{workflow}' has no stage whose {what} is true"
        elif started[workflow] >= finished[workflow]:
            yield line, f"workflow '{workflow}' is finished before it is started; see its ordinals"


def stages_are_of_a_kind(file: File) -> Iterator[tuple[int, str]]:
    """Check that work is finished where it is done, and that whoever is blocked waits."""
    first: dict[str, int] = {}
    done: dict[str, tuple[int, str]] = {}
    not_done = ("new", "wait", "active", "cancelled")

    def ordinal(row: dict[str, str]) -> int:
        return int(row["ordinal"]) if re.fullmatch("[0-9]{1,9}", row["ordinal"]) else 0

    for _, row in file.lines:
        if row["flow_state"] == "done":
            here = ordinal(row), row["stage"]
            done[row["workflow"]] = min(here, done.get(row["workflow"], here))
    for line, row in file.lines:
        first.setdefault(row["workflow"], line)
        if row["is_blocked"].lower() == "true" and row["flow_state"] in ("new", "active", "done"):
            yield (
                line,
                f"is_blocked is true, but flow_state is {row['flow_state']}; it must be wait",
            )
        if row["is_finished_boundary"].lower() == "true" and row["flow_state"] in not_done:
            yield (
                line,
                f"is_finished_boundary is true, but flow_state is {row['flow_state']};"
                " it must be done",
            )
        end = done.get(row["workflow"])
        if row["flow_state"] in ("new", "wait", "active") and end and ordinal(row) >= end[0]:
            yield (
                line,
                f"stage '{row['stage']}' is open and must come before '{end[1]}', which is done;"
                " see their ordinals",
            )
    for workflow, line in first.items():
        if workflow not in done:
            yield line, f"workflow '{workflow}' has no stage whose flow_state is done"


def baselines_are_long(file: File) -> Iterator[tuple[int, str]]:
    """Check that a baseline has enough points to draw limits from."""
    for line, row in file.lines:
        first, last = day(row["baseline_start"]), day(row["baseline_end"])
        if not first or not last or last < first:
            continue
        monday = first + timedelta(days=-first.weekday() % 7)
        weeks = max(0, ((last - monday).days + 1) // 7)
        if first != monday:
            yield line, f"baseline_start '{first}' is not a Monday; did you mean '{monday}'?"
        elif weeks < LEAST_WEEKS:
            yield (
                line,
                f"the baseline {first} to {last} has {weeks} full weeks; limits of fewer than"
                f" {LEAST_WEEKS} points are not to be trusted: choose a longer stretch",
            )


def a_number_is_named_or_loaded(file: File) -> Iterator[tuple[int, str]]:
    """Check that a key result says which number it is of, all of it or nothing."""
    needed = ("metric", "entity_type", "entity_key", "period")
    others = ("value_stream_key", "workflow", "level", "work_type", "part")
    for line, row in file.lines:
        empty = [name for name in needed if not row[name]]
        if len(empty) < len(needed) and empty:
            yield (
                line,
                f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty; a number of"
                f" fct_metric_observations has {', '.join(needed)}, and loaded values have none",
            )
        elif empty and any(row[name] for name in others):
            filled = next(name for name in others if row[name])
            yield line, f"{filled} is filled, but no metric; loaded values are of no part of it"


def targets_differ_from_their_baseline(file: File) -> Iterator[tuple[int, str]]:
    """Check that a key result has a way to go, and that it goes where it is better."""
    for line, row in file.lines:
        try:
            way = float(row["target"]) - float(row["baseline"])
        except ValueError:
            continue
        if way == 0 or (way > 0) != (row["better"] == "higher"):
            yield (
                line,
                f"from baseline {row['baseline']} to target {row['target']} is not {row['better']};"
                " correct one of the three",
            )


def effects_are_effects(file: File) -> Iterator[tuple[int, str]]:
    """Check that an effect is one, leaves something, and that a cost is of some currency."""
    for line, row in file.lines:
        try:
            effect = float(row["expected_effect"])
        except ValueError:
            continue
        if effect == 0 or effect <= -1:
            yield (
                line,
                f"expected_effect {row['expected_effect']} must be above -1 and not 0; it is the"
                " change as a share of what was, -0.25 for a quarter less",
            )
        if bool(row["cost"]) != bool(row["currency"]):
            filled, empty = ("cost", "currency") if row["cost"] else ("currency", "cost")
            yield line, f"{filled} is filled, but {empty} is not; fill both or none"


def changes_are_possible(file: File) -> Iterator[tuple[int, str]]:
    """Check that a scenario says how much of what it changes, and where."""
    forms = {
        "capacity": (r"-?[1-9]\d*", "a whole number that is not 0, of people or places more"),
        "faster": (r"0\.\d*[1-9]\d*", "the share that is saved, above 0 and below 1"),
        "batch_size": (r"[2-9]|[1-9]\d+", "a whole number of items, 2 or more"),
        "wip_limit": (r"[1-9]\d*", "a whole number of items, 1 or more"),
        "no_wait": ("", "empty"),
    }
    for line, row in file.lines:
        form, expected = forms.get(row["change"], (".*", ""))
        if not re.fullmatch(form, row["amount"]):
            yield line, f"amount '{row['amount']}' of {row['change']} must be {expected}"
        if row["change"] in forms and (row["change"] == "wip_limit") == bool(row["stage"]):
            what = "empty: it is of all stages together" if row["stage"] else "filled"
            yield line, f"stage '{row['stage']}' of {row['change']} must be {what}"
        if bool(row["cost"]) != bool(row["currency"]):
            filled, empty = ("cost", "currency") if row["cost"] else ("currency", "cost")
            yield line, f"{filled} is filled, but {empty} is not; fill both or none"


def shares_are_in_order(file: File) -> Iterator[tuple[int, str]]:
    """Check that a guardrail guards something, and that a share can keep to it."""
    for line, row in file.lines:
        least, most = row["min_share"], row["max_share"]
        if not least and not most:
            yield line, "neither min_share nor max_share is filled"
        elif (
            re.fullmatch(_SHARE, least)
            and re.fullmatch(_SHARE, most)
            and float(least) > float(most)
        ):
            yield line, f"min_share {least} is above max_share {most}; swap them"


def a_status_is_named(file: File) -> Iterator[tuple[int, str]]:
    """Check that a line says which status it is about: by its id, or by project and name."""
    for line, row in file.lines:
        if not row["status_id"] and not (row["scope"] and row["status"]):
            yield line, "neither status_id nor both scope and status are filled"


def types_from_labels_are_lower_case(file: File) -> Iterator[tuple[int, str]]:
    """Check the names of types that are compared with labels of GitHub and GitLab."""
    for line, row in file.lines:
        wrong = lower_case(row["raw_type"])
        if row["source_system"] in ("github", "gitlab") and wrong:
            yield line, f"raw_type '{row['raw_type']}' {wrong}"


def published_numbers() -> dict[str, str]:
    """Return the numbers that the contracts of the metrics tables list, each with its table."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, str] = {}
    for path in sorted(METRICS.rglob("*.yml")):
        for model in yaml.load(path.read_text(), loader).get("models", []):
            for column in model.get("columns", []):
                is_number = column.get("data_type") in ("bigint", "integer", "double")
                if is_number and column["name"] not in NO_MEASURES:
                    found.setdefault(column["name"], model["name"])
    return found


def metrics_are_those_that_are_published(file: File) -> Iterator[tuple[int, str]]:
    """Check that each published number has its line, that holds whenever somebody looks."""
    published = published_numbers()
    known = {*published, *SEEDS["xmr_baselines"].columns["metric"].one_of}
    described = {row["metric"] for _, row in file.lines}
    missing = known - described
    reported: set[str] = set()
    for line, row in file.lines:
        metric, unit = row["metric"], row["unit"]
        if metric and metric == metric.strip() and metric not in known | reported:
            reported.add(metric)
            near = get_close_matches(metric, missing or known, n=1, cutoff=0.75)
            missing = missing.difference(near)
            advice = f"did you mean '{near[0]}'?" if near else "remove the line"
            yield line, f"metric '{metric}' is in no table of metrics; {advice}"
        for ending, needed in (("_s", "s"), ("_share", "share")):
            if unit and metric.endswith(ending) and unit != needed:
                yield line, f"metric '{metric}' has the unit '{unit}'; it must be '{needed}'"
            elif unit == needed and not metric.endswith(ending):
                yield line, f"unit '{unit}' is for metrics whose name ends in {ending} alone"
    for metric in sorted(missing):
        yield 0, f"metric '{metric}' of {published.get(metric, 'metric_xmr')} has no line; add it"
    for metric in described & known:
        lines = [(line, row) for line, row in file.lines if row["metric"] == metric]
        if all(row["valid_from"] for _, row in lines):
            yield (
                lines[0][0],
                f"metric '{metric}' is not described before {lines[0][1]['valid_from']};"
                " leave the valid_from of its first version empty",
            )


# What each seed holds

TEXT = Column()
NAME = Column(is_needed=True)
DAY = Column("date")
NEEDED_DAY = Column("date", is_needed=True)
BOOLEAN = Column("boolean", is_needed=True)
SOURCE = Column(is_needed=True, one_of=tuple(SOURCES))
KIND = Column(
    is_needed=True,
    one_of=("issue", "pull_request", "incident", "change_request", "problem", "request"),
)
LEVEL = Column(is_needed=True, one_of=("portfolio", "epic", "feature", "story", "task"))
START = Column(is_needed=True, form=hour)
END = Column(is_needed=True, form=last_hour)
WEEKDAY = Column("integer", is_needed=True, least=1, most=7)
OWN_KEY = Column(is_needed=True, reserved=("all", "unassigned", "unmapped"), form=no_joint_of_keys)

VALIDITY = {"valid_from": DAY, "valid_to": DAY}
VALID = Period("valid_from", "valid_to", is_last_in_it=False)

VALUE_STREAM = Reference(("value_stream_key",), ("value_streams",))
TEAM = Reference(("team_key",), ("teams",))
SERVICE = Reference(("service_key",), ("services",))
WORKFLOW = Reference(("workflow",), ("stages", "own_stages"))
STAGE = Reference(("workflow", "stage"), ("stages", "own_stages"))

STATUS = Column(is_needed=True, is_folded=True)

WORK_TYPES = ("feature", "defect", "risk", "debt", "improvement", "unassigned")
ANY_NUMBER = Column("double", least=-1_000_000_000)
BETTER = Column(is_needed=True, one_of=("higher", "lower"))
ENTITY_TYPES = ("value_stream", "team", "stage", "service", "source_system")
OBSERVED_PERIODS = ("week", "month", "increment", "as_of")
OF_A_NUMBER = {
    "value_stream_key": TEXT,
    "workflow": TEXT,
    "level": replace(LEVEL, is_needed=False),
    "work_type": Column(one_of=WORK_TYPES),
    "part": TEXT,
}
"""What else a number of fct_metric_observations is of; empty means all."""

METRIC = Reference(("metric",), ("metrics",))
STREAM_OF_WORK = Reference(("value_stream_key",), ("value_streams",), besides=("unassigned",))
WORKFLOW_OF_WORK = Reference(("workflow",), ("stages", "own_stages"), besides=("unassigned",))
OWNER = Reference(("owner_team_key",), ("teams",), ("team_key",))

SEEDS: dict[str, Seed] = {
    "stages": Seed(
        {
            "workflow": OWN_KEY,
            "stage": Column(
                is_needed=True, reserved=("unmapped", "deleted"), form=no_joint_of_keys
            ),
            "ordinal": Column("integer", is_needed=True),
            "flow_state": Column(
                is_needed=True, one_of=("new", "wait", "active", "done", "cancelled")
            ),
            "value_class": Column(is_needed=True, one_of=("value_adding", "necessary", "waste")),
            "is_started_boundary": BOOLEAN,
            "is_ready_boundary": BOOLEAN,
            "is_finished_boundary": BOOLEAN,
            "is_blocked": Column("boolean"),
        },
        is_default=True,
        unique=(("workflow", "stage"),),
        rules=(boundaries_are_in_order, stages_are_of_a_kind),
    ),
    "status_stages": Seed(
        {
            "source_system": SOURCE,
            "workflow": NAME,
            "status": STATUS,
            "stage": NAME,
            **VALIDITY,
        },
        is_default=True,
        period=VALID,
        apart=(("source_system", "workflow", "status"),),
        references=(WORKFLOW, STAGE),
    ),
    "project_status_stages": Seed(
        {
            "source_system": SOURCE,
            "workflow": NAME,
            "scope": TEXT,
            "status_id": TEXT,
            "status": Column(is_folded=True),
            "stage": NAME,
            **VALIDITY,
        },
        is_default=True,
        period=VALID,
        apart=(("source_system", "workflow", "scope", "status_id", "status"),),
        references=(WORKFLOW, STAGE),
        rules=(a_status_is_named,),
    ),
    "resolutions": Seed(
        {
            "source_system": SOURCE,
            "resolution": Column(is_needed=True, form=lower_case),
            "outcome": Column(is_needed=True, one_of=("cancelled", "done")),
        },
        is_default=True,
        unique=(("source_system", "resolution"),),
    ),
    "link_wordings": Seed(
        {
            "source_system": SOURCE,
            "wording": Column(is_needed=True, form=lower_case),
            "link_type": Column(is_needed=True, one_of=("blocks", "duplicates", "relates")),
            "is_reversed": BOOLEAN,
        },
        is_default=True,
        unique=(("source_system", "wording"),),
    ),
    "workflows": Seed(
        {"source_system": SOURCE, "item_kind": KIND, "raw_type": NAME, "workflow": NAME},
        is_default=True,
        unique=(("source_system", "item_kind", "raw_type"),),
        references=(WORKFLOW,),
        rules=(types_from_labels_are_lower_case,),
    ),
    "work_types": Seed(
        {
            "source_system": SOURCE,
            "item_kind": KIND,
            "raw_type": NAME,
            "work_type": Column(
                is_needed=True,
                one_of=("feature", "defect", "risk", "debt", "improvement", "unassigned"),
            ),
            "level": LEVEL,
        },
        is_default=True,
        unique=(("source_system", "item_kind", "raw_type"),),
        rules=(types_from_labels_are_lower_case,),
    ),
    "standard_calendar": Seed(
        {"iso_weekday": WEEKDAY, "work_start": START, "work_end": END},
        is_default=True,
        unique=(("iso_weekday",),),
        rules=(partial(hours_lie_apart, calendar=None),),
    ),
    "metrics": Seed(
        {
            "metric": NAME,
            "version": Column("bigint", is_needed=True, least=1),
            "definition": NAME,
            "unit": NAME,
            "better": Column(is_needed=True, one_of=("higher", "lower", "neither")),
            "target": NAME,
            "owner": NAME,
            "valid_from": DAY,
        },
        is_default=True,
        unique=(("metric", "version"),),
        rules=(metrics_are_those_that_are_published,),
    ),
    "value_streams": Seed(
        {
            "value_stream_key": OWN_KEY,
            "name": NAME,
            "kind": Column(is_needed=True, one_of=("core", "supporting")),
            "time_zone": Column(form=time_zone),
            "calendar": TEXT,
            **VALIDITY,
        },
        unique=(("value_stream_key",),),
        period=VALID,
        # A calendar without hours of its own has the standard ones, and may have holidays.
        references=(Reference(("calendar",), ("calendars", "holidays"), (), ("standard",)),),
    ),
    "teams": Seed(
        {"team_key": OWN_KEY, "name": NAME, "value_stream_key": TEXT, **VALIDITY},
        period=VALID,
        apart=(("team_key",), ("name",)),
        references=(VALUE_STREAM,),
    ),
    "services": Seed(
        {
            "service_key": OWN_KEY,
            "name": NAME,
            "value_stream_key": TEXT,
            "team_key": TEXT,
            **VALIDITY,
        },
        period=VALID,
        apart=(("service_key",), ("name",)),
        references=(VALUE_STREAM, TEAM),
    ),
    "scopes": Seed(
        {
            "source_system": SOURCE,
            "scope": NAME,
            "value_stream_key": TEXT,
            "team_key": TEXT,
            "service_key": TEXT,
            **VALIDITY,
        },
        period=VALID,
        apart=(("source_system", "scope"),),
        references=(VALUE_STREAM, TEAM, SERVICE),
    ),
    "calendars": Seed(
        {"calendar": NAME, "iso_weekday": WEEKDAY, "work_start": START, "work_end": END},
        unique=(("calendar", "iso_weekday"),),
        rules=(partial(hours_lie_apart, calendar="calendar"),),
    ),
    "holidays": Seed(
        {"calendar": NAME, "holiday_date": NEEDED_DAY, "name": TEXT},
        unique=(("calendar", "holiday_date"),),
        references=(
            Reference(("calendar",), ("calendars", "value_streams"), besides=("standard",)),
        ),
    ),
    "environments": Seed(
        {
            "source_system": SOURCE,
            "pattern": Column(is_needed=True, form=lower_case),
            "environment_key": OWN_KEY,
            "name": NAME,
            "tier": TEXT,
            "is_production": BOOLEAN,
        },
        unique=(("source_system", "pattern"),),
        agree=(("environment_key", ("is_production",)),),
    ),
    "environment_names": Seed(
        {
            "word": Column(is_needed=True, form=lower_case),
            "environment_key": OWN_KEY,
            "name": NAME,
            "tier": TEXT,
            "is_production": BOOLEAN,
        },
        is_default=True,
        unique=(("word",),),
        agree=(("environment_key", ("is_production",)),),
    ),
    "deployment_patterns": Seed(
        {
            "source_system": SOURCE,
            "kind": Column(is_needed=True, one_of=("pipeline", "job", "release")),
            "pattern": Column(is_needed=True, form=lower_case),
            "environment": NAME,
        },
        unique=(("source_system", "kind", "pattern"),),
    ),
    "runner_rates": Seed(
        {
            "source_system": SOURCE,
            "label": Column(is_needed=True, form=lower_case),
            "cost_per_minute": Column("double", is_needed=True),
            **VALIDITY,
        },
        period=VALID,
        apart=(("source_system", "label"),),
    ),
    "increments": Seed(
        {"increment_key": OWN_KEY, "name": NAME, "starts_on": NEEDED_DAY, "ends_on": NEEDED_DAY},
        unique=(("increment_key",),),
        period=Period("starts_on", "ends_on", is_last_in_it=True),
        apart=((),),
    ),
    "wip_limits": Seed(
        {
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "stage": NAME,
            "wip_limit": Column("bigint", is_needed=True),
            **VALIDITY,
        },
        period=VALID,
        apart=(("value_stream_key", "workflow", "level", "stage"),),
        references=(VALUE_STREAM, WORKFLOW, STAGE),
    ),
    "stage_targets": Seed(
        {
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "stage": NAME,
            "wait_hours": Column("double"),
            "active_hours": Column("double"),
            **VALIDITY,
        },
        period=VALID,
        apart=(("value_stream_key", "workflow", "level", "stage"),),
        references=(VALUE_STREAM, WORKFLOW, STAGE),
    ),
    "cost_of_delay": Seed(
        {
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "cost_per_item_day": Column("double", is_needed=True),
            "currency": NAME,
            **VALIDITY,
        },
        period=VALID,
        apart=(("value_stream_key", "workflow", "level"),),
        references=(VALUE_STREAM, WORKFLOW),
    ),
    "xmr_baselines": Seed(
        {
            "metric": Column(is_needed=True, one_of=("velocity", "flow_time_log_h")),
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "baseline_start": NEEDED_DAY,
            "baseline_end": NEEDED_DAY,
        },
        period=Period("baseline_start", "baseline_end", is_last_in_it=True),
        apart=(("metric", "value_stream_key", "workflow", "level"),),
        references=(
            Reference(("value_stream_key",), ("value_streams",), besides=("unassigned",)),
            Reference(("workflow",), ("stages", "own_stages"), besides=("unassigned",)),
        ),
        rules=(baselines_are_long,),
    ),
    "interventions": Seed(
        {
            "intervention_key": OWN_KEY,
            "name": NAME,
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "stage": NAME,
            "starts_on": NEEDED_DAY,
            "measure": Column(
                is_needed=True, one_of=("work_time", "output", "flow_time", "velocity")
            ),
            "expected_effect": Column("double", is_needed=True, least=-1),
            "cost": Column("double"),
            "currency": TEXT,
        },
        unique=(("intervention_key",),),
        references=(VALUE_STREAM, WORKFLOW, STAGE),
        rules=(effects_are_effects,),
    ),
    "scenarios": Seed(
        {
            "scenario_key": replace(OWN_KEY, reserved=(*OWN_KEY.reserved, "as_is")),
            "name": NAME,
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "change": Column(
                is_needed=True,
                one_of=("capacity", "faster", "no_wait", "batch_size", "wip_limit"),
            ),
            "stage": TEXT,
            "amount": Column("double", least=-1000),
            "cost": Column("double"),
            "currency": TEXT,
        },
        unique=(("scenario_key",),),
        references=(VALUE_STREAM, WORKFLOW, STAGE),
        rules=(changes_are_possible,),
    ),
    "targets": Seed(
        {
            "target_key": OWN_KEY,
            "metric": NAME,
            "entity_type": Column(is_needed=True, one_of=ENTITY_TYPES),
            "entity_key": NAME,
            **OF_A_NUMBER,
            "period": Column(is_needed=True, one_of=OBSERVED_PERIODS),
            "better": BETTER,
            "target": ANY_NUMBER,
            "owner_team_key": TEXT,
            **VALIDITY,
        },
        period=VALID,
        apart=(("target_key",),),
        references=(METRIC, STREAM_OF_WORK, WORKFLOW_OF_WORK, OWNER),
    ),
    "guardrails": Seed(
        {
            "guardrail_key": OWN_KEY,
            "value_stream_key": NAME,
            "workflow": NAME,
            "level": LEVEL,
            "work_type": Column(is_needed=True, one_of=WORK_TYPES),
            "basis": Column(is_needed=True, one_of=("items", "active_time")),
            "period": Column(is_needed=True, one_of=("week", "month", "increment")),
            "min_share": Column("double", most=1),
            "max_share": Column("double", most=1),
            **VALIDITY,
        },
        period=VALID,
        apart=(("guardrail_key",),),
        references=(STREAM_OF_WORK, WORKFLOW_OF_WORK),
        rules=(shares_are_in_order,),
    ),
    "objectives": Seed(
        {
            "objective_key": OWN_KEY,
            "name": NAME,
            "parent_objective_key": TEXT,
            "value_stream_key": TEXT,
            "owner_team_key": TEXT,
            "starts_on": NEEDED_DAY,
            "ends_on": NEEDED_DAY,
        },
        unique=(("objective_key",),),
        period=Period("starts_on", "ends_on", is_last_in_it=True),
        references=(
            Reference(("parent_objective_key",), ("objectives",), ("objective_key",)),
            VALUE_STREAM,
            OWNER,
        ),
    ),
    "key_results": Seed(
        {
            "key_result_key": OWN_KEY,
            "objective_key": NAME,
            "name": NAME,
            "metric": TEXT,
            "entity_type": Column(one_of=ENTITY_TYPES),
            "entity_key": TEXT,
            **OF_A_NUMBER,
            "period": Column(one_of=OBSERVED_PERIODS),
            "better": BETTER,
            "baseline": ANY_NUMBER,
            "target": replace(ANY_NUMBER, is_needed=True),
        },
        unique=(("key_result_key",),),
        references=(
            Reference(("objective_key",), ("objectives",)),
            METRIC,
            STREAM_OF_WORK,
            WORKFLOW_OF_WORK,
        ),
        rules=(a_number_is_named_or_loaded, targets_differ_from_their_baseline),
    ),
    "key_result_values": Seed(
        {
            "key_result_key": NAME,
            "measured_on": NEEDED_DAY,
            "value": replace(ANY_NUMBER, is_needed=True),
        },
        unique=(("key_result_key", "measured_on"),),
        references=(Reference(("key_result_key",), ("key_results",)),),
    ),
}

# What a company says itself of what the defaults say
SEEDS |= {
    f"own_{name}": replace(SEEDS[name], is_default=False, over=name)
    for name in ("stages", "status_stages", "workflows", "work_types")
}


# Reading and checking


@dataclass(frozen=True)
class Findings:
    """How much was checked, and one line per fault."""

    files: int
    lines: int
    faults: list[str]

    def lines_shown(self) -> list[str]:
        """Return the first faults, and how many more there are."""
        more = len(self.faults) - MOST_SHOWN
        return self.faults[:MOST_SHOWN] + ([f"and {more:,} more in the seeds"] if more > 0 else [])


def checked(folder: Path = FOLDER, company: str | None = None) -> Findings:
    """Check all seeds of a company.

    Args:
        folder: Where the folders of seeds are.
        company: Name of the company's folder; None asks FLOWHOUSE_COMPANY.
    """
    company = company or os.environ.get("FLOWHOUSE_COMPANY") or "company"
    own = folder / company
    is_elsewhere = Path(company).is_absolute()
    if not own.is_dir() or not (is_elsewhere or folder.resolve() in own.resolve().parents):
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
        known = ", ".join(name for name in names if name != DEFAULTS)
        what = (
            f"FLOWHOUSE_COMPANY names no folder of dbt_project/seeds; there are {known}, and any"
            " folder by its absolute path"
        )
        return Findings(0, 0, [what])
    faults = [*_strangers(folder, DEFAULTS), *_strangers(folder, company)]
    files = {}
    for name, seed in SEEDS.items():
        part = DEFAULTS if seed.is_default else company
        file = File(name, _shown_path(part, f"{name}.csv"), seed)
        files[name] = _read(file, folder / part / f"{name}.csv")
    for file in files.values():
        _check_values(file)
        if file.is_readable:
            _check_keys(file)
            _check_references(file, files)
            with_defaults = _with_defaults(file, files)
            for rule in file.seed.rules if file.lines else ():
                file.faults += rule(with_defaults)
        faults += file.fault_lines()
    return Findings(len(files), sum(len(file.lines) for file in files.values()), faults)


def _shown_path(part: str, name: str | Path) -> str:
    """Return how messages call a file of a folder of seeds."""
    return (
        str(Path(part) / name) if Path(part).is_absolute() else f"dbt_project/seeds/{part}/{name}"
    )


def _with_defaults(file: File, files: dict[str, File]) -> File:
    """Return a file with the lines of the seed that it replaces some lines of, without a number."""
    if not file.seed.over:
        return file
    [key] = file.seed.unique or file.seed.apart
    own = {tuple(row[name] for name in key) for _, row in file.lines}
    others = [
        (0, row)
        for _, row in files[file.seed.over].lines
        if tuple(row[name] for name in key) not in own
    ]
    return replace(file, lines=[*others, *file.lines], faults=[])


def _strangers(folder: Path, part: str) -> Iterator[str]:
    """Find the files that dbt would load, but that are not seeds, or not seeds of this folder."""
    for path in sorted((folder / part).rglob("*.csv")):
        shown_path = _shown_path(part, path.relative_to(folder / part))
        seed = SEEDS.get(path.stem)
        if seed is None:
            near = get_close_matches(path.stem, SEEDS, n=1)
            yield f"{shown_path}: there is no such seed" + (
                f"; did you mean {near[0]}.csv?" if near else f"; there are {', '.join(SEEDS)}"
            )
        elif path.parent != folder / part or seed.is_default != (part == DEFAULTS):
            home = DEFAULTS if seed.is_default else "the company's folder"
            own = f"own_{path.stem}" in SEEDS and part != DEFAULTS
            yield f"{shown_path}: the seed {path.stem} lies in {home}; " + (
                f"your lines, which win, are those of own_{path.stem}.csv"
                if own
                else "write its lines there"
            )


def _read(file: File, path: Path) -> File:
    """Read the lines of a file; note what is not CSV with its columns."""
    needed = list(file.seed.columns)
    heading = f"its first line must be {','.join(needed)}"
    if not path.is_file():
        file.fault(0, f"the file is missing; {heading}")
        return file
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        file.fault(line, "is not UTF-8; save the file as 'CSV UTF-8 (comma delimited)'")
        return file
    # A line ends as the file's lines do; a quoted value may go over several.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, began = None, 1
    try:
        for row in reader:
            line, began = began, reader.line_num + 1
            if not row:
                continue
            if header is None:
                header = row
                if not _is_heading_good(file, line, header, needed):
                    return file
            elif not any(row):
                file.fault(line, "the line has no values; remove it")
            elif len(row) != len(header):
                advice = '; a value with a comma needs quotes (")' if len(row) > len(header) else ""
                file.fault(
                    line,
                    f"has {len(row)} values where the first line names {len(header)} columns"
                    + advice,
                )
            else:
                values = dict(zip(header, row, strict=True))
                folded = [name for name in header if file.seed.columns[name].is_folded]
                file.lines.append((line, values | {name: values[name].lower() for name in folded}))
    except csv.Error as error:
        file.fault(reader.line_num, f"cannot be read as CSV: {error}")
        return file
    if header is None:
        file.fault(0, f"the file is empty; {heading}")
        return file
    file.is_readable = True
    return file


def _is_heading_good(file: File, line: int, header: Sequence[str], needed: Sequence[str]) -> bool:
    """Check the names of the columns; their order is free."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            file.fault(
                line,
                f"values are separated by {name}; save the file as 'CSV UTF-8 (comma delimited)'",
            )
            return False
    missing = [name for name in needed if name not in header]
    for name in header:
        if name not in needed:
            near = get_close_matches(name, missing, n=1)
            file.fault(
                line,
                f"column '{name}' is not known"
                + (f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(needed)}"),
            )
            missing = [other for other in missing if other not in near]
    for name in missing:
        file.fault(line, f"column '{name}' is missing")
    for name in sorted({name for name in header if header.count(name) > 1}):
        file.fault(line, f"column '{name}' is there twice")
    return not file.faults


def _check_values(file: File) -> None:
    for line, row in file.lines:
        for name, column in file.seed.columns.items():
            value = row[name]
            if not value:
                if column.is_needed:
                    file.fault(line, f"{name} is empty, and must not be")
            elif value != value.strip():
                file.fault(line, f"{name} '{value}' has a blank at its beginning or end; remove it")
            elif not value.isprintable():
                file.fault(line, f"{name} {value!a} holds a character that nobody sees; remove it")
            elif value.startswith("'"):
                file.fault(
                    line, f"{name} {value} begins with ', which may be taken for quotes; remove it"
                )
            elif wrong := _fault_of(column, value):
                file.fault(line, f"{name} '{value}' {wrong}")


_INTEGER = r"-?(0|[1-9][0-9]{0,8})"

NUMBERS = {
    "integer": (_INTEGER, "whole number"),
    "bigint": (_INTEGER, "whole number"),
    "double": (_INTEGER + r"(\.[0-9]+)?", "number; write for example 1.5"),
}
"""How a number is written, by type."""


def _fault_of(column: Column, value: str) -> str | None:
    """Return what is wrong with a value, or None."""
    if column.one_of and value not in column.one_of:
        return f"is not one of {', '.join(column.one_of)}{_nearest(value, column.one_of)}"
    if value in column.reserved:
        return "is a name that flowhouse gives itself; choose another, or leave the line out"
    if column.type == "date" and day(value) is None:
        return "is not a date; write it as YYYY-MM-DD, for example 2024-01-31"
    if column.type == "boolean" and value.lower() not in ("true", "false"):
        return "is neither true nor false"
    if column.type in NUMBERS:
        form, what = NUMBERS[column.type]
        if not re.fullmatch(form, value):
            return f"is not a {what}"
        number = float(value)
        if number < column.least or (column.most is not None and number > column.most):
            most = f" to {column.most}" if column.most is not None else " or more"
            return f"is out of range; it must be {column.least}{most}"
    return column.form(value) if column.form else None


def _check_keys(file: File) -> None:
    """Check what only several lines together can have wrong."""
    period = file.seed.period
    if period:
        for line, row in file.lines:
            first, last = day(row[period.first]), day(row[period.last])
            if first and last and (last < first or (last == first and not period.is_last_in_it)):
                file.fault(
                    line,
                    f"{period.last} '{last}' must lie after {period.first} '{first}'"
                    if not period.is_last_in_it
                    else f"{period.last} '{last}' lies before {period.first} '{first}'",
                )
    reported: set[int] = set()
    for key in file.seed.unique:
        known: dict[tuple, int] = {}
        for line, row in file.lines:
            values = tuple(row[name] for name in key)
            other = known.setdefault(values, line)
            if other != line and all(values) and line not in reported:
                reported.add(line)
                file.fault(line, f"{_named(key, row)} is in line {other} already; remove one")
    for key in file.seed.apart:
        _check_overlaps(file, key, reported)
    for key, columns in file.seed.agree:
        first_of: dict[str, tuple[int, dict[str, str]]] = {}
        for line, row in file.lines:
            other, model = first_of.setdefault(row[key], (line, row))
            for name in columns:
                if row[name].lower() != model[name].lower():
                    file.fault(
                        line,
                        f"{key} '{row[key]}' has {name} '{row[name]}' here and '{model[name]}'"
                        f" in line {other}; they must agree",
                    )


def _check_overlaps(file: File, key: tuple[str, ...], reported: set[int]) -> None:
    """Check that lines of one key never hold on the same day; one fault a line."""
    period = file.seed.period
    groups: dict[tuple, list[tuple[date, date, int, dict[str, str]]]] = {}
    for line, row in file.lines:
        texts = row[period.first], row[period.last]
        first = day(texts[0]) if texts[0] else date.min
        last = day(texts[1]) if texts[1] else date.max
        values = tuple(row[name] for name in key)
        if first and last and first <= last and all(values):
            # The day after the last one.
            end = last + timedelta(days=1) if period.is_last_in_it and last < date.max else last
            groups.setdefault(values, []).append((first, end, line, row))
    for lines in groups.values():
        lines.sort(key=lambda entry: (entry[0], entry[1], entry[2]))
        _, latest, holder, _ = lines[0]
        for first, end, line, row in lines[1:]:
            if first < latest:
                late, early = max(line, holder), min(line, holder)
                if late not in reported:
                    reported.add(late)
                    file.fault(late, _overlap(period, key, row, early, first))
            if end > latest:
                latest, holder = end, line


def _overlap(
    period: Period, key: tuple[str, ...], row: dict[str, str], other: int, since: date
) -> str:
    what = _named(key, row) if key else "the period"
    if since == date.min:
        both = f"{what} is in line {other} already, and both hold from ever on"
    else:
        both = f"{what} is in line {other} already, and both hold on {since}"
    if period.is_last_in_it:
        return f"{both}; let one end before the other begins"
    return f"{both}; give the older one a {period.last} that is the {period.first} of the newer one"


def _check_references(file: File, files: dict[str, File]) -> None:
    for reference in file.seed.references:
        others = [files[name] for name in reference.to]
        if not all(other.is_readable for other in others):
            continue  # their own fault is reported
        target = reference.target or reference.columns
        known = {tuple(row[name] for name in target) for other in others for _, row in other.lines}
        groups = {values[:-1] for values in known}
        names = [name for name in reference.to if not name.startswith("own_")]
        where = " or ".join(f"{name}.csv" for name in names)
        for line, row in file.lines:
            values = tuple(row[name] for name in reference.columns)
            *group, value = values
            if (
                not all(values)
                or values in known
                or value in reference.besides
                or value != value.strip()
                or (group and tuple(group) not in groups)  # which its own reference reports
            ):
                continue
            of = f" for {_named(reference.columns[:-1], row)}" if group else ""
            near = _nearest(value, {last for *first, last in known if first == group})
            advice = f"{near} Otherwise add it there" if near else "; add it there or correct it"
            file.fault(line, f"{reference.columns[-1]} '{value}' is not in {where}{of}{advice}")


def _named(key: Iterable[str], row: dict[str, str]) -> str:
    return ", ".join(f"{name} '{row[name]}'" for name in key)


def _nearest(value: str, names: Iterable[str]) -> str:
    near = get_close_matches(value, [name for name in names if name], n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def day(value: str) -> date | None:
    """Return a date in ISO form, or None."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
