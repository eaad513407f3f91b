"""Eighteen metrics of all value streams: every way to ask for one says the same.

Here without Superset, which is a server of its own: `tests/superset/test_six.py` has all six ways.
What is altered in one way, and in no other, is noticed for every metric.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from publish.agents import server
from tests.publish.agent import Agent
from tests.semantic import altered, six
from tests.semantic.compiled import Compiler
from tests.semantic.parity import Reading
from tests.semantic.six import METRICS, Sources, streams_of
from tests.semantic.test_parity import opened

FIVE = six.WAYS[:-1]


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Path:
    return (demo_home / "published" / "warehouse.duckdb").resolve()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def sources(published: Path, parsed: Path, folder: Path) -> Iterator[Sources]:
    agent = Agent(server(published))
    with opened(published) as link:
        yield Sources(link, Compiler(parsed / "target"), six.site(published, folder), agent)
    agent.leaves()


@pytest.fixture(scope="module")
def ways(sources: Sources) -> dict[str, dict[str, Reading]]:
    return {way: sources.way(way) for way in FIVE}


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_the_same_whatever_way_it_is_asked_for(
    ways: dict[str, dict[str, Reading]], metric: str
) -> None:
    assert six.disagreements(ways, metric) == []
    for way in FIVE:
        assert {key[0] for key in ways[way][metric]} == streams_of(metric), way


def test_there_are_eighteen_metrics_with_a_year_of_values(
    ways: dict[str, dict[str, Reading]],
) -> None:
    assert len(METRICS) == 18
    assert len({key[-1] for key in ways["site"]["velocity"]}) >= 12


@pytest.mark.parametrize("way", FIVE)
def test_what_is_altered_in_one_way_is_noticed_for_every_metric(
    sources: Sources,
    ways: dict[str, dict[str, Reading]],
    published: Path,
    parsed: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    link, compiler, pages, agent = sources.link, sources.compiler, sources.pages, sources.agent
    if way == "MetricFlow":
        compiler = altered.formulas(parsed / "target", tmp_path)
    elif way == "site":
        pages = altered.pages(folder)
    elif way == "MCP":
        altered.answers(monkeypatch)
    else:
        link = opened(altered.file(published, tmp_path), "")
        {"period table": altered.period_tables, "observations": altered.observations}[way](link)
    other = Sources(link, compiler, pages, agent).way(way)
    missed = [metric for metric in METRICS if not six.only(way, {**ways, way: other}, metric)]
    assert missed == []
