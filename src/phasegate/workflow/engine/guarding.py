"""Advances a run whatever fails: a failure of the run parks it for a person, one of storage is waited out."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from phasegate.core import Exhausted, Gone, Locked, Lost, PhasegateError, one_line
from phasegate.ledger import Ledger, RunStatus
from phasegate.ledger.events import RunParked
from phasegate.store import failing

LOG = "see .phasegate/worker.log"
LOCKED_SECONDS = 15.0
"""How long a run waits for a lock of Git: longer than one that a killed process left is respected."""
_log = logging.getLogger("phasegate.worker")

Advance = Callable[[], Awaitable[RunStatus]]
Park = Callable[[Exception], Awaitable[None]]


@dataclass(kw_only=True)
class Trouble:
    """The storage error that keeps a worker from writing, as long as it lasts."""

    error: Exhausted | None = None
    _since: float = 0.0

    def note(self, error: Exhausted) -> None:
        """Keep an error."""
        if self.error is None:
            self._since = time.monotonic()
        self.error = error

    def end(self) -> None:
        """Forget it: something was stored."""
        self.error = None

    def lasts(self, seconds: float) -> Exhausted | None:
        """Return the error, where it has lasted for so long."""
        return self.error if self.error and time.monotonic() - self._since >= seconds else None


def _pauses() -> Iterator[float]:
    pause = 0.5
    while True:
        yield pause
        pause = min(pause * 2, 5.0)


async def patiently(
    advance: Advance,
    park: Park,
    trouble: Trouble,
    pauses: Callable[[], Iterator[float]] = _pauses,
    *,
    locked_seconds: float = LOCKED_SECONDS,
) -> RunStatus:
    """Advance a run again while storage refuses or Git is locked, and park it on another failure.

    Args:
        advance: goes on from what was stored.
        park: has the run stand; raises `Gone` where its record is not there any more.
        trouble: is told what storage refuses.
        pauses: seconds to wait before each new try.
        locked_seconds: how long locks of Git are waited for, in all.

    Raises:
        Lost: another worker took the run over.
        Gone: what the run is kept in is not there any more.
    """
    waits, left = pauses(), locked_seconds
    while True:
        try:
            status = await _advanced(advance, park, is_patient=left > 0)
        except (Lost, Gone):
            raise
        except Locked as error:
            _log.warning("a segment waits for Git: %s", error, extra={"action": "wait"})
            pause = next(waits)
            left -= pause
            await asyncio.sleep(pause)
        except Exception as error:
            trouble.note(_refused(error))
            _log.warning("a segment waits for storage: %s", error, extra={"action": "wait"})
            await asyncio.sleep(next(waits))
        else:
            trouble.end()
            return status


async def _advanced(advance: Advance, park: Park, *, is_patient: bool) -> RunStatus:
    try:
        return await advance()
    except Lost:
        raise
    except Exception as error:
        if failing(error) or (is_patient and isinstance(error, Locked)):
            raise
        await park(error)
        return RunStatus.parked


async def parked(ledger: Ledger, run_id: str, error: Exception) -> None:
    """Have the run stand until a person sends it on, with what failed as the reason."""
    if isinstance(error, PhasegateError):
        # Who raises an error in the middle of a segment need not know the run: a command to copy names it.
        await park(ledger, run_id, str(error), error.fix.replace("--resume RUN", f"--resume {run_id}"))
    else:
        _log.error("segment failed", exc_info=error, extra={"action": "park", "run": run_id})
        await park(ledger, run_id, f"{type(error).__name__}: {error}", LOG)


async def park(ledger: Ledger, run_id: str, message: str, fix: str) -> None:
    """Have the run stand until a person sends it on."""
    run = await ledger.run(run_id)
    # The first line of a note is the reason and the rest is what to do, whoever wrote the message.
    why = one_line(message)
    note = f"{why}\n{fix}" if fix else why
    event = RunParked(segment=run.segments, why=why, fix=fix)
    await ledger.set_status(run_id, RunStatus.parked, note, event)


def _refused(error: Exception) -> Exhausted:
    """Return the storage error, where a failure that cannot even be recorded counts as one."""
    return failing(error) or Exhausted(
        f"nothing can be stored: {type(error).__name__}: {error}", fix="look at it, then 'phasegate run --resume RUN'"
    )
