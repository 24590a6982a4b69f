"""Tasks after Slack has its answer, with failures logged."""

import asyncio
import logging
from collections.abc import Coroutine

from phasegate.core import PhasegateError

_log = logging.getLogger("phasegate.slack")
_AT_THE_END_S = 10.0


class Errands:
    """Runs them, each on its own."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def send(self, what: str, errand: Coroutine[None, None, None]) -> None:
        """Begins one.

        Args:
            what: it does, for the log.
            errand: does it.
        """
        task = asyncio.create_task(_told(what, errand), name=what)
        # The loop keeps tasks weakly: one that nobody refers to can be collected before it is done.
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def done(self, within_s: float = _AT_THE_END_S) -> None:
        """Wait for all tasks for a while, and log those that are given up."""
        if not self._running:
            return
        _, left = await asyncio.wait(self._running, timeout=within_s)
        for task in left:
            task.cancel()
            _log.error("Slack was not told in time: %s", task.get_name(), extra={"action": "slack-errand-lost"})


async def _told(what: str, errand: Coroutine[None, None, None]) -> None:
    try:
        await errand
    except PhasegateError as error:
        _log.warning("cannot %s: %s; %s", what, error, error.fix, extra={"action": "slack-errand-failed"})
    except Exception:
        _log.exception("cannot %s", what, extra={"action": "slack-errand-failed"})
