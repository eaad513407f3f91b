"""The smallest company that has every kind of source: some days of the demo, a GitLab, an inbox."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo import serve, world
from demo.company import DAY, NOW
from demo.http import Server
from tests.built import DEMO
from tests.extract.test_gitlab import Instance

DAYS = 10
SINCE = NOW - DAYS * DAY


def small_world() -> world.World:
    """The demo's last days, and what belongs to them."""
    made = world.build()
    made.issues[:] = [issue for issue in made.issues if issue.created > SINCE]
    there = {*map(id, made.issues)}
    for issue in made.issues:
        issue.links[:] = [link for link in issue.links if id(link[2]) in there]
    made.pulls[:] = [
        pull
        for pull in made.pulls
        if pull.created > SINCE and (pull.issue is None or id(pull.issue) in there)
    ]
    there = {*map(id, made.pulls)}
    made.runs[:] = [run for run in made.runs if run.created > SINCE and id(run.pull) in there]
    for job, builds in made.builds.items():
        made.builds[job] = [build for build in builds if build.started_ms > SINCE * 1000]
    made.deployments[:] = [one for one in made.deployments if one.created > SINCE]
    for records in (made.changes, made.incidents, made.problems, made.requests, made.tasks):
        records[:] = [record for record in records if record.created > SINCE]
    return made


class Company:
    """The servers of the company, one clock for all of them, and its inbox."""

    def __init__(self, servers: serve.Servers, inbox: Path) -> None:
        self.servers, self.inbox = servers, inbox
        self.gitlab = Instance()
        self.gitlab.clock = servers.clock
        # The demo's own is larger, and nothing happens in it that a test says.
        servers.servers["gitlab"].shutdown()
        servers.servers["gitlab"].server_close()
        self.servers.servers["gitlab"] = Server(
            self.gitlab, 0, servers.clock, servers.journal, servers.faults
        )
        self.gitlab_url = self.servers.servers["gitlab"].url
        threading.Thread(
            target=self.servers.servers["gitlab"].serve_forever, args=(0.05,), daemon=True
        ).start()
        for number in range(1, 6):
            self._happens(number, number * 60)

    def _happens(self, number: int, minute: int) -> None:
        """A pipeline with a job, a deployment, a merge request and an issue, and an event."""
        for kind in ("pipelines", "jobs", "deployments", "merge_requests", "issues"):
            more: dict[str, Any] = {}
            if kind == "jobs":
                more = {"pipeline": {"id": number}, "name": "test"}
            self.gitlab.add(kind, number, minute, **more)
        self.gitlab.rows[f"pipelines/{number}/jobs"] = [self.gitlab.rows["jobs"][-1]]
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
        self.inbox.mkdir(parents=True, exist_ok=True)
        (self.inbox / f"{number}.json").write_text(
            json.dumps(
                {
                    "schema_version": "1",
                    "event_id": f"e{number}",
                    "source": "drone",
                    "type": "pipelinerun.finished",
                    "occurred_at": at.isoformat(),
                    "received_at": at.isoformat(),
                    "subject": {"id": f"run-{number}"},
                    "payload": {"pipeline": "build", "result": "success", "sha": f"{number:040x}"},
                }
            )
            + "\n"
        )

    def goes_on(self, hours: int = 24) -> None:
        """Let time pass: in every source something new happens."""
        self.servers.clock.advance(hours * 3600)
        number = len(self.gitlab.rows["pipelines"]) + 1
        self._happens(number, (self.servers.clock.now - NOW + 6 * 3600) // 60 - 5)

    @property
    def settings(self) -> dict[str, str]:
        """What a refresh of this company is told."""
        now = datetime.fromtimestamp(self.servers.clock.now, UTC)
        env = self.servers.env.items()
        return {
            **{name: value for name, value in env if not name.startswith("SOURCES__GITLAB__")},
            **DEMO,
            "SOURCES__GITLAB__BASE_URL": f"{self.gitlab_url}/api/v4/",
            "SOURCES__GITLAB__TOKEN": "token",
            "SOURCES__INBOX__PATH": str(self.inbox),
            "FLOWHOUSE_AS_OF": now.isoformat(),
        }


@contextmanager
def serving(inbox: Path) -> Iterator[Company]:
    """Serve the company until the block ends."""
    with serve.start(small_world()) as servers:
        yield Company(servers, inbox)
