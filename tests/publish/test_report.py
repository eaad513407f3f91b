import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import vl_convert

from publish.report import write_report
from tests.publish.published_file import HOSTILE, embedded_data, write_published_file

DAY = 86_400
STORIES = "software/story"
DASH = "\u2013"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published_file(tmp_path_factory.mktemp("published") / "warehouse.duckdb")


@pytest.fixture(scope="module")
def report(warehouse: Path) -> Path:
    return write_report(warehouse, warehouse.parent / "report" / "index.html")


@pytest.fixture(scope="module")
def html(report: Path) -> str:
    return report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(html: str) -> dict:
    return embedded_data(html)


@pytest.fixture(scope="module")
def tenfold(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the report embeds when there are ten of every item: percentiles are shown."""
    folder = tmp_path_factory.mktemp("tenfold")
    page = write_report(
        write_published_file(folder / "warehouse.duckdb", times=10), folder / "index.html"
    ).read_text(encoding="utf-8")
    return embedded_data(page)


def rows(data: dict, table: str, stream: str, work: str = STORIES) -> list[dict]:
    columns = data["tables"][table]["columns"]
    records = [dict(zip(columns, row)) for row in data["tables"][table]["rows"]]
    return [r for r in records if r["work"] == work and r["stream"] == stream]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("all", (2, 3, None, None, 9 / 19, 2, 1)),
        ("payments", (1, 2, None, None, 6 / 15, 1, 0)),
        ("storefront", (1, 1, None, None, 3 / 4, 1, 1)),
    ],
)
def test_key_figures_are_the_ones_added_up_by_hand(
    data: dict, stream: str, expected: tuple
) -> None:
    [figures] = rows(data, "figures", stream)
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
    [epics] = rows(data, "figures", "all", "epic/epic")
    [stories] = rows(data, "figures", "all")
    assert (epics["flow_efficiency_share"], epics["has_modelled_waits"]) == (None, False)
    assert stories["has_modelled_waits"] is True


def test_two_levels_are_never_added_up(data: dict) -> None:
    [epics] = rows(data, "figures", "all", "epic/epic")
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


def test_cumulative_flow_adds_value_streams_and_begins_with_the_window(data: dict) -> None:
    counts = [(r["date_day"], r["label"], r["items"]) for r in rows(data, "cumulative", "all")]
    assert counts == [
        ("2026-01-05", "In progress", 0),
        ("2026-01-05", "Waiting review", 1),
        ("2026-01-05", "Done", 3),
        ("2026-01-06", "In progress", 1),
        ("2026-01-06", "Waiting review", 1),
        ("2026-01-06", "Done", 3),
    ]


def test_percentiles_are_times_of_ten_real_items(data: dict, tenfold: dict) -> None:
    for source, expected in ((data, [None] * 3), (tenfold, [5 * DAY, 10 * DAY, 10 * DAY])):
        lines = {r["percentile"]: r["start_to_done_s"] for r in rows(source, "percentiles", "all")}
        assert lines == dict(zip(("P50", "P85", "P95"), expected))
    [figures] = rows(tenfold, "figures", "payments")
    assert (figures["start_to_done_p50_s"], figures["start_to_done_p85_s"]) == (5 * DAY, 10 * DAY)
    progress, waiting, _ = rows(tenfold, "map", "payments")
    assert (progress["touch_p50_s"], waiting["wait_p50_s"]) == (DAY, 3 * DAY)
    assert {r["item_key"] for r in rows(data, "times", "payments")} == {"PAY-1", "PAY-2"}
    assert {r["item_key"] for r in rows(data, "times", "storefront")} == {"SHOP-1"}


def test_open_items_are_compared_with_the_pace_of_finished_ones(data: dict, tenfold: dict) -> None:
    [waiting] = rows(data, "aging", "payments")
    assert (waiting["item_key"], waiting["age_s"], waiting["stage_age_s"]) == (
        "PAY-3",
        5 * DAY,
        4 * DAY,
    )
    assert (waiting["pace_p85_s"], waiting["is_late"]) == (8 * DAY, False)
    for stream, highs in (("payments", [4, 8, 8]), ("all", [4, 8, 8]), ("storefront", [2, 2, 2])):
        bands = [r for r in rows(tenfold, "pace", stream) if r["label"] == "Waiting review"]
        assert [r["high_s"] for r in bands] == [days * DAY for days in highs]
        few = [r for r in rows(data, "pace", stream) if r["label"] == "Waiting review"]
        assert {(r["low_s"], r["high_s"]) for r in few} == {(None, None)}
        assert {r["finished_items"] for r in few} <= {1, 2, 3}


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
        if row["work"] != work or row["stream"] not in (stream, "all"):
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
    picture = page["pictures"][name]
    datasets = {
        table: records(page["tables"][table], "payments", work) for table in picture["tables"]
    }
    if not datasets[picture["tables"][0]]:
        # The page writes this instead of drawing.
        assert picture["empty"]
        return
    specification = shown(picture["specification"], {"stages": []}) | {"width": 1300}
    drawing = vl_convert.vegalite_to_svg({**specification, "datasets": datasets})
    assert "<svg" in drawing
    for word in ("NaN", "undefined", "null", "Infinity"):
        assert word not in re.sub(r"<style.*?</style>", "", drawing, flags=re.S)
    if name == "map" and work == STORIES:
        assert (f"{DASH} (n = " in drawing) == (size == "data")


@pytest.fixture(scope="module")
def years_later(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a history that ended three years before."""
    file = write_published_file(tmp_path_factory.mktemp("later") / "warehouse.duckdb")
    with duckdb.connect(str(file)) as later:
        later.execute("update meta.refreshes set as_of = as_of + interval 3 year")
        later.execute("update metrics.metric_flow_totals set is_complete_period = true")
    return write_report(file, file.parent / "index.html").read_text(encoding="utf-8")


def test_the_window_ends_at_the_last_finished_item_and_says_so(
    years_later: str, html: str, data: dict
) -> None:
    assert (
        "26 weeks until the last item was finished, 2025-06-30 to 2025-12-28</b>"
        " (nothing was finished since)"
    ) in years_later
    assert "nothing was finished since" not in html
    later = embedded_data(years_later)
    assert rows(later, "times", "payments") == rows(data, "times", "payments") != []
    weeks, before = (
        [week["week_start"] for week in rows(page, "throughput", "all")] for page in (later, data)
    )
    assert "2025-12-15" in weeks and max(weeks) < "2025-12-29" <= max(before)


def test_nothing_finished_is_no_number(tmp_path: Path) -> None:
    file = write_published_file(tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(file)) as never:
        never.execute("delete from metrics.metric_cycle_times")
    page = embedded_data(write_report(file, tmp_path / "index.html").read_text(encoding="utf-8"))
    specification = shown(page["pictures"]["map"]["specification"], {"stages": []})
    datasets = {"map": records(page["tables"]["map"], "payments", STORIES)}
    assert datasets["map"], "items are under way"
    drawing = vl_convert.vegalite_to_svg({**specification, "width": 1300, "datasets": datasets})
    assert "NaN" not in drawing
    assert f"waiting {DASH}" in drawing


def test_a_stream_that_says_too_little_is_marked(data: dict) -> None:
    assert {stream["key"]: stream["unmapped_share"] for stream in data["streams"]} == {
        "all": None, "payments": None, "storefront": 0.25,
    }  # fmt: skip


def test_weeks_are_sums_over_value_streams_and_say_when_they_are_not_over(data: dict) -> None:
    weeks = [
        (r["week_start"], r["items"], r["is_complete_week"])
        for r in rows(data, "throughput", "all")
    ]
    assert weeks == [
        ("2025-12-01", 1, True),
        ("2025-12-08", 0, True),
        ("2025-12-15", 2, True),
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
            {"payments": 4 + 8 + 16 + 32, "storefront": 2 + 4 + 8 + 16, "all": 60 + 30},
            "2025-06-30",
        ),
        ({"payments": "2026-01-05"}, {"payments": 60, "all": 60}, "2025-12-01"),
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
    page = write_report(warehouse, tmp_path / "index.html").read_text(encoding="utf-8")
    found = embedded_data(page)
    for stream, items in finished.items():
        [figures] = rows(found, "figures", stream)
        assert figures["finished_4_weeks"] == items
    # The window is 26 weeks and the one that is not over.
    assert min(r["week_start"] for r in rows(found, "throughput", "all")) == first


def test_totals_equal_sql_on_the_published_file(data: dict, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        finished, wip, wait_s = connection.execute(
            """
            with stories as (
                select *
                from marts.fct_work_item_flows
                where work_item_key in (
                    select work_item_key from marts.dim_work_items
                    where level = 'story' and is_current
                )
            )

            select
                count(*) filter (where last_done_at >= '2025-07-07'),
                count(*) filter (where outcome = 'open' and started_at is not null),
                (
                    select sum(wait_s) from marts.fct_stage_visits
                    where work_item_key in (
                        select work_item_key from stories where last_done_at >= '2025-07-07'
                    )
                )
            from stories
            """
        ).fetchone()
    [figures] = rows(data, "figures", "all")
    assert figures["finished_items"] == finished
    aging = rows(data, "aging", "payments") + rows(data, "aging", "storefront")
    assert figures["wip"] == wip == len(aging)
    assert sum(r["items"] for r in rows(data, "throughput", "all")) == finished
    assert sum(r["wait_total_s"] for r in rows(data, "map", "all")) == wait_s


def test_gaps_of_the_last_refresh_are_a_warning(html: str) -> None:
    [warning] = re.findall(r'<section class="warning".*?</section>', html, re.S)
    assert "incomplete" in warning and "12 records" in warning
    assert "role &lt;itil&gt; is missing" in warning
    assert "an old fault" not in html
    assert "refresh-2" in html and "2026-01-07 12:00 UTC" in html


def test_a_hostile_key_stays_text(html: str) -> None:
    assert HOSTILE not in html
    assert HOSTILE in {row["item_key"] for row in rows(embedded_data(html), "aging", "storefront")}
    assert html.count("</script>") == 3


def test_nothing_is_loaded_from_a_network(html: str) -> None:
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert re.findall(r"https?:|<link|src=|href=|action=|url\(", markup) == []
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html).group(1)
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


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


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium runs the browser tests")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--headless=new",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, report: Path) -> Iterator:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.complaints, page.requests = [], []
    # Vega says this of a layer without rows, such as percentiles of fewer than ten items.
    empty = "WARN Infinite extent for field"
    page.on(
        "console",
        lambda message: message.text.startswith(empty) or page.complaints.append(message.text),
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(report.as_uri())
    drawn(page, "all")
    yield page
    assert page.complaints == []
    assert [u for u in page.requests if not u.startswith(("file:", "data:", "blob:"))] == []
    page.close()


def drawn(page, stream: str, work: str = STORIES) -> None:
    page.wait_for_selector(f'body[data-drawn="{work}|{stream}"]')


def tiles(page) -> dict[str, str]:
    names = page.locator(".tile dt").all_inner_texts()
    return dict(zip(names, page.locator(".tile dd.value").all_inner_texts()))


def test_every_picture_is_drawn(opened) -> None:
    assert opened.locator(".picture .chart svg.marks").count() == 5
    for name in ("map", "cumulative", "times", "aging", "throughput"):
        box = opened.locator(f"#{name} svg.marks").bounding_box()
        assert box["width"] > 1000 and box["height"] > 200
    assert HOSTILE in opened.locator("#aging svg.marks").text_content()


def test_the_selectors_change_the_numbers(opened) -> None:
    assert tiles(opened) == {
        "Throughput": "2",
        "Flow time P50": DASH,
        "Flow time P85": DASH,
        "Flow efficiency": "47.4 %",
        "Work in progress": "2",
        "Items unmapped": "1",
    }
    opened.select_option("#stream", "payments")
    drawn(opened, "payments")
    assert tiles(opened) == {
        "Throughput": "1",
        "Flow time P50": DASH,
        "Flow time P85": DASH,
        "Flow efficiency": "40.0 %",
        "Work in progress": "1",
        "Items unmapped": "0",
    }
    assert "stream=payments" in opened.url
    assert "Wait total" in (words := opened.locator("#map svg.marks").text_content())
    assert "9.0 d" in words and "longest wait" in words
    opened.select_option("#work", "epic/epic")
    drawn(opened, "payments", "epic/epic")
    assert tiles(opened)["Flow time P50"] == tiles(opened)["Flow efficiency"] == DASH
    notes = opened.locator(".tile dd:not(.value)").all_inner_texts()
    assert "n = 1 finished items: no percentile of fewer than 10" in notes
    assert "not computable: no stage of this work waits" in notes


def test_a_link_opens_with_its_filters(opened, report: Path) -> None:
    opened.goto(f"{report.as_uri()}#stream=storefront&work={STORIES}")
    opened.reload()
    drawn(opened, "storefront")
    assert tiles(opened)["Flow efficiency"] == "75.0 %"


def test_every_number_is_in_a_table_that_the_keyboard_opens(opened) -> None:
    opened.focus("#times .data summary")
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#times table")
    first, second = opened.locator("#times table").all()
    assert first.locator("tbody tr").count() == 3
    assert DASH in second.inner_text()
    opened.focus("#stream")
    opened.keyboard.press("ArrowDown")
    drawn(opened, "payments")
    assert opened.locator("#times table").first.locator("tbody tr").count() == 2
