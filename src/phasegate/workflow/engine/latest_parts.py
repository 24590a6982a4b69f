"""Parts that segments run on, built anew for those that begin after what they are built from has changed."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phasegate.workflow.engine.lease import Fence

if TYPE_CHECKING:
    from phasegate.workflow.engine.segment import Segments

_log = logging.getLogger("phasegate.worker")

Parts = Callable[[Fence], "AbstractAsyncContextManager[Segments]"]


@dataclass(eq=False, kw_only=True)
class _Built:
    """Parts, and the segments that run on them."""

    version: str
    segments: "asyncio.Future[Segments]"
    holder: asyncio.Task[None]
    """Keeps them open; a task of its own, so that the parts outlive the segment that asked first."""
    users: int = 0

    @property
    def failed(self) -> bool:
        """Return whether they could not be built."""
        return self.segments.done() and self.segments.exception() is not None


class LatestParts:
    """The parts of a worker, built once for all segments, again after a failure, and again for another version.

    Segments that are at work when the version changes end on the parts that they began on.
    """

    def __init__(self, parts: Parts, fence: Fence, version: Callable[[], str]) -> None:
        """Prepare them.

        Args:
            parts: builds them, on the loop that segments run on.
            fence: of what they write.
            version: of what they are built from, such as the root of trust.
        """
        self._parts = parts
        self._fence = fence
        self._version = version
        self._newest: _Built | None = None
        self._holders = set[asyncio.Task[None]]()
        """Kept here, since the loop holds its tasks weakly."""

    @asynccontextmanager
    async def use(self) -> "AsyncIterator[Segments]":
        """Yield the parts for a segment that begins now."""
        built = self._latest()
        built.users += 1
        try:
            # A segment that is cancelled must not cancel the parts with it: others wait for the same ones.
            yield await asyncio.shield(built.segments)
        finally:
            built.users -= 1
            self._close_unused(built)

    def _latest(self) -> _Built:
        before, version = self._newest, self._version()
        if before and before.version == version and not before.failed:
            return before
        self._newest = self._begun(version)
        if before:
            _log.info("the root of trust changed: segments that begin now run under it", extra={"action": "rebuild"})
            self._close_unused(before)
        return self._newest

    def _begun(self, version: str) -> _Built:
        segments = asyncio.get_running_loop().create_future()
        holder = asyncio.create_task(self._hold(segments))
        self._holders.add(holder)
        holder.add_done_callback(self._holders.discard)
        return _Built(version=version, segments=segments, holder=holder)

    def _close_unused(self, built: _Built) -> None:
        if built is not self._newest and not built.users:
            built.holder.cancel()

    async def _hold(self, built: "asyncio.Future[Segments]") -> None:
        """Keep the parts until they are replaced or the loop ends, which cancels this, and close them there."""
        try:
            async with self._parts(self._fence) as segments:
                gc.freeze()  # what is loaded by now stays: looking through all of it takes 0.1 s each time
                built.set_result(segments)
                await asyncio.Event().wait()
        except Exception as error:
            if built.done():
                _log.warning("parts of an earlier version were not closed: %s", error, extra={"action": "rebuild"})
            else:
                built.set_exception(error)
