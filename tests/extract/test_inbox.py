"""D1: the drop folder, with everything that producers do to it."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from extract.privacy import person_key
from extract.settings import SettingFault
from extract.sources import inbox
from extract.sources.inbox.rows import PAYLOAD, moment

EVENT = {
    "schema_version": "1",
    "event_id": "e1",
    "source": "drone",
    "type": "pipelinerun.finished",
    "occurred_at": "2026-01-02T03:04:05Z",
    "received_at": 1767323046,
    "subject": {"id": "run-7"},
    "payload": {
        "pipeline": "build",
        "result": "success",
        "sha": "abc",
        "author": "Planted Person",
        "branch": "planted/branch",
        "commit": {"email": "planted@example.com"},
    },
}
CDEVENT = {
    "context": {
        "specversion": "0.4.1",
        "id": "c1",
        "source": "/harness/prod",
        "type": "dev.cdevents.service.deployed.0.2.0",
        "timestamp": "1767322800123",
    },
    "subject": {
        "id": "payments",
        "type": "service",
        "content": {
            "environment": {"id": "prod", "name": "Planted"},
            "artifactId": "pkg:oci/payments@sha256:1",
        },
    },
    "customData": {"user": "planted@example.com"},
}


@pytest.fixture
def folder(tmp_path: Path, home: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dropped" / "drone" / "2026-01-02"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path / "dropped"))
    return folder


def drop(folder: Path, name: str, *lines: Any) -> Path:
    path = folder / name
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts))
    return path


def events(home: Any) -> list[tuple]:
    return home.rows(
        "inbox",
        "select source, event_id, type, subject_id, timezone('UTC', occurred_at), payload "
        "from inbox.events order by all",
    )


def audit(work: Any) -> Any:
    return next(a for a in work.audits if a.object == "events")


def test_d1_events_are_loaded_once_whatever_file_they_are_in(folder: Path, home: Any) -> None:
    drop(folder, "a.jsonl", EVENT, CDEVENT)
    drop(folder, "same-content.jsonl", EVENT, CDEVENT)
    drop(folder, "b.jsonl", EVENT, {**EVENT, "event_id": "e2", "occurred_at": "2025-12-01"})
    home.load("inbox")
    assert [(source, key, kind) for source, key, kind, *_ in events(home)] == [
        ("/harness/prod", "c1", "service.deployed"),
        ("drone", "e1", "pipelinerun.finished"),
        ("drone", "e2", "pipelinerun.finished"),
    ]
    assert home.value("inbox", "select count(*) from inbox.files") == 2
    times = [at for *_, at, _ in events(home)]
    assert times == [
        datetime(2026, 1, 2, 3, 0, 0, 123000),
        datetime(2026, 1, 2, 3, 4, 5),
        datetime(2025, 12, 1),
    ]
    assert len(list(folder.iterdir())) == 3


def test_d1_a_file_that_was_read_is_passed_over_and_a_late_event_is_taken(
    folder: Path, home: Any
) -> None:
    path = drop(folder, "a.jsonl", EVENT)
    home.load("inbox")
    path.rename(folder / "renamed.jsonl")
    assert audit(home.load("inbox")).extracted == 0
    drop(folder, "late.jsonl", {**EVENT, "event_id": "e0", "occurred_at": "2020-01-01T00:00:00Z"})
    assert audit(home.load("inbox")).extracted == 1
    assert len(events(home)) == 2


def test_d1_a_half_written_file_is_not_read_until_it_is_renamed(folder: Path, home: Any) -> None:
    half = drop(folder, "a.jsonl.tmp", EVENT, '{"event_id": "e9", "sou')
    home.load("inbox")
    assert events(home) == []
    half.write_text(json.dumps(EVENT) + "\n" + json.dumps({**EVENT, "event_id": "e9"}) + "\n")
    half.rename(folder / "a.jsonl")
    home.load("inbox")
    assert len(events(home)) == 2


def test_d1_a_bad_line_is_noted_by_number_and_reason_and_the_others_are_loaded(
    folder: Path, home: Any
) -> None:
    drop(
        folder,
        "a.jsonl",
        EVENT,
        '{"secret": "planted"',
        "",
        '["planted"]',
        {**EVENT, "event_id": None},
        {**EVENT, "event_id": "e3", "occurred_at": "soon"},
        {**EVENT, "event_id": "e4", "source": {"name": "planted"}},
        "\x00\x01",
        {**EVENT, "event_id": "e5", "type": ""},
    )
    work = home.load("inbox")
    found = home.rows("inbox", "select line_no, reason from inbox.quarantines order by 1")
    assert found == [
        (2, "not JSON"),
        (4, "not an object"),
        (5, "no event_id"),
        (6, "no occurred_at"),
        (7, "no source"),
        (8, "not JSON"),
        (9, "no type"),
    ]
    assert (audit(work).status, audit(work).extracted, audit(work).rejected) == ("incomplete", 1, 7)
    assert "planted" not in home.texts("inbox").lower()
    assert {a.status for a in home.load("inbox").audits} == {"complete"}


def test_d1_unknown_types_and_versions_are_kept_without_payload_and_counted(
    folder: Path, home: Any
) -> None:
    drop(
        folder,
        "a.jsonl",
        {**EVENT, "type": "dev.example.coffee.brewed", "payload": {"pipeline": "planted"}},
        {**EVENT, "event_id": "e2", "schema_version": "9"},
    )
    work = home.load("inbox")
    assert (audit(work).status, audit(work).extracted) == ("complete", 2)
    assert "1 events of unknown types" in audit(work).message
    assert "1 events of unknown versions" in audit(work).message
    assert next(payload for *_, payload in events(home)) == "{}"


def test_p1_only_allowed_fields_of_an_event_are_loaded(folder: Path, home: Any) -> None:
    drop(folder, "a.jsonl", EVENT, CDEVENT)
    home.load("inbox")
    assert [json.loads(payload) for *_, payload in events(home)] == [
        {
            "content": {
                "artifactId": "pkg:oci/payments@sha256:1",
                "environment": {"id": "prod"},
            }
        },
        {"pipeline": "build", "sha": "abc", "result": "success"},
    ]
    assert "planted" not in home.texts("inbox").lower()


def test_p1_what_a_branch_named_is_hashed_in_an_environment(folder: Path, home: Any) -> None:
    content = {"environment": {"id": "review/mia-planted-fix"}}
    named = {**CDEVENT, "subject": {**CDEVENT["subject"], "content": content}}
    told = {**EVENT, "payload": {"environment": "preview-mia-planted-fix"}}
    usual = {**EVENT, "event_id": "e2", "payload": {"environment": "eu-prod"}}
    drop(folder, "a.jsonl", named, told, usual)
    home.load("inbox")
    texts = home.texts("inbox")
    assert "planted" not in texts
    branch = f"branch-{person_key('inbox', 'mia-planted-fix')}"
    assert f"review/{branch}" in texts and f"preview/{branch}" in texts and "eu-prod" in texts


def test_p1_mail_addresses_and_logins_are_nowhere_whatever_field_carries_them(
    folder: Path, home: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mail, address = "mia.planted@example.com", "https://mia.planted:hush@ci.example.com/runs/7"
    envelope = {
        **EVENT,
        "event_id": f"{mail}/1",
        "source": address,
        "subject": mail,
        "payload": {name: f"{address} by {mail}" for name in (*PAYLOAD, "author", "ref")},
    }
    cdevent = {
        "context": {**CDEVENT["context"], "id": f"{mail}/2", "source": address},
        "subject": {
            "id": address,
            "content": {
                "environment": {"id": mail, "source": address, "name": "Mia Planted"},
                "pipelineName": mail,
                "artifactId": "pkg:oci/payments@sha256:1",
            },
        },
        "customData": {"committer": mail},
    }
    with caplog.at_level("DEBUG"):
        drop(folder, "a.jsonl", envelope, cdevent, f"no JSON of {mail}", {"event_id": mail})
        home.load("inbox")
    assert len(events(home)) == 2
    texts = home.texts("inbox")
    left = "".join(
        path.read_bytes().decode("latin-1")
        for path in [*(home.folder / "dlt").rglob("*"), *(home.folder / "raw").rglob("*")]
        if path.is_file()
    )
    for planted in ("planted", "hush", "Mia"):
        assert planted not in texts + caplog.text + left, planted
    assert person_key("inbox", mail) in texts
    assert "https://ci.example.com/runs/7" in texts
    assert "pkg:oci/payments@sha256:1" in texts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1767323045", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1767323045.0, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1767323045000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1767323045000000, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1767323045000000000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T05:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("soon", None),
        ({}, None),
        (None, None),
    ],
)
def test_d1_times_are_read_however_a_producer_writes_them(value: Any, expected: Any) -> None:
    assert moment(value) == expected


def test_a_folder_that_is_not_there_is_a_fault_of_the_setting(
    home: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not inbox.SOURCE.is_on
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path / "nowhere"))
    assert inbox.SOURCE.is_on
    with pytest.raises(SettingFault, match="SOURCES__INBOX__PATH") as fault:
        inbox.SOURCE.checked_settings()
    assert "nowhere" not in str(fault.value)
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path))
    inbox.SOURCE.checked_settings()
    monkeypatch.setattr("extract.settings.os.access", lambda *_: False)  # root may read all
    with pytest.raises(SettingFault, match="SOURCES__INBOX__PATH is not a folder that can be read"):
        inbox.SOURCE.checked_settings()


def wrapped(data: Any, **more: Any) -> dict[str, Any]:
    """Return a CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": "outer",
        "source": "broker",
        "type": "dev.cdevents.service.deployed.0.2.0",
        "time": "2026-01-02T03:00:00Z",
        "datacontenttype": "application/json",
        **({"data": data} if data is not None else {}),
        **more,
    }


@pytest.mark.parametrize(
    "line",
    [
        wrapped(CDEVENT),
        wrapped(json.dumps(CDEVENT)),
        wrapped(None, data_base64=base64.b64encode(json.dumps(CDEVENT).encode()).decode()),
        CDEVENT,
    ],
    ids=["data", "text", "base64", "bare"],
)
def test_d1_an_event_in_a_cloud_event_is_the_event(line: dict, folder: Path, home: Any) -> None:
    drop(folder, "a.jsonl", line)
    assert audit(home.load("inbox")).rejected == 0
    [(source, event_id, kind, subject, at, payload)] = events(home)
    assert (source, event_id, kind, subject) == (
        "/harness/prod",
        "c1",
        "service.deployed",
        "payments",
    )
    assert at == datetime(2026, 1, 2, 3, 0, 0, 123000)
    assert json.loads(payload)["content"]["environment"] == {"id": "prod"}


def test_d1_a_cloud_event_may_bring_an_envelope_or_its_payload(folder: Path, home: Any) -> None:
    payload = {"run_id": "7", "result": "success", "author": "Planted Person"}
    drop(
        folder,
        "a.jsonl",
        wrapped(EVENT),
        wrapped(payload, type="pipelinerun.finished", subject="run-9"),
        wrapped("planted"),
        wrapped(None, data_base64="not base64: planted"),
    )
    assert audit(home.load("inbox")).rejected == 2
    assert [(source, event_id, subject) for source, event_id, _, subject, *_ in events(home)] == [
        ("broker", "outer", "run-9"),
        ("drone", "e1", "run-7"),
    ]
    reasons = home.rows("inbox", "select line_no, reason from inbox.quarantines order by 1")
    assert reasons == [(3, "data is not JSON"), (4, "data is not JSON")]
    assert "planted" not in home.texts("inbox").lower()


def test_d1_the_times_of_a_payload_are_loaded_in_one_form(folder: Path, home: Any) -> None:
    times = {
        "queued_at": 1767322800,
        "started_at": "2026-01-02T04:00:30+01:00",
        "finished_at": "1767323100000",
    }
    odd = {"queued_at": "soon", "started_at": {"planted": 1}, "finished_at": True}
    drop(
        folder,
        "a.jsonl",
        {**EVENT, "payload": times},
        {**EVENT, "event_id": "e2", "payload": odd},
    )
    home.load("inbox")
    first, second = (json.loads(payload) for *_, payload in events(home))
    assert first == {
        "queued_at": "2026-01-02T03:00:00+00:00",
        "started_at": "2026-01-02T03:00:30+00:00",
        "finished_at": "2026-01-02T03:05:00+00:00",
    }
    assert second == {"queued_at": None, "started_at": None, "finished_at": None}


def test_d1_what_is_kept_and_not_used_is_said(folder: Path, home: Any) -> None:
    drop(folder, "a.jsonl", EVENT, {**EVENT, "event_id": "e2", "type": "environment.created"})
    message = audit(home.load("inbox")).message
    assert message == "1 events of environment.created, which are kept and not used"


def test_p1_an_approval_says_what_it_is_of_and_by_whom_as_a_hash(folder: Path, home: Any) -> None:
    facts = {"deployment_id": "d1", "sha": "abc", "approver": "mia.planted", "comment": "planted"}
    told = {**EVENT, "type": "dev.cdevents.approval.approved.0.1.0", "payload": facts}
    one = {**CDEVENT, "context": {**CDEVENT["context"], "type": "approval.rejected"}}
    one["subject"] = {"id": "a1", "content": {"sha": "def", "approver": {"planted": 1}}}
    asked = {**EVENT, "event_id": "e3", "type": "approval.requested", "payload": facts}
    drop(folder, "a.jsonl", told, one, asked)
    work = home.load("inbox")
    assert audit(work).message == "1 events of approval.requested, which are kept and not used"
    rejected, approved, _ = [
        (kind, json.loads(payload)) for _, _, kind, *_, payload in events(home)
    ]
    assert rejected == ("approval.rejected", {"content": {"sha": "def", "approver": None}})
    who = person_key("inbox", "mia.planted")
    assert approved == (
        "approval.approved", {"deployment_id": "d1", "sha": "abc", "approver": who}
    )  # fmt: skip
    assert "planted" not in home.texts("inbox").lower()
