"""Requests and answers held against what GitHub itself publishes of its APIs.

The documents come from the npm registry when the test runs: `@octokit/openapi` (REST) and
`@octokit/graphql-schema`. Without npm, or without a way to it, these tests are skipped.
"""

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import graphql
import pytest
import requests
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from extract.sources.github.graphql import _KNOWN, queries

real = pytest.mark.real
PACKAGES = ("@octokit/graphql-schema@15", "@octokit/openapi@23")

MOST_OF_A_PLACE = 30
"""Requests of one kind that are looked at: there are hundreds of the same."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of GitHub's own descriptions."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("the npm registry gives no packages")
    yield folder / "node_modules" / "@octokit"
    shutil.rmtree(folder)  # 400 MB


# GraphQL


def test_every_graphql_query_is_valid_in_githubs_schema(published: Path) -> None:
    text = (published / "graphql-schema" / "schema.graphql").read_text()
    schema = graphql.build_schema(text, assume_valid_sdl=True)
    known = {name: set(getattr(kind, "fields", ())) for name, kind in schema.type_map.items()}
    asked = {**queries(known), "known": _KNOWN}
    assert len(asked) == 14
    faults = {
        name: [fault.message for fault in graphql.validate(schema, graphql.parse(query))]
        for name, query in asked.items()
    }
    assert faults == {name: [] for name in asked}
    # The check finds what is wrong.
    assert graphql.validate(schema, graphql.parse("{ viewer { loginn } }"))


# REST


def as_json_schema(node: Any) -> Any:
    """Return a part of an OpenAPI 3.0 document with `nullable` as JSON Schema says it."""
    if isinstance(node, list):
        return [as_json_schema(part) for part in node]
    if not isinstance(node, dict):
        return node
    made = {name: as_json_schema(part) for name, part in node.items()}
    if made.get("nullable") is True:
        del made["nullable"]
        made = {"anyOf": [made, {"type": "null"}]}
    return made


def known_parts(answer: Any) -> Any:
    """Return an answer without what is null: the records had fields taken out of them.

    For the same reason nothing that is missing is a fault.
    """
    if isinstance(answer, list):
        return [known_parts(part) for part in answer if part is not None]
    if isinstance(answer, dict):
        return {name: known_parts(part) for name, part in answer.items() if part is not None}
    return answer


class Rest:
    """The OpenAPI document of github.com: what may be asked, and what comes back."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = as_json_schema(document)
        resource = Resource.from_contents(self.document, default_specification=DRAFT7)
        self.registry = Registry().with_resource("urn:rest", resource)
        self.templates = {
            template: re.compile(re.sub(r"\{[^}]+\}", "[^/]+", template) + "$")
            for template, operations in self.document["paths"].items()
            if "get" in operations
        }

    def faults(self, pointer: str, value: Any) -> list[str]:
        """Return what of a value the schema at a place of the document does not allow."""
        schema = {"$ref": f"urn:rest#{pointer}"}
        errors = list(Draft7Validator(schema, registry=self.registry).iter_errors(value))
        found = set()
        while errors:
            error = errors.pop()
            if error.context:  # none of several schemas fits: what is wrong with each
                errors += error.context
            elif error.validator != "required" and error.validator_value != "null":
                found.add(f"{re.sub('[0-9]+', 'n', error.json_path)}: {error.message[:90]}")
        return sorted(found)

    def template(self, path: str) -> str | None:
        """Return the most literal template that a path fits."""
        fitting = [name for name, pattern in self.templates.items() if pattern.match(path)]
        return min(fitting, key=lambda name: name.count("{"), default=None)

    def request_faults(self, template: str, query: dict[str, str]) -> list[str]:
        """Return the parameters that are unknown or that have values that are not allowed."""
        known = {}
        place = f"/paths/{template.replace('~', '~0').replace('/', '~1')}/get/parameters"
        for no, parameter in enumerate(self.document["paths"][template]["get"]["parameters"]):
            pointer = f"{place}/{no}"
            if "$ref" in parameter:
                pointer = parameter["$ref"].removeprefix("#")
                parameter = self.document["components"]["parameters"][pointer.rpartition("/")[2]]
            if parameter["in"] == "query":
                known[parameter["name"]] = (pointer, parameter["schema"])
        faults = [f"unknown parameter {name}" for name in query if name not in known]
        for name, value in query.items():
            if name in known:
                pointer, schema = known[name]
                is_number = schema.get("type") == "integer"
                typed = int(value) if is_number and value.isdigit() else value
                faults += [f"{name}: {fault}" for fault in self.faults(f"{pointer}/schema", typed)]
        return faults

    def answer_faults(self, template: str, answer: Any) -> list[str]:
        """Return what of an answer is not as the document says."""
        place = template.replace("~", "~0").replace("/", "~1")
        pointer = f"/paths/{place}/get/responses/200/content/application~1json/schema"
        return self.faults(pointer, answer)


@pytest.fixture(scope="module")
def rest(published: Path) -> Rest:
    path = published / "openapi" / "generated" / "api.github.com.json"
    return Rest(json.loads(path.read_text()))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str], Any]]:
    """Every REST request that is answered with 200: its path, its query, the answer."""
    journal = []
    send = requests.Session.request

    def noted(session: requests.Session, method: str, url: str, **what: Any) -> Any:
        reply = send(session, method, url, **what)
        if method == "GET" and reply.status_code == 200:
            parts = urlsplit(reply.request.url)
            path = parts.path.removeprefix("/github")
            journal.append((path, dict(parse_qsl(parts.query)), reply.json()))
        return reply

    monkeypatch.setattr(requests.Session, "request", noted)
    return journal


@real
def test_requests_and_answers_conform_to_githubs_openapi_document(
    replay: Any, home: Any, asked: list, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay.clock = "2026-03-01T00:00:00Z"
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", replay.url("github"))
    monkeypatch.setenv("SOURCES__GITHUB__TOKEN", "replay-token")
    home.load("github")
    wrong: dict[str, set[str]] = {}
    seen = Counter[str]()
    for path, query, answer in asked:
        template = rest.template(path)
        assert template, f"GitHub has no such place: {path}"
        seen[template] += 1
        if seen[template] > MOST_OF_A_PLACE:
            continue
        faults = rest.request_faults(template, query)
        faults += rest.answer_faults(template, known_parts(answer))
        if faults:
            wrong.setdefault(template, set()).update(faults)
    repository = "/repos/{owner}/{repo}"
    assert {
        f"{repository}/pulls", f"{repository}/actions/runs",
        f"{repository}/actions/runs/{{run_id}}/attempts/{{attempt_number}}/jobs",
        f"{repository}/deployments", f"{repository}/deployments/{{deployment_id}}/statuses",
    } <= set(seen)  # fmt: skip
    assert {name: sorted(faults) for name, faults in wrong.items()} == {}
    # The check finds what is wrong.
    runs = f"{repository}/actions/runs"
    assert rest.request_faults(runs, {"per_page": "x", "since": "2026-01-01"})
    assert rest.answer_faults(runs, {"total_count": "1", "workflow_runs": [{"run_attempt": "1"}]})
