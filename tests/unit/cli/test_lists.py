"""Lists at the terminal: a screen at a time, whatever there is; what nobody works on says so."""

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from phasegate.app import open_app
from phasegate.cli.program import root
from phasegate.ledger import GateKey, GateRecord, GateStatus, Run, RunStatus
from phasegate.ledger.rows import add_run, open_gate
from phasegate.workflow.engine import begin
from unit.authors.sample_spec import FOLDER, sample_repository
from unit.workflow.fixtures import NOW

MANY = 45


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = sample_repository(tmp_path / "target")
    monkeypatch.chdir(folder)
    return folder


def fill(folder: Path) -> None:
    """Lay many runs there, each at its first gate."""

    async def filled() -> None:
        async with open_app(folder) as app:
            await app.database.write(_rows, app.workspace.head())

    asyncio.run(filled())


def _rows(connection: sa.Connection, commit: str) -> None:
    for number in range(MANY):
        name = f"r{number:02}"
        run = Run(id=name, spec=FOLDER, flow="sdlc", branch="b", base="c", status=RunStatus.waiting, started_at=NOW)
        add_run(connection, run)
        key, status = GateKey(name, "specify", 1), GateStatus.open
        gate = GateRecord(key=key, status=status, commit=commit, tree="t", since="c", digest="d", opened_at=NOW)
        open_gate(connection, gate)


def said(*words: str) -> str:
    done = CliRunner().invoke(root, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _names(text: str) -> list[str]:
    return [line.partition("/")[0] for line in text.splitlines() if "/specify/1 " in line]


def test_gates_are_listed_a_screen_at_a_time_the_oldest_first(target: Path) -> None:
    fill(target)
    first = said("gates")
    assert _names(first) == [f"r{number:02}" for number in range(20)]
    assert "… and 25 more: 'phasegate gates --after r19/specify/1', or 'phasegate gates --all'" in first
    second = said("gates", "--after", "r19/specify/1")
    assert _names(second) == [f"r{number:02}" for number in range(20, 40)]
    assert "… and 5 more" in second
    last = said("gates", "--after", "r39/specify/1")
    assert len(_names(last)) == 5
    assert "more" not in last
    assert len(_names(said("gates", "--all"))) == MANY
    assert len(_names(said("gates", "--limit", "3"))) == 3


def test_programs_get_every_gate_or_as_many_as_they_ask_for(target: Path) -> None:
    fill(target)
    assert [row["gate"] for row in json.loads(said("gates", "--json"))] == [f"r{n:02}/specify/1" for n in range(MANY)]
    assert len(json.loads(said("gates", "--json", "--limit", "7"))) == 7


def test_runs_are_listed_a_screen_at_a_time(target: Path) -> None:
    fill(target)
    text = said("status")
    assert "r19" in text
    assert "r20" not in text.partition("✗")[0], "runs of made-up rows are told below the list"
    assert "… and 25 more: 'phasegate status --limit 200', or 'phasegate status --all'" in text
    assert "r44" in said("status", "--all")
    assert len(json.loads(said("status", "--json"))) == MANY


@pytest.mark.parametrize("lives", [False, True])
def test_a_run_that_nobody_works_on_says_so_everywhere(target: Path, lives: bool) -> None:
    async def started() -> str:
        async with open_app(target) as app:
            run = await app.start(target / FOLDER)
            if lives:
                await app.database.write(begin, "1-abc")
            return run.id

    run = asyncio.run(started())
    told = f"Nobody works on run {run}: start 'phasegate worker', or 'phasegate run --resume {run}'"
    for words in (("status",), ("status", run), ("gates",)):
        assert (told in said(*words)) is not lives
    assert json.loads(said("status", "--json"))[0]["unattended"] is not lives
    assert json.loads(said("status", run, "--json"))["unattended"] is not lives


def test_all_gates_that_expired_are_opened_anew_by_one_command(target: Path) -> None:
    async def expired() -> None:
        async with open_app(target) as app:
            await app.database.write(_rows, app.workspace.head())
            for name in ("r03", "r07"):
                await app.ledger.expire(GateKey(name, "specify", 1), "expired")
            await app.ledger.set_status("r09", RunStatus.parked, "of another kind")

    asyncio.run(expired())
    assert "2 expired gate(s) open anew." in said("gates", "--reopen")
    rows = {row["id"]: row["status"] for row in json.loads(said("status", "--json"))}
    assert {name for name, status in rows.items() if status == "working"} == {"r03", "r07"}
    assert "No gate has expired." in said("gates", "--reopen")
