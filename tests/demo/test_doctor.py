"""What `flowhouse doctor` asks of servers that answer everything: nothing is wrong with them."""

from collections.abc import Callable

import pytest

from demo.serve import NAMES, Servers
from extract import probes
from extract.sources import SOURCES

OPTIONAL = {
    "jira": ["worklogs", "statuses without a workflow", "priorities", "resolutions",
             "types of links"],
    "github": ["GraphQL"],
    "jenkins": ["stages"],
}  # fmt: skip
"""Endpoints that a user may lack, and the demo's has."""


@pytest.fixture
def lines(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, bool]]:
    """Ask a source's probes; whether each line is well. The clock of the demo stands still."""
    for name, value in servers.env.items():
        monkeypatch.setenv(name, value)
    return lambda source: {
        probe.line: probe.is_well
        for probe in probes.of_source(SOURCES[source])
        if not probe.line.startswith("clock")
    }


@pytest.mark.parametrize("source", NAMES)
def test_nothing_is_wrong_with_a_server_that_answers_everything(
    lines: Callable[[str], dict[str, bool]], source: str
) -> None:
    said = lines(source)
    assert [line for line, is_well in said.items() if not is_well] == []
    for what in OPTIONAL.get(source, []):
        assert [line for line in said if line.startswith(f"{what}: readable")], what
