"""The web and REST cases of the hostile list, and their neighbours: the office is real, the visitor is not kind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from phasegate.core import Exhausted, UsageError
from phasegate.identity import ABSOLUTE
from phasegate.ledger import GateKey
from phasegate.web import listen
from unit.authors.sample_spec import FOLDER, NOW, SPEC
from unit.web.fixtures import HOST, ORIGIN, WebServer, web_server

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[WebServer]:
    async with web_server(tmp_path) as made:
        yield made


async def undecided(here: WebServer, key: GateKey) -> bool:
    return await here.app.ledger.decision(key) is None


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.example"}, id="foreign origin"),
        pytest.param({"origin": "null"}, id="null, as from a sandboxed frame"),
        pytest.param({"origin": f"{ORIGIN}.evil.example"}, id="our origin as a prefix"),
        pytest.param({"origin": f"https://{HOST}"}, id="other scheme"),
        pytest.param({"origin": "http://127.0.0.1:8301"}, id="other port"),
        pytest.param({"origin": ""}, id="empty"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="cross-site without an origin"),
        pytest.param({"sec-fetch-site": "same-site"}, id="same site, not same origin"),
        pytest.param({"sec-fetch-site": "none"}, id="typed into the address bar"),
        pytest.param({}, id="nothing said"),
        pytest.param({"authorization": "Bearer x"}, id="bearer beside a cookie"),
    ],
)
async def test_form_from_elsewhere_decides_nothing(headers: dict[str, str], here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = {**await ada.form(f"/gates/{key}"), "decision": "approve"}
        del ada.client.headers["origin"]
        answer = await ada.client.post(f"/gates/{key}/decide", data=fields, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "foreign_origin")
    assert await undecided(here, key)


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "\u202e" * 32], ids=["none", "made up", "not ASCII", "bidi"])
async def test_form_without_its_token_decides_nothing(token: str, here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = {**await ada.form(f"/gates/{key}"), "decision": "approve", "form_token": token}
        answer = await ada.client.post(f"/gates/{key}/decide", data=fields)
    assert (answer.status_code, await undecided(here, key)) == (403, True)


@pytest.mark.parametrize(
    "host", ["evil.example", f"{HOST}.evil.example", "127.0.0.1", "", f"{HOST}@evil.example", "localhost:1"]
)
async def test_page_is_not_served_under_another_name(host: str, here: WebServer) -> None:
    async with here.browser("ada") as ada:
        answer = await ada.client.get("/", headers={"host": host})
    assert (answer.status_code, answer.json()["reason"]) == (421, "unknown_host")


async def test_cookie_of_an_ended_session_is_401(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        secret, fields = ada.client.cookies["phasegate"], await ada.form(f"/gates/{key}")
        await ada.client.post("/sign-out", data={"form_token": fields["form_token"]})
        assert "phasegate" not in ada.client.cookies
        ada.client.cookies.set("phasegate", secret)
        assert (await ada.client.get(f"/gates/{key}")).status_code == 401
        answer = await ada.client.post(f"/gates/{key}/decide", data={**fields, "decision": "approve"})
    assert (answer.status_code, await undecided(here, key)) == (401, True)


@pytest.mark.parametrize("later", [timedelta(days=1), ABSOLUTE, timedelta(minutes=31)], ids=["a day", "12 h", "idle"])
async def test_clock_that_jumps_ends_the_session(later: timedelta, here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = {**await ada.form(f"/gates/{key}"), "decision": "approve"}
        here.clock.move(NOW + later)
        answer = await ada.client.post(f"/gates/{key}/decide", data=fields)
    assert (answer.status_code, await undecided(here, key)) == (401, True)


async def test_gate_that_expired_is_not_approved_by_a_page_that_was_left_open(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = {**await ada.form(f"/gates/{key}"), "decision": "approve"}
    here.clock.move(NOW + timedelta(days=15))
    async with here.browser("ada") as again:
        token = (await again.form("/record"))["form_token"]
        answer = await again.client.post(f"/gates/{key}/decide", data={**fields, "form_token": token})
    assert answer.status_code == 409, answer.text
    assert await undecided(here, key)


async def test_eight_browsers_at_once_have_one_winner(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = await ada.form(f"/gates/{key}")
        kinds = ["approve", "reject"] * 4
        url = f"/gates/{key}/decide"
        answers = await asyncio.gather(*(ada.client.post(url, data={**fields, "decision": k}) for k in kinds))
    decision = await here.app.ledger.decision(key)
    assert decision
    won = [kind for kind, answer in zip(kinds, answers, strict=True) if answer.status_code == 303]
    assert set(won) == {decision.statement.kind.value}
    assert {answer.status_code for answer in answers} == {303, 409}


async def test_script_in_every_field_stays_text(here: WebServer) -> None:
    text = SPEC.replace("Free volumes", f"Free {SCRIPT} volumes").replace(
        "Teams want", f"{SCRIPT}<img src=x onerror=y> Teams want"
    )
    here.script.files[f"{FOLDER}/spec.md"] = text.encode()
    here.script.files[f"{FOLDER}/<b>name.md"] = SCRIPT.encode()
    key = await here.gate()
    place = {"comment_path": "", "comment_line": "", "comment": f"{SCRIPT} in a comment"}
    async with here.browser("ada") as ada:
        pages = [await ada.client.get(path) for path in ("/", f"/gates/{key}", f"/runs/{key.run}")]
        pages.append(await ada.decide(key, "request-changes", digest=SCRIPT, **place))
        pages.append(await ada.decide(key, "request-changes", **place))
        await here.segments.advance(key.run)
        paths = (f"/gates/{key}", f"/gates/{key._replace(attempt=2)}", "/record", f"/runs/{key.run}", "/runs")
        pages += [await ada.client.get(path) for path in paths]
        pages += [await ada.client.get(f"/runs/{SCRIPT}"), await ada.client.get("/record", params={"by": SCRIPT})]
        pages += [await ada.sign_in(SCRIPT, "x", to='"><script>')]
    for page in pages:
        assert SCRIPT not in page.text, page.url
        assert "<img" not in page.text
        assert "<b>" not in page.text
    assert "&lt;script&gt;" in pages[1].text


async def test_image_that_carries_data_away_is_not_fetched(here: WebServer) -> None:
    line = "![x](https://evil.example/?q=secret) <img src=https://evil.example>"
    here.script.files[f"{FOLDER}/spec.md"] = f"{SPEC}\n{line}\n".encode()
    key = await here.gate()
    async with here.browser("ada") as ada:
        page = await ada.client.get(f"/gates/{key}")
    assert "<img" not in page.text
    assert "img-src 'self' data:;" in page.headers["content-security-policy"]


async def test_hidden_characters_are_marked_in_the_difference(here: WebServer) -> None:
    here.script.files[f"{FOLDER}/spec.md"] = f"{SPEC}\nOnly ad\u202emin\u200b may.\n".encode()
    key = await here.gate()
    async with here.browser("ada") as ada:
        page = (await ada.client.get(f"/gates/{key}")).text
    assert '<mark class="hidden">&lt;U+202E&gt;</mark>' in page
    assert "2 hidden characters" in page
    assert "\u202e" not in page
    assert "\u200b" not in page


async def test_signing_in_is_slowed_down(here: WebServer) -> None:
    async with here.browser() as visitor:
        answers = [(await visitor.sign_in("ada", "wrong")).status_code for _ in range(7)]
        assert answers == [401] * 5 + [429] * 2
        assert (await visitor.sign_in("ada")).status_code == 429


@pytest.mark.parametrize("name", ["", "ada\x00", "\u202eada", "a" * 10_000, "ada' or 1=1 --", "policy:demo"])
async def test_odd_names_are_nobody(name: str, here: WebServer) -> None:
    async with here.browser() as visitor:
        answer = await visitor.sign_in(name, "correct horse battery")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b"\xff\xfe=\xff", "application/x-www-form-urlencoded", id="not UTF-8"),
        pytest.param(b"name=%ed%a0%80", "application/x-www-form-urlencoded", id="surrogates"),
        pytest.param(b"&".join(b"a=b" for _ in range(5_000)), "application/x-www-form-urlencoded", id="many fields"),
        pytest.param(b"--x\r\n", "multipart/form-data; boundary=x", id="torn multipart"),
        pytest.param(b"--x\r\n", "multipart/form-data", id="no boundary"),
        pytest.param(b"{", "application/json", id="JSON"),
    ],
)
async def test_odd_bodies_are_refused(content: bytes, kind: str, here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        for path in ("/sign-in", f"/gates/{key}/decide", "/backlog/order", "/sign-out"):
            answer = await ada.client.post(path, content=content, headers={"content-type": kind})
            assert 400 <= answer.status_code < 500, (path, answer.status_code)
    assert await undecided(here, key)


async def test_page_tells_nobody_whether_a_run_exists(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser() as visitor:
        there, not_there = [await visitor.client.get(f"/runs/{run}") for run in (key.run, "nothing")]
    assert (there.status_code, not_there.status_code) == (401, 401)
    assert there.text.replace(key.run, "") == not_there.text.replace("nothing", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_server_is_not_opened_to_others_without_tls(host: str) -> None:
    with pytest.raises(UsageError, match="unencrypted"):
        listen(host, 0, behind_tls=False, names=())


def test_taken_port_is_said_with_what_to_do() -> None:
    settings, listening = listen("127.0.0.1", 0, behind_tls=False, names=())
    port = listening.getsockname()[1]
    assert f"127.0.0.1:{port}" in settings.hosts
    with pytest.raises(Exhausted, match=str(port)):
        listen("127.0.0.1", port, behind_tls=False, names=())
    listening.close()


def test_behind_tls_the_cookie_is_bound_to_host_and_tls() -> None:
    settings, listening = listen("127.0.0.1", 0, behind_tls=True, names=("inbox.example.org",))
    listening.close()
    assert (settings.cookie, settings.secure) == ("__Host-phasegate", True)
    assert settings.origins == {"https://inbox.example.org"}


async def test_rebound_name_is_not_even_asked_to_sign_in(here: WebServer) -> None:
    transport = httpx.ASGITransport(app=here.web)
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
        assert (await client.get("/sign-in")).status_code == 421
