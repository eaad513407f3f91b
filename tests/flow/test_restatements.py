"""What a publication says of the past that the one before did not: a small company, hand-worked.

Two stories of one stream. LAB-1 was worked on for a day and done in the week of 4 March 2024; LAB-2
was in progress for two days and in review for one, and done in the week of 11 March. Then three
things happen, one publication each.
"""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration import changes
from publish.snapshot import publish
from tests.flow import scratch
from tests.flow.warm_dbt import WarmDbt

DAY = 86_400
STORIES = [
    scratch.Issue(
        "LAB-1",
        """
        2024-03-04 09:00 created in Backlog
        2024-03-05 09:00 In Progress
        2024-03-06 09:00 Done
        """,
    ),
    scratch.Issue(
        "LAB-2",
        """
        2024-03-04 09:00 created in Backlog
        2024-03-12 09:00 In Progress
        2024-03-14 09:00 In Review
        2024-03-15 09:00 Done
        """,
    ),
]
LATE = scratch.Issue(
    "LAB-3",
    """
    2024-03-05 09:00 created in Backlog
    2024-03-06 09:00 In Progress
    2024-03-07 09:00 Done
    """,
)
"""Done for two weeks when it first came; another day in progress in the week of 4 March."""

EARLY, LATER = "2024-03-04", "2024-03-11"
EXPECTED = {
    "late_data": {
        (EARLY, "velocity", 1, 2),
        (EARLY, "n", 1, 2),
        (EARLY, "in_flow_s", DAY, 2 * DAY),
        (EARLY, "active_s", DAY, 2 * DAY),
        (EARLY, "first_pass_items", 1, 2),
    },
    # A review is waited for: a day of three that were worked on.
    "mapping_change": {
        (LATER, "active_s", 3 * DAY, 2 * DAY),
        (LATER, "wait_s", 0, DAY),
        (LATER, "flow_efficiency_share", 1, 2 / 3),
    },
    # Percentiles are shown of one value and more: of 1 and 1 days, and of 3.
    "definition_change": {
        *((EARLY, f"flow_time_p{share}_s", None, DAY) for share in (50, 85, 95)),
        *((LATER, f"flow_time_p{share}_s", None, 3 * DAY) for share in (50, 85, 95)),
    },
}


class Company:
    """A home whose refreshes build one table and publish it."""

    def __init__(self, home: Path) -> None:
        self.home, self.dbt = home, WarmDbt()
        scratch.copy_project(home / "project")

    def published(self, stories: list[scratch.Issue], as_of: str) -> Path:
        """Build all that the table rests on, and publish as a refresh does."""
        scratch.write_raw(self.home / "raw", scratch.merged(stories))
        here = scratch.ScratchWarehouse(self.home, as_of)
        words = ["build", "--select", "+metric_flow_totals", "refreshes"]
        words += ["--exclude-resource-type", "test", "unit_test"]
        self.dbt.run(here.project, words, here.environment)
        manifest = json.loads((here.project / "target" / "manifest.json").read_text())
        inputs = changes.present_inputs(manifest, as_of, "golden")
        made_of = changes.made_of(manifest, inputs)
        return publish(self.home / "build.duckdb", self.home / "published", made_of=made_of)

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a file of the project."""
        path = self.home / "project" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last of four publications, each of another day: that alone restates nothing."""
    home = tmp_path_factory.mktemp("restated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWHOUSE_HOME", str(home))
        company = Company(home)
        patch.setattr(changes, "DBT_PROJECT", home / "project")
        company.published(STORIES, "2024-03-20 12:00:00")
        stories = [*STORIES, LATE]
        company.published(stories, "2024-03-21 12:00:00")
        company.replace(
            "seeds/defaults/status_stages.csv",
            "jira,software,in review,review,",
            "jira,software,in review,waiting_review,",
        )
        company.published(stories, "2024-03-22 12:00:00")
        company.replace(
            "dbt_project.yml", "least_percentile_values: 10", "least_percentile_values: 1"
        )
        version = company.published(stories, "2024-03-23 12:00:00")
        shutil.rmtree(home / "project")
    return version


def rows(version: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(version), read_only=True) as published:
        return published.execute(sql).fetchall()


def test_each_past_value_that_changed_is_reported_with_its_cause(last: Path) -> None:
    found: dict[str, set[tuple]] = {}
    numbers: dict[str, set[int]] = {}
    for cause, number, *told in rows(
        last,
        "select cause, version_no, cast(period_start as varchar), value_name, old_value, new_value"
        " from meta.restatements where table_name = 'metric_flow_totals'"
        " and value_stream_key = 'lab'",
    ):
        found.setdefault(cause, set()).add(tuple(told))
        numbers.setdefault(cause, set()).add(number)
    assert found == EXPECTED
    assert numbers == {"late_data": {2}, "mapping_change": {3}, "definition_change": {4}}
    assert rows(last, "select count(*) from meta.restatements") == [(14,)]


def test_a_restatement_leads_to_the_row_that_it_is_of(last: Path) -> None:
    [(count,)] = rows(
        last,
        "select count(*) from meta.restatements as told"
        " inner join metrics.metric_flow_totals as today"
        " on told.row_key = today.metric_flow_total_key and told.period_start = today.week_start"
        " and told.value_stream_key = today.value_stream_key",
    )
    assert count == 14


def test_each_publication_is_reported_with_what_it_restated(last: Path) -> None:
    assert rows(
        last,
        "select version_no, previous_version_no, cast(as_of as varchar), restated_values"
        " from meta.publications order by version_no",
    ) == [
        (1, None, "2024-03-20 12:00:00", 0),
        (2, 1, "2024-03-21 12:00:00", 5),
        (3, 2, "2024-03-22 12:00:00", 3),
        (4, 3, "2024-03-23 12:00:00", 6),
    ]
    words = rows(last, "select definitions, mappings from meta.publications order by version_no")
    assert [words.index(word) for word in words] == [0, 0, 2, 3]
    assert [word for word, _ in words[:3]] == [words[0][0]] * 3 and words[3][0] != words[0][0]
    assert words[3][1] == words[2][1]
