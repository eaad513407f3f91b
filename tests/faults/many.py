"""Whole refreshes of a small company that are killed, stopped, starved and lied to.

    python -m tests.faults.many [COUNT]     # SEED=1; all cases without a COUNT
    CASES="SIGTERM,clock back" python -m tests.faults.many     # these kinds alone, each once

Each case begins with the home of yesterday and refreshes it to today while something goes wrong,
then once more while nothing does. What stands there in the end is what stands in the home of a twin
that nobody disturbed: every table, raw, working and published. All the while readers open the
published file; each time they must find yesterday's version or today's, as a whole.

It prints a line for each case and ends with 1 when anything was missed.
"""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from extract.sources import SOURCES
from publish.snapshot import versions
from tests.faults.homes import (
    DISK,
    differences,
    digest,
    disk_of_its_own,
    homes_differ,
    readers,
    resized,
    scratch,
    space_of,
)
from tests.faults.small import Company, serving
from tests.faults.test_archive import cut_short, fill_with_rubbish, overwrite_the_middle

PHASES = ("extract", "normalise", "load", "dbt", "tests", "publish")
KILLS, MOST_CASES = 20, 60
GRACE_S = 30
PATIENCE_S = 3_600
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


Case = tuple[str, Callable[[], str]]
"""What goes wrong: its name, and a function that has it happen and says what was met."""


class Missed(Exception):
    """What ought to hold does not."""


def environment() -> dict[str, str]:
    """Return what is set here, but for what is set of a flowhouse of one's own."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SOURCES__", "FLOWHOUSE_", "DAGSTER_"))
    }


def wrong_clock() -> dict[str, str]:
    """Return what a process is told so that libfaketime moves its clock, but not its timers."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",  # a lock that all processes would wait for
        "PYTHONPATH": os.pathsep.join(
            filter(None, [os.environ.get("PYTHONPATH"), str(Path(__file__).parent / "faketime")])
        ),
    }


def refreshing(
    home: Path, settings: dict[str, str], before: Sequence[str] = (), **how: Any
) -> subprocess.Popen:
    """Start a refresh in a session of its own, with the words of a command before it."""
    marks = home.with_name("phases")
    marks.unlink(missing_ok=True)
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.faults.marked", "refresh"],
        env={**environment(), **settings, "FLOWHOUSE_HOME": str(home), "PHASES": str(marks)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **how,
    )  # fmt: skip


def marks_of(home: Path) -> list[tuple[str, str, float]]:
    """Return what a refresh noted so far, in order."""
    words = [line.split() for line in text_of(home).splitlines()]
    return [(mark, phase, float(at)) for mark, phase, at in words]


def text_of(home: Path) -> str:
    """Return what a refresh noted so far, as it wrote it."""
    marks = home.with_name("phases")
    return marks.read_text() if marks.exists() else ""


def open_phases(marks: list[tuple[str, str, float]]) -> list[str]:
    """Return the phases that began more often than they ended."""
    count = Counter()
    for mark, phase, _ in marks:
        count[phase] += 1 if mark == "begin" else -1
    return [phase for phase in PHASES if count[phase] > 0]


def spans_of(marks: list[tuple[str, str, float]]) -> dict[str, list[float]]:
    """Return how long each stay in a phase took, in the order in which they began."""
    begun: dict[str, list[float]] = {phase: [] for phase in PHASES}
    found: dict[str, list[float]] = {phase: [] for phase in PHASES}
    for mark, phase, at in marks:
        if mark == "begin":
            begun[phase].append(at)
        else:
            found[phase].append(at - begun[phase].pop(0))
    return found


def writers_of(file: Path, session: int) -> list[int]:
    """Return the processes of a session that have a file open."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            is_ours = int(fields[3]) == session
            if is_ours and any(fd.resolve() == file for fd in (folder / "fd").iterdir()):
                found.append(int(folder.name))
    return found


def killed(refresh: subprocess.Popen) -> None:
    """End a refresh and all that it started, as `kill -9` of the whole tree does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(refresh.pid, signal.SIGKILL)
    refresh.communicate()


class Lane:
    """The homes of yesterday and of today's twin, and how long an undisturbed refresh takes."""

    def __init__(self, company: Company, folder: Path, chance: random.Random) -> None:
        self.company, self.folder, self.chance = company, folder, chance
        self.base, self.twin, self.home = (
            folder / name / "home" for name in ("base", "twin", "case")
        )
        self.base.mkdir(parents=True)
        self.refreshes = self.kills = 0
        self.repeats: list[Case] = []
        self.started: list[subprocess.Popen] = []
        self.hit: Counter = Counter()
        self.reads: Counter = Counter()

    def build(self) -> None:
        """Refresh yesterday, then the twin today, undisturbed."""
        self.well(self.base)
        shutil.copytree(self.base, self.twin, symlinks=True)
        self.company.goes_on()
        began = time.monotonic()
        self.well(self.twin)
        self.takes = time.monotonic() - began
        self.spans = spans_of(marks_of(self.twin))
        links = [home / "published" / "warehouse.duckdb" for home in (self.base, self.twin)]
        changed = differences(*links)
        said = ", ".join(
            f"{phase} {len(spans)}x {sum(spans):.1f} s" for phase, spans in self.spans.items()
        )
        print(f"the twin: {self.takes:.0f} s, {len(changed)} tables changed; {said}", flush=True)
        if not all(self.spans.values()) or len(changed) < 20:
            raise Missed("an undisturbed refresh does not do all that is to be disturbed")

    def start(
        self, home: Path | None = None, more: Mapping[str, str] | None = None, **how: Any
    ) -> subprocess.Popen:
        """Start a refresh, of the case's home if none is named; none outlives its case."""
        told = {**self.company.settings, **(more or {})}
        self.started.append(refreshing(home or self.home, told, **how))
        return self.started[-1]

    def _end_all(self) -> None:
        for refresh in self.started:
            if refresh.poll() is None:
                killed(refresh)
        self.started.clear()

    def well(self, home: Path) -> str:
        """Refresh a home while nothing goes wrong."""
        self.refreshes += 1
        done = self.start(home)
        said, _ = done.communicate(timeout=PATIENCE_S)
        if done.returncode:
            raise Missed(f"an undisturbed refresh ended with {done.returncode}: {said[-2000:]}")
        return said

    def case(self, name: str, fault: Callable[[], str]) -> bool:
        """Let something go wrong, refresh again, compare with the twin; whether all was well."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.base, self.home, symlinks=True)
        began, said, faults = time.monotonic(), "", []
        with readers(self.home) as found:
            try:
                self.refreshes += 1
                said = fault()
                self.well(self.home)
            except Missed as missed:
                faults.append(str(missed))
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")
            finally:
                self.company.servers.faults.clear()
                self._end_all()
        if not faults and (differ := homes_differ(self.home, self.twin)):
            faults.append(f"differs from the twin: {differ}")
        whole = {*map(digest, versions(self.home / "published"))}
        reads = sum((read.versions for read in found), Counter())
        faults += [error for read in found for error in read.errors]
        faults += ["a version that nobody published" for one in reads if one not in whole]
        self.reads += Counter(whole=sum(reads[one] for one in whole), all=reads.total())
        if len(reads) < 2:
            faults.append("readers did not see both versions")
        verdict = "; ".join(dict.fromkeys(faults)) or "equal to the twin"
        print(
            f"{name}: {said}; run again: {verdict}; {reads.total()} reads of {len(reads)} versions,"
            f" {time.monotonic() - began:.0f} s",
            flush=True,
        )
        return not faults

    def kill(self, name: str, phase: str | None) -> Callable[[], str]:
        """Kill at a random moment of a phase, or of the whole refresh; again where it was over."""

        def fault() -> str:
            refresh = self.start()
            self._wait_within(refresh, phase)
            killed(refresh)
            there = open_phases(marks_of(self.home))
            if refresh.returncode != -signal.SIGKILL or (phase and phase not in there):
                self.repeats.append((f"{name} again", self.kill(f"{name} again", phase)))
            if refresh.returncode != -signal.SIGKILL:
                return "it had ended before it was killed"
            self.hit.update(there or ["between"])
            self.kills += 1
            return f"killed in {' and '.join(there) or 'between the phases'}"

        return fault

    def _wait_within(self, refresh: subprocess.Popen, phase: str | None) -> None:
        """Wait until a random moment of a phase; of the whole refresh where none is named."""
        if phase is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                refresh.wait(self.chance.uniform(0, self.takes))
            return
        number = self.chance.randrange(len(self.spans[phase]))
        moment = self.chance.uniform(0, self.spans[phase][number])
        until = time.monotonic() + PATIENCE_S
        while refresh.poll() is None and time.monotonic() < until:
            if text_of(self.home).count(f"begin {phase} ") > number:
                begins = [
                    at for mark, of, at in marks_of(self.home) if (mark, of) == ("begin", phase)
                ]
                time.sleep(max(0.0, begins[number] + moment - time.monotonic()))
                return
            time.sleep(0.01)
        raise Missed(f"the refresh ended before its phase {phase}")

    def sigterm(self) -> str:
        phase = self.chance.choice(PHASES)
        refresh = self.start()
        self._wait_within(refresh, phase)
        began = time.monotonic()
        os.kill(refresh.pid, signal.SIGTERM)
        try:
            said, _ = refresh.communicate(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            killed(refresh)
            raise Missed(f"SIGTERM in {phase}: it had not ended after {GRACE_S} s") from None
        self._expect(refresh, said, 1, "was asked to end (SIGTERM)")
        return f"in {phase}, ended in {time.monotonic() - began:.1f} s"

    def dbt_crashes(self) -> str:
        """End the process that writes the working warehouse as a fault of its own would."""
        refresh = self.start()
        self._wait_within(refresh, "dbt")
        writers = writers_of(self.home / "build.duckdb", refresh.pid)
        for pid in writers:
            os.kill(pid, signal.SIGSEGV)
        said, _ = refresh.communicate(timeout=PATIENCE_S)
        if refresh.returncode:
            raise Missed(f"exit {refresh.returncode}: {said[-1500:]}")
        if writers and "dbt crashed, and is run once more" not in said:
            raise Missed(f"it was not run once more: {said[-1500:]}")
        return "run once more" if writers else "nothing was being written"

    def _expect(self, refresh: subprocess.Popen, said: str, code: int, line: str) -> str:
        """Hold the end of a refresh against what it ought to be; return its line."""
        lines = [one for one in said.splitlines() if one.startswith("flowhouse: ")]
        if refresh.returncode != code or not any(line in one for one in lines):
            raise Missed(f"exit {refresh.returncode}, not {code} with '{line}': {said[-1500:]}")
        if "Traceback" in said:
            raise Missed(f"a traceback was shown: {said[-1500:]}")
        return next(one for one in lines if line in one)

    def disk_full(self) -> str:
        """Leave on the disk of the home a part of the room that a refresh takes for good."""
        grows = space_of(self.twin) - space_of(self.base)
        room = int(max(grows, 1 << 20) * self.chance.choice([0, 0.02, 0.1, 0.4]))
        disk = self.home.parent
        resized(disk, shutil.disk_usage(disk).used + room)
        try:
            said = self._starved()
        finally:
            resized(disk, DISK)
        return f"{room:,} bytes of {grows:,} are left, {said}"

    def files_limited(self) -> str:
        """Let no file grow above a part of the largest one, as a quota may."""
        size = (self.home / "build.duckdb").stat().st_size
        limit = int(size * self.chance.choice([0.001, 0.005, 0.02, 0.1]))

        def little() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return f"no file above {limit:,} bytes, {self._starved(preexec_fn=little)}"

    def _starved(self, **how: Any) -> str:
        """Refresh where there is too little room; return how it ended, which may be well."""
        refresh = self.start(**how)
        said, _ = refresh.communicate(timeout=PATIENCE_S)
        if refresh.returncode == 0:
            if differ := homes_differ(self.home, self.twin):
                raise Missed(f"it published what differs from the twin: {differ}")
            return "which was enough"
        if "Traceback" in said:
            raise Missed(f"a traceback was shown: {said[-1500:]}")
        line = next((one for one in said.splitlines() if one.startswith("flowhouse: ")), None)
        if line is None:
            raise Missed(f"nothing was said: {said[-1500:]}")
        return f"exit {refresh.returncode}, {line[:150]}"

    def failing(self, status: int) -> Callable[[], str]:
        """Let a source answer with an error from some request on."""

        def fault() -> str:
            source = self.chance.choice(("jira", "github", "jenkins", "servicenow", "gitlab"))
            self.company.servers.faults.add(
                source, ".", status, 100_000, skip=self.chance.randrange(3, 8)
            )
            refresh = self.start()
            said, _ = refresh.communicate(timeout=PATIENCE_S)
            self.company.servers.faults.clear()
            line = self._expect(refresh, said, 3, source)
            return f"{source} answers {status or 'nothing'}, {line[:150]}"

        return fault

    def damaged(self, *names: str) -> Callable[[], str]:
        """Overwrite the middle of some files; nothing is killed, the refresh mends them."""

        def fault() -> str:
            name = self.chance.choice(names)
            chance.choice([cut_short, overwrite_the_middle, fill_with_rubbish])(self.home / name)
            said = self.well(self.home)
            told = [one for one in said.splitlines() if "is damaged" in one]
            return told[0].split(maxsplit=1)[1][:150] if told else f"{name}, where nothing was"

        chance = self.chance
        return fault

    def wrecked(self) -> str:
        """Damage all that can be made anew, and let a source refuse midway."""
        home, source = self.home, "jenkins"
        overwrite_the_middle(home / "raw" / "raw_servicenow.duckdb")
        fill_with_rubbish(home / "raw" / "raw_github.duckdb")
        (home / "raw" / "raw_jira.duckdb").unlink()
        for file in (home / "dlt" / source).rglob("*.json"):
            file.write_text("{ half a")
        for file in (home / "dbt" / "target").glob("*.*"):
            cut_short(file)
        (home / "expectations" / "last.json").write_text("[half")
        fill_with_rubbish(home / "dagster" / "history" / "runs" / "index.db")
        # The gate's own questions are answered.
        self.company.servers.faults.add(source, ".", 401, 10_000, skip=2)
        refresh = self.start(home)
        said, _ = refresh.communicate(timeout=PATIENCE_S)
        self.company.servers.faults.clear()  # the next refresh is left alone
        line = self._expect(refresh, said, 3, f"{source} is stale since ")
        for wanted in (
            " UTC: SOURCES__JENKINS__API_TOKEN: jenkins refused the credentials (401);"
            " set it to one that is valid",
            "raw_servicenow.duckdb is damaged; made again from the archive",
            "raw_github.duckdb is damaged; made again from the archive",
            "raw_jira.duckdb is gone; made again from the archive",
            "jenkins: dlt's folder cannot be read; made again from the raw file",
            "Dagster's store is damaged",
        ):
            if wanted not in said:
                raise Missed(f"it did not say '{wanted}': {said[-3000:]}")
        page = (home / "report" / "index.html").read_text()
        if f"<b>{source}</b> is stale since " not in page or "<b>github</b> is stale" in page:
            raise Missed("the report does not say what is stale, or of another source")
        told = self.published(
            "select status, message from meta.load_audits where source = $1", source
        )
        if ("failed", line.partition(" UTC: ")[2]) not in told:
            raise Missed(f"the audits of {source} do not say why: {told}")
        return line

    def published(self, sql: str, *words: Any) -> list[tuple]:
        """Ask the published file."""
        link = str(self.home / "published" / "warehouse.duckdb")
        with duckdb.connect(link, read_only=True) as warehouse:
            return warehouse.execute(sql, words).fetchall()

    def two_at_once(self) -> str:
        """Start a second refresh while the first one is at work."""
        first = self.start()
        self._wait_within(first, self.chance.choice(("extract", "normalise", "load")))
        second = self.start()
        said, _ = second.communicate(timeout=PATIENCE_S)
        line = self._expect(second, said, 1, "a refresh is running already")
        if len([one for one in said.splitlines() if one.startswith("flowhouse: ")]) != 1:
            raise Missed(f"more than one line: {said}")
        said, _ = first.communicate(timeout=PATIENCE_S)
        if first.returncode:
            raise Missed(f"the first one ended with {first.returncode}: {said[-1500:]}")
        return line

    def read_only(self) -> str:
        """Let nothing in the home be written; root may write anywhere but to such a mount."""
        mount = f"mount --bind {self.home} {self.home} && mount -o remount,ro,bind {self.home}"
        before = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"]
        refresh = self.start(before=before)
        said, _ = refresh.communicate(timeout=PATIENCE_S)
        return self._expect(refresh, said, 2, "a folder that cannot be written")

    def clock(self, shift: str) -> Callable[[], str]:
        """Refresh while the clock of the machine is wrong."""

        def fault() -> str:
            refresh = self.start(more={**wrong_clock(), "FAKETIME": shift})
            said, _ = refresh.communicate(timeout=PATIENCE_S)
            if refresh.returncode:
                raise Missed(f"exit {refresh.returncode}: {said[-1500:]}")
            return f"the clock says {shift}"

        return fault


def main() -> None:
    """Run the cases that were asked for, print what came of each, and end with 1 on any miss."""
    seed = int(os.environ.get("SEED") or 1)
    chance = random.Random(seed)
    with (
        scratch("faults-") as folder,
        disk_of_its_own(Path(folder) / "case") as has_disk,
        serving(Path(folder) / "inbox") as company,
    ):
        lane = Lane(company, Path(folder), chance)
        lane.build()
        cases = cases_of(lane, has_disk)
        if wanted := os.environ.get("CASES"):
            once = dict(cases)
            if unknown := [name for name in wanted.split(",") if name not in once]:
                raise SystemExit(f"no such case: {', '.join(unknown)}; there are {', '.join(once)}")
            cases = [(name, once[name]) for name in wanted.split(",")]
        if len(sys.argv) > 1:
            cases = cases[: int(sys.argv[1])]
        good = 0
        for count, (name, fault) in enumerate(cases, 1):  # it grows
            good += lane.case(name, fault)
            if count < MOST_CASES:
                cases += lane.repeats
            lane.repeats.clear()
    hit = ", ".join(f"{phase} {lane.hit[phase]}" for phase in (*PHASES, "between"))
    is_all_hit = (
        len(sys.argv) > 1
        or bool(wanted)
        or (lane.kills >= KILLS and all(lane.hit[phase] for phase in PHASES))
    )
    print(
        f"seed {seed}: {good} of {len(cases)} cases ended as if nothing had been;"
        f" {lane.kills} kills, by phase: {hit}; {lane.refreshes} refreshes;"
        f" {lane.reads['whole']:,} of {lane.reads['all']:,} reads found a whole version"
    )
    sys.exit(0 if good == len(cases) and is_all_hit else 1)


def cases_of(lane: Lane, has_disk: bool) -> list[Case]:
    """Return all cases: kills in every phase, kills anywhere, and all else that goes wrong.

    Args:
        lane: Where they happen.
        has_disk: Whether the homes of cases lie on a disk of their own, which can be filled.
    """
    phases = [*PHASES] * (KILLS // len(PHASES)) + [None] * (KILLS % len(PHASES))
    lane.chance.shuffle(phases)
    names = [f"kill {number}" for number in range(1, KILLS + 1)]
    cases: list[Case] = [
        (name, lane.kill(name, phase)) for name, phase in zip(names, phases, strict=True)
    ]
    raw = [f"raw/raw_{source}.duckdb" for source in SOURCES]
    cases += [
        *[("SIGTERM", lane.sigterm)] * 3,
        *[("dbt crashes", lane.dbt_crashes)] * 2,
        *[("files limited", lane.files_limited)] * 2,
        ("a source fails", lane.failing(0)),
        ("a source refuses", lane.failing(401)),
        ("working file damaged", lane.damaged("build.duckdb")),
        ("raw file damaged", lane.damaged(*raw)),
        ("all damaged", lane.wrecked),
        ("two at once", lane.two_at_once),
        ("read-only folder", lane.read_only),
    ]
    if has_disk:
        cases += [("disk full", lane.disk_full)] * 3
    else:
        print("no disk is filled: only root may mount one (as in a container with SYS_ADMIN)")
    if FAKETIME:
        cases += [("clock back", lane.clock("-400d")), ("clock on", lane.clock("+400d"))]
    else:
        print("the clock is not set wrong: there is no libfaketime here (apt-get install faketime)")
    lane.chance.shuffle(cases)
    return cases


if __name__ == "__main__":
    main()
