"""Every route with every kind of credentials: who reaches what, and that looking changes nothing."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.routing import APIRoute

from phasegate.identity import Scope
from phasegate.ledger import GateKey, GateStatus
from phasegate.reports import standing
from phasegate.web import api, pages, static
from phasegate.web.middleware import SIGNED
from phasegate.web.slack import http as slack
from phasegate.web.slack.slack_client import AsyncSlackClient, Environment
from unit.authors.sample_spec import FOLDER, NOW
from unit.web.fixtures import HOST, ORIGIN, PASSPHRASES, WebServer, web_server

MONTH = timedelta(days=30)
_GATE = "/gates/{run}/{phase}/{attempt}"
FOREIGN = "https://evil.example"
Kind = Literal["none", "ended", "person", "no form token", "foreign form token", "foreign origin", "no origin"]
COOKIES = ("none", "ended", "person", "no form token", "foreign form token", "foreign origin", "no origin")
TOKENS = tuple(f"{kind} {scope}" for kind in ("service", "person") for scope in ("read", "run", "decide", "work"))
LAWLESS = ("service decide",)
"""Cannot be made by any command: the row is put into the database by hand."""
CREDENTIALS = (*COOKIES, *TOKENS, "expired", "revoked", "another's cookie as token", "foreign origin person decide")
OPEN = {"/sign-in", "/static/{name}", "/api/v1/openapi.json"}
"""What anybody may see."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[WebServer]:
    """With Slack set up: no request of these tests gets as far as to ask it."""
    async with web_server(tmp_path, slack=AsyncSlackClient(Environment(token="xoxb-1", secret="s3cret"))) as made:
        yield made


@dataclass(frozen=True)
class Route:
    method: str
    path: str

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def walk(router: APIRouter, prefix: str = "") -> Iterator[Route]:
    for route in router.routes:
        if isinstance(inside := getattr(route, "original_router", None), APIRouter):
            yield from walk(inside, prefix)
        if isinstance(route, APIRoute):
            yield from (Route(method, prefix + route.path) for method in sorted(route.methods or ()))


ROUTES = [
    *walk(static.router),
    *walk(pages.router()),
    *walk(slack.router),
    *walk(api.router(), "/api/v1"),
    Route("GET", "/api/v1/openapi.json"),
]


def needed(route: Route) -> tuple[str, ...]:
    """The scopes that open an API route, written down here once more."""
    if route.method == "GET":
        return ("read", "work") if route.path.endswith("/work") else ("read",)
    if "/work/" in route.path:
        return ("work",)
    return ("run",) if route.path.endswith(("/runs", "/scans")) else ("decide",)


def allowed(route: Route, who: str) -> bool:
    """Whether they get past the door: what is behind it may still refuse what they ask."""
    if route.path == SIGNED:  # a signature of Slack alone opens it, and none of these is one
        return False
    if who == "foreign origin person decide":
        return route.method == "GET" and route.path in OPEN
    if who in ("foreign origin", "no origin"):
        return route.method == "GET" and (route.path in OPEN or not route.is_api)
    if route.path in OPEN:
        return True
    if route.is_api:
        return who in TOKENS and who.endswith(needed(route)) and who not in LAWLESS
    return who == "person" or (route.method == "GET" and who in ("no form token", "foreign form token"))


async def dump(here: WebServer) -> str:
    """All that is stored, digested; what the browser may leave out is nothing."""

    def rows(connection: sa.Connection) -> str:
        tables = connection.exec_driver_sql("select name from sqlite_master where type = 'table' order by name")
        content = [connection.exec_driver_sql(f'select * from "{name}"').fetchall() for (name,) in tables]
        return hashlib.sha256(repr(content).encode()).hexdigest()

    return await here.app.database.read(rows)


@asynccontextmanager
async def credentials(here: WebServer, who: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client that comes in so, and the form token that it sends."""
    headers = {"host": HOST, "origin": FOREIGN if who.startswith("foreign origin") else ORIGIN}
    async with here.browser("" if who == "none" or who in TOKENS else "ada") as ada, here.browser("eve") as eve:
        token = (await ada.form("/")).get("form_token", "")
        match who:
            case "ended":
                await ada.client.post("/sign-out", data={"form_token": token})
                # The browser forgot it; somebody else did not.
                ada.client.cookies.set("phasegate", "x" * 43)
            case "no form token":
                token = ""
            case "foreign form token":
                token = (await eve.form("/"))["form_token"]
            case "another's cookie as token":
                headers["authorization"] = f"Bearer {eve.client.cookies['phasegate']}"
        if secret := await _secret(here, who):
            headers["authorization"] = f"Bearer {secret}"
        if "authorization" in headers:
            ada.client.cookies.clear()
        ada.client.headers.update(headers)
        if who == "no origin":
            del ada.client.headers["origin"]
        yield ada.client, token


async def _secret(here: WebServer, who: str) -> str:
    tokens = here.parts.tokens
    words = who.removeprefix("foreign origin ").split()
    if who in ("expired", "revoked"):
        token, secret = await tokens.create("x", list({*Scope} - {Scope.work}), timedelta(hours=1), account="ada")
        if who == "revoked":
            await tokens.revoke(token.id)
        else:
            await here.app.database.write(lambda c: c.exec_driver_sql("update tokens set expires_at = 1"))
        return secret
    if len(words) != 2 or words[1] not in list(Scope):
        return ""
    made, secret = await tokens.create("x", [Scope(words[1])], MONTH, account="ada")
    if words[0] == "service":
        await here.app.database.write(
            lambda c: c.exec_driver_sql("update tokens set account = null where id = ?", (made.id,))
        )
    return secret


async def ask(
    client: httpx.AsyncClient, route: Route, key: GateKey, gate_digest: str, token: str, once: str = ""
) -> httpx.Response:
    path = route.path.format(
        run=key.run,
        phase=key.phase,
        attempt=key.attempt,
        name="free-volumes" if "/runbooks/" in route.path else "page.css",
        server="aws",
        item="0" * 16,
        scan="abcdef",
        finding="0" * 16,
    )
    if route.method == "GET":
        query = {"by": "ada"} if path.endswith("/audit") else {}
        return await client.get(path, params=query)
    if route.is_api:
        return await client.request(route.method, path, json=_body(route, key, gate_digest))
    fields = {
        "form_token": token,
        "decision": "approve",
        "digest": gate_digest,
        "token": once,
        "spec": FOLDER,
        "to": "up",
        "passphrase": PASSPHRASES["ada"],
    }
    return await client.post(path, data=fields)


def _body(route: Route, key: GateKey, gate_digest: str) -> dict[str, Any]:
    wish = {"decision": "approve", "digest": gate_digest}
    if route.path.endswith("/decisions"):
        statement = {**wish, "gate": str(key), "by": "ada", "at": 0, "tree": "", "token": "", "instead_of": ""}
        return {"statement": statement, "key_id": "0" * 64, "signature": "A" * 86 + "=="}
    signed = {"key_id": "0" * 64, "signature": "A" * 86 + "=="}
    said: dict[str, Any] = {"by": "ada", "at": int(NOW.timestamp())}
    window = {"from": said["at"], "until": said["at"] + 9_999, "gates": ["plan"]}
    bodies: dict[str, dict[str, Any]] = {
        f"{_GATE}/revocation/statement": {},
        f"{_GATE}/revocation": {**signed, "statement": {**said, "gate": str(key)}},
        "/delegations/statement": {"to": "amy", "until": "2026-11-30"},
        "/delegations": {**signed, "statement": {**said, "to": "amy", **window}},
        "/delegations/end/statement": {"to": "amy"},
        "/delegations/end": {**signed, "statement": {**said, "to": "amy"}},
    }
    if "/work/" in route.path:
        return {"lease": "x" * 32, **({"answer": {}} if route.path.endswith("/hand-in") else {})}
    if route.path.endswith(("/mark", "/scans")):
        return {"state": "waived", "reason": "known"} if route.path.endswith("/mark") else {}
    found = bodies.get(route.path.removeprefix("/api/v1"))
    if found is not None:
        return found
    return wish if route.path.endswith("/statement") else {"spec": "specs/none"}


@pytest.mark.slow
@pytest.mark.parametrize("who", CREDENTIALS)
async def test_each_route_lets_in_whom_it_should(who: str, here: WebServer) -> None:
    key = await here.gate()
    digest = (await here.parts.gate(*key)).digest
    wrong = []
    for route in ROUTES:
        async with credentials(here, who) as (client, token):
            before = await dump(here)
            if route.path.endswith(("/stream", "/live")) and allowed(route, who):
                continue  # endless while the run waits; a test of its own reads one
            answer = await ask(client, route, key, digest, token)
            let_in = answer.status_code not in (401, 403) or _refused_behind(answer)
            if let_in != allowed(route, who):
                wrong.append(f"{route}: {answer.status_code} {answer.text[:200]}")
            if (route.method == "GET" or not allowed(route, who)) and await dump(here) != before:
                wrong.append(f"{route}: changed the database")
        gate = await here.app.ledger.gate(key)
        if gate and gate.status is not GateStatus.open:
            assert (who, str(route)) == ("person", "POST /gates/{run}/{phase}/{attempt}/decide")
            key = await here.gate()
            digest = (await here.parts.gate(*key)).digest
    assert wrong == []


def _refused_behind(answer: httpx.Response) -> bool:
    """Whether it was `decide` that refused, or the sign-in: past the door."""
    return any(word in answer.text for word in ("bad_signature", "name or passphrase is wrong"))


async def test_no_credentials_but_a_person_s_form_or_signature_decide(here: WebServer) -> None:
    """The same walk, over the routes that could: after it nothing is decided."""
    key = await here.gate()
    digest = (await here.parts.gate(*key)).digest
    ways = {"/decide": 1, "/decisions": 1, "/statement": 4, SIGNED: 1, "/revocation": 1, "/grant": 1}
    ways |= {"/delegations": 2, "/delegations/end": 2}
    deciding = [route for route in ROUTES if route.method == "POST" and route.path.endswith(tuple(ways))]
    assert len(deciding) == sum(ways.values())
    for who in CREDENTIALS:
        for route in deciding:
            if who == "person" and route.path.endswith("/decide"):
                continue
            async with credentials(here, who) as (client, token):
                once = here.app.token(await here.parts.gate(*key), "ada")
                await ask(client, route, key, digest, token, once)
    gate = await here.app.ledger.gate(key)
    assert gate
    assert gate.status is GateStatus.open
    assert await here.app.ledger.decision(key) is None


async def test_no_credentials_but_a_person_s_form_take_back_or_delegate(tmp_path: Path) -> None:
    """The walk again, over what else is signed, with something to take back and to end: after it all still stands."""
    paths = (f"{_GATE}/revoke", "/delegations", "/delegations/end")
    assert {f"POST {path}" for path in paths} < {str(route) for route in ROUTES}
    async with web_server(tmp_path, managers=("ada", "amy")) as here:
        key = await here.gate()
        async with here.browser("ada") as ada:
            assert (await ada.decide(key, "approve")).status_code == 303
            assert (await ada.delegates("amy", until="2026-11-30")).status_code == 303
        for who in set(CREDENTIALS) - {"person"}:
            async with credentials(here, who) as (client, token):
                before = await dump(here)
                for path in paths:
                    fields = {"form_token": token, "to": "amy", "until": "2026-12-31", "passphrase": PASSPHRASES["ada"]}
                    url = path.format(run=key.run, phase=key.phase, attempt=key.attempt)
                    for method in ("POST", "GET", "PUT"):
                        answer = await client.request(method, url, data=fields)
                        assert method == "GET" or answer.status_code in (401, 403, 405), (who, path)
                assert await dump(here) == before
        gate = await here.app.ledger.gate(key)
        assert gate
        assert gate.status is GateStatus.decided
        (given,) = await standing(here.app)
        assert (given.by, given.to, given.ends.month) == ("ada", "amy", 11)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
async def test_a_decision_link_that_is_followed_decides_nothing(method: str, here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = {**await ada.form(f"/gates/{key}"), "decision": "approve"}
        before = await dump(here)
        for path in (f"/gates/{key}/decide", f"/gates/{key}", f"/api/v1/gates/{key}/decisions"):
            answer = await ada.client.request(method, path, params=fields)
            assert answer.status_code in (200, 403, 404, 405), answer.text
        assert await dump(here) == before


def test_the_walk_goes_everywhere(here: WebServer) -> None:
    described = {
        f"{method.upper()} {path}" for path, methods in here.web.openapi()["paths"].items() for method in methods
    }
    assert described < {str(route) for route in ROUTES}
    assert len(ROUTES) >= 38


async def test_every_page_has_the_headers(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        for route in ROUTES:
            if route.method == "GET" and not route.path.endswith(("/live", "/stream")):
                answer = await ask(ada.client, route, key, "", "")
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), route
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert ("no-store" in answer.headers["cache-control"]) == (not route.path.startswith("/static"))


async def test_no_page_has_script_or_style_of_its_own(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        for path in (
            "/",
            "/runs",
            f"/runs/{key.run}",
            f"/gates/{key}",
            "/backlog",
            "/spend",
            "/record",
            "/delegations",
            "/slack",
            "/nothing",
        ):
            page = (await ada.client.get(path)).text
            assert "<script>" not in page
            assert "<style" not in page
            assert " style=" not in page
            assert " onclick" not in page
            assert "http://" not in page.replace("http://www.w3.org", "")
            assert "https://" not in page
