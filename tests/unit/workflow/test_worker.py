"""What a worker does when a segment fails, and how it knows who lives."""

import logging
from pathlib import Path

import pytest

from phasegate.authors import Brief, Draft
from phasegate.core import InvalidInput
from phasegate.ledger import RunStatus
from phasegate.workflow.liveness import is_dead, lock
from phasegate.workflow.worker import guarded
from unit.workflow.parts import Team, desk, write_item


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (InvalidInput("'ebs' is no operation", fix="mend line 3"), "'ebs' is no operation\nmend line 3"),
        (InvalidInput("it does not hold"), "it does not hold"),  # with nothing to do about it
        (KeyError("volumes"), "KeyError: 'volumes'\nsee .phasegate/worker.log"),  # a fault of ours
        (
            OSError(28, "No space left on device"),
            "OSError: [Errno 28] No space left on device\nsee .phasegate/worker.log",
        ),
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
    async with desk(Team(tmp_path, author=author)) as d:
        run = await d.start()
        assert await guarded(d.segments, run, d.queue) is RunStatus.parked
        parked = await d.ledger.run(run)
        assert (parked.status, parked.note) == (RunStatus.parked, note)
        (event,) = await d.ledger.events(run, prefix="parked:")
        assert event.body["why"] == note.partition("\n")[0]
        failing = False
        await d.ledger.redispatch(run, d.queue.dispatch)
        assert await guarded(d.segments, run, d.queue) is RunStatus.waiting
        assert (await d.ledger.run(run)).note == ""
        assert (await d.open_gate()).key == (run, "first", 1)


def test_a_lock_is_held_by_one_and_dropped_with_its_file(tmp_path: Path) -> None:
    held = lock(tmp_path / "workers", "1-abc")
    assert held
    assert not is_dead(tmp_path / "workers", "1-abc")
    assert lock(tmp_path / "workers", "1-abc") is None
    held.close()
    assert is_dead(tmp_path / "workers", "1-abc")


def test_who_left_no_lock_is_dead_and_gets_none(tmp_path: Path) -> None:
    assert is_dead(tmp_path, "1-abc")
    assert list(tmp_path.iterdir()) == []
