"""What local services of models share: their script, and how an answer is sent, at times not to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from services.faults import Faults
from services.model_answers import Answer, Asked, Error, Reply, Script, Scripted

JSON = "application/json"


class Part(NamedTuple):
    """A part of an answer."""

    content: bytes
    is_piece: bool
    """Whether it carries something of what the model wrote, and so counts for where a stream breaks."""


def halves(content: bytes) -> list[Part]:
    """Two parts of a whole answer."""
    half = len(content) // 2
    return [Part(content[:half], True), Part(content[half:], True)]


class ModelService:
    """Answers by a script; what was asked is in `asked`."""

    def __init__(self, script: Script) -> None:
        self.app, self.faults = FastAPI(openapi_url=None), Faults()
        self.clear()
        self.answers(script)

    def clear(self) -> None:
        """Make it as it was at first, with an empty script."""
        self.asked: list[Asked] = []
        """Requests that got as far as the script, in their order."""
        self.refused: list[str] = []
        """Why the service refused others."""
        self.unfinished = 0
        """Answers whose client went before their end."""
        self.at_once = 0
        """The most calls that the model ever worked on at the same time; a slow answer is what it works on."""
        self.context: int | None = None
        """Tokens that a model takes; None: as many as the model says."""
        self.size = 48
        """Characters in a piece of a stream."""
        self._working, self._changed = 0, asyncio.Condition()
        self.faults.clear()
        self.faults.seen.clear()
        self.answers(())

    def answers(self, script: Script) -> None:
        """Answer by this script from now on; a function must not block."""
        self._script = Scripted(script)

    @property
    def last(self) -> Asked:
        """What was asked last."""
        return self.asked[-1]

    def next_answer(self, asked: Asked) -> Answer:
        """Keep what was asked and take what the script says to it."""
        self.asked.append(asked)
        return self._script.answer(asked)

    async def work(self, reply: Reply) -> None:
        """Take the time that an answer takes, and wait for the calls that it waits for."""
        async with self._changed:
            self._working += 1
            self.at_once = max(self.at_once, self._working)
            self._changed.notify_all()
        try:
            await asyncio.sleep(reply.seconds)
            async with self._changed:
                await self._changed.wait_for(lambda: self.at_once >= reply.calls)
        finally:
            self._working -= 1

    def left(self) -> None:
        """Count a client that went."""
        self.unfinished += 1


class Sent(Response):
    """An answer that is sent part by part, and may end before its end."""

    def __init__(
        self,
        reply: Reply,
        kind: str,
        parts: list[Part],
        error: Callable[[Error], bytes],
        gone: Callable[[], None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(media_type=kind)
        self._reply, self._parts, self._error, self._gone = reply, parts, error, gone
        self._whole = kind == JSON
        self._named = {"content-type": kind, **headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; a client that goes meanwhile is told of."""
        leaving = asyncio.create_task(_left(receive))
        sending = asyncio.create_task(self._send(send))
        await asyncio.wait([leaving, sending], return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            self._gone()
        for task in (leaving, sending):
            task.cancel()

    async def _send(self, send: Send) -> None:
        breaks = self._reply.breaks
        if breaks and breaks.how == "silent" and breaks.after == 0:
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": list(self._raw())})
        async for content in self._paced():
            await send({"type": "http.response.body", "body": content, "more_body": True})
        if breaks and breaks.how == "silent":
            await asyncio.Event().wait()
        # A body that never completes makes the server close the connection in the middle of the answer.
        if not breaks or isinstance(breaks.how, Error):
            await send({"type": "http.response.body", "body": b""})

    def _raw(self) -> Iterator[tuple[bytes, bytes]]:
        length = {"content-length": str(sum(len(part.content) for part in self._parts))} if self._whole else {}
        return ((name.encode(), value.encode()) for name, value in {**self._named, **length}.items())

    async def _paced(self) -> AsyncIterator[bytes]:
        """Parts up to where the answer breaks, each after its time."""
        for content in self._until_break():
            if self._reply.each:
                await asyncio.sleep(self._reply.each)
            yield content

    def _until_break(self) -> Iterator[bytes]:
        breaks, sent = self._reply.breaks, 0
        # A whole answer breaks in its middle, however many pieces it would be in a stream.
        most = None if breaks is None else 1 if self._whole else breaks.after
        for part in self._parts:
            if sent == most and part.is_piece:
                break
            sent += part.is_piece
            yield part.content
        if breaks and isinstance(breaks.how, Error):
            yield self._error(breaks.how)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
