"""AWS on loopback that answers wrongly, slowly or not at all: moto's own server behind rules."""

import io
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

Call = tuple[str, str, str]
"""Service, region and action."""


@dataclass
class Rule:
    """How calls are answered that fit; the first that fits and is not used up counts."""

    action: str
    region: str = ".*"
    body: str = ""
    """What the request holds."""
    code: str = ""
    status: int = 400
    raw: str | None = None
    """An answer that is none."""
    kind: str = "text/html"
    replace: tuple[str, str] | None = None
    """In moto's answer."""
    times: int = 10**9
    until: str = ""
    """Ends when this action is called after the rule was used."""
    then: Callable[[], object] | None = None
    used: int = 0
    over: bool = False


@dataclass
class Server:
    """The server's address, its rules and the calls that it got."""

    url: str = ""
    rules: list[Rule] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def counted(self) -> Mapping[Call, int]:
        """How often each was called."""
        return Counter(self.calls)

    def fitting(self, call: Call, body: str) -> Rule | None:
        """The rule for a call."""
        _, region, action = call
        with self.lock:
            self.calls.append(call)
            self.bodies.append(body)
            for rule in self.rules:
                rule.over = rule.over or bool(rule.used and rule.until == action)
            for rule in self.rules:
                fits = re.fullmatch(rule.action, action) and re.fullmatch(rule.region, region) and rule.body in body
                if fits and not rule.over and rule.used < rule.times:
                    rule.used += 1
                    return rule
        return None


class _App:
    def __init__(self, server: Server) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = server

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        call, text = _call(environ, body.decode("utf-8", "replace")), body.decode("utf-8", "replace")
        rule = self._server.fitting(call, text)
        if rule and rule.then:
            rule.then()
        if rule and rule.replace:
            held: dict[str, Any] = {}
            answer = b"".join(
                self._moto(environ, lambda status, headers, *_: held.update(status=status, headers=headers))
            )
            return _send(
                start, held["status"], "", re.sub(rule.replace[0], rule.replace[1], answer.decode(), flags=re.S)
            )
        if rule and rule.raw is not None:
            return _send(start, f"{rule.status} X", rule.kind, rule.raw)
        if rule and rule.code:
            return _send(start, f"{rule.status} X", "text/xml", _failure(call[0], rule.code))
        return self._moto(environ, start)  # type: ignore[no-any-return]


def _call(environ: Mapping[str, Any], body: str) -> Call:
    signed = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    form = re.search(r"(?:^|&)Action=(\w+)", body)
    target = str(environ.get("HTTP_X_AMZ_TARGET", "")).rsplit(".", 1)[-1]
    region, service = signed.groups() if signed else ("", "")
    return service, region, form[1] if form else target


def _failure(service: str, code: str) -> str:
    if service == "ec2":
        return f"<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>"
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"


def _send(start: Any, status: str, kind: str, text: str) -> Sequence[bytes]:
    start(status, [("Content-Type", kind or "text/xml"), ("Content-Length", str(len(text.encode())))])
    return [text.encode()]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None:
        """Says nothing."""


@contextmanager
def serving(*rules: Rule) -> Iterator[Server]:
    """A server for one test."""
    server = Server(rules=list(rules))
    made = make_server("127.0.0.1", 0, _App(server), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{made.server_port}"
    try:
        yield server
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
