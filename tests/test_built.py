"""The state that shared warehouses are built for: whatever decides what is built changes it."""

from pathlib import Path

import pytest

from tests import built

FOLDERS = ("dbt_project", "demo", "extract", "orchestration", "publish", "tests/flow")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(built, "ROOT", tmp_path)
    for name in (*FOLDERS, "tests/flow/deep", "dbt_project/target", "tests/recount"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "a.py").write_text("1")
    (tmp_path / "uv.lock").write_text("1")
    return tmp_path


@pytest.mark.parametrize("name", [*FOLDERS, "tests/flow/deep"])
def test_a_change_a_new_file_and_a_new_name_are_a_new_state(project: Path, name: str) -> None:
    states = [built.state.__wrapped__()]
    (project / name / "a.py").write_text("2")
    states.append(built.state.__wrapped__())
    (project / name / "b.csv").write_text("1")
    states.append(built.state.__wrapped__())
    (project / name / "b.csv").rename(project / name / "c.csv")
    states.append(built.state.__wrapped__())
    (project / "uv.lock").write_text("2")
    states.append(built.state.__wrapped__())
    assert len({*states}) == len(states)


def test_what_is_made_and_what_only_tests_is_none(project: Path) -> None:
    before = built.state.__wrapped__()
    (project / "dbt_project" / "target" / "a.py").write_text("2")
    (project / "tests" / "flow" / "test_a.py").write_text("2")
    (project / "tests" / "recount" / "a.py").write_text("2")
    assert built.state.__wrapped__() == before


def test_a_demo_of_another_state_or_of_two_refreshes_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(built, "HOMES", tmp_path)
    monkeypatch.setattr(built, "once", lambda name, build: tmp_path / "built" / name)
    published = tmp_path / "demo" / "published"
    published.mkdir(parents=True)
    (published / "warehouse-000001-x.duckdb").touch()
    note = tmp_path / "demo" / "built_of"
    assert built.demo_home() == tmp_path / "built" / "demo" / "home"
    note.write_text(f"{built.state()} warehouse-000001-x.duckdb")
    assert built.demo_home() == tmp_path / "demo"
    note.write_text("another warehouse-000001-x.duckdb")
    assert built.demo_home() == tmp_path / "built" / "demo" / "home"
    note.write_text(f"{built.state()} warehouse-000001-x.duckdb")
    (published / "warehouse-000002-x.duckdb").touch()
    assert built.demo_home() == tmp_path / "built" / "demo" / "home"
