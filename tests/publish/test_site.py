"""The demo company's site in a browser: each page draws, and says what the published file says.

Expected numbers are SQL of this file's own on the published file, never the site's.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from publish.report import write_report
from publish.site.pages import PAGES
from tests.publish.published_file import HOSTILE, write_published_file

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EMPTY_LAYER = "WARN Infinite extent for field"
"""Vega says this of a layer without rows, such as limits that nobody knows."""

MOST_BYTES = 6_000_000
BY_NAME = {page.name: page for page in PAGES}


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Path:
    return demo_home / "published" / "warehouse.duckdb"


@pytest.fixture(scope="module")
def site(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo company's site; its items have tickets, as its tools would give."""
    folder = tmp_path_factory.mktemp("site")
    file = folder / "warehouse.duckdb"
    shutil.copy(published.resolve(), file)
    file.chmod(0o600)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            """
            create or replace table marts.dim_work_items as
            select * exclude (item_url), 'https://tickets.example/' || item_key as item_url
            from (
                select * from marts.dim_work_items
                union all by name
                select cast(null as varchar) as item_url where false
            )
            """
        )
    write_report(file, folder / "index.html")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium runs the browser tests")
    playwright = pytest.importorskip("playwright.sync_api")
    arguments = [
        "--no-sandbox", "--headless=new", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run",
    ]  # fmt: skip
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser) -> Iterator:
    """A page of the browser that must not complain, nor ask any network for anything."""
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(180_000)
    complaints, requests = [], []
    page.on(
        "console",
        lambda message: (
            message.text.startswith(EMPTY_LAYER)
            or "fit-y" in message.text
            or complaints.append(message.text)
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()


def opened(tab, folder: Path, name: str, hash_: str = "") -> None:
    tab.goto("about:blank")
    tab.goto(f"{(folder / f'{name}.html').as_uri()}{hash_}")
    tab.wait_for_selector("body[data-drawn]")


def drawn(tab, choice: str) -> None:
    tab.wait_for_selector(f'body[data-drawn="{choice}"]')


def asked(published: Path, sql: str, *values: object) -> list[tuple]:
    with duckdb.connect(str(published), read_only=True) as connection:
        return connection.execute(sql, [*values]).fetchall()


def tiles(tab) -> dict[str, str]:
    names = tab.locator(".tile dt").all_inner_texts()
    return dict(zip(names, tab.locator(".tile dd.value").all_inner_texts(), strict=True))


def unfold(tab, section: str) -> None:
    """Open the table of a section, where it is folded under a picture."""
    summary = tab.locator(f"#{section} details.data summary")
    if summary.count():
        summary.click()
    tab.wait_for_selector(f"#{section} tbody tr")


def shown_rows(tab, section: str) -> int:
    """Return how many rows a table says it has."""
    words = tab.locator(f"#{section} .count").first.inner_text()
    return int(re.search(r"n = ([\d,]+) rows?", words)[1].replace(",", ""))


@pytest.mark.parametrize("name", BY_NAME)
def test_a_page_draws_in_both_themes_and_widths_without_a_serious_fault(
    tab, site: Path, name: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    assert (site / f"{name}.html").stat().st_size < MOST_BYTES
    tab.emulate_media(color_scheme="light")
    opened(tab, site, name)
    for section in BY_NAME[name].sections:
        holder = tab.locator(f"#{section.name}")
        if section.chart:
            box = holder.locator("svg.marks").bounding_box()
            assert box["width"] > 500 and box["height"] > 100, section.name
            # The data are there for those who do not see the picture.
            holder.locator("details.data summary").focus()
            tab.keyboard.press("Enter")
            tab.wait_for_selector(f"#{section.name} tbody tr")
        assert holder.locator("tbody tr, p.none").count() > 0, section.name
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        # Over thousands of points the check takes minutes, and it can say nothing of them.
        faults = axe.run(tab, context={"exclude": [["svg.marks > g"]]}).response["violations"]
        serious = [
            (fault["id"], fault["nodes"][0]["html"][:200])
            for fault in faults
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == [], theme
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("stream", ["payments", "platform", "storefront"])
def test_the_key_figures_are_those_of_the_file(
    tab, site: Path, published: Path, stream: str
) -> None:
    [(as_of,)] = asked(published, "select as_of from meta.refreshes")
    assert f"{as_of:%Y-%m-%d}" == "2026-01-01"  # a Thursday: 26 weeks before its Monday
    [(n, p50, p85, touch, wait)] = asked(
        published,
        """
        select count(start_to_done_s), quantile_disc(start_to_done_s, 0.5) / 86400.0,
            quantile_disc(start_to_done_s, 0.85) / 86400.0, sum(active_s), sum(wait_s)
        from metrics.metric_cycle_times
        where value_stream_key = $1 and workflow = 'software' and level = 'story'
            and finished_date >= date '2025-12-29' - 182
        """,
        stream,
    )
    [(wip,)] = asked(
        published,
        """
        select count(*) from marts.fct_work_item_flows
        inner join marts.dim_work_items using (work_item_version_key)
        where value_stream_key = $1 and workflow = 'software' and level = 'story'
            and outcome = 'open' and started_at is not null
        """,
        stream,
    )
    opened(tab, site, "index", f"#stream={stream}&work=software/story")
    found = tiles(tab)
    assert found["Flow time P50"] == f"{p50:.1f} d"
    assert found["Flow time P85"] == f"{p85:.1f} d"
    assert found["Flow efficiency"] == f"{100 * touch / (touch + wait):.1f} %"
    assert found["Work in progress"] == str(wip)
    assert f"n = {n} finished items with a flow time" in tab.locator("#tiles").inner_text()
    assert tab.locator(".verdicts:visible").count() == 1
    assert tab.locator(".verdicts:visible").get_attribute("data-stream") == stream


def test_filters_are_in_the_address_and_an_address_chooses(tab, site: Path) -> None:
    opened(tab, site, "times", "#stream=storefront&work=pull_request/task&range=13")
    drawn(tab, "pull_request/task|storefront|13")
    assert tab.locator("#said").inner_text() == "Storefront · Pull request · last 13 weeks"
    tab.select_option("#stream", "platform")
    drawn(tab, "pull_request/task|platform|13")
    assert parse_qs(urlsplit(tab.url).fragment)["stream"] == ["platform"]
    tab.focus("#range")
    tab.keyboard.press("ArrowDown")
    drawn(tab, "pull_request/task|platform|26")
    tab.go_back()
    drawn(tab, "pull_request/task|platform|13")
    # Another page keeps the choice; what it does not know is the first that there is.
    tab.click("nav a:text-is('Throughput')")
    drawn(tab, "pull_request/task|platform|13")
    opened(tab, site, "map", "#stream=nobody&work=nothing&range=forever")
    drawn(tab, "software/story|payments|26")


NUMBERS = {
    "throughput": (
        "#throughput", "velocity",
        """
        select week_start, velocity from metrics.metric_flow_totals
        where value_stream_key = 'payments' and workflow = 'software' and level = 'story'
            and week_start >= date '2025-12-29' - 182
        order by week_start
        """,
    ),
    "types": (
        "#types", "finished_items",
        """
        select work_type, count(*) as n from metrics.metric_cycle_times
        where value_stream_key = 'payments' and workflow = 'software' and level = 'story'
            and finished_date >= date '2025-12-29' - 182
        group by work_type order by n desc, work_type
        """,
    ),
    "months": (
        "#months", "velocity",
        """
        select strftime(month_start, '%Y-%m'), velocity from metrics.metric_flow_month_totals
        where value_stream_key = 'payments' and workflow = 'software' and level = 'story'
            and month_start >= date '2025-06-01'
        order by month_start desc
        """,
    ),
    "map": (
        "#map", "wip",
        """
        select upper(stage[1]) || replace(stage[2:], '_', ' '), wip
        from metrics.metric_value_stream_map_totals
        where value_stream_key = 'payments' and workflow = 'software' and level = 'story'
            and (visits > 0 or wip > 0)
        order by ordinal
        """,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("throughput", "throughput"),
        ("distribution", "types"),
        ("map", "map"),
        ("months", "months"),
    ],
)
def test_a_number_leads_to_as_many_items_and_each_to_its_ticket(
    tab, site: Path, published: Path, page: str, name: str
) -> None:
    section, column, sql = NUMBERS[name]
    opened(tab, site, page, "#stream=payments&work=software/story&range=26")
    unfold(tab, section.removeprefix("#"))
    head = tab.locator(f"{section} th").all_inner_texts()
    words = {"velocity": "Items finished", "finished_items": "Finished items", "wip": "WIP"}
    place = head.index(words[column])
    rows = tab.locator(f"{section} tbody tr").all()
    found = [
        (row.locator("td").first.inner_text(), int(row.locator("td").nth(place).inner_text()))
        for row in rows
    ]
    assert found == [(str(key), number) for key, number in asked(published, sql)]
    index = max(range(len(found)), key=lambda i: found[i][1])
    rows[index].locator("td").nth(place).locator("a").click()
    tab.wait_for_url(re.compile("items.html"))
    tab.wait_for_selector("body[data-drawn] #items tbody tr")
    assert shown_rows(tab, "items") == found[index][1]
    ticket = tab.locator("#items tbody td a").first
    assert ticket.get_attribute("href") == f"https://tickets.example/{ticket.inner_text()}"


def test_every_tile_but_late_leads_to_its_definition(tab, site: Path) -> None:
    opened(tab, site, "index")
    links = [link.get_attribute("href") for link in tab.locator(".tile dt a").all()]
    assert links == [
        f"definitions.html#{metric}"
        for metric in (
            "velocity", "flow_time_p50_s", "flow_time_p85_s", "flow_efficiency_share", "wip_items",
        )
    ]  # fmt: skip
    opened(tab, site, "definitions")
    assert all(tab.locator(link.removeprefix("definitions.html")).count() == 1 for link in links)


def test_a_trace_begins_with_examples(tab, site: Path) -> None:
    opened(tab, site, "trace")
    key = tab.locator("#found a").first.inner_text()
    tab.locator("#found a").first.click()
    tab.wait_for_selector(f'body[data-traced="{key}"]')
    assert "known from idea to production" in tab.locator("#found").inner_text()


def test_every_tile_leads_to_its_items(tab, site: Path) -> None:
    opened(tab, site, "index", "#stream=platform&work=software/story&range=52")
    expected = tiles(tab)
    n = int(re.search(r"n = ([\d,]+) finished", tab.locator("#tiles").inner_text())[1])
    for name, count in (
        ("Throughput", int(expected["Throughput"])),
        ("Work in progress", int(expected["Work in progress"])),
        ("Late", int(expected["Late"])),
        ("Flow time P85", n),
    ):
        opened(tab, site, "index", "#stream=platform&work=software/story&range=52")
        named = tab.locator("dt", has_text=re.compile(f"^{name}$"))
        tab.locator(".tile", has=named).locator("dd a").click()
        tab.wait_for_url(re.compile("items.html"))
        tab.wait_for_selector("body[data-drawn] #items tbody tr")
        assert shown_rows(tab, "items") == count, name
    # A chip takes one of the conditions away.
    tab.locator("#chips a").first.click()
    tab.wait_for_function("document.querySelectorAll('#chips a').length === 1")


def test_a_stage_leads_to_the_items_that_were_in_it(tab, site: Path, published: Path) -> None:
    opened(tab, site, "map", "#stream=storefront&work=software/story&range=26")
    unfold(tab, "map")
    row = tab.locator("#map tbody tr", has=tab.locator("td:text-is('Review')"))
    place = tab.locator("#map th").all_inner_texts().index("Items")
    shown = int(row.locator("td").nth(place).inner_text())
    [(items,)] = asked(
        published,
        """
        select count(distinct visits.work_item_key)
        from marts.fct_stage_visits as visits
        inner join marts.fct_flow_attempts as attempts using (work_item_key, attempt_no)
        inner join marts.dim_work_items as versions
            on visits.work_item_version_key = versions.work_item_version_key
        inner join metrics.metric_cycle_times as times
            on visits.work_item_key = times.work_item_key
        where versions.value_stream_key = 'storefront' and visits.stage_key = 'software:review'
            and versions.level = 'story' and attempts.is_latest and not visits.is_open
            and times.finished_date >= date '2025-12-29' - 182
        """,
    )
    assert shown == items
    row.locator("td").nth(place).locator("a").click()
    tab.wait_for_selector("body[data-drawn] #items tbody tr")
    assert shown_rows(tab, "items") == items


def test_an_epic_leads_to_its_children(tab, site: Path, published: Path) -> None:
    opened(tab, site, "epics", "#stream=payments")
    unfold(tab, "epics")
    key, children = asked(
        published,
        """
        select items.item_key, child_count - cancelled_count
        from metrics.metric_epic_progress
        inner join marts.dim_work_items as items using (work_item_version_key)
        where metric_epic_progress.value_stream_key = 'payments'
            and metric_epic_progress.outcome = 'open' and cancelled_count > 0
        union all
        select items.item_key, child_count - cancelled_count
        from metrics.metric_epic_progress
        inner join marts.dim_work_items as items using (work_item_version_key)
        where metric_epic_progress.value_stream_key = 'payments'
            and metric_epic_progress.outcome = 'open'
        """,
    )[0]
    line = tab.locator("#epics tbody tr", has=tab.locator(f"a:text-is('{key}')"))
    line.locator("td.number a").first.click()
    tab.wait_for_selector("body[data-drawn] #items tbody tr")
    assert shown_rows(tab, "items") == children


def test_a_name_of_a_column_leads_to_its_definition(tab, site: Path, published: Path) -> None:
    opened(tab, site, "types".replace("types", "distribution"))
    tab.locator("#types th a:text-is('Flow time P85')").click()
    tab.wait_for_url(re.compile("definitions.html#flow_time_p85_s"))
    [(text,)] = asked(
        published,
        "select definition from marts.dim_metrics where metric = 'flow_time_p85_s'"
        " order by version desc limit 1",
    )
    assert text in tab.locator("tr:target").inner_text()


def test_a_key_shows_its_way_with_the_methods(tab, site: Path, published: Path) -> None:
    key, change, method, at = asked(
        published,
        """
        select items.item_key, changes.item_key, links.method, deployments.finished_at
        from marts.fct_traces as traces
        inner join marts.dim_work_items as items using (work_item_version_key)
        inner join marts.bridge_work_item_links as links
            on traces.work_item_key = links.to_key and links.link_type = 'implements'
        inner join marts.dim_work_items as changes
            on links.from_key = changes.work_item_key and changes.is_current
        inner join marts.bridge_deployment_changes as bridge on links.from_key = bridge.change_key
        inner join marts.fct_deployments as deployments using (deployment_key)
        where traces.is_complete and traces.change_count = 1
        order by deployments.finished_at desc, items.item_key
        limit 1
        """,
    )[0]
    opened(tab, site, "trace")
    tab.fill("#key", key)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(f'body[data-traced="{key}"]')
    words = tab.locator("#found").inner_text()
    assert "known from idea to production" in words
    assert f"Change {change}" in words
    assert f"known by {method.replace('_', ' ')}" in words
    assert f"{at:%Y-%m-%d %H:%M} UTC" in words
    tab.fill("#key", "NO-1")
    tab.keyboard.press("Enter")
    tab.wait_for_selector('body[data-traced="NO-1"]')
    assert "We know no way of NO-1" in tab.locator("#found").inner_text()


@pytest.mark.parametrize(
    ("page", "section", "sql"),
    [
        (
            "incidents",
            "incidents",
            """
            select count(*) from marts.fct_incidents as incidents
            inner join marts.dim_work_items as items using (work_item_version_key)
            where value_stream_key = 'platform' and not is_deleted
                and opened_at >= date '2025-12-29' - 182
            """,
        ),
        (
            "constraint",
            "constraint",
            """
            select count(*) from metrics.metric_constraint
            where value_stream_key = 'platform' and workflow = 'software' and level = 'story'
                and is_complete_period and week_start >= date '2025-12-29' - 182
            """,
        ),
        (
            "dependencies",
            "dependencies",
            "select count(*) from metrics.metric_dependencies where value_stream_key = 'platform'",
        ),
        (
            "forecast",
            "calibration",
            """
            select count(*) from metrics.metric_forecast_calibration
            where value_stream_key = 'platform' and workflow = 'software' and level = 'story'
            """,
        ),
        (
            "targets",
            "rails",
            """
            select count(distinct guardrail_key) from metrics.metric_guardrails
            where value_stream_key = 'platform'
            """,
        ),
        ("quality", "flaws", "select count(*) from metrics.metric_data_quality"),
        (
            "pairs",
            "speed",
            """
            select count(*) from metrics.metric_flow_month_totals
            where value_stream_key = 'platform' and workflow = 'software' and level = 'story'
                and month_start >= date '2025-06-01'
            """,
        ),
        (
            "value",
            "values",
            """
            select count(*) from metrics.metric_value_per_spend
            where value_stream_key = 'platform' and month_start >= date '2025-06-01'
            """,
        ),
        (
            "value",
            "money",
            """
            select count(*) from marts.fct_stream_financials
            where value_stream_key = 'platform' and month_start >= date '2025-06-01'
            """,
        ),
        (
            "learning",
            "experiments",
            "select count(*) from marts.fct_experiments where value_stream_key = 'platform'",
        ),
        (
            "learning",
            "risks",
            "select count(distinct risk) from marts.fct_risks where value_stream_key = 'platform'",
        ),
        (
            "learning",
            "assessments",
            "select count(*) from marts.fct_assessments where value_stream_key = 'platform'",
        ),
        (
            "loads",
            "loads",
            """
            select count(*) from metrics.metric_team_load
            where value_stream_key = 'platform' and workflow = 'software' and level = 'story'
                and week_start >= date '2025-12-29' - 182
            """,
        ),
    ],
)
def test_a_page_has_the_rows_of_the_file(
    tab, site: Path, published: Path, page: str, section: str, sql: str
) -> None:
    name = "dora" if page == "incidents" else page
    [(expected,)] = asked(published, sql)
    opened(tab, site, name, "#stream=platform&work=software/story&range=26")
    if expected:
        unfold(tab, section)
        assert shown_rows(tab, section) == expected
    else:
        assert tab.locator(f"#{section} p.none").count() == 1


def test_value_streams_that_serve_customers_come_before_those_that_support_them(
    tab, site: Path
) -> None:
    opened(tab, site, "index")
    assert tab.locator("#stream option").all_inner_texts() == [
        "Payments", "Storefront", "Insights", "Platform",
    ]  # fmt: skip
    assert "Payments" in tab.locator("#said").inner_text()


def test_bars_of_weeks_that_are_over_are_whole(tab, site: Path) -> None:
    opened(tab, site, "throughput", "#stream=payments&work=software/story&range=26")
    dashed = tab.locator('#throughput svg path[stroke-dasharray="4,3"]').count()
    assert dashed == 1, "only the week that is not over"


def test_paper_is_light_names_what_it_shows_and_has_the_whole_map(tab, site: Path) -> None:
    tab.emulate_media(color_scheme="dark")
    opened(tab, site, "map", "#stream=payments&work=software/story&range=26")
    stages = tab.locator("#map svg text", has_text="Waiting release").count()
    assert stages
    tab.emulate_media(media="print", color_scheme="dark")
    tab.set_viewport_size({"width": 695, "height": 1000})
    tab.wait_for_timeout(500)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.locator("#said").inner_text() == "Payments · Software · last 26 weeks"
    assert not tab.locator(".filters").is_visible()
    box = tab.locator("#map svg.marks").bounding_box()
    assert box["x"] + box["width"] <= 695 + 1
    text = tab.locator("#map svg text", has_text="Waiting release").first
    assert tab.evaluate("(e) => getComputedStyle(e).fill", text.element_handle()) == (
        "rgb(27, 36, 48)"
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_on_paper_no_table_is_cut_and_no_date_or_key_broken(tab, site: Path, name: str) -> None:
    """Chromium shrinks a page of which something is wider than the paper."""
    tab.emulate_media(media="print", color_scheme="light")
    opened(tab, site, name)
    is_wide = tab.evaluate("getComputedStyle(document.body).page") == "wide"
    most = tab.evaluate("Math.max(0, ...[...document.querySelectorAll('.picture > .rows thead tr')]"
                        ".map((row) => row.cells.length))")  # fmt: skip
    assert is_wide == (most > 8)
    width = round(((297 - 22) if is_wide else (210 - 26)) / 25.4 * 96)
    tab.set_viewport_size({"width": width, "height": 700})
    tab.wait_for_timeout(200)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width + 1
    broken = tab.evaluate(
        """[...document.querySelectorAll(".picture > .rows :is(td.tight, td.number)")]
        .filter((cell) => {
            const words = document.createRange();
            words.selectNodeContents(cell);
            return new Set([...words.getClientRects()].map((r) => Math.round(r.bottom))).size > 1;
        })
        .map((cell) => cell.textContent)"""
    )
    assert broken == []


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_report(write_published_file(folder / "warehouse.duckdb"), folder / "index.html")
    return folder


def test_a_hostile_key_is_text_and_a_hostile_address_no_link(tab, hostile: Path) -> None:
    opened(tab, hostile, "aging", "#stream=storefront")
    assert HOSTILE in tab.locator("#aging svg.marks").text_content()
    opened(tab, hostile, "items", "#stream=storefront")
    assert HOSTILE in tab.locator("#items tbody").inner_text()
    assert tab.locator("#items tbody b").count() == 0
    opened(tab, hostile, "items", "#stream=payments")
    links = tab.locator("#items tbody a:not(.more)")
    assert links.all_inner_texts() == ["PAY-1"]
    assert links.first.get_attribute("href") == "https://tickets.example/browse/PAY-1"


def test_an_older_publication_says_what_it_has_not(tab, hostile: Path) -> None:
    opened(tab, hostile, "constraint")
    assert "made by an older version" in tab.locator("#constraint p.none").inner_text()
