"""`make faults`: whole refreshes of the demo company, killed at random, while others read.

Twenty of fifty refreshes are killed with SIGKILL, five told to end with SIGTERM, at instants that
SEED draws from all phases: gate, extract, normalise, load, dbt, tests, publication, report. In the
end what is published is held against what an undisturbed twin publishes.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from demo import serve, world
from tests.conftest import DEMO
from tests.faults.test_kills import members
from tests.faults.test_refresh import FLOWHOUSE, differences

GRACE_S = 30
"""Within so many seconds everything has ended that was told to."""


class Reader(threading.Thread):
    """Opens the published file again and again and holds its tables against each other."""

    def __init__(self, link: Path) -> None:
        super().__init__(daemon=True)
        self.link, self.reads, self.mixed, self.has_ended = link, 0, 0, threading.Event()
        self.errors: list[str] = []

    def run(self) -> None:
        while not self.has_ended.wait(0.05):
            try:
                with duckdb.connect(str(self.link), read_only=True) as warehouse:
                    [(flows, items, refreshes)] = warehouse.execute(
                        "select (select count(*) from marts.fct_work_item_flows),"
                        " (select count(*) from marts.dim_work_items where is_current),"
                        " (select count(*) from meta.refreshes)"
                    ).fetchall()
                self.reads += 1
                self.mixed += flows != items or refreshes != 1
            except Exception as error:
                self.errors.append(str(error))


def main() -> int:
    """Disturb refreshes, count what readers saw, and compare with the twin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path, help="a home of the demo company after a refresh")
    parser.add_argument("--refreshes", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    chance, began = random.Random(told.seed), time.monotonic()
    faults = ["kill"] * told.kills + ["end"] * (told.kills // 4)
    plan = faults + [""] * (told.refreshes - len(faults))
    chance.shuffle(plan)
    plan[-1] = ""  # the last one is let be
    with tempfile.TemporaryDirectory() as folder, serve.start(world.build()) as servers:
        home, twin = Path(folder) / "home", Path(folder) / "twin"
        for copy in (home, twin):
            shutil.copytree(told.home, copy, symlinks=True)
        moments = iter(range(servers.world.now + 600, 1 << 40, 600))
        settings = {**os.environ, **servers.env, **DEMO}
        settings["FLOWHOUSE_PSEUDONYM_KEY"] = "flowhouse-demo-key"
        reader = Reader(home / "published" / "warehouse.duckdb")
        reader.start()
        takes, bad = 60.0, 0
        for number, fault in enumerate(plan, 1):
            now = next(moments)
            if number % 5 == 1:  # an issue moves; the others find what is under way
                servers.world.move_issue(_open_issue(home, number), "Ready for Review", now)
            servers.clock.set(now + 300)
            code = _refresh(settings, home, now, fault, chance.uniform(0, takes * 1.1))
            done = f"{code[0]} after {code[1]:.0f} s"
            takes = code[1] if not fault else takes
            bad += (not fault and code[0] != 0) or bool(code[2])
            print(f"{number:>3} {fault or 'let be':<7} {done} {code[2]}", flush=True)
        reader.has_ended.set()
        reader.join()
        _refresh(settings, twin, now, "", 0)
        links = [of / "published" / "warehouse.duckdb" for of in (home, twin)]
        found = differences(*links)
        print(f"{told.refreshes} refreshes, {plan.count('kill')} killed, {plan.count('end')} ended")
        print(f"readers: {reader.reads:,} reads, {reader.mixed} mixed, {len(reader.errors)} errors")
        print(f"tables that differ from the twin's: {found or 'none'}")
        print(f"{time.monotonic() - began:.0f} s")
        return int(bool(found or reader.mixed or reader.errors or bad or not reader.reads))


def _open_issue(home: Path, number: int) -> str:
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as warehouse:
        [(key,)] = warehouse.execute(
            "select item_key from marts.dim_work_items where is_current and workflow = 'software'"
            " and current_status = 'In Progress' order by item_key limit 1 offset $1",
            [number % 3],
        ).fetchall()
        return key


def _refresh(
    settings: dict[str, str], home: Path, now: int, fault: str, after_s: float
) -> tuple[int, float, str]:
    """Run a refresh, disturbed or not; return its exit code, what it took, and what is wrong."""
    moment = datetime.fromtimestamp(now, UTC).isoformat()
    began = time.monotonic()
    process = subprocess.Popen(
        [FLOWHOUSE, "refresh"],
        env={**settings, "FLOWHOUSE_HOME": str(home), "FLOWHOUSE_AS_OF": moment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if fault:
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL if fault == "kill" else signal.SIGTERM)
        told = time.monotonic()
        process.wait(GRACE_S)
        while members(process.pid) and time.monotonic() - told < GRACE_S:
            time.sleep(0.05)
        left = "still there: what it started" if members(process.pid) else ""
    else:
        left = ""
    said = process.stderr.read()
    code = process.wait()
    if "Traceback" in said:
        left += " a traceback"
    if not fault and code:
        left += said[-2000:]
    return code, time.monotonic() - began, left


if __name__ == "__main__":
    sys.exit(main())
