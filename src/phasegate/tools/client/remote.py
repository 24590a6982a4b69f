"""A server at an address: spoken to over HTTP, each request for itself, within bounds that it cannot stretch.

The protocol's library ends the whole session where one request fails. Here a failure becomes the answer to that request
alone, and is kept to be told.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from mcp import McpError

from phasegate.tools.client.stdio import MOST_BYTES

_OUR_CODE = -32_099


class RemoteClient(httpx.AsyncClient):
    """An HTTP client whose failures are answers to the request that failed."""

    def __init__(self, headers: Mapping[str, str], timeout: httpx.Timeout) -> None:
        """Prepare it.

        Args:
            headers: what every request shows.
            timeout: how long each step of a request may take.
        """
        super().__init__(
            # Asked for unpacked: the bound on bytes is on what arrives, and packed bytes become any size.
            headers={"Accept-Encoding": "identity", **headers},
            follow_redirects=False,  # what it shows is for this address alone
            timeout=timeout,
            event_hooks={"response": [_bounded]},
        )
        self._mark = secrets.token_hex(16)
        self._failures: dict[str, Exception] = {}

    def failure(self, error: Exception) -> Exception:
        """Return the real cause where an answer stands for a failure of ours, else the error itself."""
        data = error.error.data if isinstance(error, McpError) else None
        return self._failures.pop(data, error) if isinstance(data, str) else error

    async def send(self, request: httpx.Request, **more: Any) -> httpx.Response:
        """Send a request, which always gets an answer where the protocol asks for one."""
        message = _message(request)
        try:
            response = await super().send(request, **more)
            return response if message is None else await self._judged(request, response, message)
        except (httpx.HTTPError, ValueError) as error:
            if message is None:
                raise
            return self._answer(request, message, error)

    async def _judged(
        self, request: httpx.Request, response: httpx.Response, message: Mapping[str, Any]
    ) -> httpx.Response:
        forgotten = response.status_code == httpx.codes.NOT_FOUND and "mcp-session-id" in request.headers
        if forgotten or response.has_redirect_location:
            return response  # a matter of the library's
        if response.status_code >= 400:
            await response.aclose()
            said = f"it answered with {response.status_code} {response.reason_phrase}"
            raise httpx.HTTPStatusError(said, request=request, response=response)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if "id" not in message or kind == "text/event-stream":
            return response
        if kind != "application/json":
            await response.aclose()
            raise ValueError(f"it answered with '{kind[:60] or 'nothing'}' instead of a message")
        content = await response.aread()
        return httpx.Response(response.status_code, headers=_plain(response.headers), content=content, request=request)

    def _answer(self, request: httpx.Request, message: Mapping[str, Any], error: Exception) -> httpx.Response:
        if "id" not in message:  # a notification: nobody waits for it
            return httpx.Response(httpx.codes.ACCEPTED, request=request)
        # Behind a mark that the server does not know: it could otherwise name a failure of ours as its own.
        name = f"{self._mark}/{len(self._failures)}"
        self._failures[name] = error
        told = {"code": _OUR_CODE, "message": "no answer", "data": name}
        body = {"jsonrpc": "2.0", "id": message["id"], "error": told}
        return httpx.Response(httpx.codes.OK, json=body, request=request)


class _Bounded(httpx.AsyncByteStream):
    """A body that ends where it becomes larger than a message may be."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        arrived = 0
        async for chunk in self._body:
            arrived += len(chunk)
            if arrived > MOST_BYTES:
                raise httpx.ReadError(f"the answer has more than {MOST_BYTES:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


async def _bounded(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":  # what unpacks can become any size
        raise httpx.DecodingError("the answer is packed, which was not asked for")
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Bounded(response.stream)


def _message(request: httpx.Request) -> Mapping[str, Any] | None:
    """Return the message of a request, or None where it carries none."""
    if request.method != "POST":
        return None
    try:
        found = json.loads(request.content)
    except (ValueError, httpx.RequestNotRead):
        return None
    return found if isinstance(found, dict) and "method" in found else None


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers of a body that was read: its length and its form of transfer are no longer true."""
    return {name: value for name, value in headers.items() if name not in ("content-length", "transfer-encoding")}
