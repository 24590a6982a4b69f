"""The Slack and webhook cases of the hostile list, and their neighbours: office, bolt and signatures are real."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pygit2
import pytest

from phasegate.ledger import GateKey, GateStatus
from phasegate.tools.servers.slack import APPROVE, CHANGES, OPEN, REJECT
from phasegate.web import build, context_of, loopback
from phasegate.workflow import branch
from services.slack import SlackService
from services.slack_clicks import SECRET, form, signed
from unit.web.clicking import PATH, Channel, buttons, channel, shown, slack_running, workspace
from unit.web.fixtures import ORIGIN, PASSPHRASES, PORT, in_slack, web_server

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def running() -> Iterator[SlackService]:
    with slack_running() as slack:
        yield slack


@pytest.fixture
async def at(tmp_path: Path, running: SlackService) -> AsyncIterator[Channel]:
    async with channel(tmp_path, running) as made:
        yield made


async def click(at: Channel, key: GateKey, user: str = "U0ADA", action: str = APPROVE, **more: Any) -> bytes:
    """The body of a click on the gate's card."""
    return form(at.slack.clicks.button(user, action, await at.value(key), **more))


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


async def untouched(at: Channel, key: GateKey) -> bool:
    """Nothing was decided, recorded or said."""
    return (await at.decided(key), await at.refusals(key), at.told) == (("", ""), [], [])


# Signatures


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"X-Slack-Signature": None}, id="no signature"),
        pytest.param({"X-Slack-Request-Timestamp": None}, id="no time"),
        pytest.param({"X-Slack-Signature": "v0=" + "0" * 64}, id="made up"),
        pytest.param({"X-Slack-Signature": "v1=" + "0" * 64}, id="another version"),
        pytest.param({"X-Slack-Signature": ""}, id="empty"),
        pytest.param({"X-Slack-Request-Timestamp": "now"}, id="time that is no number"),
        pytest.param({"X-Slack-Request-Timestamp": "1e9"}, id="time as a float"),
        pytest.param({"X-Slack-Request-Timestamp": "-1"}, id="time before 1970"),
        pytest.param({"X-Slack-Request-Timestamp": "9" * 5_000}, id="endless time"),
    ],
)
async def test_bad_or_missing_signature_is_401(at: Channel, change: dict[str, str | None]) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    headers = {**signed(body, at.here.clock.now()), **change}
    answer = await at.send(body, {name: value for name, value in headers.items() if value is not None})
    assert reason(answer) == (401, "signature")
    assert await untouched(at, key)


@pytest.mark.parametrize("secret", ["other", SECRET[:-1]], ids=["another's", "cut off"])
async def test_another_secret_is_401(at: Channel, secret: str) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    assert reason(await at.send(body, signed(body, at.here.clock.now(), secret=secret))) == (401, "signature")
    assert await untouched(at, key)


async def test_body_that_was_changed_on_the_way_is_401(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key, user="U0EVE")
    headers = signed(body, at.here.clock.now())
    assert reason(await at.send(body.replace(b"U0EVE", b"U0ADA"), headers)) == (401, "signature")
    assert await untouched(at, key)


@pytest.mark.parametrize("off_s", [-301, 301, -86_400, 86_400])
async def test_time_that_is_301_s_off_is_401(at: Channel, off_s: int) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    assert reason(await at.send(body, signed(body, at.here.clock.now(), off_s=off_s))) == (401, "stale")
    assert await untouched(at, key)


@pytest.mark.parametrize("off_s", [-300, 300])
async def test_time_within_the_window_decides(at: Channel, off_s: int) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    assert (await at.send(body, signed(body, at.here.clock.now(), off_s=off_s))).status_code == 200
    assert await at.decided(key) == ("approve", "ada")


async def test_retry_and_replay_get_the_same_receipt_and_nothing_is_lost(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    headers = signed(body, at.here.clock.now())
    first = await at.send(body, headers)
    events = await at.here.app.ledger.events(key.run)
    replay = await at.send(body, headers)
    at.later(seconds=200)
    retry = await at.send(body, signed(body, at.here.clock.now(), retry="1"))
    assert [answer.status_code for answer in (first, replay, retry)] == [200] * 3
    assert first.json()["receipt"]
    assert first.content == replay.content == retry.content
    assert await at.here.app.ledger.events(key.run) == events


async def test_retry_to_a_server_that_was_started_anew_gets_the_same_receipt(at: Channel) -> None:
    """It knows no receipts any more: the decision itself is the same."""
    key = await at.here.gate()
    at.later(microseconds=123_456)
    await at.unlocks("ada")
    body = await click(at, key)
    first = await at.send(body, signed(body, at.here.clock.now()))
    at.later(seconds=70)
    again = build(at.here.parts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=again), base_url=ORIGIN) as web:
        retry = await web.post(PATH, content=body, headers=signed(body, at.here.clock.now(), retry="2"))
        await again.state.desk.door.errands.done(30)
    assert (retry.status_code, retry.json()) == (200, first.json())
    assert len(await at.here.app.ledger.decisions(key.run)) == 1


async def test_click_that_failed_half_way_is_not_lost(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    again = build(replace(at.here.parts, slack=workspace(at.slack)))
    at.slack.faults.error("POST", "auth.test", times=1)
    body = await click(at, key)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=again), base_url=ORIGIN) as web:
        failed = await web.post(PATH, content=body, headers=signed(body, at.here.clock.now()))
        assert (failed.status_code, await at.decided(key)) == (500, ("", ""))
        retry = await web.post(PATH, content=body, headers=signed(body, at.here.clock.now(), retry="1"))
        await again.state.desk.door.errands.done(30)
    assert (retry.status_code, await at.decided(key)) == (200, ("approve", "ada"))


# Who


async def test_user_who_is_no_approver_is_403_and_in_the_ledger_once_a_click(at: Channel) -> None:
    key = await at.here.gate()
    body = await click(at, key, user="U0EVE")
    for _ in range(3):
        answer = await at.send(body, signed(body, at.here.clock.now()))
        assert reason(answer) == (403, "not_an_approver")
    (event,) = await at.refusals(key)
    assert (event.user, event.team, event.action, event.reason) == ("U0EVE", "T1", APPROVE, "not_an_approver")
    assert len(at.told) == 1
    assert "no manager has the member id U0EVE" in at.told[0]
    await at.press("U0EVE", APPROVE, key)
    assert len(await at.refusals(key)) == 2
    assert await at.decided(key) == ("", "")


async def test_refused_click_that_comes_again_after_a_restart_is_on_record_once(at: Channel) -> None:
    key = await at.here.gate()
    body = await click(at, key, user="U0EVE")
    for _ in range(2):
        again = build(at.here.parts)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=again), base_url=ORIGIN) as web:
            answer = await web.post(PATH, content=body, headers=signed(body, at.here.clock.now()))
            await again.state.desk.door.errands.done(30)
        assert reason(answer) == (403, "not_an_approver")
    assert len(await at.refusals(key)) == 1


async def test_manager_whom_the_gate_does_not_name_is_403(tmp_path: Path, running: SlackService) -> None:
    async with channel(tmp_path, running, name="g", approvers=["user:ada"]) as at:
        key = await at.here.gate()
        await at.unlocks("amy")
        assert reason(await at.press("U0AMY", APPROVE, key)) == (403, "not_an_approver")
        (event,) = await at.refusals(key)
        assert (event.user, await at.decided(key)) == ("U0AMY", ("", ""))


@pytest.mark.parametrize(
    ("user", "more"),
    [
        pytest.param("U0BOT", {}, id="our own"),
        pytest.param("U0ADA", {"is_bot": True}, id="a bot in her name"),
        pytest.param("U0ADA", {"bot_id": "B0BOT"}, id="with a bot's id"),
    ],
)
async def test_bot_that_clicks_is_403(at: Channel, user: str, more: dict[str, Any]) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    who = {"id": user, "username": "x", "name": "x", "team_id": "T1", **more}
    assert reason(await at.press(user, APPROVE, key, changed={"user": who})) == (403, "service_identity")
    assert (await at.decided(key), len(await at.refusals(key))) == (("", ""), 1)


async def test_bot_whom_phasegate_toml_names_cannot_be_unlocked_for(tmp_path: Path, running: SlackService) -> None:
    async with channel(tmp_path, running, members={"ada": "U0OTHER"}) as at:
        key = await at.here.gate()
        answer = await at.unlocks("ada", user="U0OTHER")
        assert (answer.status_code, "is a bot in Slack" in answer.text) == (403, True)
        assert reason(await at.press("U0OTHER", APPROVE, key)) == (403, "not_unlocked")
        assert await at.decided(key) == ("", "")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"team": {"id": "T2", "domain": "other"}}, id="clicked in another workspace"),
        pytest.param({"user": {"id": "U0ADA", "team_id": "T2"}}, id="same id, from another workspace"),
        pytest.param({"user": {"id": "U0ADA"}}, id="from nobody knows where"),
        pytest.param({"team": None, "is_enterprise_install": True}, id="of a whole organisation"),
    ],
)
@pytest.mark.parametrize("action", [APPROVE, CHANGES])
async def test_click_from_another_workspace_is_403(at: Channel, changed: dict[str, Any], action: str) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    answer = await at.press("U0ADA", action, key, changed=changed)
    assert reason(answer) == (403, "foreign_workspace")
    assert (await at.decided(key), at.slack.clicks.views) == (("", ""), [])
    assert [event.reason for event in await at.refusals(key)] == ["foreign_workspace"]


# With which key


async def test_manager_who_did_not_unlock_is_403_and_told_where(at: Channel) -> None:
    key = await at.here.gate()
    async with at.here.browser("ada"):  # a session alone is not enough
        assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    assert f"{ORIGIN}/slack" in at.told[0]
    assert [event.reason for event in await at.refusals(key)] == ["not_unlocked"]
    await at.unlocks("amy")
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    assert await at.decided(key) == ("", "")


async def test_click_after_the_time_is_over_is_403(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada", hours="1")
    at.later(minutes=59, seconds=59)
    assert await at.here.parts.unlocked.find("ada")
    at.later(seconds=1)
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    at.later(hours=-1)  # a clock that is set back gives nothing back
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    assert await at.decided(key) == ("", "")


async def test_click_after_it_was_ended_is_403(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    async with at.here.browser("ada") as ada:
        await ada.client.post("/slack/end", data=await ada.form("/slack"))
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    await at.unlocks("ada")
    async with at.here.browser("ada") as ada:
        await ada.client.post("/sign-out", data={**await ada.form("/"), "everywhere": "yes"})
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    await at.unlocks("ada")
    await at.here.parts.accounts.remove("ada")
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_unlocked")
    assert await at.decided(key) == ("", "")


async def test_signing_out_in_one_browser_leaves_it(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    async with at.here.browser("ada") as ada:
        await ada.client.post("/sign-out", data=await ada.form("/"))
    assert (await at.press("U0ADA", APPROVE, key)).status_code == 200


async def test_server_that_was_started_anew_knows_no_key(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    again = build(context_of(at.here.app, loopback(PORT), at.here.parts.accounts, workspace(at.slack)))
    body = await click(at, key)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=again), base_url=ORIGIN) as web:
        answer = await web.post(PATH, content=body, headers=signed(body, at.here.clock.now()))
        await again.state.desk.door.errands.done(30)
    assert (reason(answer), await at.decided(key)) == ((403, "not_unlocked"), ("", ""))


async def test_who_writes_another_id_into_phasegate_toml_does_not_get_the_key(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    in_slack(at.here.app.folder.path, {"ada": "U0EVE"})
    assert reason(await at.press("U0EVE", APPROVE, key)) == (403, "not_unlocked")
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_an_approver")
    assert await at.decided(key) == ("", "")


async def test_manager_who_was_taken_out_is_403(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    in_slack(at.here.app.folder.path, {"amy": "U0AMY"})
    assert reason(await at.press("U0ADA", APPROVE, key)) == (403, "not_an_approver")
    assert await at.decided(key) == ("", "")


@pytest.mark.parametrize(("minutes", "status"), [(5, 200), (6, 403)])
async def test_gate_that_asks_who_you_are_counts_from_the_unlocking(
    tmp_path: Path, running: SlackService, minutes: int, status: int
) -> None:
    async with channel(tmp_path, running, reauthenticate=True) as at:
        key = await at.here.gate()
        await at.unlocks("ada")
        at.later(minutes=minutes)
        answer = await at.press("U0ADA", APPROVE, key)
        assert answer.status_code == status
        if status == 403:
            assert reason(answer) == (403, "reauthentication_required")
            assert f"{ORIGIN}/gates/{key}" in at.told[0]
            assert await at.decided(key) == ("", "")


# Which gate


async def test_button_with_an_old_digest_is_409_and_the_card_says_so(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    answer = await at.press("U0ADA", APPROVE, key, card, value=f"{key}|{'0' * 64}")
    assert reason(answer) == (409, "stale_digest")
    assert "out of date" in shown(card)
    assert buttons(card) == [OPEN]
    assert f"{ORIGIN}/gates/{key}" in at.told[0]
    assert await at.decided(key) == ("", "")


async def test_button_of_work_that_moved_on_is_409(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    _move(at, key)
    assert reason(await at.press("U0ADA", APPROVE, key, card)) == (409, "branch_moved")
    assert ("This gate is void" in shown(card), buttons(card)) == (True, [OPEN])
    assert await at.decided(key) == ("", "")


def _move(at: Channel, key: GateKey) -> None:
    """Somebody commits to the run's branch."""
    repository = pygit2.Repository(str(at.here.app.folder.path))
    name = f"refs/heads/{branch(key.run)}"
    tip = repository.references[name].peel(pygit2.Commit)
    who = pygit2.Signature("eve", "eve@example.com", 1, 0)
    repository.create_commit(name, who, who, "more", tip.tree_id, [tip.id])


async def test_button_of_a_gate_that_was_sent_back_is_409_and_leads_to_the_new_one(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    async with at.here.browser("amy") as amy:
        await amy.decide(key, "request-changes", comment="mend it", comment_path="", comment_line="")
    await at.here.segments.advance(key.run)
    assert reason(await at.press("U0ADA", APPROVE, key, card)) == (409, "already_decided")
    assert f"{ORIGIN}/gates/{key._replace(attempt=2)}" in at.told[0]
    assert "sent back by amy at 18 Nov 2026" in shown(card)
    assert buttons(card) == [OPEN]


@pytest.mark.parametrize("action", [APPROVE, CHANGES, REJECT])
async def test_button_of_a_void_gate_is_409(at: Channel, action: str) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    async with at.here.browser("ada") as ada:
        await ada.decide(key, "approve")
        await ada.takes_back(key)
    assert reason(await at.press("U0ADA", action, key, card)) == (409, "gate_void")
    assert ("This gate is void" in shown(card), buttons(card), at.slack.clicks.views) == (True, [OPEN], [])


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("", (422, "invalidinput")),
        ("approve", (422, "invalidinput")),
        ("{key}", (422, "invalidinput")),
        ("{key}|", (422, "invalidinput")),
        ("{key}|{digest}|x", (422, "invalidinput")),
        ("{key}|{digest}\n", (422, "invalidinput")),
        ("../{key}|{digest}", (422, "invalidinput")),
        ("{run}/{phase}/0|{digest}", (422, "invalidinput")),
        ("{run}/{phase}/7|{digest}", (404, "unknown_gate")),
        ("{run}/release/1|{digest}", (404, "unknown_gate")),
        ("other/{phase}/1|{digest}", (404, "unknown_gate")),
        ("{run}/{phase}/999999999|{digest}", (404, "unknown_gate")),
    ],
)
async def test_button_that_names_no_gate_decides_nothing(at: Channel, value: str, answer: tuple[int, str]) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    digest = (await at.here.parts.gate(*key)).digest
    filled = value.format(key=key, run=key.run, phase=key.phase, digest=digest)
    payload = at.slack.clicks.button("U0ADA", APPROVE, filled)
    assert reason(await at.post(payload)) == answer
    assert (await at.decided(key), await at.refusals(key)) == (("", ""), [])


# Two at once


async def test_two_managers_who_click_at_once_have_one_winner(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    for name in ("ada", "amy"):
        await at.unlocks(name)
    presses = [at.press(f"U0{name}", APPROVE, key, card) for name in ("ADA", "AMY")]
    answers = await asyncio.gather(*presses)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    kind, by = await at.decided(key)
    won = next(answer for answer in answers if answer.status_code == 200)
    assert (kind, by) == ("approve", won.json()["by"])
    assert f"approved by {by} at 18 Nov 2026" in shown(card)
    assert buttons(card) == [OPEN]


async def test_clicks_of_one_manager_at_once_are_one_decision(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    sent = [at.send(body, signed(body, at.here.clock.now())) for _ in range(3)]
    answers = await asyncio.gather(*sent, at.press("U0ADA", APPROVE, key))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["receipt"] for answer in answers}) == 1
    assert len(await at.here.app.ledger.decisions(key.run)) == 1


async def test_clicking_again_gets_the_receipt_and_another_decision_409(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    first, again = [await at.press("U0ADA", APPROVE, key) for _ in range(2)]
    assert (again.status_code, again.json()) == (200, first.json())
    assert reason(await at.press("U0ADA", REJECT, key)) == (409, "already_decided")
    assert await at.decided(key) == ("approve", "ada")


# What is no click


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"payload=%7B%7D&payload=%7B%7D", FORM, 400, id="two payloads"),
        pytest.param(b"", FORM, 400, id="nothing"),
        pytest.param(b"payload=", FORM, 400, id="empty payload"),
        pytest.param(b"payload=approve", FORM, 400, id="payload that is no JSON"),
        pytest.param(b"payload=%5B%5D", FORM, 400, id="payload that is a list"),
        pytest.param(b"payload=" + b"%5B" * 100_000, FORM, 400, id="payload without a bottom"),
        pytest.param(b"payload=%ff", FORM, 400, id="payload that is no text"),
        pytest.param(b"ssl_check=1&token=x", FORM, 400, id="ssl check"),
        pytest.param(b"command=%2Fapprove&text=all&user_id=U0ADA&team_id=T1", FORM, 400, id="slash command"),
        pytest.param(b'{"payload": {}}', "application/json", 415, id="JSON"),
        pytest.param(b"payload=%7B%7D", "", 415, id="no type"),
        pytest.param(b"payload=%7B%7D", "text/plain", 415, id="another type"),
        pytest.param(b"payload=%7B%7D", FORM, 404, id="empty object"),
    ],
)
async def test_what_slack_would_not_send_is_refused(at: Channel, body: bytes, kind: str, status: int) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    answer = await at.send(body, {**signed(body, at.here.clock.now()), "Content-Type": kind})
    assert (answer.status_code, await untouched(at, key)) == (status, True)


async def test_two_payloads_of_which_the_first_would_decide_decide_nothing(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    good = await click(at, key)
    for body in (good + b"&" + good, good + b"&payload=%7B%7D", b"payload=%7B%7D&" + good, good + b"&x=1"):
        assert (await at.send(body, signed(body, at.here.clock.now()))).status_code == 400
    assert await untouched(at, key)


async def test_huge_body_is_413_before_its_signature_is_looked_at(at: Channel) -> None:
    body = b"payload=" + b"a" * 1_100_000

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    headers = signed(body, at.here.clock.now())
    assert (await at.web.post(PATH, content=body, headers=headers)).status_code == 413
    assert (await at.web.post(PATH, content=pieces(), headers=headers)).status_code == 413


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"type": "event_callback", "event": {"type": "message", "text": "/approve {key}"}}, id="message"),
        pytest.param({"type": "event_callback", "event": {"type": "app_mention", "text": "approve"}}, id="mention"),
        pytest.param({"type": "url_verification", "challenge": "x"}, id="challenge"),
        pytest.param({"type": "message_action", "callback_id": APPROVE}, id="message shortcut"),
        pytest.param({"type": "shortcut", "callback_id": APPROVE}, id="shortcut"),
        pytest.param({"type": "view_closed", "view": {"callback_id": CHANGES}}, id="view that was closed"),
        pytest.param({"type": "interactive_message", "callback_id": APPROVE, "actions": []}, id="old button"),
        pytest.param({"type": "dialog_submission", "callback_id": REJECT, "submission": {}}, id="old dialog"),
        pytest.param({"type": "block_suggestion", "action_id": APPROVE, "block_id": "b"}, id="suggestion"),
        pytest.param({"type": ["block_actions"]}, id="type that is a list"),
    ],
)
async def test_whatever_is_no_click_decides_nothing(at: Channel, payload: dict[str, Any]) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    value = await at.value(key)
    whole = {
        **at.slack.clicks.button("U0ADA", APPROVE, value),
        **json.loads(json.dumps(payload).replace("{key}", value)),
    }
    assert reason(await at.post(whole)) == (404, "unknown")
    assert await untouched(at, key)


@pytest.mark.parametrize("action", ["approve", "phasegate-waive", "PHASEGATE-APPROVE", "phasegate-approve ", ""])
async def test_unknown_button_decides_nothing(at: Channel, action: str) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    assert reason(await at.press("U0ADA", action, key)) == (404, "unknown")
    assert await untouched(at, key)


async def test_click_without_its_parts_is_422(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    unread: list[dict[str, Any]] = [
        {"actions": []},
        {"actions": None},
        {"actions": [{"action_id": APPROVE, "value": await at.value(key)}] * 2},
        {"user": None},
        {"user": {"id": "u0ada; drop"}},
        {"user": {"id": ["U0ADA"]}},
        {"container": "C0OPS"},
    ]
    for changed in unread:
        assert reason(await at.press("U0ADA", APPROVE, key, changed=changed)) == (422, "invalid_request"), changed
    assert await untouched(at, key)


async def test_message_that_quotes_approve_and_our_own_words_decides_nothing(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    at.slack.say(f"/approve {key}", by=at.slack.users["U0ADA"], thread=card.ts)
    at.slack.say(f"{APPROVE} {await at.value(key)}", by=at.slack.bot)
    await at.here.segments.advance(key.run)
    gate = await at.here.app.ledger.gate(key)
    assert gate
    assert (gate.status, await untouched(at, key)) == (GateStatus.open, True)


async def test_bolt_s_own_headers_do_not_lead_past_the_listener(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    lazy = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "pressed"}
    answer = await at.send(body, {**signed(body, at.here.clock.now()), **lazy})
    assert (answer.status_code, await at.decided(key)) == (200, ("approve", "ada"))


async def test_link_that_was_followed_does_nothing(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    assert (await at.press("U0EVE", OPEN, key)).status_code == 200
    assert await untouched(at, key)


# Where


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{PATH}/", 403),
        ("POST", f"{PATH}/x", 403),
        ("POST", f"/{PATH}", 403),
        ("POST", "/slack", 403),
        ("POST", "/slack/end", 403),
        ("POST", "/slack/Interactive", 403),
        ("POST", "/backlog/order", 403),
        ("PUT", PATH, 403),
        ("DELETE", PATH, 403),
        ("GET", PATH, 405),
    ],
)
async def test_only_that_path_is_open_to_a_post_from_nowhere(at: Channel, method: str, path: str, status: int) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    headers = signed(body, at.here.clock.now())
    content = None if method == "GET" else body
    answer = await at.web.request(method, path, content=content, headers=headers)
    assert (answer.status_code, await untouched(at, key)) == (status, True)


async def test_another_host_is_421_there_too(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    body = await click(at, key)
    headers = {**signed(body, at.here.clock.now()), "Host": "evil.example"}
    assert reason(await at.send(body, headers)) == (421, "unknown_host")
    assert await untouched(at, key)


async def test_session_of_the_page_is_no_signature(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    async with at.here.browser("ada") as ada:
        answer = await ada.client.post(PATH, content=await click(at, key), headers={"Content-Type": FORM})
    assert (reason(answer), await untouched(at, key)) == ((401, "signature"), True)


@pytest.mark.parametrize("secret", [SECRET, "", "other"])
async def test_where_slack_is_not_set_up_the_route_is_not_there(tmp_path: Path, secret: str) -> None:
    async with web_server(tmp_path) as here:
        transport = httpx.ASGITransport(app=here.web)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as web:
            body = b"payload=%7B%7D"
            headers = signed(body, here.clock.now(), secret=secret) if secret else {}
            answer = await web.post(PATH, content=body, headers=headers)
    assert reason(answer) == (404, "unknown")


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/actions/T1/1",
        "http://hooks.slack.com/actions/T1/1",
        "https://hooks.slack.com.evil.example/",
        "https://hooks.slack.com@evil.example/",
        "https://evil.example\\@hooks.slack.com/",
        "https://hooks.slack.com:444/",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
        "//hooks.slack.com/",
        "https://[/",
    ],
)
async def test_answer_goes_to_no_other_address(at: Channel, address: str, caplog: pytest.LogCaptureFixture) -> None:
    key = await at.here.gate()
    assert reason(await at.press("U0EVE", APPROVE, key, changed={"response_url": address})) == (403, "not_an_approver")
    assert "an address that is not Slack's" in caplog.text
    assert address not in caplog.text
    assert at.told == []


async def test_no_secret_is_said_anywhere(at: Channel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    at.slack.faults.error("POST", "chat.update", times=9)
    payload = at.slack.clicks.button("U0EVE", "unknown", await at.value(key))
    answers = [
        await at.post(payload),
        await at.press("U0EVE", APPROVE, key),
        await at.press("U0ADA", APPROVE, key, card),
    ]
    events = await at.here.app.ledger.events(key.run)
    words = f"{[a.text for a in answers]} {at.told} {[e.event for e in events]} {_ours(caplog)}"
    response_url = payload["response_url"]
    for secret in (SECRET, "xoxb-", PASSPHRASES["ada"], response_url, payload["trigger_id"]):
        assert secret not in words


def _ours(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("phasegate"))


async def test_card_that_slack_does_not_take_is_said_and_the_decision_stands(
    at: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    at.slack.refusing["chat.update"] = "cant_update_message"
    assert (await at.press("U0ADA", APPROVE, key, card)).status_code == 200
    assert await at.decided(key) == ("approve", "ada")
    assert "cannot update the card" in caplog.text


async def test_words_of_a_spec_on_a_card_call_nobody_and_link_nowhere(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    await at.press("U0ADA", APPROVE, key, card)
    assert card.called() == []
    assert "mrkdwn" not in json.dumps(card.blocks)
