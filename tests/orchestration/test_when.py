"""The daily refresh runs at a time that those know who read its numbers."""

from pathlib import Path

import pytest

from orchestration import when

HEAD = "value_stream_key,name,kind,time_zone,calendar,valid_from,valid_to\n"


@pytest.mark.parametrize(
    ("lines", "zone"),
    [
        ("", "UTC"),
        ("a,A,core,Europe/Berlin,,,\nb,B,core,Asia/Tokyo,,,\n", "Europe/Berlin"),
        ("a,A,core,UTC,,,\nb,B,core,Asia/Tokyo,,,\nc,C,core,Asia/Tokyo,,,\n", "Asia/Tokyo"),
        ("a,A,core,UTC,,,2024-01-01\nb,B,core,Asia/Tokyo,,,\n", "Asia/Tokyo"),
    ],
    ids=["no stream", "the first of two", "most", "a stream that is gone"],
)
def test_the_time_zone_is_that_of_most_value_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, zone: str
) -> None:
    (tmp_path / "value_streams.csv").write_text(HEAD + lines)
    monkeypatch.setenv("FLOWHOUSE_COMPANY", str(tmp_path))
    assert when.schedule() == ("0 4 * * *", zone)


def test_settings_go_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWHOUSE_COMPANY", "demo")
    monkeypatch.setenv("FLOWHOUSE_SCHEDULE", "30 2 * * 1-5")
    monkeypatch.setenv("FLOWHOUSE_TIME_ZONE", "America/New_York")
    assert when.schedule() == ("30 2 * * 1-5", "America/New_York")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SCHEDULE", "at noon"), ("TIME_ZONE", "Mars/Base"), ("TIME_ZONE", "../etc/passwd")],
)
def test_what_is_no_time_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"FLOWHOUSE_{name}", value)
    [fault] = when.faults()
    assert fault.startswith(f"FLOWHOUSE_{name} is not a") and value not in fault
    # The schedule stands all the same: the gate refuses its refresh, and people are told.
    assert when.schedule() == ("0 4 * * *", "UTC")
