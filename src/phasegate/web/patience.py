"""A connection whose request must be whole within a time: headers or a body that trickle hold no connection open."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 30.0
"""From a connection's first moment, or a request's first byte, to the end of its body."""


def patient(seconds: float) -> type[H11Protocol]:
    """Return the protocol that closes a connection whose request takes longer to arrive."""
    return type("Patient", (_Patient,), {"seconds": seconds})


class _Patient(H11Protocol):
    seconds: float
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request from now on."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait no longer once the request is whole."""
        if self._late is None:
            self._wait()
        super().data_received(data)
        state = repr(self.conn.their_state)  # by name: h11 is a dependency of uvicorn's, not of ours
        if state != "SEND_BODY" and not (state == "IDLE" and self.conn.trailing_data[0]):
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        # Whoever sends so slowly gets no answer: the application hears that the client is gone.
        self._late = None
        # Not closed: closing waits until what was written is sent, and the other side may never read.
        self.transport.abort()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Leave the connection to the other protocol."""
        self._stop_waiting()
        super().handle_websocket_upgrade(event)
