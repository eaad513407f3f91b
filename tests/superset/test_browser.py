"""Superset's dashboards in a browser: every chart is drawn, and nothing is asked elsewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from playwright.sync_api import Page, sync_playwright

from publish.superset import spec
from tests.superset.conftest import PASSWORDS

pytestmark = pytest.mark.superset

SLUGS = [one["slug"] for one in spec.read()["dashboards"]]


@pytest.fixture(scope="module")
def page(server: str) -> Iterator[Page]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        # What lies below the window is not drawn.
        page = browser.new_page(viewport={"width": 1600, "height": 2200})
        page.set_default_timeout(90_000)
        page.goto(f"{server}/login/")
        page.fill("#username", "viewer")
        page.fill("#password", PASSWORDS["viewer"])
        page.locator("#password").press("Enter")
        page.wait_for_url(lambda url: "login" not in url)
        yield page
        browser.close()


@pytest.mark.parametrize("slug", SLUGS)
def test_a_dashboard_is_drawn(page: Page, server: str, home: Path, slug: str) -> None:
    [dashboard] = [one for one in spec.read()["dashboards"] if one["slug"] == slug]
    charts = [*spec.charts(dashboard)]
    foreign: list[str] = []
    seen = page.on("requestfinished", lambda one: foreign.append(one.url)) or foreign
    page.goto(f"{server}/superset/dashboard/{slug}/")
    page.locator(".dashboard-component-chart-holder").nth(len(charts) - 1).wait_for()
    page.wait_for_timeout(1_000)
    page.locator(".loading").first.wait_for(state="hidden")
    drawn = page.locator(
        ".chart-container canvas, .chart-container table, .chart-container .header-line"
    )
    drawn.nth(len(charts) - 1).wait_for()
    page.wait_for_timeout(1_500)
    page.screenshot(path=str(home / f"{slug}.png"))
    text = page.locator("body").inner_text()
    assert not re.search(r"(?i)data error|unexpected error|no results were returned", text)
    assert all(chart["name"] in text for chart in charts)
    # Its first value stream that serves customers, and stories: neither is blended with others.
    chosen = page.locator(".ant-select-selection-item").all_inner_texts()
    assert chosen[0] == "payments"
    assert "level" not in dashboard["filters"] or chosen[1] == "story"
    hosts = {urlsplit(url).netloc for url in seen if url.startswith("http")}
    assert hosts <= {urlsplit(server).netloc}


def test_its_tiles_say_what_the_published_file_says(page: Page, server: str, home: Path) -> None:
    """Of the value stream that a dashboard begins with."""
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as link:
        [(count, share)] = link.execute(
            """
            select count(*), avg(case when is_failed then 1.0 else 0.0 end)
            from marts.fct_rollouts join marts.dim_services using (service_key)
            where value_stream_key = 'payments'
            """
        ).fetchall()
    page.goto(f"{server}/superset/dashboard/delivery/")
    page.locator(".header-line").nth(4).wait_for()
    page.wait_for_timeout(3_000)
    tiles = [" ".join(one.split()) for one in page.locator(".header-line").all_inner_texts()]
    assert f"{count:,}" in tiles
    assert f"{share:.1%}" in tiles
