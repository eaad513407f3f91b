"""Starts the demo company's five APIs on loopback ports, beside the folder of its feeds."""

import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from demo import feeds
from demo.company import NOW, ON_GITHUB, OWNER, STREAMS
from demo.github import TOKEN as GITHUB_TOKEN
from demo.github import GitHub
from demo.gitlab import TOKEN as GITLAB_TOKEN
from demo.gitlab import GitLab
from demo.http import Clock, Faults, Server
from demo.insights import PROJECT_IDS
from demo.jenkins import TOKEN as JENKINS_TOKEN
from demo.jenkins import USER as JENKINS_USER
from demo.jenkins import Jenkins
from demo.jira import TOKEN as JIRA_TOKEN
from demo.jira import USER as JIRA_USER
from demo.jira import Jira
from demo.servicenow import PASSWORD, ServiceNow, Tables
from demo.servicenow import USER as SERVICENOW_USER
from demo.world import World, build

NAMES = ("jira", "github", "jenkins", "servicenow", "gitlab")
START_DATE = "2024-01-01"
SITES = {
    "jira": "https://northbank.example",
    "github": "https://github.northbank.example",
    "jenkins": "https://jenkins.northbank.example",
    "servicenow": "https://desk.northbank.example",
    "gitlab": "https://gitlab.northbank.example",
}
"""Where the demo's people would open an item: no such host can exist (RFC 2606)."""


class Servers:
    """The five running servers.

    Attributes:
        world: What they serve; change it with its own methods.
        clock: Their time, `clock.set("2026-01-02T06:00:00Z")`.
        journal: Every request as (api, method, path).
        faults: Scripted disturbances.
        urls: Root address of each API.
        apis: The APIs themselves.
        folder: Where the feeds lie.
    """

    def __init__(self, world: World, ports: int | Mapping[str, int] = 0) -> None:
        self.world = world
        self.clock = Clock(NOW)
        self.journal: list[tuple[str, str, str]] = []
        self.faults = Faults()
        self.apis = {
            "jira": Jira(world), "github": GitHub(world), "jenkins": Jenkins(world),
            "servicenow": ServiceNow(Tables(world)), "gitlab": GitLab(world.insights),
        }  # fmt: skip
        self.servers: dict[str, Server] = {}
        for place, (name, api) in enumerate(self.apis.items()):
            port = ports.get(name, 0) if isinstance(ports, Mapping) else ports and ports + place
            self.servers[name] = Server(api, port, self.clock, self.journal, self.faults)
        self.folder = tempfile.TemporaryDirectory(prefix="demo-feeds-")
        feeds.write(world, Path(self.folder.name))
        self.urls = {name: server.url for name, server in self.servers.items()}
        for name, server in self.servers.items():
            threading.Thread(
                target=server.serve_forever, args=(0.05,), name=f"demo-{name}", daemon=True
            ).start()

    @property
    def env(self) -> dict[str, str]:
        """Return every setting that a refresh from these servers needs."""
        sources = {
            "jira": {
                "EMAIL": JIRA_USER, "API_TOKEN": JIRA_TOKEN,
                "PROJECTS": json.dumps([stream.project for stream in STREAMS]),
            },
            "github": {
                "TOKEN": GITHUB_TOKEN,
                "REPOSITORIES": json.dumps([f"{OWNER}/{name}" for name in ON_GITHUB]),
            },
            "jenkins": {
                "USER": JENKINS_USER, "API_TOKEN": JENKINS_TOKEN,
                "FOLDERS": json.dumps(["platform"]),
            },
            "servicenow": {"USER": SERVICENOW_USER, "PASSWORD": PASSWORD},
            "gitlab": {
                "TOKEN": GITLAB_TOKEN,
                "PROJECTS": json.dumps([f"{OWNER}/{name}" for name in PROJECT_IDS]),
            },
        }  # fmt: skip
        settings = {}
        for name, values in sources.items():
            values = {
                "BASE_URL": self.urls[name], "WEB_URL": SITES[name],
                **values, "START_DATE": START_DATE,
            }  # fmt: skip
            settings |= {f"SOURCES__{name.upper()}__{key}": value for key, value in values.items()}
        return {**settings, "SOURCES__FEEDS__FOLDER": self.folder.name}

    def down(self, name: str) -> None:
        """Let a server drop every connection without an answer."""
        self.servers[name].is_down = True

    def up(self, name: str) -> None:
        """Let a server answer again."""
        self.servers[name].is_down = False

    def close(self) -> None:
        """Stop all servers."""
        for server in self.servers.values():
            server.shutdown()
            server.server_close()
        self.folder.cleanup()

    def __enter__(self) -> "Servers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def start(world: World | None = None, ports: int | Mapping[str, int] = 0) -> Iterator[Servers]:
    """Serve a world until the block ends.

    Args:
        world: What to serve; the default world if None.
        ports: 0 for free ports, a first port, or a port for each name.
    """
    with Servers(world or build(), ports) as servers:
        yield servers
