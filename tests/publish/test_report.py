import fcntl
import re
from pathlib import Path

import duckdb
import pytest
import vl_convert

from publish.report import FOLDER, RANGES, SETUP, prepare, table, write_report
from publish.site import words
from publish.site.pages import PAGES
from publish.site.parts import Page
from tests.publish.published_file import HOSTILE, embedded_data, write_published_file

DAY = 86_400
STORIES = "software/story"
DASH = "\u2013"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published_file(tmp_path_factory.mktemp("published") / "warehouse.duckdb")


@pytest.fixture(scope="module")
def report(warehouse: Path) -> Path:
    return write_report(warehouse, warehouse.parent / "report" / "index.html")


@pytest.fixture(scope="module")
def html(report: Path) -> str:
    return report.read_text(encoding="utf-8")


def embedded(report: Path) -> dict:
    """Return what all pages of a site embed, as if they were one."""
    first, *others = [
        embedded_data(path.read_text(encoding="utf-8"))
        for path in [report, *(report.with_name(page.file) for page in PAGES[1:])]
    ]
    for other in others:
        first["tables"] |= other["tables"]
        first["sections"] |= other["sections"]
    return first


@pytest.fixture(scope="module")
def data(report: Path) -> dict:
    return embedded(report)


@pytest.fixture(scope="module")
def tenfold(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the site embeds when there are ten of every item: percentiles are shown."""
    folder = tmp_path_factory.mktemp("tenfold")
    file = write_published_file(folder / "warehouse.duckdb", times=10)
    return embedded(write_report(file, folder / "index.html"))


def rows(data: dict, table: str, stream: str, work: str = STORIES, weeks: str = "26") -> list[dict]:
    columns = data["tables"][table]["columns"]
    records = [dict(zip(columns, row)) for row in data["tables"][table]["rows"]]
    wanted = {"work": work, "stream": stream, "range": weeks}
    return [
        r for r in records if all(r.get(name, value) == value for name, value in wanted.items())
    ]


@pytest.mark.parametrize(
    ("stream", "weeks", "expected"),
    [
        ("payments", "26", (1, 2, None, None, 6 / 15, 1, 0)),
        ("storefront", "26", (1, 1, None, None, 3 / 4, 1, 1)),
        # SHOP-4 took five days of touch, 31 weeks ago.
        ("storefront", "52", (1, 2, None, None, 8 / 9, 1, 1)),
    ],
)
def test_key_figures_are_the_ones_added_up_by_hand(
    data: dict, stream: str, weeks: str, expected: tuple
) -> None:
    [figures] = rows(data, "figures", stream, weeks=weeks)
    assert figures["flow_efficiency_share"] == pytest.approx(expected[4])
    assert (
        figures["finished_4_weeks"],
        figures["finished_items"],
        figures["start_to_done_p50_s"],
        figures["start_to_done_p85_s"],
        figures["wip"],
        figures["unmapped_items"],
    ) == (*expected[:4], *expected[5:])


def test_a_workflow_in_which_nothing_waits_has_no_efficiency(data: dict) -> None:
    [epics] = rows(data, "figures", "payments", "epic/epic")
    [stories] = rows(data, "figures", "payments")
    assert (epics["flow_efficiency_share"], epics["has_modelled_waits"]) == (None, False)
    assert stories["has_modelled_waits"] is True


def test_two_levels_are_never_added_up(data: dict) -> None:
    [epics] = rows(data, "figures", "payments", "epic/epic")
    assert epics["finished_items"] == 1
    assert data["works"][0] == {"key": STORIES, "name": "Software", "items": 7}


def test_the_map_says_how_long_each_stage_waits_and_works(data: dict) -> None:
    progress, waiting, review = rows(data, "map", "payments")
    assert [s["label"] for s in (progress, waiting, review)] == [
        "In progress",
        "Waiting review",
        "Review",
    ]
    assert (progress["touch_p50_s"], progress["touch_total_s"], progress["wip"]) == (
        None,
        3 * DAY,
        0,
    )
    assert (waiting["wait_p50_s"], waiting["wait_total_s"], waiting["wip"]) == (None, 9 * DAY, 1)
    assert waiting["wait_mean_s"] == 4.5 * DAY
    assert [s["is_longest_wait"] for s in (progress, waiting, review)] == [False, True, False]


def test_rework_is_a_share_of_visits(data: dict) -> None:
    shares = {s["label"]: s["rework_share"] for s in rows(data, "map", "storefront")}
    assert shares == {"Unmapped": None, "In progress": 0.5, "Waiting review": 0, "Review": 0}


def test_done_begins_at_nothing_when_the_range_does(data: dict) -> None:
    def counts(stream: str) -> list[tuple]:
        return [(r["date_day"], r["label"], r["items"]) for r in rows(data, "cumulative", stream)]

    # One of the two of storefront was done before the range.
    assert counts("storefront") == [
        ("2026-01-05", "In progress", 0), ("2026-01-05", "Done", 1),
        ("2026-01-06", "In progress", 1), ("2026-01-06", "Done", 1),
    ]  # fmt: skip
    assert counts("payments") == [
        ("2026-01-05", "Waiting review", 1), ("2026-01-05", "Done", 2),
        ("2026-01-06", "Waiting review", 1), ("2026-01-06", "Done", 2),
    ]  # fmt: skip


def test_percentiles_are_times_of_ten_real_items(data: dict, tenfold: dict) -> None:
    for source, expected in ((data, [None] * 3), (tenfold, [5 * DAY, 10 * DAY, 10 * DAY])):
        lines = {
            r["percentile"]: r["start_to_done_s"] for r in rows(source, "percentiles", "payments")
        }
        assert lines == dict(zip(("P50", "P85", "P95"), expected))
    [figures] = rows(tenfold, "figures", "payments")
    assert (figures["start_to_done_p50_s"], figures["start_to_done_p85_s"]) == (5 * DAY, 10 * DAY)
    progress, waiting, _ = rows(tenfold, "map", "payments")
    assert (progress["touch_p50_s"], waiting["wait_p50_s"]) == (DAY, 3 * DAY)
    assert {r["item_key"] for r in rows(data, "times", "payments")} == {"PAY-1", "PAY-2"}
    assert {r["item_key"] for r in rows(data, "times", "storefront")} == {"SHOP-1", "SHOP-4"}


def test_open_items_are_compared_with_the_pace_of_finished_ones(data: dict, tenfold: dict) -> None:
    [waiting] = rows(data, "aging", "payments")
    assert (waiting["item_key"], waiting["age_s"], waiting["stage_age_s"]) == (
        "PAY-3",
        5 * DAY,
        4 * DAY,
    )
    assert (waiting["pace_p85_s"], waiting["is_late"]) == (8 * DAY, False)
    for stream, highs in (("payments", [4, 8, 8]), ("storefront", [2, 2, 2])):
        bands = [r for r in rows(tenfold, "pace", stream) if r["label"] == "Waiting review"]
        assert [r["high_s"] for r in bands] == [days * DAY for days in highs]
        few = [r for r in rows(data, "pace", stream) if r["label"] == "Waiting review"]
        assert {(r["low_s"], r["high_s"]) for r in few} == {(None, None)}
        assert {r["finished_items"] for r in few} <= {1, 2, 3}


STYLES = {"stages": [], "stage_colours": ["#123456"] * 9}


def shown(value: object, styles: dict) -> object:
    """Fill a specification as the page does: `$name` is a colour or something computed there."""
    if isinstance(value, dict):
        return {name: shown(part, styles) for name, part in value.items()}
    if isinstance(value, list):
        return [shown(part, styles) for part in value]
    if isinstance(value, str) and value.startswith("$"):
        return styles.get(value[1:], "#123456")
    return value


def records(table: dict, stream: str, work: str) -> list[dict]:
    """Return the rows of a picture with the days and words that the page adds to them."""
    found = []
    for row in (dict(zip(table["columns"], values)) for values in table["rows"]):
        if (row.get("work", work), row["stream"], row.get("range", "26")) != (work, stream, "26"):
            continue
        for name in [name for name in row if name.endswith("_s")]:
            seconds = row[name]
            row[name.removesuffix("_s") + "_d"] = None if seconds is None else seconds / DAY
            row[name.removesuffix("_s") + "_text"] = DASH if seconds is None else f"{seconds} s"
        found.append(row)
    return found


@pytest.mark.parametrize("name", ["map", "cumulative", "times", "aging", "throughput"])
@pytest.mark.parametrize("size", ["data", "tenfold"])
@pytest.mark.parametrize("work", [STORIES, "epic/epic"])
def test_no_picture_says_what_is_no_number(
    request: pytest.FixtureRequest, name: str, size: str, work: str
) -> None:
    page = request.getfixturevalue(size)
    picture = page["sections"][name]
    datasets = {
        table: records(page["tables"][table], "payments", work) for table in picture["tables"]
    }
    if not datasets[picture["tables"][0]]:
        # The page writes this instead of drawing.
        assert picture["empty"]
        return
    specification = shown(picture["specification"], STYLES) | {"width": 1300}
    drawing = vl_convert.vegalite_to_svg({**specification, "datasets": datasets})
    assert "<svg" in drawing
    for word in ("NaN", "undefined", "null", "Infinity"):
        assert word not in re.sub(r"<style.*?</style>", "", drawing, flags=re.S)
    if name == "map" and work == STORIES:
        assert (f"{DASH} (n = " in drawing) == (size == "data")


@pytest.fixture(scope="module")
def years_later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first page of a history that ended three years before."""
    file = write_published_file(tmp_path_factory.mktemp("later") / "warehouse.duckdb")
    with duckdb.connect(str(file)) as later:
        later.execute("update meta.refreshes set as_of = as_of + interval 3 year")
        later.execute("update metrics.metric_flow_totals set is_complete_period = true")
    return write_report(file, file.parent / "index.html")


def test_all_ranges_end_at_the_last_finished_item_and_the_page_says_so(
    years_later: Path, html: str, data: dict
) -> None:
    words = "nothing was finished since <b>2025-12-28</b>, so all ranges end there"
    assert words in years_later.read_text()
    assert "nothing was finished since" not in html
    later = embedded(years_later)
    window = {"window_start": "2025-06-30", "window_end": "2025-12-29"}
    assert {key: later["ranges"][1][key] for key in window} == window
    assert data["ranges"][1]["window_start"] == "2025-07-07"
    [then], [now] = (rows(page, "figures", "payments") for page in (later, data))
    assert then["finished_items"] == now["finished_items"] == 2


def test_nothing_finished_is_no_number(tmp_path: Path) -> None:
    file = write_published_file(tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(file)) as never:
        never.execute("delete from metrics.metric_cycle_times")
    page = embedded(write_report(file, tmp_path / "index.html"))
    specification = shown(page["sections"]["map"]["specification"], STYLES)
    datasets = {"map": records(page["tables"]["map"], "payments", STORIES)}
    assert datasets["map"], "items are under way"
    drawing = vl_convert.vegalite_to_svg({**specification, "width": 1300, "datasets": datasets})
    assert "NaN" not in drawing
    assert f"waiting {DASH}" in drawing


def test_a_stream_that_says_too_little_is_marked(data: dict) -> None:
    assert {stream["key"]: stream["unmapped_share"] for stream in data["streams"]} == {
        "payments": None, "storefront": 0.25,
    }  # fmt: skip


def test_weeks_say_when_they_are_not_over(data: dict) -> None:
    weeks = [
        (r["week_start"], r["velocity"], r["is_complete_week"])
        for r in rows(data, "throughput", "payments")
    ]
    assert weeks == [
        ("2025-12-01", 1, True),
        ("2025-12-08", 0, True),
        ("2025-12-15", 1, True),
        ("2025-12-29", 0, True),
        ("2026-01-05", 0, False),
    ]


VELOCITIES = {
    "2025-06-30": 128, "2025-12-01": 2, "2025-12-08": 4, "2025-12-15": 8, "2025-12-22": 16,
    "2025-12-29": 32, "2026-01-05": 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("running", "finished", "first"),
    [
        # Sunday evening in UTC: in Auckland it is Monday, and a week more is over.
        (
            {"payments": "2026-01-05", "storefront": "2025-12-29"},
            {"payments": 4 + 8 + 16 + 32, "storefront": 2 + 4 + 8 + 16},
            "2025-06-30",
        ),
        ({"payments": "2026-01-05"}, {"payments": 60}, "2025-07-07"),
    ],
)
def test_the_last_four_complete_weeks_are_each_value_streams_own(
    tmp_path: Path, running: dict[str, str], finished: dict[str, int], first: str
) -> None:
    warehouse = write_published_file(tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update meta.refreshes set as_of = '2026-01-04 20:00'")
        connection.execute("delete from metrics.metric_flow_totals")
        for stream, last in running.items():
            for week, velocity in VELOCITIES.items():
                if week <= last:
                    connection.execute(
                        "insert into metrics.metric_flow_totals values (?, 'software', 'story',"
                        " ?, ?, ?)",
                        [stream, velocity, week < last, week],
                    )
    found = embedded(write_report(warehouse, tmp_path / "index.html"))
    for stream, items in finished.items():
        [figures] = rows(found, "figures", stream)
        assert figures["finished_4_weeks"] == items
    # A range is so many weeks and the one that is not over.
    assert found["ranges"][1]["window_start"] == first


def test_gaps_of_the_last_refresh_are_a_warning(html: str) -> None:
    [warning] = re.findall(r'<section class="warning".*?</section>', html, re.S)
    assert "incomplete" in warning and "12 records" in warning
    assert "role &lt;itil&gt; is missing" in warning
    assert "an old fault" not in html
    assert "refresh-2" in html and "2026-01-07 12:00 UTC" in html


def test_a_hostile_key_stays_text(data: dict, report: Path) -> None:
    assert HOSTILE in {row["item_key"] for row in rows(data, "aging", "storefront")}
    for page in PAGES:
        text = report.with_name(page.file).read_text(encoding="utf-8")
        assert HOSTILE not in text
        has_chart = any(section.chart for section in page.sections)
        assert text.count("</script>") == 2 + has_chart, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_loaded_from_a_network(report: Path, page: Page) -> None:
    html = report.with_name(page.file).read_text(encoding="utf-8")
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert re.findall(r"https?:|<link|src=|action=|url\(", markup) == []
    assert all(re.match(r"#|[a-z]+\.html", link) for link in re.findall(r'href="([^"]*)"', markup))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html).group(1)
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_without_a_lineage_page_definitions_say_how_to_write_it(report: Path) -> None:
    html = report.with_name("definitions.html").read_text(encoding="utf-8")
    assert "make lineage" in html and "lineage.html" not in html


def test_an_empty_warehouse_gives_a_page_that_says_so(tmp_path: Path) -> None:
    empty = write_published_file(tmp_path / "warehouse.duckdb", is_empty=True)
    page = write_report(empty, tmp_path / "index.html").read_text()
    assert "holds no work items yet" in page
    assert "<script" not in page


def test_a_failed_report_leaves_the_last_one(tmp_path: Path) -> None:
    target = tmp_path / "index.html"
    target.write_text("the last one")
    with pytest.raises(duckdb.Error):
        write_report(tmp_path / "missing.duckdb", target)
    assert target.read_text() == "the last one"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_report_leaves_no_page_of_another_refresh_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "index.html"
    target.write_text("the last one")
    file = write_published_file(tmp_path / "warehouse.duckdb")
    monkeypatch.setattr("publish.report.Site._verdicts", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(file, target)
    assert target.read_text() == "the last one"


def test_drafts_of_killed_reports_go_and_what_is_of_others_stays(
    warehouse: Path, tmp_path: Path
) -> None:
    left = [".index.html.7.draft", ".map.html.8.draft", "..vega-1.0.js.9.draft"]
    stay = [".notes.draft", ".index.html.10.draft", "map.html.draft"]
    for name in (*left, *stay):
        (tmp_path / name).write_text("half a page")
    with (tmp_path / stay[1]).open() as at_work:  # another report writes it
        fcntl.flock(at_work, fcntl.LOCK_EX)
        write_report(warehouse, tmp_path / "index.html")
    assert sorted(path.name for path in tmp_path.glob("*draft")) == sorted(stay)


def test_a_publication_of_an_older_version_is_told_as_such(data: dict, html: str) -> None:
    assert data["tables"]["constraint"] == {"columns": [], "rows": []}
    assert "We do not know where the constraint is, because" in html
    assert "Whether interventions helped" not in html


def test_a_publication_of_today_answers_every_statement(demo_home: Path) -> None:
    """What an older one lacks is left empty: a slip in a statement would be left empty as well."""
    file = demo_home / "published" / "warehouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as link:
        prepare(link, RANGES)
        unanswered = [
            path.name
            for folder in ("tables", "verdicts")
            for path in sorted((FOLDER / folder).glob("*.sql"))
            if path.stem not in SETUP and not table(link, path.stem, folder)["columns"]
        ]
    assert unanswered == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://jira.example/browse/A-1", True),
        ("http://10.0.0.1/x", True),
        ("javascript:alert(1)", False),
        (" https://x", False),
        ("https://x y", False),
        ("", False),
        (None, False),
    ],
)
def test_only_addresses_of_web_pages_become_links(address: str | None, expected: bool) -> None:
    assert words.is_web(address) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, DASH), (0, "0 s"), (59, "59 s"), (90, "2 min"), (3599, "60 min"), (3600, "1.0 h"),
        (172_799, "48.0 h"), (172_800, "2.0 days"), (99 * DAY, "99.0 days"),
        (100 * DAY, "100 days"), (1234 * DAY, "1,234 days"),
    ],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds: float | None, expected: str) -> None:
    assert words.duration(seconds) == expected


def test_values_are_said_by_what_they_are() -> None:
    assert words.measure(86_400 * 3, "flow_time_p85_s") == "3.0 days"
    assert words.measure(0.155, "change_fail_share") == "16 %"
    assert words.measure(0.05, "change_fail_share") == "5.0 %"
    assert words.measure(51.5, None) == "51.5"
    assert words.measure(None, "velocity") == DASH


def test_the_page_says_by_how_much_values_of_the_past_changed() -> None:
    """Of the last publication alone; the value that changed most, and a row that is new or gone."""
    with duckdb.connect() as link:
        link.execute(
            """
            create schema meta;
            create table meta.publications as from (values (1), (2)) as of (version_no);
            create table meta.restatements as
            select * from (
                values
                (1, 'metric_wip', 'a', 'wip', 90.0, 1.0, 'late_data', date '2024-01-01'),
                (2, 'metric_wip', 'a', 'wip', 5.0, 6.0, 'late_data', date '2024-01-01'),
                (2, 'metric_wip', 'b', 'wip', 9.0, 4.0, 'late_data', date '2024-02-01'),
                (2, 'metric_wip', 'c', 'wip', 5.0, 10.0, 'late_data', date '2024-03-01'),
                (2, 'metric_flow', 'a', 'done', null, 3.0, 'mapping_change', date '2024-01-01')
            ) as of (
                version_no, table_name, row_key, value_name, old_value, new_value, cause,
                period_start
            )
            """
        )
        found = table(link, "restatements")
    names = (
        "metric_table", "restated_values", "most_changed_period", "old_value", "new_value"
    )  # fmt: skip
    at = [found["columns"].index(name) for name in names]
    assert [[str(row[place]) for place in at] for row in found["rows"]] == [
        ["metric_wip", "3", "2024-02-01", "9.0", "4.0"],  # the first of two that changed as much
        ["metric_flow", "1", "2024-01-01", "None", "3.0"],  # there was none, and not a zero
    ]
