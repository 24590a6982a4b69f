"""Deciding by clicks, as a manager does who is allowed to."""

from datetime import timedelta
from pathlib import Path

import pytest

from phasegate.authors import Report
from phasegate.core import Finding, Severity
from phasegate.ledger import GateKey
from phasegate.ledger.events import DecisionTaken
from phasegate.reports import current
from phasegate.tools.servers.slack import APPROVE, CHANGES, OPEN, REJECT
from phasegate.web.slack import replies
from phasegate.web.slack.payloads import Click
from services.slack import SlackService
from unit.ledger.chain_check import first_break
from unit.web.clicking import Channel, buttons, channel, shown
from unit.web.fixtures import ORIGIN


async def test_approval_is_signed_recorded_and_shown(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    assert (await at.unlocks("ada")).status_code == 303
    answer = await at.press("U0ADA", APPROVE, key, card)
    assert (answer.status_code, answer.json()["decision"], answer.json()["by"]) == (200, "approve", "ada")
    decision = await at.here.app.ledger.decision(key)
    assert decision
    assert decision.envelope.holds(at.here.keys["ada"].public)
    (event,) = await at.here.app.ledger.events_of(key.run, DecisionTaken)
    assert (event.channel, event.by) == ("slack", "ada")
    assert "approved by ada at 18 Nov 2026, 20:10 UTC" in shown(card)
    assert "Spec review: Free volumes" in shown(card)
    assert buttons(card) == [OPEN]
    assert at.told == []
    await at.here.segments.advance(key.run)
    assert {gate.key.phase for gate in await at.here.app.ledger.gates(key.run)} == {"specify", "plan"}


async def test_changes_are_requested_in_a_view(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    assert (await at.press("U0ADA", CHANGES, key, card)).content == b""
    (view,) = at.slack.clicks.views
    assert (view.user, view.given["callback_id"], await at.decided(key)) == ("U0ADA", CHANGES, ("", ""))
    answer = await at.post(at.slack.clicks.sent_off("  Say in which regions.  "))
    assert answer.json() == {"response_action": "clear"}
    decision = await at.here.app.ledger.decision(key)
    assert decision
    assert [comment.text for comment in decision.statement.comments] == ["Say in which regions."]
    assert await at.decided(key) == ("request-changes", "ada")
    assert ("sent back by ada" in shown(card), buttons(card)) == (True, [OPEN])


async def test_rejection_says_why_or_not(at: Channel) -> None:
    for remark, comments in ((None, []), ("Not now", ["Not now"])):
        key = await at.here.gate()
        await at.unlocks("ada")
        await at.press("U0ADA", REJECT, key)
        assert (await at.post(at.slack.clicks.sent_off(remark))).status_code == 200
        decision = await at.here.app.ledger.decision(key)
        assert decision
        assert [comment.text for comment in decision.statement.comments] == comments
        assert await at.decided(key) == ("reject", "ada")


async def test_changes_without_a_word_are_refused(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    await at.press("U0ADA", CHANGES, key)
    for text in (None, "", " \n "):
        answer = await at.post(at.slack.clicks.sent_off(text))
        assert (answer.status_code, answer.json()["reason"]) == (422, "comments_missing")
    assert await at.decided(key) == ("", "")


async def test_view_that_somebody_else_sends_off_is_theirs(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    await at.press("U0ADA", CHANGES, key)
    answer = await at.post(at.slack.clicks.sent_off("mend it", user="U0EVE"))
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_an_approver")
    assert len(await at.refusals(key)) == 1
    assert await at.decided(key) == ("", "")


async def test_view_that_was_open_for_too_long_is_told_where_the_click_was(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    await at.press("U0ADA", REJECT, key, card)
    async with at.here.browser("amy") as amy:
        await amy.decide(key, "approve")
    answer = await at.post(at.slack.clicks.sent_off("no"))
    assert (answer.status_code, answer.json()["reason"]) == (409, "already_decided")
    assert "was decided already: approve by amy" in at.told[0]
    assert "approved by amy" in shown(card)


async def test_view_whose_place_is_not_ours_is_refused(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    await at.press("U0ADA", CHANGES, key)
    for metadata in ("", "approve", "[]", '{"value": 5}', '{"value": "x"}'):
        at.slack.clicks.views[-1].given["private_metadata"] = metadata
        assert (await at.post(at.slack.clicks.sent_off("mend it"))).status_code == 422
    assert await at.decided(key) == ("", "")


async def test_what_blocks_is_not_approved_by_a_click(at: Channel) -> None:
    finding = Finding(check="spec-lint", rule="x", severity=Severity.critical, path="a", message="bad")
    at.here.script.reports["spec-lint"] = Report(findings=(finding,))
    key = await at.here.gate()
    await at.unlocks("ada")
    answer = await at.press("U0ADA", APPROVE, key)
    assert (answer.status_code, answer.json()["reason"]) == (422, "blocking_findings")
    assert f"Decide on the page: {ORIGIN}" in at.told[0]
    assert (await at.decided(key), await at.refusals(key)) == (("", ""), [])


async def test_trouble_of_ours_is_not_told_to_who_clicks_but_to_the_log(
    at: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    trust = at.here.app.trust
    repository = trust.read().require().repository
    trust.known.folder = at.here.app.folder.path / "elsewhere"
    trust.known.folder.mkdir()
    path = trust.known.file_of(repository)
    path.write_text("[project")
    answer = await at.press("U0EVE", APPROVE, key)
    assert (answer.status_code, await at.decided(key)) == (422, ("", ""))
    assert ("something is wrong at our end" in at.told[0], str(path) in at.told[0]) == (True, False)
    assert "cannot be read" in caplog.text


async def test_refused_click_leaves_the_run_as_it_was(at: Channel) -> None:
    key = await at.here.gate()
    await at.press("U0EVE", APPROVE, key)
    events = await at.here.app.ledger.events(key.run)
    assert first_break(events, at.here.app.ledger.key) == 0
    async with at.here.browser("ada") as ada:
        assert (await ada.client.get(f"/runs/{key.run}")).status_code == 200
        assert (await ada.decide(key, "approve")).status_code == 303
    await at.here.segments.advance(key.run)
    assert {gate.key.phase for gate in await at.here.app.ledger.gates(key.run)} == {"specify", "plan"}


async def test_gate_that_takes_two_keeps_its_buttons_after_the_first(tmp_path: Path, running: SlackService) -> None:
    async with channel(tmp_path, running, quorum=2) as at:
        key = await at.here.gate()
        card = await at.card(key)
        for name in ("ada", "amy"):
            await at.unlocks(name)
        await at.press("U0ADA", APPROVE, key, card)
        assert "1 of 2 approvals: ada" in shown(card)
        assert buttons(card) == [APPROVE, CHANGES, REJECT, OPEN]
        await at.press("U0AMY", APPROVE, key, card)
        assert ("approved by ada" in shown(card), "approved by amy" in shown(card)) == (True, True)
        assert buttons(card) == [OPEN]
        assert await at.decided(key) == ("approve", "amy")


async def test_delegate_decides_in_the_other_s_right(tmp_path: Path, running: SlackService) -> None:
    async with channel(tmp_path, running, name="g", approvers=["user:ada"]) as at:
        key = await at.here.gate()
        async with at.here.browser("ada") as ada:
            await ada.delegates("amy", until="2026-11-30")
        await at.unlocks("amy")
        card = await at.card(key)
        assert (await at.press("U0AMY", APPROVE, key, card)).status_code == 200
        assert "approved by amy for ada" in shown(card)


async def test_showing_again_changes_nothing(at: Channel) -> None:
    key = await at.here.gate()
    card = await at.card(key)
    await at.unlocks("ada")
    payload = at.slack.clicks.button("U0ADA", APPROVE, await at.value(key), message=card.ts)
    await at.post(payload)
    before, slack = (card.edited, shown(card)), at.here.parts.slack
    assert slack
    await replies.show(at.here.parts, slack, Click.pressed(payload))
    assert (card.edited, shown(card)) == before


async def test_click_without_a_card_decides_all_the_same(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    answer = await at.press("U0ADA", APPROVE, key, changed={"container": {"type": "view", "view_id": "V1"}})
    assert (answer.status_code, await at.decided(key)) == (200, ("approve", "ada"))
    assert at.slack.faults.count("POST", "chat.update") == 0


async def test_gate_that_expired_is_not_approved_by_an_old_card(tmp_path: Path, running: SlackService) -> None:
    async with channel(tmp_path, running, expires_after="2h") as at:
        key = await at.here.gate()
        card = await at.card(key)
        await at.unlocks("ada")
        at.here.clock.move(at.here.clock.now() + timedelta(hours=3))
        answer = await at.press("U0ADA", APPROVE, key, card)
        assert (answer.status_code, answer.json()["reason"]) == (409, "gate_expired")
        assert ("open for too long" in shown(card), buttons(card)) == (True, [OPEN])
        assert await at.decided(key) == ("", "")


async def test_link_leads_to_the_run_where_no_gate_waits(at: Channel) -> None:
    key: GateKey = await at.here.gate()
    async with at.here.browser("ada") as ada:
        await ada.decide(key, "reject")
    assert await current(at.here.app, key, ORIGIN) == f"{ORIGIN}/runs/{key.run}"
