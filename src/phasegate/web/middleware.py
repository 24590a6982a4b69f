"""Rules of every request before any route: host name, origin of changes, and size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phasegate.web.problems import Problem, problem_response
from phasegate.web.settings import Settings

MAX_BODY = 1_048_576
SIGNED = "/slack/interactive"
"""Where a change proves itself by a signature over its body: it comes from no page, and bears no token."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with that, browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class TooLarge(Exception):
    """The body that arrives is larger than it may be."""


@dataclass(frozen=True)
class Guard:
    """Stands before the application."""

    app: ASGIApp
    settings: Settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        signed = (scope["method"], scope["path"]) == ("POST", SIGNED)
        refusal = self._refusal(str(scope["method"]), headers, signed=signed)
        if refusal:
            await problem_response(refusal)(scope, receive, _with(HEADERS, send))
            return
        body = _Body(receive)
        try:
            await self.app(scope, body.receive, body.checked(_with(self._headers(), send)))
        except TooLarge:
            await problem_response(_too_large())(scope, receive, _with(HEADERS, send))

    def _headers(self) -> Mapping[str, str]:
        tls = {"strict-transport-security": "max-age=31536000"} if self.settings.secure else {}
        return {**HEADERS, **tls}

    def _refusal(self, method: str, headers: Headers, *, signed: bool) -> Problem | None:
        # Against DNS rebinding: a page of another name that resolves to this server would be of the same origin to the
        # browser.
        if headers.get("host", "").lower() not in self.settings.hosts:
            return Problem(status=421, reason="unknown_host", detail="this server does not go by that name")
        if method not in _SAFE and not signed and not self._from_here(headers):
            return Problem(status=403, reason="foreign_origin", detail="a change must come from this server's own page")
        length = headers.get("content-length", "0")
        return _too_large() if not length.isdecimal() or int(length) > MAX_BODY else None

    def _from_here(self, headers: Headers) -> bool:
        """Return whether the browser names our page as the origin, or a program asks by token without a cookie."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None:
            return origin in self.settings.origins
        if site is not None:
            return site == "same-origin"
        # Neither header: no browser of today, which always sends one with a change. A program shows a token, and no
        # cookie, which a browser would have added by itself.
        return "cookie" not in headers and headers.get("authorization", "").lower().startswith("bearer ")


def _too_large() -> Problem:
    return Problem(status=413, reason="too_large", detail=f"{MAX_BODY:,} bytes are the most")


class _Body:
    """Counts what arrives: a body without a length must not fill the memory either."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._arrived = 0

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            TooLarge: it is one too many.
        """
        message = await self._receive()
        self._arrived += len(message.get("body", b""))
        self.check()
        return message

    def check(self) -> None:
        """Raises again, where the application took the first for a body that it cannot read."""
        if self._arrived > MAX_BODY:
            raise TooLarge

    def checked(self, send: Send) -> Send:
        """Return the application's answer, unless the body was too large."""

        async def after(message: Message) -> None:
            self.check()
            await send(message)

        return after


def _with(headers: Mapping[str, str], send: Send) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            _set(MutableHeaders(scope=message), headers.items())
        await send(message)

    return headed


def _set(held: MutableHeaders, headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        # Defaults, as an answer may say otherwise: the page's own files may be kept by the browser.
        held.setdefault(name, value)
