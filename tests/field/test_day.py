"""A day on which a site is called something else ends as if it had always been called so.

Two sites have the same happenings. The one is loaded before and after a day on which a status, a
type, a project's key, a field, a team and a type of links get other names, the account another
language, and what was deployed is run again, tried again and backed out. The other had these names
from the beginning and is loaded once, after it.
"""

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import msgspec
import pytest

from extract.load import load
from extract.sources import SOURCES
from tests.benchmarks.sameness import differences
from tests.conftest import built_once
from tests.extract.scripted_github import Hub, iso
from tests.extract.scripted_jira import PEOPLE, TOKEN, ScriptedJira, ms, page, stamp
from tests.flow import scratch

FIRST = datetime(2025, 5, 30, 12, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)


def day(number: int, hour: int = 9) -> datetime:
    """Return an hour of May."""
    return datetime(2025, 5, number, hour, tzinfo=UTC)


# Id → name, and the name before the account's language.
BEFORE = {
    "repository": "lab/old-app",
    "project": "OLD",
    "status": {
        "1": ("To Do", "To Do"), "2": ("In Progress", "In Progress"),
        "3": ("Code Review", "Code Review"), "4": ("Done", "Done"),
    },
    "issuetype": {"1": ("Story", "Story"), "2": ("Improvement", "Improvement"),
                  "3": ("Epic", "Epic")},
    "priority": {"2": "High", "3": "Medium"},
    "resolution": {"1": "Done"},
    "link": ("Needs", "is needed by", "blocks"),
    "team": "Beta",
    "customfield_1": ("Story Points", "Story Points"),
    "customfield_3": ("Flagged", "Flagged"),
    "customfield_4": ("Team", "Team"),
}  # fmt: skip
AFTER = {
    "repository": "lab/app",
    "project": "LAB",
    "status": {
        "1": ("Zu erledigen", "To Do"), "2": ("In Arbeit", "In Progress"),
        # The seeds have this one too, in another stage: the present name counts.
        "3": ("Ready for Test", "Ready for Test"), "4": ("Fertig", "Done"),
    },
    "issuetype": {"1": ("Geschichte", "Story"), "2": ("Bug", "Bug"), "3": ("Epos", "Epic")},
    "priority": {"2": "Hoch", "3": "Mittel"},
    "resolution": {"1": "Fertig"},
    "link": ("Brauch", "wird gebraucht von", "is blocked by"),
    "team": "Alpha",
    "customfield_1": ("Aufwand", "Aufwand"),
    "customfield_3": ("Markiert", "Flagged"),
    "customfield_4": ("Mannschaft", "Team"),
}  # fmt: skip


class Told:
    """An issue: what happened to it, in the words of when it happened."""

    def __init__(self, site: "Site", number: int, created: datetime, **facts: Any) -> None:
        self.site, self.n, self.id = site, number, 10_000 + number
        self.created = self.updated = created
        self.histories: list[dict[str, Any]] = []
        self.now = {"status": "1", "issuetype": "1", "priority": "3", "resolution": None, **facts}

    @property
    def key(self) -> str:
        return f"{self.site.words['project']}-{self.n}"

    @property
    def current(self) -> Any:
        return tuple(map(str, self.now.values())), self.key

    def change(self, at: datetime, field: str, to: Any) -> "Told":
        """Change a field, as the changelog of the day tells it."""
        words, before = self.site.words, self.now.get(field)
        if field.startswith("customfield_"):
            what = {"field": words[field][0], "fieldtype": "custom", "fieldId": field}
            ends = [(None, "Impediment" if v is True else v and str(v)) for v in (before, to)]
        else:
            what = {"field": field, "fieldtype": "jira", "fieldId": field}
            names = {k: v if isinstance(v, str) else v[0] for k, v in words[field].items()}
            ends = [(v, names.get(v)) for v in (before, to)]
        item = dict(zip(("from", "fromString"), ends[0], strict=True))
        item |= dict(zip(("to", "toString"), ends[1], strict=True))
        self.histories.append(
            {
                "id": str(self.id * 100 + len(self.histories)),
                "author": PEOPLE[self.n],
                "created": ms(at),
                "items": [{**what, **item}],
            }
        )
        self.now[field], self.updated = to, at
        return self

    def fields(self) -> dict[str, Any]:
        words, now = self.site.words, self.now
        link, inward, outward = words["link"]
        ends = {"id": "5", "type": {"id": "9", "name": link, "inward": inward, "outward": outward}}
        parent = now.get("parent")
        return {
            **{name: self.site.named(name, now[name]) for name in ("status", "issuetype")},
            **{
                name: now[name] and {"id": now[name], "name": words[name][now[name]]}
                for name in ("priority", "resolution")
            },
            "project": {"id": "7", "key": words["project"], "name": "The lab"},
            "created": stamp(self.created),
            "updated": stamp(self.updated),
            "parent": parent and {"id": str(parent.id), "key": parent.key},
            "issuelinks": [
                ends | {"outwardIssue": {"id": str(other.id), "key": other.key}}
                for other in now.get("needs", ())
            ],
            "assignee": PEOPLE[self.n],
            "reporter": PEOPLE[self.n],
            "creator": PEOPLE[self.n],
            "customfield_1": now.get("customfield_1"),
            "customfield_3": [{"id": "1", "value": "Impediment"}]
            if now.get("customfield_3")
            else None,
            "customfield_4": now.get("team") and {"id": now["team"], "name": words["team"]},
        }


class Site(ScriptedJira):
    """A Jira that is called as its words say; its issues are not touched when they change."""

    def __init__(self, words: dict[str, Any]) -> None:
        super().__init__()
        self.words = words
        self.kinds = {
            "customfield_1": ("number", "jsw-story-points"),
            "customfield_3": ("array", "multicheckboxes"),
            "customfield_4": ("any", "atlassian-team"),
        }

    def named(self, kind: str, key: str) -> dict[str, Any]:
        name, original = self.words[kind][key]
        told = {"id": key, "name": name, "untranslatedName": original}
        if kind == "issuetype":
            return {**told, "subtask": False, "hierarchyLevel": int(key == "3")}
        category = {"1": "new", "4": "done"}.get(key, "indeterminate")
        return {**told, "statusCategory": {"id": 1, "key": category, "name": category}}

    def respond(self, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        self.bodies.clear()  # Names change without a touch.
        for pattern, answer in self.routes():
            if match := re.fullmatch(pattern, path):
                return 200, msgspec.json.encode(answer(self, match, query, body))
        return super().respond(path, query, body)

    def routes(self) -> list[tuple[str, Callable[..., Any]]]:
        words = self.words
        name, inward, outward = words["link"]
        link = {"id": "9", "name": name, "inward": inward, "outward": outward}
        project = {"id": "7", "key": words["project"], "name": "The lab"}
        fields = [
            {"id": key, "name": words[key][0], "untranslatedName": words[key][1], "custom": True,
             "schema": {"type": kind, "custom": f"x:{custom}"}}
            for key, (kind, custom) in self.kinds.items()
        ]  # fmt: skip
        told = {
            name: [{"id": key, "name": value} for key, value in words[name].items()]
            for name in ("priority", "resolution")
        }
        return [
            (r"/rest/api/3/field", lambda *_: fields),
            (r"/rest/api/3/status", lambda *_: [self.named("status", k) for k in words["status"]]),
            (r"/rest/api/3/issuetype",
             lambda *_: [self.named("issuetype", k) for k in words["issuetype"]]),
            (r"/rest/api/3/(priority|resolution)", lambda _, match, *__: told[match[1]]),
            (r"/rest/api/3/issueLinkType", lambda *_: {"issueLinkTypes": [link]}),
            (r"/rest/api/3/project/search", page(project)),
            (r"/rest/api/3/project/[A-Z]+/(versions|components)", lambda *_: []),
        ]  # fmt: skip

    # What happens

    def begin(self) -> None:
        """Let everything happen that lies before the first load."""
        made: dict[int, Told] = {}

        def issue(number: int, at: datetime, **facts: Any) -> Told:
            made[number] = self.issues[10_000 + number] = Told(self, number, at, **facts)
            return made[number]

        issue(1, day(1), issuetype="3")
        # Not touched any more.
        issue(2, day(5), parent=made[1], team="t1").change(day(6), "status", "2").change(
            day(6, 12), "customfield_1", 3.0
        ).change(day(7), "status", "3").change(day(8), "priority", "2")
        issue(3, day(5), issuetype="2", needs=(made[2],)).change(day(7), "status", "2").change(
            day(7, 12), "customfield_3", True
        ).change(day(8, 12), "customfield_3", None).change(day(9), "resolution", "1").change(
            day(9), "status", "4"
        )
        # Touched on the day.
        issue(4, day(12), customfield_1=5.0).change(day(13), "status", "2").change(
            day(14), "status", "3"
        )
        issue(5, day(12)).change(day(13), "issuetype", "2").change(day(14), "status", "2")
        # Moved back and forth between the names that change.
        issue(6, day(12)).change(day(13), "status", "3").change(day(15), "status", "2").change(
            day(16), "status", "3"
        )

    def go_on(self) -> None:
        """Let the day happen."""
        later = FIRST + timedelta(hours=6)
        self.issues[10_004].change(later, "status", "4")
        self.issues[10_005].change(later, "issuetype", "1").change(later, "customfield_3", True)
        self.issues[10_007] = Told(self, 7, later, issuetype="2", parent=self.issues[10_001])


class Works(Hub):
    """A GitHub on which the lab's application is built and deployed."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.deployed: dict[int, dict] = {}

    def run(self, run: dict, number: int = 0) -> dict:
        told = super().run(run, number)
        attempt = run["attempts"][told["run_attempt"] - 1]
        return told | {
            "path": f".github/workflows/{run['path']}.yml",
            "head_sha": run["sha"],
            "run_started_at": attempt["began"],
        }

    def ran(self, run_id: int, sha: str, at: datetime, *attempts: tuple[datetime, str]) -> dict:
        """Run the pipeline on a commit; each attempt ten minutes, each with one job."""
        run = next((run for run in self.runs if run["id"] == run_id), None)
        run = run or self.add_run(run_id, iso(at)) | {"attempts": []}
        self.runs[[old["id"] for old in self.runs].index(run_id)] = run
        run |= {"path": "ship", "sha": sha}
        for began, conclusion in attempts:
            end = iso(began + timedelta(minutes=10))
            number = len(run["attempts"]) + 1
            job = {
                "id": run_id * 10 + number, "name": "deploy", "status": "completed",
                "conclusion": conclusion, "created_at": iso(began), "started_at": iso(began),
                "completed_at": end,
            }  # fmt: skip
            run["attempts"].append(
                {"status": "completed", "conclusion": conclusion, "began": iso(began),
                 "updated": end, "jobs": [job]}
            )  # fmt: skip
        return run

    def deploy(self, number: int, sha: str, at: datetime) -> None:
        """Begin to deploy a commit to production."""
        self.deployed[number] = {
            "id": number, "environment": "production", "sha": sha, "ref": "main",
            "created_at": iso(at), "updated_at": iso(at), "statuses": [],
        }  # fmt: skip
        self.deployments.append(self.deployed[number])
        self.say(number, "in_progress", at)

    def say(self, number: int, state: str, at: datetime) -> None:
        """Tell what became of a deployment."""
        told = self.deployed[number]
        told["updated_at"] = iso(at)
        said = {"id": number * 100 + len(told["statuses"]), "state": state, "created_at": iso(at)}
        told["statuses"].insert(0, said)

    def merge(self, number: int, issue: int, at: datetime, sha: str) -> None:
        """Merge a pull request that names an issue, as it is called then."""
        key = f"{self.site.words['project']}-{issue}"
        opened, tip = iso(at - timedelta(days=1)), self.tip
        self.commit(sha, iso(at), *([tip] if tip else []), message=f"{key}: more (#{number})")
        self.add_pull(
            number, state="MERGED", createdAt=opened, mergedAt=iso(at), closedAt=iso(at),
            updatedAt=iso(at), mergeCommit={"oid": sha}, baseRefName="main",
        )  # fmt: skip
        self.pulls[-1] |= {"title": f"{key}: more", "updated_at": iso(at)}

    def begin(self) -> None:
        project = self.site.words["project"]
        self.commit("a" * 40, iso(day(6)), message="begin")
        self.deploy(1, "a" * 40, day(6, 10))
        self.say(1, "success", day(6, 11))
        self.merge(11, 2, day(8), "b" * 40)
        self.deploy(2, "b" * 40, day(8, 10))
        self.say(2, "success", day(8, 11))
        self.say(1, "inactive", day(8, 11))
        # Pushed without a pull request.
        self.commit("c" * 40, iso(day(9)), "b" * 40, message=f"{project}-3 mend it")
        self.merge(12, 4, FIRST - timedelta(hours=4), "d" * 40)
        began = FIRST - timedelta(hours=1)
        self.ran(901, "c" * 40, day(9), (day(9), "success"))
        self.ran(902, "d" * 40, began, (began, "failure"))
        self.deploy(3, "d" * 40, began)
        self.say(3, "failure", began + timedelta(minutes=10))
        # On its way while we look.
        self.deploy(4, "d" * 40, began + timedelta(minutes=30))

    def go_on(self) -> None:
        # Tried again, run again, and backed out.
        self.say(4, "failure", FIRST + timedelta(minutes=30))
        again = FIRST + timedelta(hours=1)
        self.ran(902, "d" * 40, again, (again, "failure"), (again + timedelta(hours=1), "success"))
        self.deploy(5, "d" * 40, again - timedelta(minutes=10))
        self.say(5, "success", again)
        self.say(2, "inactive", again)
        back = FIRST + timedelta(hours=5)
        self.deploy(6, "b" * 40, back)
        self.say(6, "success", back + timedelta(minutes=10))
        self.say(5, "inactive", back + timedelta(minutes=10))
        self.merge(13, 6, FIRST + timedelta(hours=8), "e" * 40)


def lived(
    home: Path, like: scratch.ScratchWarehouse, words: dict[str, Any], *, is_seen_before: bool
) -> None:
    """Load a site, before the day if it is seen then, and after it, and build what is published."""
    site = Site(words)
    works = Works(site)
    places = {
        "FLOWHOUSE_HOME": str(home),
        "FLOWHOUSE_PSEUDONYM_KEY": "a key of these tests",
        "SOURCES__JIRA__BASE_URL": site.url,
        "SOURCES__JIRA__API_TOKEN": TOKEN,
        "SOURCES__GITHUB__BASE_URL": works.url,
        "SOURCES__GITHUB__TOKEN": "t",
    }
    with mock.patch.dict(os.environ, places):

        def read(now: datetime) -> None:
            site.now = works.now = now
            works.name = site.words["repository"]
            os.environ["SOURCES__GITHUB__REPOSITORIES"] = f'["{works.name}"]'
            for source in ("jira", "github"):
                failed = [a for a in load(source, str(now)).audits if a.status != "complete"]
                assert not failed, failed

        site.begin()
        works.begin()
        if is_seen_before:
            read(FIRST)
        site.words = AFTER
        site.go_on()
        works.go_on()
        read(SECOND)
    with mock.patch.dict(os.environ, {"FLOWHOUSE_HOME": str(home)}):
        for source in SOURCES.keys() - {"jira", "github"}:
            load(source, "nothing")
    site.close()
    shutil.copytree(like.project, home / "project")
    done = scratch.ScratchWarehouse(home, "2025-05-31 12:00:00").dbt(
        "build", "--resource-type", "model", "--resource-type", "seed"
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_a_day_of_other_names_leaves_no_trace(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def build(folder: Path) -> None:
        lived(folder / "renamed", golden_warehouse, BEFORE, is_seen_before=True)
        lived(folder / "always", golden_warehouse, AFTER, is_seen_before=False)

    homes = built_once(tmp_path_factory, "day", build)
    renamed, always = (homes / name / "build.duckdb" for name in ("renamed", "always"))
    found = differences(renamed, always)
    # It says when each source was last loaded.
    assert [told for told in found if not told.startswith("marts.dim_source_systems:")] == []
    happened = {
        "select count(*), count(distinct to_status) from marts.fct_status_transitions"
        " where work_item_key like 'jira:%'": (18, 4),
        "select count(*) from marts.dim_work_items where item_key like 'LAB-%'": (11,),
        "select count(*) from marts.bridge_work_item_links where link_type = 'implements'": (4,),
        "select count(*), count(nullif(is_rollback, false)), count(nullif(is_retried, false))"
        " from marts.fct_deployments": (6, 1, 1),
        "select count(*), count(nullif(is_flaky, false)) from marts.fct_ci_runs": (4, 2),
    }
    with duckdb.connect(str(renamed), read_only=True) as build:
        assert {sql: build.execute(sql).fetchone() for sql in happened} == happened
