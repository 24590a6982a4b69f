"""Parts that segments run on: built once, and anew for segments that begin under another version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from phasegate.core import Refused
from phasegate.workflow.engine.latest_parts import LatestParts
from phasegate.workflow.engine.lease import Fence


class House:
    """Builds parts, each a number, and notes which of them are open."""

    def __init__(self) -> None:
        self.version = "1"
        self.fails = 0
        self.built = 0
        self.open: list[int] = []
        self.closes = asyncio.Event()
        self.parts = LatestParts(self._build, Fence(executor="w"), lambda: self.version)

    @asynccontextmanager
    async def _build(self, _: Fence) -> AsyncIterator[Any]:
        if self.fails:
            self.fails -= 1
            raise Refused("no sandbox", reason="x", fix="install one")
        self.built += 1
        number = self.built
        self.open.append(number)
        try:
            yield number
        finally:
            self.open.remove(number)
            self.closes.set()

    async def used(self) -> Any:
        async with self.parts.use() as found:
            return found

    async def closed(self) -> list[int]:
        """Wait until parts are closed, and return those that are open."""
        await asyncio.wait_for(self.closes.wait(), 10)
        return self.open


async def test_parts_are_built_once_and_again_after_a_failure() -> None:
    house = House()
    house.fails = 1
    with pytest.raises(Refused):
        await house.used()
    assert [await house.used(), await house.used()] == [1, 1]
    await asyncio.sleep(0)
    assert house.open == [1]


async def test_segments_that_begin_under_another_version_have_parts_of_their_own() -> None:
    house = House()
    async with house.parts.use() as first:
        house.version = "2"
        assert [first, await house.used()] == [1, 2]
        assert house.open == [1, 2]  # the segment at work ends on what it began on
    assert await house.closed() == [2]
    assert await house.used() == 2


async def test_unused_parts_are_closed_at_once_when_the_version_changes() -> None:
    house = House()
    assert await house.used() == 1
    house.version = "2"
    assert await house.used() == 2
    assert await house.closed() == [2]


async def test_a_segment_that_is_cancelled_leaves_the_parts_to_others() -> None:
    house = House()
    waits = asyncio.create_task(house.used())
    await asyncio.sleep(0)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    assert await house.used() == 1
