"""Following a run: what was before is one line, what is new is told, and the time is the run's own."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from phasegate.app import App, open_app
from phasegate.cli.console import THEME
from phasegate.cli.follow import Follower, Lines, Screen
from phasegate.cli.interactive import Attendance
from phasegate.cli.run import warn
from phasegate.cli.views.summary import run_summary
from phasegate.core import FixedClock, SystemClock
from phasegate.ledger import Entry, Event, Run, RunStatus
from phasegate.models import Allowance, Call, FunctionModel, Meter, Reply, Scope, Usage
from phasegate.store.schema import model_calls
from services.happened import drafted, opened, started, taken
from unit.authors.sample_spec import FOLDER, sample_repository
from unit.models.metered import CALL, MODEL, PRICES, metered

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
RUN = Run(id="r1", spec=FOLDER, flow="sdlc", branch="b", base="0" * 40, started_at=NOW)
PASSED: list[Event] = [
    started("specify"),
    drafted("specify", item="spec", author="product-owner", seconds=0.1),
    opened("specify"),
    taken("specify"),
]
NEW = drafted("plan", item="plan", author="cloud-architect", seconds=0.2)


def terminal() -> Console:
    return Console(theme=THEME, width=80, file=io.StringIO(), highlight=False, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def recorded(app: App) -> list[Entry]:
    """A run that was decided on once, and then went on to its end; gives what was there before it went on."""
    await app.ledger.add_run(replace(RUN, base=app.workspace.head()), lambda *_: None)
    await app.ledger.set_status("r1", RunStatus.working, "", *PASSED)
    before = await app.ledger.events("r1")
    await app.ledger.set_status("r1", RunStatus.released, "", NEW)
    return before


async def followed(folder: Path, *, resumed: bool) -> str:
    console = terminal()
    async with open_app(folder) as app:
        before: Sequence[Entry] = await recorded(app)
        person = Attendance(
            app=app, console=console, manager=None, passphrase_file=None, before=before if resumed else ()
        )
        await person.until_the_end("r1")
    return shown(console)


async def test_a_resumed_run_says_what_was_before_in_one_line(tmp_path: Path) -> None:
    told = await followed(sample_repository(tmp_path / "target"), resumed=True)
    first, *rest = told.splitlines()
    assert first.startswith("before: specify approved by ada (5 events;")
    assert [line.split()[0] for line in rest] == ["plan"]


async def test_a_new_run_tells_everything(tmp_path: Path) -> None:
    told = await followed(sample_repository(tmp_path / "target"), resumed=False)
    assert "before:" not in told
    assert [line.split()[0] for line in told.splitlines()] == ["specify", "specify", "plan"]


def test_the_time_is_that_of_the_run_whoever_looks_and_when() -> None:
    for _ in range(2):  # a picture is made anew after each gate
        console = terminal()
        screen = Screen(console, FixedClock(NOW + timedelta(minutes=3, seconds=5)))
        console.print(screen.picture(RUN, []))
        assert "3 m 05 s" in shown(console)


@pytest.mark.parametrize("marked", [True, False])
def test_a_policys_pass_is_called_unreleasable_where_the_policy_marks_it_so(marked: bool) -> None:
    console = terminal()
    console.print(run_summary(replace(RUN, policy="careful"), [], unreleasable=marked))
    assert "by the policy 'careful', not by a person" in shown(console)
    assert ("unreleasable" in shown(console)) is marked


async def test_a_run_warns_of_managers_that_its_commit_does_not_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sample_repository(tmp_path / "target")
    async with open_app(folder) as app:
        warn(app)
        assert capsys.readouterr().err == ""
        (folder / "phasegate.toml").write_text((folder / "phasegate.toml").read_text() + "\n# changed\n")
        warn(app)
    told = capsys.readouterr().err
    assert "Not committed: phasegate.toml." in told
    assert "→ git add phasegate.toml && git commit -m 'Managers'" in told


def _write(connection: sa.Connection, characters: int) -> None:
    connection.execute(sa.update(model_calls).where(model_calls.c.ended_at.is_(None)).values(characters=characters))


async def test_who_writes_is_told_while_a_reply_is_written(tmp_path: Path) -> None:
    """A terminal has a line that changes, and others a line for each call."""
    lines, screen_console = terminal(), Console(theme=THEME, width=120, file=io.StringIO(), color_system=None)
    folder = sample_repository(tmp_path / "target")
    begun = SystemClock()
    async with open_app(folder, clock=begun) as app:
        await recorded(app)
        await app.ledger.set_status("r1", RunStatus.working, "")
        await metered(app.database, "r1", "product-owner", "specify/1/1/spec")
        screen, plain = Screen(screen_console, begun), Lines(lines, begun)
        seen: list[int] = []

        async def slow(_: Call) -> Reply:
            for characters in (120, 4321):
                await app.database.write(_write, characters)
                for watcher in (screen, plain):
                    follower = Follower(app=app, run_id="r1")
                    await follower._writing(await app.ledger.run("r1"), watcher)
                screen_console.print(screen.picture(RUN, []))
                seen.append(characters)
            return Reply(text="ok", usage=Usage(input=1, output=1))

        meter, scope = Meter(database=app.database, prices=PRICES), Scope(run="r1", role="sre", key="plan/1/1/sre")
        await meter.complete(FunctionModel(slow, name=MODEL), scope, 1, CALL, Allowance())
        follower = Follower(app=app, run_id="r1", _writes=True)
        await follower._writing(await app.ledger.run("r1"), screen)
        screen_console.print(screen.picture(RUN, []))
    assert seen == [120, 4321]
    pictures = shown(screen_console).split("run r1")[1:]
    assert "… sre reviews with scripted:list: 120 characters, " in pictures[0]
    assert "… sre reviews with scripted:list: 4,321 characters, " in pictures[1]
    assert "so far $0.20 for 1 call; $0.0" in pictures[1]
    assert "reviews" not in pictures[2]  # nothing is written any more
    (line,) = shown(lines).splitlines()  # not another one so soon
    assert line.startswith("plan      sre reviews with scripted:list: 120 characters, ")
