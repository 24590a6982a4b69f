"""Frames between a process and the holder of a key: a length of four bytes, then the content."""

import json
import socket
from typing import Any

_LENGTH = 4
ANSWER_SECONDS = 20.0
"""How long either end waits for the other: one that was stopped must not keep a key beyond its time."""
MOST = 64 * 1024 * 1024
"""Bytes of a frame."""


def send(channel: socket.socket, content: bytes | bytearray) -> None:
    """Send a frame."""
    channel.sendall(len(content).to_bytes(_LENGTH, "big"))
    channel.sendall(content)


def send_json(channel: socket.socket, **values: Any) -> None:
    """Send an object."""
    send(channel, json.dumps(values).encode())


def receive(channel: socket.socket) -> bytearray:
    """Receive a frame, into a buffer that can be overwritten.

    Raises:
        EOFError: The other end is gone.
        ValueError: The frame is too long.
    """
    size = int.from_bytes(_exactly(channel, _LENGTH), "big")
    if size > MOST:
        raise ValueError(f"a frame of {size} bytes")
    return _exactly(channel, size)


def receive_json(channel: socket.socket) -> dict[str, Any]:
    """Receive an object.

    Raises:
        EOFError: The other end is gone.
    """
    return dict(json.loads(receive(channel)))


def wipe(buffer: bytearray) -> None:
    """Overwrite a buffer."""
    buffer[:] = bytes(len(buffer))


def _exactly(channel: socket.socket, size: int) -> bytearray:
    buffer = bytearray(size)
    view, got = memoryview(buffer), 0
    while got < size:
        count = channel.recv_into(view[got:])
        if not count:
            raise EOFError("the other end is gone")
        got += count
    return buffer
