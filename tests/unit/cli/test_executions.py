"""Released runbooks in the terminal."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import pytest

from phasegate.app import App, open_app
from phasegate.core import FixedClock
from unit.authors.sample_spec import sample_repository
from unit.cli.repository import NOW, refused, run, said
from unit.executions.released_package import ANSWER, NAME, Answers, failed, found, release, report

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without a release, that is the current folder."""
    made = sample_repository(tmp_path / "target", managers={})
    monkeypatch.chdir(made)
    monkeypatch.setenv(ANSWER, "")
    return made


@pytest.fixture
def answers(folder: Path, tmp_path: Path) -> Answers:
    """A released runbook in it, and what it prints."""
    there = Answers(tmp_path)
    asyncio.run(_in(folder, release))
    return there


async def _in(folder: Path, work: Callable[[App], Awaitable[object]]) -> None:
    async with open_app(folder, clock=FixedClock(NOW)) as app:
        await work(app)


def test_nothing_released_is_told_with_what_to_do() -> None:
    assert "phasegate run specs/NNN-name" in said("runbook", "list")
    assert "release a spec" in refused("runbook", "scan", NAME).fix
    assert said("runbook", "list", "--json").strip() == "[]"


def test_a_scan_shows_what_it_found_and_the_list_what_stands(answers: Answers) -> None:
    answers.give(report(found("vol-1"), found("vol-2", cost=None)))
    shown = said("runbook", "scan", NAME, "--region", "eu-west-1")
    assert "2 found among 9 judged; $8.00 a month" in shown
    [row] = json.loads(said("runbook", "list", "--json"))
    assert (row["standing"], row["last_scan"]["state"]) == (2, "complete")
    table = said("runbook", "list")
    assert "2 findings" in table
    assert "$8.00" in table
    [scan] = json.loads(said("runbook", "scans", "--json"))
    assert scan["asked"]["regions"] == ["eu-west-1"]
    assert "2 of 9" in said("runbook", "scans", NAME)
    assert "counts in the history" in said("runbook", "report", scan["id"])
    assert json.loads(said("runbook", "report", scan["id"], "--json"))["digest"]


def test_an_incomplete_scan_ends_with_3_and_a_failed_one_with_1(answers: Answers) -> None:
    answers.give(report(errors=[failed("eu-west-1")]), exit=3)
    incomplete = run("runbook", "scan", NAME)
    assert incomplete.return_value == 3
    assert "1 kind(s) of calls failed" in incomplete.stderr
    answers.give("", exit=4, says=["error: the AWS credentials have expired"])
    assert "gave no report: the AWS credentials have expired" in str(refused("runbook", "scan", NAME))


def test_findings_are_listed_waived_and_written_as_csv(answers: Answers) -> None:
    answers.give(report(found("=cmd()"), found("vol-2", cost=2)))
    said("runbook", "scan", NAME)
    rows = json.loads(said("runbook", "findings", "--json"))
    one = next(row for row in rows if row["item"] == "vol-2")
    assert "2 findings; $10.00 a month" in said("runbook", "findings", NAME)
    lines = list(csv.DictReader(io.StringIO(said("runbook", "findings", "--csv"))))
    assert [line["item"] for line in lines] == ["'=cmd()", "vol-2"]
    assert "a reason is missing" in str(refused("runbook", "waive", one["id"]))
    assert "vol-2 is waived" in said("runbook", "waive", one["id"], "--reason", "until the move")
    assert "vol-2" not in said("runbook", "findings", NAME)
    assert "waived" in said("runbook", "findings", "--state", "waived")
    [waived] = json.loads(said("runbook", "findings", "--state", "waived", "--json"))
    assert waived["mark_reason"] == "until the move"
    assert "vol-2 is new" in said("runbook", "waive", one["id"], "--end")
    assert "is false-positive" in said("runbook", "waive", one["id"], "--false-positive", "--reason", "the template")
    assert isinstance(run("runbook", "waive", one["id"], "--end", "--reason", "x").exception, click.UsageError)
    assert "no released runbook 'other'" in str(refused("runbook", "findings", "other"))


def test_an_empty_list_says_so(answers: Answers) -> None:
    assert "Nothing was scanned yet." in said("runbook", "scans")
    assert "No finding stands." in said("runbook", "findings")
