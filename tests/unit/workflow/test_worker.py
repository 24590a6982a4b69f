"""What a worker does when a segment fails, and how it knows who lives."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from phasegate.authors import Brief, Draft
from phasegate.core import Exhausted, Gone, InvalidInput, Locked, Lost
from phasegate.ledger import RunStatus
from phasegate.ledger.events import RunParked
from phasegate.workflow.engine.guarding import Trouble, parked, patiently
from unit.workflow.fixtures import Engine, Team, engine, write_item


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (InvalidInput("'ebs' is no operation", fix="mend line 3"), "'ebs' is no operation\nmend line 3"),
        (InvalidInput("it does not hold"), "it does not hold"),  # with nothing to do about it
        (InvalidInput("it does not hold:\n- a\n- b", fix="mend it"), "it does not hold: - a - b\nmend it"),
        (KeyError("volumes"), "KeyError: 'volumes'\nsee .phasegate/worker.log"),  # a fault of ours
    ],
)
async def test_whatever_fails_parks_the_run_with_a_reason_and_it_goes_on_from_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, note: str
) -> None:
    failing = True

    async def author(brief: Brief) -> Draft:
        if failing:
            raise error
        return await write_item(brief)

    caplog.set_level(logging.CRITICAL, logger="phasegate")
    async with engine(Team(tmp_path, author=author)) as d:
        run = await d.start()
        assert await _guarded(d, run) is RunStatus.parked
        parked = await d.ledger.run(run)
        assert (parked.status, parked.note) == (RunStatus.parked, note)
        (event,) = await d.ledger.events_of(run, RunParked)
        assert event.why == note.partition("\n")[0]
        failing = False
        await d.ledger.redispatch(run, d.queue.dispatch)
        assert await _guarded(d, run) is RunStatus.waiting
        assert (await d.ledger.run(run)).note == ""
        assert (await d.open_gate()).key == (run, "first", 1)


async def test_a_run_is_not_parked_in_a_record_that_is_gone() -> None:
    async def fails() -> RunStatus:
        raise FileNotFoundError

    async def gone(error: Exception) -> None:
        raise Gone("'repo' was removed")

    trouble = Trouble()
    with pytest.raises(Gone):
        await asyncio.wait_for(patiently(fails, gone, trouble), 5)
    assert trouble.error is None


async def _guarded(d: Engine, run: str, trouble: Trouble | None = None) -> RunStatus:
    return await patiently(partial(d.segments.advance, run), partial(parked, d.ledger, run), trouble or Trouble())


def _full() -> Exception:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def _caused(by: Exception) -> Exception:
    error = InvalidInput("Git refuses the path 'a'", fix="take another name")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (OSError(28, "No space left on device"), "free some disk space"),
        (OSError(122, "Disk quota exceeded"), "free some disk space"),
        (OSError(27, "File too large"), "allow larger files ('ulimit -f unlimited')"),
        (OSError(24, "Too many open files"), "allow more open files ('ulimit -n 1024')"),
        (OSError(30, "Read-only file system"), "make the file system writable again"),
        (OSError(5, "Input/output error"), "make the disk work again"),
        (OperationalError("insert", {}, _full()), "free some disk space"),
        (_caused(ValueError("failed to write object: No space left on device")), "free some disk space"),
        (Exhausted("the database 'p' cannot be used", fix="x").with_traceback(None), None),
    ],
)
async def test_what_storage_refuses_is_waited_out_and_parks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, fix: str | None
) -> None:
    failures, trouble = [error, error], Trouble()
    noted: list[str] = []

    async def author(brief: Brief) -> Draft:
        if trouble.error:
            noted.append(trouble.error.fix)
        if failures:
            raise failures.pop()
        return await write_item(brief)

    caplog.set_level(logging.CRITICAL, logger="phasegate")
    async with engine(Team(tmp_path, author=author)) as d:
        run = await d.start()
        status = await _guarded(d, run, trouble)
        if fix is None:  # exhausted, but not storage: a person has to look
            assert status is RunStatus.parked
            return
        assert status is RunStatus.waiting
        assert noted == [f"{fix}, then 'phasegate run --resume RUN'"] * 2
        assert trouble.error is None
        assert await d.ledger.events_of(run, RunParked) == []


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_lock_of_git_is_waited_out_and_parks_only_where_it_lasts(lasts: bool) -> None:
    tries: list[None] = []
    parks: list[Exception] = []

    async def advance() -> RunStatus:
        tries.append(None)
        if lasts or len(tries) < 3:
            raise Locked("a Git command has locked it")
        return RunStatus.waiting

    async def park(error: Exception) -> None:
        parks.append(error)

    pauses = partial(iter, [0.0, 0.1, 0.1])
    status = await patiently(advance, park, Trouble(), pauses, locked_seconds=0.05)
    assert status is (RunStatus.parked if lasts else RunStatus.waiting)
    assert [type(error) for error in parks] == [Locked] * lasts


async def test_the_time_of_the_work_before_a_lock_is_not_counted_as_waiting_for_it() -> None:
    tries: list[None] = []
    parks: list[Exception] = []

    async def advance() -> RunStatus:
        tries.append(None)
        if len(tries) == 1:
            await asyncio.sleep(0.1)  # work that lasts longer than a lock is waited for
        if len(tries) < 3:
            raise Locked("a Git command has locked it")
        return RunStatus.waiting

    async def park(error: Exception) -> None:
        parks.append(error)

    status = await patiently(advance, park, Trouble(), partial(iter, [0.0, 0.0]), locked_seconds=0.05)
    assert (status, parks) == (RunStatus.waiting, [])


async def test_a_run_that_was_taken_over_is_neither_parked_nor_tried_again(tmp_path: Path) -> None:
    calls: list[str] = []

    async def author(brief: Brief) -> Draft:
        calls.append(brief.item)
        raise Lost("taken over")

    async with engine(Team(tmp_path, author=author)) as d:
        run = await d.start()
        with pytest.raises(Lost):
            await _guarded(d, run)
        assert (await d.ledger.run(run)).status is RunStatus.working
        assert calls == ["text"]


async def test_what_cannot_even_be_parked_is_tried_again(tmp_path: Path) -> None:
    fails = [LookupError("a fault of ours")]
    parks: list[Callable[[], Awaitable[None]]] = []

    async def advance() -> RunStatus:
        if fails:
            raise fails.pop()
        return RunStatus.waiting

    async def park(error: Exception) -> None:
        parks.append(partial(park, error))
        raise OSError(28, "No space left on device")

    assert await patiently(advance, park, Trouble()) is RunStatus.waiting
    assert len(parks) == 1
