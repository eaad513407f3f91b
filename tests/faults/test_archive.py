"""Raw rows outlive their file: what a source no longer has comes back from the archive alone."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from extract import archive, raw_store, soundness
from extract.erasure import erase_raw, remember
from extract.load import Lost, prepare
from extract.privacy import ERASED
from tests.extract.test_jenkins import MULTIBRANCH
from tests.faults.conftest import Company


def parts(company: Company) -> list[str]:
    folder = company.home.folder / "archive" / "jenkins"
    return sorted(path.name for path in folder.iterdir())


def days(company: Company) -> None:
    """Three loads: builds come, some change, and in the end Jenkins has discarded most of them."""
    company.controller.add("job", range(1, 30))
    company.controller.add("job", range(30, 31), building=True, result=None)
    company.load()
    running = company.controller.builds["job"][-1]
    running.update(building=False, result="FAILURE")
    company.controller.add("job", range(31, 41))
    company.load()
    del company.controller.builds["job"][:35]
    company.controller.add("job", range(41, 43))
    company.load()


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def overwrite_the_middle(file: Path) -> None:
    """Overwrite the half between the first and the last quarter: some blocks are of no table."""
    size = file.stat().st_size
    with file.open("r+b") as raw:
        raw.seek(size // 4)
        raw.write(os.urandom(size // 2))


def fill_with_rubbish(file: Path) -> None:
    file.write_bytes(os.urandom(file.stat().st_size))


@pytest.mark.parametrize(
    "harm",
    [cut_short, overwrite_the_middle, fill_with_rubbish, lambda f: f.write_bytes(b""), Path.unlink],
    ids=["cut short", "overwritten", "rubbish", "emptied", "gone"],
)
def test_a_damaged_raw_file_is_rebuilt_row_by_row_and_the_next_load_goes_on(
    company: Company, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    days(company)
    before, asked = company.everything(), len(company.controller.asked)
    harm(company.raw)
    archive.mend("jenkins")
    assert company.everything() == before
    [line] = [r.getMessage() for r in caplog.records if "made again from the archive" in r.message]
    assert line.startswith("jenkins: raw_jenkins.duckdb is ")
    assert len(company.controller.asked) == asked  # nobody was asked for it again
    company.controller.add("job", range(43, 45))
    company.load()
    numbers = company.home.rows("jenkins", "select number from jenkins.builds order by 1")
    assert [number for (number,) in numbers] == list(range(1, 45))
    assert company.described(since=asked) == {43, 44}


def test_what_changed_is_archived_as_it_is_and_as_it_was(company: Company) -> None:
    days(company)
    found = duckdb.sql(
        "select filename, result"
        f" from read_parquet('{company.home.folder}/archive/jenkins/*/builds.parquet',"
        " filename = true) where number = 30 order by 1"
    ).fetchall()
    assert [result for _, result in found] == [None, "FAILURE"]
    now = company.home.rows("jenkins", "select result from jenkins.builds where number = 30")
    assert now == [("FAILURE",)]


def test_a_load_archives_its_own_rows_and_no_others(company: Company) -> None:
    days(company)
    company.controller.add("job", range(43, 44))
    company.load()
    last = company.home.folder / "archive" / "jenkins" / parts(company)[-1]
    assert duckdb.sql(f"select number from '{last}/builds.parquet'").fetchall() == [(43,)]


def test_an_older_copy_of_a_raw_file_is_brought_up_to_its_archive(
    company: Company, tmp_path: Path
) -> None:
    company.controller.add("job", range(1, 30))
    company.load()
    copy = Path(shutil.copy(company.raw, tmp_path / "copy"))
    company.controller.add("job", range(30, 40))
    company.load()
    before = company.everything()
    shutil.copy(copy, company.raw)
    archive.mend("jenkins")
    assert company.everything() == before


def test_a_home_of_a_version_without_an_archive_gets_one(company: Company) -> None:
    days(company)
    shutil.rmtree(company.home.folder / "archive")
    shutil.rmtree(company.home.folder / "seals")
    company.monkeypatch.delenv("SOURCES__JENKINS__BASE_URL")
    prepare("jenkins")  # of a source that is off, too
    before = company.everything()
    company.raw.unlink()
    archive.mend("jenkins")
    assert company.everything() == before


def test_the_archive_does_not_grow_without_end(company: Company) -> None:
    company.monkeypatch.setenv("FLOWHOUSE_ARCHIVE_LOADS", "4")
    company.controller.add("job", range(1, 10))
    counts = []
    for number in range(10, 20):
        company.controller.add("job", range(number, number + 1))
        company.load()
        counts.append(len(parts(company)))
    assert max(counts) == 4 and min(counts[4:]) == 1
    before = company.everything()
    company.raw.unlink()
    archive.mend("jenkins")
    assert company.everything() == before


def test_who_is_killed_while_the_archive_is_made_one_leaves_it_good(company: Company) -> None:
    """The new part is there, and the old ones, which it replaces, still are."""
    company.monkeypatch.setenv("FLOWHOUSE_ARCHIVE_LOADS", "3")
    folder = company.home.folder / "archive" / "jenkins"
    while "000004" not in (there := parts(company) if folder.exists() else []):
        old = {name: folder / name for name in there}
        kept = {n: shutil.copytree(p, folder.parent / f"kept-{n}", dirs_exist_ok=True)
                for n, p in old.items()}  # fmt: skip
        company.controller.add("job", range(len(there), len(there) + 1))
        company.load()
    assert there == ["000004"]
    for name, copy in kept.items():
        shutil.copytree(copy, folder / name)
    (folder / ".000005").mkdir()
    before = company.everything()
    company.raw.unlink()
    archive.mend("jenkins")
    assert company.everything() == before
    company.load()
    assert parts(company) == ["000004", "000005"] or parts(company)[-1] == "000005"


def test_a_damaged_raw_file_without_an_archive_is_read_again(company: Company) -> None:
    company.controller.add("job", range(1, 30))
    company.load()
    before = company.content()
    shutil.rmtree(company.home.folder / "archive")
    fill_with_rubbish(company.raw)
    company.load()
    assert company.content() == before


def test_what_comes_back_from_nowhere_stops_the_refresh_and_stays_where_it_is(
    company: Company,
) -> None:
    """An empty source would be published as a company that does nothing."""
    company.controller.add("job", range(1, 30))
    company.load()
    shutil.rmtree(company.home.folder / "archive")
    fill_with_rubbish(company.raw)
    rubbish = company.raw.read_bytes()
    company.faults.add("jenkins", ".", 401, 99)
    for attempt in (company.load, company.load, lambda: prepare("jenkins")):
        with pytest.raises(Lost, match=r"raw_jenkins\.duckdb is damaged") as lost:
            attempt()
        assert "\n" not in str(lost.value)
        assert company.raw.read_bytes() == rubbish


def last_part(company: Company) -> Path:
    return company.home.folder / "archive" / "jenkins" / parts(company)[-1]


@pytest.mark.parametrize("harm", [cut_short, Path.unlink])
def test_a_damaged_archive_is_made_anew_from_the_raw_file(
    company: Company, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    days(company)
    harm(last_part(company) / "part.json")
    company.controller.add("job", range(43, 45))
    work = company.load()
    assert {audit.status for audit in work.audits} == {"complete"}
    assert "jenkins: its archive is damaged; made again from the raw file" in caplog.messages
    before = company.everything()
    company.raw.unlink()
    archive.mend("jenkins")
    assert company.everything() == before


def make_new(file: Path) -> None:
    """Leave a database without a table, as DuckDB does for who opens a file that is gone."""
    file.unlink()
    duckdb.connect(str(file)).close()


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("part.json", cut_short),
        ("builds.parquet", cut_short),
        ("part.json", Path.unlink),
        ("part.json", make_new),
    ],
)
def test_where_the_archive_is_damaged_as_well_the_source_is_read_again_or_all_stays(
    company: Company,
    name: str,
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    company.controller.add("job", range(1, 30))
    company.load()
    before = company.content()
    cut_short(last_part(company) / name)
    harm(company.raw)
    company.faults.add("jenkins", ".", 401, 99)
    for attempt in (company.load, lambda: prepare("jenkins")):
        caplog.clear()
        with pytest.raises(Lost, match="no archive of it can be read"):
            attempt()
        assert company.raw.exists() == (harm is cut_short)
    company.faults.clear()
    company.load()
    assert company.content() == before
    assert any("is read again" in line for line in caplog.messages)
    erase_raw(["a" * 20])  # what was set aside may name people
    assert not [*company.home.folder.rglob("*.damaged")]


def test_a_damaged_folder_of_dlt_is_rebuilt(company: Company) -> None:
    days(company)
    for file in (company.home.folder / "dlt" / "jenkins").rglob("*.json"):
        file.write_text("{ half a")
    (company.home.folder / "seals" / company.raw.name).write_bytes(b"\xff\xfe")
    asked = len(company.controller.asked)
    company.controller.add("job", range(43, 45))
    work = company.load()
    assert {audit.status for audit in work.audits} == {"complete"}
    assert company.home.value("jenkins", "select count(*) from jenkins.builds") == 44
    assert company.described(since=asked) == {43, 44}


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Let another program keep a DuckDB file open, as if it wrote to it."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate("\n")


def test_a_raw_file_that_another_program_holds_is_loaded_all_the_same(company: Company) -> None:
    company.monkeypatch.setattr(raw_store, "WAIT_S", 0.5)
    company.controller.add("job", range(1, 30))
    company.load()
    with held(company.raw):
        company.controller.add("job", range(30, 35))
        work = company.load()
        assert {audit.status for audit in work.audits} == {"complete"}
        assert company.home.value("jenkins", "select count(*) from jenkins.builds") == 34
    assert company.home.value("jenkins", "select count(*) from jenkins.builds") == 34


def test_a_raw_file_that_another_program_holds_stops_no_refresh_of_other_sources(
    company: Company,
) -> None:
    """Its tables are looked at, and read by the models, in a refresh that does not ask it."""
    company.monkeypatch.setattr(raw_store, "WAIT_S", 0.5)
    company.controller.add("job", range(1, 30))
    company.load()
    asked = len(company.controller.asked)
    with held(company.raw):
        prepare("jenkins")
        with duckdb.connect() as model:
            model.execute(f"attach '{company.raw}' as raw_jenkins (read_only)")
            assert model.execute("select count(*) from raw_jenkins.jenkins.builds").fetchone() == (
                29,
            )
    assert len(company.controller.asked) == asked
    company.controller.add("job", range(30, 35))
    work = company.load()
    assert {audit.status for audit in work.audits} == {"complete"}
    assert company.home.value("jenkins", "select count(*) from jenkins.builds") == 34


def test_who_is_forgotten_is_gone_from_the_archive_and_does_not_come_back(
    company: Company,
) -> None:
    company.controller.classes["job"] = MULTIBRANCH
    company.controller.add("job/ada-fix", range(1, 9))
    company.load()
    people = set(re.findall(r"branch-([a-z2-7]{20})", company.home.texts("jenkins")))
    assert people
    left = [
        company.home.folder / name
        for name in (
            "build.damaged", "build.copy", "build.copy.wal", ".build.duckdb.draft",
            "raw/raw_jenkins.damaged", "raw/raw_jenkins.copy", "raw/raw_jenkins.draft.wal",
        )
    ]  # fmt: skip
    for file in left:
        file.write_bytes(b"what was set aside, or left by who was killed")
    (company.home.folder / "dagster").mkdir(exist_ok=True)
    remember(people)
    erase_raw([*people])
    assert not [file for file in left if file.exists()]
    assert company.raw.exists() and (company.home.folder / "dagster").is_dir()
    files = list((company.home.folder / "archive").rglob("*.parquet"))
    texts = [str(duckdb.sql(f"from '{file}'").fetchall()) for file in files]
    assert files and not any(key in text for key in people for text in texts)
    assert any(ERASED in text for text in texts)
    before = company.everything()
    company.raw.unlink()
    archive.mend("jenkins")
    assert company.everything() == before
    assert not any(key in company.home.texts("jenkins") for key in people)


def test_a_file_that_nobody_touched_is_not_looked_through(company: Company) -> None:
    """Reading all of it at each load would cost more than the load."""
    company.controller.add("job", range(1, 9))
    company.load()
    company.monkeypatch.setattr(soundness, "is_sound", lambda file: pytest.fail("was read"))
    company.load()
    facts = json.loads(
        (company.home.folder / "archive" / "jenkins" / parts(company)[-1] / "part.json").read_text()
    )
    assert len(facts["loads"]) == 1
