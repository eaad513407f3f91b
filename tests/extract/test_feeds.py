"""The feeds: files that people keep, with everything that people do to files."""

import csv
import io
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from extract.privacy import person_key
from extract.probes import of_source
from extract.settings import SettingFault
from extract.sources import SOURCES
from extract.sources.feeds.rows import FEEDS

ROOT = Path(__file__).parents[2]

GOOD = {
    "experiments": {
        "experiment_key": "one-click", "value_stream_key": "pay", "hypothesis": "If, then",
        "measure": "conversion", "better": "higher", "expected_delta": "2.5",
        "conceived_on": "2025-01-06", "due_on": "2025-03-31", "work_item": "PAY-1",
        "owner_team_key": "core", "first_use_on": "2025-02-01", "learned_on": "2025-03-01",
        "observed_delta": "-1e-1", "verdict": "refuted", "decided_on": "2025-03-02",
        "decision": "stop",
    },
    "value_measures": {
        "value_stream_key": "pay", "measure": "conversion", "measured_on": "2025-01-31",
        "value": "0.125", "kind": "level", "unit": "share", "better": "higher",
        "measured_by": "shop", "owner_team_key": "core",
    },
    "stream_financials": {
        "value_stream_key": "pay", "month_start": "2025-01-01", "currency": "EUR",
        "budget": "100000", "spend": "90000.50", "revenue": "0",
    },
    "risks": {
        "risk": "lock-in", "value_stream_key": "pay", "name": "One supplier, only",
        "category": "supplier", "assessed_on": "2025-01-06", "likelihood": "1", "impact": "5",
        "status": "open", "work_item": "PAY-1", "response": "A second one",
        "owner_team_key": "core", "due_on": "2025-06-30",
    },
    "assessments": {
        "assessment": "lpm", "value_stream_key": "pay", "dimension": "strategy",
        "assessed_on": "2025-01-06", "score": "3.5", "best_score": "5", "respondents": "12",
    },
    "team_capacities": {
        "team_key": "core", "role": "developer", "week_start": "2025-01-06",
        "available_hours": "152.5",
    },
}  # fmt: skip
"""A line of each feed with all of its columns."""


@pytest.fixture
def folder(home: Any) -> Path:
    """The folder of FLOWHOUSE_HOME, which turns the source on by being there."""
    folder = home.folder / "feeds"
    folder.mkdir(parents=True)
    return folder


def text(*rows: dict[str, str]) -> str:
    """Return the text of a CSV file."""
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def audit(work: Any, object: str) -> Any:
    [found] = [a for a in work.audits if a.object == object]
    return found


def published(home: Any, feed: str, columns: str) -> list[tuple]:
    """Return what staging takes: the rows of the file that was read last."""
    return home.rows(
        "feeds",
        f"select {columns} from feeds.{feed} as rows inner join feeds.files as files"
        f" on files.feed = '{feed}' and rows.sha256 = files.sha256 order by all",
    )


def test_every_feed_is_tried_with_all_of_its_columns() -> None:
    assert {name: set(row) for name, row in GOOD.items()} == {
        name: set(feed.columns) for name, feed in FEEDS.items()
    }


@pytest.mark.parametrize("name", FEEDS)
def test_a_good_line_is_loaded_as_it_is(folder: Path, home: Any, name: str) -> None:
    (folder / f"{name}.csv").write_text(text(GOOD[name]))
    work = home.load("feeds")
    assert (audit(work, name).status, audit(work, name).extracted) == ("complete", 1)
    [(key, line_no)] = home.rows(
        "feeds", f"select {FEEDS[name].table.key[0]}, line_no from feeds.{name}"
    )
    assert (key, line_no) == (GOOD[name][FEEDS[name].table.key[0]], 2)
    found = home.rows("feeds", f"select unnest(json_keys(payload)) from feeds.{name}")
    assert {column for (column,) in found} == set(GOOD[name])
    for column, value in GOOD[name].items():
        [(read,)] = home.rows("feeds", f"select payload ->> '{column}' from feeds.{name}")
        assert read == value or float(read) == float(value), column


@pytest.mark.parametrize("name", FEEDS)
def test_what_is_optional_may_be_left_out_and_nothing_else(
    folder: Path, home: Any, name: str
) -> None:
    feed = FEEDS[name]
    least = {column: GOOD[name][column] for column in feed.needed}
    if name == "stream_financials":  # one of the three is needed
        least["spend"] = "1"
    (folder / f"{name}.csv").write_text(text(least))
    assert audit(home.load("feeds"), name).extracted == 1
    for column in feed.needed:
        rest = {other: value for other, value in least.items() if other != column}
        (folder / f"{name}.csv").write_text(text(rest))
        found = audit(home.load("feeds"), name)
        assert found.status == "failed" and f"has no column {column}" in found.message
        (folder / f"{name}.csv").write_text(text({**least, column: " "}))
        found = audit(home.load("feeds"), name)
        assert (found.status, found.rejected) == ("incomplete", 1)
        assert f"{name}.csv line 2: {column} is empty" in found.message


BAD = [
    ("experiments", {"expected_delta": "nan"}, "expected_delta is not a number"),
    ("experiments", {"better": "more"}, "better is not one of higher, lower"),
    ("experiments", {"conceived_on": "31.01.2025"}, "conceived_on is not a day"),
    ("experiments", {"first_use_on": "2024-12-31"}, "first_use_on lies before conceived_on"),
    ("experiments", {"learned_on": "2025-01-31"}, "learned_on lies before first_use_on"),
    ("experiments", {"decided_on": "2025-02-28"}, "decided_on lies before learned_on"),
    ("experiments", {"due_on": "2025-01-05"}, "due_on lies before conceived_on"),
    ("experiments", {"verdict": ""}, "verdict is empty, but the other one"),
    ("experiments", {"decision": ""}, "decision is empty, but the other one"),
    (
        "experiments", {"learned_on": "", "verdict": "", "observed_delta": ""},
        "learned_on is empty, but decided_on is not",
    ),
    ("experiments", {"experiment_key": "a|b"}, "experiment_key is not a key"),
    ("experiments", {"hypothesis": "x" * 2001}, "hypothesis is not a text of up to 2,000"),
    ("value_measures", {"value": "12 %"}, "value is not a number"),
    ("value_measures", {"value": "1,5"}, "value is not a number"),
    ("value_measures", {"value": "inf"}, "value is not a number"),
    ("value_measures", {"kind": "sum"}, "kind is not one of amount, level"),
    ("value_measures", {"measured_on": "0025-01-31"}, "measured_on is not a day from 1990"),
    ("value_measures", {"measured_on": "2225-01-31"}, "measured_on is not a day from 1990"),
    ("value_measures", {"measured_on": "2025-02-30"}, "measured_on is not a day"),
    ("stream_financials", {"month_start": "2025-01-02"}, "not the first day of a month"),
    ("stream_financials", {"currency": "euro"}, "currency is not a currency"),
    ("stream_financials", {"spend": "-1"}, "spend is not a number of 0 or more"),
    (
        "stream_financials", {"budget": "", "spend": "", "revenue": ""},
        "budget, spend and revenue are all empty",
    ),
    ("risks", {"likelihood": "6"}, "likelihood is not a whole number from 1 to 5"),
    ("risks", {"impact": "0"}, "impact is not a whole number from 1 to 5"),
    ("risks", {"impact": "2.5"}, "impact is not a whole number from 1 to 5"),
    ("risks", {"status": "gone"}, "status is not one of open"),
    ("assessments", {"score": "5.1"}, "score is higher than best_score"),
    ("assessments", {"best_score": "0"}, "best_score is not a positive number"),
    ("assessments", {"respondents": "0"}, "respondents is not a whole number of 1 or more"),
    ("team_capacities", {"week_start": "2025-01-07"}, "week_start is not a Monday"),
    ("team_capacities", {"available_hours": "-8"}, "available_hours is not a number of 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "slip", "says"), BAD, ids=[says[:40] for *_, says in BAD])
def test_a_line_that_breaks_its_contract_is_named_and_the_others_are_loaded(
    folder: Path, home: Any, name: str, slip: dict[str, str], says: str
) -> None:
    key = FEEDS[name].table.key[0]
    other = {**GOOD[name], key: "another"}
    (folder / f"{name}.csv").write_text(text(other, {**GOOD[name], **slip}))
    for _ in range(2):  # as long as it stands there, not only once
        found = audit(home.load("feeds"), name)
        assert (found.status, found.api_count, found.extracted, found.rejected) == (
            "incomplete", 2, 1, 1,
        )  # fmt: skip
        assert f"{name}.csv line 3: " in found.message and says in found.message
    assert published(home, name, key) == [("another",)]
    [(feed, line_no, reason)] = home.rows(
        "feeds", "select feed, line_no, reason from feeds.quarantines"
    )
    assert (feed, line_no) == (name, 3) and says in reason
    for value in filter(None, slip.values()):
        assert re.search(rf"\b{re.escape(value[:40])}\b", reason) is None, "quotes the value"


@pytest.mark.parametrize("name", FEEDS)
def test_two_lines_with_one_key_are_a_slip(folder: Path, home: Any, name: str) -> None:
    (folder / f"{name}.csv").write_text(text(GOOD[name], GOOD[name]))
    found = audit(home.load("feeds"), name)
    assert (found.extracted, found.rejected) == (1, 1)
    assert f"line 3: {', '.join(FEEDS[name].table.key)} are those of line 2" in found.message


def test_a_measure_has_one_unit_kind_and_direction(folder: Path, home: Any) -> None:
    first, later = GOOD["value_measures"], {"measured_on": "2025-02-28"}
    for column, value in {"unit": "percent", "kind": "amount", "better": "lower"}.items():
        (folder / "value_measures.csv").write_text(text(first, {**first, **later, column: value}))
        found = audit(home.load("feeds"), "value_measures")
        assert found.rejected == 1 and f"line 3: {column} is not that of line 2" in found.message
    elsewhere = {**first, "value_stream_key": "other", "unit": "percent"}
    (folder / "value_measures.csv").write_text(text(first, elsewhere))
    assert audit(home.load("feeds"), "value_measures").rejected == 0


def test_a_file_is_all_that_is_true_of_a_feed(folder: Path, home: Any) -> None:
    path = folder / "value_measures.csv"
    january = GOOD["value_measures"]
    february = {**january, "measured_on": "2025-02-28", "value": "0.2"}
    path.write_text(text(january, february))
    home.load("feeds")
    assert audit(home.load("feeds"), "value_measures").written == 0  # as it was
    assert audit(home.load("feeds", full=True), "value_measures").written == 2
    # A value is corrected, a line goes, another one comes: by its key a row is one.
    march = {**january, "measured_on": "2025-03-31", "value": "0.3"}
    path.write_text(text({**february, "value": "0.25"}, march))
    home.load("feeds")
    columns = "measured_on, cast(rows.payload ->> 'value' as double)"
    now = [("2025-02-28", 0.25), ("2025-03-31", 0.3)]
    assert published(home, "value_measures", columns) == now
    assert home.value("feeds", "select count(*) from feeds.value_measures") == 3  # nothing is lost
    # The same lines again are the same, whatever stood there in between.
    path.write_text(text(january, february))
    home.load("feeds")
    now = [("2025-01-31", 0.125), ("2025-02-28", 0.2)]
    assert published(home, "value_measures", columns) == now
    path.unlink()
    found = audit(home.load("feeds"), "value_measures")
    assert found.status == "complete" and "value_measures.csv is gone" in found.message
    assert published(home, "value_measures", columns) == []
    assert [a.object for a in home.load("feeds").audits] == ["files"]  # said once


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty: its first line needs risk,"),
        (b"risk;value_stream_key;name\n", "is not separated by commas"),
        (b"risk,value_stream_key,name,category,assessed_on,likelihod,impact,status\n",
         "has no column likelihood; is it what likelihod is?"),
        (b"risk,risk,value_stream_key,name,category,assessed_on,likelihood,impact,status\n",
         "has the column risk twice"),
        (text(GOOD["risks"]).replace("supplier", "Z\u00fcrich").encode("latin-1"),
         "is not in UTF-8"),
        (text(GOOD["risks"]).replace("One", '"One').encode(), "is no CSV from line"),
    ],
    ids=["nothing", "semicolons", "a slip", "twice", "latin", "a quote"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_leaves_what_was_loaded_before(
    folder: Path, home: Any, content: bytes, says: str
) -> None:
    path = folder / "risks.csv"
    path.write_text(text(GOOD["risks"]))
    home.load("feeds")
    path.write_bytes(content)
    found = audit(home.load("feeds"), "risks")
    assert found.status == "failed" and says in found.message
    assert "what was read of it before stays" in found.message
    assert published(home, "risks", "risk") == [("lock-in",)]


def test_tables_of_spreadsheets_are_read_as_they_are_saved(folder: Path, home: Any) -> None:
    """A mark of UTF-8, capitals and blanks in the heading, columns of their own, empty lines."""
    first, row = text({**GOOD["risks"], "notes": "mine"}).splitlines()
    first = first.replace("value_stream_key", "Value stream key").replace("risk,", " Risk ,")
    (folder / "risks.csv").write_bytes(f"\ufeff{first}\r\n\r\n{row}\r\n,,,\r\n".encode())
    found = audit(home.load("feeds"), "risks")
    assert (found.status, found.extracted) == ("complete", 1)
    assert found.message == "risks.csv: 1 columns are of no feed and are not loaded"
    assert home.rows("feeds", "select line_no from feeds.risks") == [(3,)]
    assert "mine" not in home.texts("feeds")


def test_a_file_of_no_feed_is_named(folder: Path, home: Any) -> None:
    (folder / "risk.csv").write_text(text(GOOD["risks"]))
    found = audit(home.load("feeds"), "files")
    assert (found.status, found.rejected) == ("incomplete", 1)
    assert found.message == "risk.csv is no feed; did you mean risks.csv?"


@pytest.mark.parametrize("name", ["risks.xlsx", "Risks.csv", "risks.CSV"])
def test_what_is_meant_as_a_feed_and_not_read_as_one_is_named(
    folder: Path, home: Any, name: str
) -> None:
    """Whoever saved it there believes that it is read."""
    (folder / "README.md").write_text("ours")
    (folder / ".risks.csv.swp").write_text("an editor's")
    (folder / name).write_text(text(GOOD["risks"]))
    found = audit(home.load("feeds"), "files")
    assert (found.status, found.rejected) == ("incomplete", 1)
    assert found.message == f"{name} is no feed; did you mean risks.csv?"
    assert home.rows("feeds", "select risk from feeds.risks") == []


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    folder: Path, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "risks.csv").write_text(text(GOOD["risks"]))
    home.load("feeds")
    monkeypatch.setattr("extract.settings.os.access", lambda *_: False)
    [found] = home.load("feeds").audits
    assert (found.object, found.status) == ("*", "failed")
    assert found.message.startswith("SOURCES__FEEDS__FOLDER is not a folder that can be read")
    assert published(home, "risks", "risk") == [("lock-in",)]


def test_a_folder_that_goes_away_meanwhile_takes_nothing_along(
    folder: Path, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "risks.csv").write_text(text(GOOD["risks"]))
    home.load("feeds")
    shutil.rmtree(folder)
    monkeypatch.setattr("extract.sources.feeds.settings.fault_of_folder", lambda *_: [])
    monkeypatch.setenv("SOURCES__FEEDS__FOLDER", str(folder))
    [found] = home.load("feeds").audits
    assert found.status == "failed"
    assert found.message.startswith("feeds: the folder cannot be read (No such file")
    assert published(home, "risks", "risk") == [("lock-in",)]


def test_of_many_bad_lines_the_first_are_named_and_the_rest_is_counted(
    folder: Path, home: Any
) -> None:
    rows = [{**GOOD["risks"], "risk": f"r{no}", "impact": "9"} for no in range(8)]
    (folder / "risks.csv").write_text(text(*rows))
    message = audit(home.load("feeds"), "risks").message
    assert message.count("risks.csv line") == 5 and message.endswith(
        "and 3 lines more, see feeds.quarantines"
    )
    assert home.value("feeds", "select count(*) from feeds.quarantines") == 8


def test_p1_mail_addresses_in_texts_are_hashed(folder: Path, home: Any) -> None:
    mail = "mia.planted@example.com"
    (folder / "risks.csv").write_text(
        text({**GOOD["risks"], "name": f"Only {mail} knows", "response": mail, "risk": mail})
    )
    (folder / "experiments.csv").write_text(
        text({**GOOD["experiments"], "hypothesis": f"If {mail} asks, then", "verdict": mail})
    )
    home.load("feeds")
    assert "planted" not in home.texts("feeds")
    assert person_key("feeds", mail) in home.texts("feeds")


def test_a_folder_turns_the_feeds_on_and_a_setting_names_another_one(
    home: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not SOURCES["feeds"].is_on
    other = tmp_path / "elsewhere"
    monkeypatch.setenv("SOURCES__FEEDS__FOLDER", str(other))
    assert SOURCES["feeds"].is_on
    with pytest.raises(SettingFault, match="SOURCES__FEEDS__FOLDER is not a folder"):
        SOURCES["feeds"].read_settings()
    other.mkdir()
    (other / "risks.csv").write_text(text(GOOD["risks"]))
    assert audit(home.load("feeds"), "risks").extracted == 1
    monkeypatch.delenv("SOURCES__FEEDS__FOLDER")
    (home.folder / "feeds").mkdir()
    assert SOURCES["feeds"].is_on
    assert SOURCES["feeds"].read_settings().folder == str(home.folder / "feeds")


def test_doctor_holds_every_file_against_its_contract(folder: Path, home: Any) -> None:
    def asked() -> list[tuple[bool, str]]:
        return [(probe.is_well, probe.line) for probe in of_source(SOURCES["feeds"])]

    assert (True, "no file yet") in asked()
    (folder / "risks.csv").write_text(text(GOOD["risks"]))
    (folder / "assessments.csv").write_text(text({**GOOD["assessments"], "score": "9"}))
    (folder / "experiments.csv").write_text("experiment_key\n")
    (folder / "exp.csv").write_text("")
    said = asked()
    assert (True, "risks.csv: 1 lines") in said
    assert (
        False,
        "assessments.csv: 1 lines, 1 not as they should be, first line 2: score is higher than"
        " best_score",
    ) in said
    assert sum(not is_well for is_well, _ in said) == 3
    assert any(line.startswith("experiments.csv is not separated") for _, line in said)
    assert any(line.startswith("exp.csv is no feed") for _, line in said)


def test_the_docs_have_every_column_of_every_feed_in_its_order() -> None:
    said = (ROOT / "docs" / "feeds.md").read_text()
    for name, feed in FEEDS.items():
        part = re.search(rf"## `{name}\.csv`\n(.+?)(\n## |\Z)", said, re.DOTALL)[1]
        rows = re.findall(r"^\| `(\w+)`( \(optional\))? \|", part, re.MULTILINE)
        assert [column for column, _ in rows] == list(feed.columns), name
        assert {column for column, optional in rows if optional} == set(feed.optional), name
