"""The command `flowhouse`: checks the configuration, starts Dagster jobs, says what came out.

Exit codes: 0 published, 1 failed (the last published warehouse is untouched), 2 bad
configuration, 3 partial (some scopes failed or a value stream has too many statuses without a
stage; all else was published).
"""

import gc
import json
import logging
import os
import shutil
import sys
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from extract.redaction import Redacting, redact

PUBLISHED, FAILED, BAD_CONFIGURATION, PARTIAL = 0, 1, 2, 3

log = logging.getLogger("flowhouse")


def start_logging() -> None:
    """Log progress: in columns on a terminal, as plain lines elsewhere."""
    if log.handlers:
        return
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(
            console=Console(stderr=True), show_path=False, show_level=False, markup=False
        )
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(Redacting())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def stop(code: int, *lines: str) -> None:
    """Print one line per problem and exit."""
    for line in lines:
        click.echo(f"flowhouse: {redact(line)}", err=True)
    raise SystemExit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flowhouse")
def main() -> None:
    """The open value-stream warehouse."""
    start_logging()


@main.command()
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Load only this source.")
@click.option("--as-of", metavar="ISO", help="The instant that open work is aged to.")
@click.option("--full", is_flag=True, help="Read everything again, not only what changed.")
def refresh(sources: tuple[str, ...], as_of: str | None, full: bool) -> None:
    """Extract what changed, transform, test, publish, report."""
    from extract.warehouse import home

    as_of = as_of or os.environ.get("FLOWHOUSE_AS_OF", "")
    check_configuration(sources, as_of)
    home().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home() / "refresh.lock", timeout=0):
            run_refresh(sources, as_of, full)
    except Timeout:
        stop(FAILED, "a refresh is running already; wait until it has ended")


@main.command()
@click.option("--source", required=True, metavar="NAME", help="The source to read.")
@click.option("--from", "first", required=True, metavar="D", help="Where the window begins (ISO).")
@click.option("--to", "last", required=True, metavar="D", help="Where it ends (ISO).")
def backfill(source: str, first: str, last: str) -> None:
    """Read again what changed in a window, and publish; one that was stopped goes on."""
    from extract.tables import instant
    from extract.warehouse import home

    lo, hi = instant(first), instant(last)
    faults = [
        f"{name} is not an ISO date, for example 2024-01-31"
        for name, moment in (("--from", lo), ("--to", hi))
        if moment is None
    ]
    if lo and hi and lo >= hi:
        faults.append("--from must lie before --to")
    if faults:
        stop(BAD_CONFIGURATION, *faults)
    check_configuration((source,), "")
    home().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home() / "refresh.lock", timeout=0):
            run_refresh((source,), "", False, [lo.isoformat(), hi.isoformat()])
    except Timeout:
        stop(FAILED, "a refresh is running already; wait until it has ended")


@main.command()
def doctor() -> None:
    """Check seeds, settings, credentials, permissions, clocks and counts; read-only."""
    from extract import probes, settings
    from extract.sources import SOURCES
    from orchestration import seeds

    if faults := settings.file_faults():
        for fault in faults:
            click.echo(f"FAIL  {'settings':<11} {fault}")
        raise SystemExit(FAILED)

    on = [name for name, module in SOURCES.items() if module.is_on()]
    answers = [("house", probe) for probe in probes.of_house()] if on else []
    slipped = [("settings", probes.Probe(False, slip)) for slip in settings.slips()]
    if not on:
        answers = [("house", probes.Probe(False, "no source is configured"))]
    answers += slipped
    found = seeds.checked()
    answers += [("seeds", probes.Probe(False, fault)) for fault in found.shown()]
    if on and not found.faults:
        line = f"{found.files} files with {found.lines:,} lines are good"
        answers += [("seeds", probes.Probe(True, line))]
    for name in on:
        answers += [(name, probe) for probe in probes.of_source(SOURCES[name])]
    for name, probe in answers:
        click.echo(f"{'ok  ' if probe.is_well else 'FAIL'}  {name:<11} {redact(probe.line)}")
    if not all(probe.is_well for _, probe in answers):
        raise SystemExit(FAILED)


@main.command()
@click.argument("person_keys", nargs=-1, required=True, metavar="PERSON_KEY...")
def forget(person_keys: tuple[str, ...]) -> None:
    """Erase people everywhere, and keep them erased on later loads."""
    from extract.forgotten import PERSON_KEY, erase, erase_raw, remember
    from extract.warehouse import home

    if not all(PERSON_KEY.fullmatch(key) for key in person_keys):
        stop(BAD_CONFIGURATION, "a person key is 20 characters of a-z and 2-7, as in dim_people")
    home().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home() / "refresh.lock", timeout=0):
            remember(person_keys)
            rows = erase_raw(list(person_keys))
            from orchestration.environment import build_file, published_folder, report_file

            if build_file().exists():
                rows += erase(build_file(), list(person_keys))
            if (published_folder() / "warehouse.duckdb").exists():
                republish(build_file(), published_folder(), report_file(), list(person_keys))
    except Timeout:
        stop(FAILED, "a refresh is running; wait until it has ended")
    click.echo(f"erased from {rows:,} rows; later loads keep it so")


def republish(build: Path, folder: Path, report: Path, person_keys: list[str]) -> None:
    """Publish without people, and take older versions away.

    A working warehouse that no refresh has proven is not for readers: they get what was published
    last, without the people.
    """
    from extract.forgotten import erase
    from publish.quality import lack_of_proof
    from publish.report import write_report
    from publish.snapshot import publish

    if lack_of_proof(build):
        place = folder / ".erasing"
        shutil.rmtree(place, ignore_errors=True)  # of a command that was killed
        place.mkdir()
        base = Path(shutil.copyfile(folder / "warehouse.duckdb", place / "base.duckdb"))
        erase(base, person_keys)
        version = publish(base, folder)
        shutil.rmtree(place)
    else:
        version = publish(build, folder)
    for old in folder.glob("warehouse-*.duckdb*"):
        if old != version:
            old.unlink()
    if report.exists():
        write_report(folder / "warehouse.duckdb", report)


def check_configuration(sources: tuple[str, ...], as_of: str) -> None:
    """Exit with 2 and one line per fault, before anything is written or read from a source.

    Exit with 1 when no source can be read and none was ever loaded: a load would ask the same.
    """
    from extract.api import offline
    from extract.load import is_anything_loaded
    from extract.settings import address_setting, file_faults, slips
    from extract.sources import SOURCES
    from extract.tables import instant
    from orchestration import seeds
    from orchestration.failures import nothing_loaded

    faults = file_faults()
    if faults:  # whatever is set in them is not known
        stop(BAD_CONFIGURATION, *faults)
    faults = [
        f"--source {name}: there is no such source; choose from {', '.join(SOURCES)}"
        for name in sources
        if name not in SOURCES
    ]
    faults += slips()
    if as_of and instant(as_of) is None:
        faults.append("FLOWHOUSE_AS_OF (--as-of) is not an ISO time, for example 2026-01-31T00:00Z")
    on = [name for name, module in SOURCES.items() if module.is_on()]
    if not on:
        addresses = " or ".join(address_setting(name) for name in SOURCES)
        faults.append(f"no source is configured; set {addresses}")
    asked = [name for name in dict.fromkeys(sources or on) if name in SOURCES]
    faults += [f"{address_setting(name)} is not set" for name in asked if name not in on]
    with offline():
        faults += check_sources([name for name in asked if name in on])[0]
    faults += seeds.checked().shown()
    if faults:
        stop(BAD_CONFIGURATION, *faults)
    faults, failures = check_sources(asked)
    if faults:
        stop(BAD_CONFIGURATION, *faults)
    if len(failures) == len(asked) and not is_anything_loaded():
        stop(FAILED, nothing_loaded({name: [str(why)] for name, why in failures.items()}))
    for failure in failures.values():
        log.warning("%s; the other sources go on", failure)
    if not os.environ.get("FLOWHOUSE_PSEUDONYM_KEY"):
        log.warning(
            "FLOWHOUSE_PSEUDONYM_KEY is not set: people are hashed with the public demo key"
        )


def check_sources(names: list[str]) -> tuple[list[str], dict[str, Exception]]:
    """Return one line per fault of the settings, and the sources that cannot be read right now."""
    from extract.api import Refused, SourceError, understood
    from extract.settings import SettingFault
    from extract.sources import SOURCES

    faults: list[str] = []
    failures: dict[str, Exception] = {}
    for name in names:
        try:
            with understood(name):
                SOURCES[name].check()
        except (SettingFault, Refused) as fault:
            faults.extend(str(fault).splitlines())
        except SourceError as failure:
            failures[name] = failure
    return faults, failures


def run_refresh(
    sources: tuple[str, ...], as_of: str, full: bool, span: list[str] | None = None
) -> None:
    """Run the Dagster job `refresh` and exit with what came out."""
    began = time.monotonic()
    from orchestration.termination import end_whole_tree

    end_whole_tree()
    from orchestration import environment  # noqa: I001  first: the others read what it sets

    import dagster as dg
    from orchestration.definitions import defs  # noqa: F401
    from orchestration.status import marked_streams, warnings

    gc.freeze()  # what is imported stays: no collection looks through it, here or in what is forked
    with dg.DagsterInstance.get() as instance:
        result = dg.execute_job(
            dg.reconstructable(refresh_job),
            instance=instance,
            run_config={
                "resources": {
                    "refresh": {
                        "config": {
                            "sources": list(sources),
                            "as_of": as_of,
                            "full": full,
                            "span": span or [],
                        }
                    }
                },
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    if not result.success:
        stop(FAILED, *failures_of(result))
    gaps = [*gaps_of(result.run_id), *marked_streams(result.run_id)]
    for warning in warnings(result.run_id):
        log.warning("warning: %s", warning)
    click.echo(f"published  {environment.published_folder() / 'warehouse.duckdb'}")
    click.echo(f"report     {environment.report_file()}")
    click.echo(f"refresh    {result.run_id} in {time.monotonic() - began:.0f} s")
    if gaps:
        stop(PARTIAL, *gaps)


def refresh_job() -> Any:
    """Return the Dagster job; Dagster asks for it through this function, several times."""
    return _resolved("refresh")


@cache
def _resolved(job: str) -> Any:
    from orchestration.definitions import defs

    return defs.resolve_job_def(job)


def failures_of(result: Any) -> list[str]:
    """Return one line per failed step and per failed check of a Dagster run, and what follows."""
    lines = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause or error
            message = cause.message.strip().splitlines()[0]
            name, _, text = message.partition(": ")
            if name.endswith(".NothingLoaded"):  # whatever else failed, failed for that
                return [text]
            if cause.cls_name != "DagsterAssetCheckFailedError":  # the check has a line of its own
                said = text if name.endswith(".Failure") else message
                lines.append(f"{event.step_key}: {said}")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity.value == "ERROR":
                where = check.asset_key.to_user_string()
                reason = f": {check.description}" if check.description else ""
                lines.append(f"{where}: the check {check.check_name} failed{reason}")
    return [*(lines or ["the refresh failed; see `make dev`"]), "nothing was published"]


def gaps_of(refresh_id: str) -> list[str]:
    """Return one line per gap that the loads of a refresh noted."""
    from orchestration.status import loads

    return [
        f"{row['source']} {row['object']} {row['scope']}: {row['status']}: {row['message']}"
        for row in loads()
        if row["refresh_id"] == refresh_id and row["status"] != "complete"
    ]


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--seeds", "as_seeds", is_flag=True, help="Lines that map what no seed has.")
def status(as_json: bool, as_seeds: bool) -> None:
    """Show the last refresh per source, freshness, open gaps, warnings and sizes."""
    from orchestration import unmapped
    from orchestration.status import status as read_status

    facts = read_status()
    if as_seeds:
        for line in unmapped.text(facts["unmapped"]):
            click.echo(line)
        return
    if as_json:
        click.echo(json.dumps(facts, indent=2, default=str))
        return
    console = Console()
    tell = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    table = Table("source", "last load", "age", "rows", "hidden", "gaps", box=None)
    for source in facts["sources"]:
        table.add_row(
            source["source"],
            str(source["last_load_at"] or "never"),
            source["age"],
            f"{source['extracted']:,}",
            f"{source['hidden']:,}",
            str(len(source["gaps"])),
        )
    console.print(table)
    for source in facts["sources"]:
        for gap in source["gaps"]:
            tell(f"gap  {source['source']} {gap}")
        for note in source["notes"]:
            tell(f"note {source['source']} {note}")
        if gaps := source["history_gaps"]:
            first = [f"{g['scope']} until {g['gap_to'][:10]} ({g['reason']})" for g in gaps[:3]]
            more = f" and {len(gaps) - 3:,} more, in status --json" if len(gaps) > 3 else ""
            tell(f"history {source['source']} is not known of {', '.join(first)}{more}")
    for line in facts["marked"]:
        tell(f"partial {line}")
    for line in facts["default_streams"]:
        tell(f"note {line}")
    for warning in facts["warnings"]:
        tell(f"warning {warning}")
    tell(f"published  {facts['published'] or 'nothing yet'}")
    tell(f"size       {facts['bytes'] / 1e6:.1f} MB")


@main.command()
@click.option("--output", type=click.Path(path_type=Path), help="Where to write it.")
def report(output: Path | None) -> None:
    """Write the static report from the published warehouse."""
    from orchestration.environment import published_folder, report_file
    from publish.report import write_report

    warehouse = published_folder() / "warehouse.duckdb"
    if not warehouse.exists():
        stop(FAILED, "nothing is published yet; run `flowhouse refresh` first")
    click.echo(write_report(warehouse, output or report_file()))
