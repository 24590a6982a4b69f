"""What goes wrong between a client and a service, on demand and for a number of requests."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["answer", "torn", "lost", "slow"]


class Request(NamedTuple):
    """A request that came in, as `Faults.seen` lists it."""

    method: str
    path: str


@dataclass(kw_only=True)
class Fault:
    """One thing that goes wrong, `times` times, for requests whose method is equal and whose path the pattern finds."""

    kind: Kind
    method: str
    path: str
    times: int = 1
    status: int = 0
    """Of kind `answer`: what is answered instead."""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    """Of kind `answer`: the service does what was asked all the same."""
    seconds: float = 0.0
    """Of kind `slow`: how late the answer is."""
    meanwhile: Callable[[], None] | None = None
    """Called before the service sees the request: what somebody else does at that very moment."""


class Faults:
    """The faults that wait for their request, and the requests seen."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def too_many(self, method: str, path: str, *, retry_after: str = "1", times: int = 1) -> None:
        """429, with how many seconds to wait."""
        headers = {"Retry-After": retry_after}
        self._add(Fault(kind="answer", method=method, path=path, times=times, status=429, headers=headers))

    def error(
        self,
        method: str,
        path: str,
        *,
        status: int = 503,
        done: bool = False,
        times: int = 1,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """An answer of 4xx or 5xx; with `done`, after the service did what was asked."""
        fault = Fault(
            kind="answer", method=method, path=path, times=times, status=status, done=done, meanwhile=meanwhile
        )
        self._add(fault)

    def expired(self, method: str = "*", path: str = "", *, times: int = 1) -> None:
        """401, as for credentials that ended."""
        self._add(Fault(kind="answer", method=method, path=path, times=times, status=401))

    def torn(self, method: str, path: str, *, times: int = 1) -> None:
        """Done, but the answer ends in the middle."""
        self._add(Fault(kind="torn", method=method, path=path, times=times))

    def lost(self, method: str, path: str, *, times: int = 1) -> None:
        """Done, but nothing of the answer's body arrives."""
        self._add(Fault(kind="lost", method=method, path=path, times=times))

    def slow(self, method: str, path: str, *, seconds: float, times: int = 1) -> None:
        """Done, and answered late."""
        self._add(Fault(kind="slow", method=method, path=path, times=times, seconds=seconds))

    def meanwhile(self, method: str, path: str, change: Callable[[], None]) -> None:
        """Nothing goes wrong, but somebody changes something just before the request is served."""
        self._add(Fault(kind="slow", method=method, path=path, meanwhile=change))

    def count(self, method: str, path: str) -> int:
        """How many requests of this method had a path that the pattern finds."""
        return sum(1 for request in self.seen if request.method == method and re.search(path, request.path))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._waiting.clear()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with the faults in front."""

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return await app(scope, receive, send)
            fault = self._take(scope["method"], scope["path"])
            if fault is None:
                return await app(scope, receive, send)
            if fault.meanwhile is not None:
                fault.meanwhile()
            await _show(fault, app, scope, receive, send)

        return run

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def _take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.seen.append(Request(method, path))
            for fault in self._waiting:
                if fault.method in ("*", method) and re.search(fault.path, path):
                    fault.times -= 1
                    if not fault.times:
                        self._waiting.remove(fault)
                    return fault
        return None


async def _show(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind == "answer":
        if fault.done:
            await app(scope, receive, _nowhere)
        return await _answer(fault, send)
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    await asyncio.sleep(fault.seconds)
    start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
    await send(start)
    if fault.kind == "slow":
        return await send({"type": "http.response.body", "body": body})
    # A body that never completes makes the server close the connection in the middle of the answer.
    await send(
        {"type": "http.response.body", "body": body[: len(body) // 2 if fault.kind == "torn" else 0], "more_body": True}
    )


async def _answer(fault: Fault, send: Send) -> None:
    body = json.dumps({"errorMessages": [f"fault {fault.status}"], "errors": {}}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **fault.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _nowhere(_: Message) -> None:
    """Takes an answer that nobody gets."""
