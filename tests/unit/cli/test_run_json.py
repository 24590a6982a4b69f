"""`phasegate run --json`: standard output is the run as JSON, and nothing else."""

import json
from pathlib import Path

import pytest

from phasegate.core import Parked
from unit.authors.sample_spec import FOLDER, sample_repository
from unit.cli.repository import run, said


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a repository with a spec."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(sample_repository(tmp_path / "target"))


def test_a_run_that_waits_is_printed_and_says_on_standard_error_how_to_go_on() -> None:
    done = run("run", FOLDER, "--json")
    assert isinstance(done.exception, Parked)
    found = json.loads(done.stdout)
    assert (found["spec"], found["status"]) == (FOLDER, "waiting")
    assert found == json.loads(said("status", found["id"], "--json"))
    assert "check spec-lint" in done.stderr
    assert f"phasegate run --resume {found['id']}" in done.exception.fix
    again = run("run", "--resume", found["id"], "--json")
    assert isinstance(again.exception, Parked)
    assert json.loads(again.stdout)["id"] == found["id"]


def test_without_json_the_progress_stands_on_standard_output() -> None:
    done = run("run", FOLDER)
    assert "check spec-lint" in done.stdout
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)
