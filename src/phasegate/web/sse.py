"""Server-sent events: one frame after the other, for pages and programs."""

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

POLL_SECONDS = 0.4


def frame(event: str, data: str, number: int | None = None) -> str:
    r"""Return an event of a stream, with each line of its data on a line of its own.

    >>> frame("progress", "a\nb")
    'event: progress\ndata: a\ndata: b\n\n'
    """
    head = f"id: {number}\n" if number is not None else ""
    lines = data.replace("\r", "").split("\n")
    return head + f"event: {event}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"


def streaming(frames: AsyncIterator[str]) -> StreamingResponse:
    """Return the stream, marked so that nothing before the browser buffers it."""
    return StreamingResponse(frames, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
