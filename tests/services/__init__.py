"""Stateful local services that speak the protocols of real ones on loopback.

with serve(JiraService()) as address:
    ...  # a real client talks to `address`; the test reads and changes the service's state
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from services.faults import Faults


class Service(Protocol):
    """What can be served: an application, and the faults it shows."""

    app: FastAPI
    faults: Faults


class _Server(uvicorn.Server):
    """Ends as soon as it is told, where uvicorn's own loop looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> bool:
        """Whether it takes requests, and can be ended."""
        return self._loop is not None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._ended.wait()

    def end(self) -> None:
        """To be called from another thread."""
        self.should_exit = self.force_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


@contextmanager
def serve(service: Service) -> Iterator[str]:
    """Runs a service in a thread, on a free loopback port; gives its address without a slash at the end."""
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it, an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        config = uvicorn.Config(service.faults.around(service.app), log_level="critical", lifespan="off", ws="none")
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.running and thread.is_alive():
            thread.join(0.005)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.end()
            thread.join(5)
