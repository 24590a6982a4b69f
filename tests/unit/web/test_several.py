"""Gates that ask for more than one approval, and taking back, as the page and the REST API show them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from phasegate.ledger import Comment, DecisionKind, GateKey, GateStatus, Revocation
from phasegate.ledger.events import DecisionRevoked
from phasegate.reports import view_gate
from phasegate.workflow.gates import FRESH
from unit.authors.sample_spec import NOW
from unit.web.fixtures import PASSPHRASES, WebServer, web_server

MINUTES = timedelta(minutes=3)
FORM, BUTTON = 'id="decision"', "Take it back"


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[WebServer]:
    """An office whose first gate asks for the approvals of ada and amy."""
    async with web_server(tmp_path, managers=("ada", "amy"), quorum=2) as made:
        yield made


async def status(here: WebServer, key: GateKey) -> GateStatus:
    return (await here.parts.gate(*key)).status


async def test_who_approved_first_sees_who_is_missing_and_the_other_who_was_first(two: WebServer) -> None:
    key = await two.gate()
    async with two.browser("ada") as ada, two.browser("amy") as amy:
        page = (await ada.client.get(f"/gates/{key}")).text
        assert "0 of 2 approvals" in page
        assert "one of the 2 approvals that it takes; then on to plan" in page
        answer = await ada.decide(key, "approve")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/gates/{key}")
        two.clock.move(NOW + MINUTES)
        assert "approved by ada" not in (await ada.client.get(f"/runs/{key.run}")).text
        hers = (await ada.client.get(f"/gates/{key}")).text
        assert "1 of 2 approvals: ada, 3 m ago" in hers
        assert "waits for 1 more approval, by somebody else" in hers
        assert (FORM in hers, BUTTON in hers) == (False, True)
        assert "1 of 2 approvals" in (await amy.client.get("/")).text
        other = (await amy.client.get(f"/gates/{key}")).text
        assert "1 of 2 approvals: ada, 3 m ago" in other
        assert (FORM in other, BUTTON in other) == (True, False)
        assert "that it takes" not in other  # hers is the last
        assert (await amy.decide(key, "approve")).headers["location"].startswith("/runs/")
        assert "approved by amy" in (await ada.client.get(f"/runs/{key.run}")).text
        decided = (await ada.client.get(f"/gates/{key}")).text
    assert "<strong>Approved</strong> by amy" in decided
    assert "2 of 2 approvals: ada, 3 m ago; amy, 0 s ago" in decided


async def test_one_approval_is_not_counted_where_one_is_enough(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        assert "approvals" not in (await ada.client.get(f"/gates/{key}")).text
        await ada.decide(key, "approve")
        assert "approvals" not in (await ada.client.get(f"/gates/{key}")).text


async def test_programs_get_what_was_said_so_far(two: WebServer) -> None:
    key = await two.gate()
    async with two.browser("ada") as ada:
        await ada.decide(key, "approve")
    shown = (await view_gate(two.app, await two.parts.gate(*key))).report().plain()
    assert (shown["quorum"], shown["decision"]) == (2, None)
    assert shown["said"] == [{"by": "ada", "instead_of": "", "decision": "approve", "at": NOW.isoformat()}]


async def test_an_objection_is_not_counted_among_the_approvals(two: WebServer) -> None:
    key = await two.gate()
    async with two.browser("ada") as ada, two.browser("amy") as amy:
        await ada.decide(key, "approve")
        await amy.decide(key, "reject")
        page = (await ada.client.get(f"/gates/{key}")).text
    assert "<strong>Rejected</strong> by amy" in page
    assert "1 of 2 approvals: ada, 0 s ago<" in page


async def test_a_delegate_is_named_with_the_one_they_decide_for(tmp_path: Path) -> None:
    approvers = ["user:ada"]
    async with web_server(tmp_path, managers=("ada", "amy"), approvers=approvers) as here:
        key = await here.gate()
        async with here.browser("ada") as ada, here.browser("amy") as amy:
            assert (await ada.delegates("amy", until="2026-11-20", gate="specify")).status_code == 303
            await amy.decide(key, "approve")
            page = (await amy.client.get(f"/gates/{key}")).text
    assert "<strong>Approved</strong> by amy for ada" in page
    assert "18 Nov 2026, 20:10 UTC, for ada." in page


@pytest.mark.parametrize("kind", ["approve", "reject", "request-changes"])
async def test_what_was_said_is_taken_back_and_the_run_asks_again(kind: str, here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        await ada.decide(key, kind, comment="Shorter.", comment_path="", comment_line="")
        assert BUTTON in (await ada.client.get(f"/gates/{key}")).text
        answer = await ada.takes_back(key)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{key.run}?revoked=specify-1")
        run = (await ada.client.get(answer.headers["location"])).text
        assert ("You took back what you said: specify" in run, "by ada" in run) == (True, False)
        assert await status(here, key) is GateStatus.void
        page = (await ada.client.get(f"/gates/{key}")).text
        assert ("This gate is void" in page, BUTTON in page, FORM in page) == (True, False, False)
        await here.segments.advance(key.run)
        again = key._replace(attempt=2)
        assert FORM in (await ada.client.get(f"/gates/{again}")).text
    assert await status(here, again) is GateStatus.open
    (event,) = await here.app.ledger.events_of(key.run, DecisionRevoked)
    assert (event.by, event.channel) == ("ada", "page")


async def test_one_of_several_approvals_is_taken_back(two: WebServer) -> None:
    key = await two.gate()
    async with two.browser("ada") as ada, two.browser("amy") as amy:
        await ada.decide(key, "approve")
        refused = await amy.takes_back(key)
        assert (refused.status_code, "nothing_to_revoke" in refused.text) == (409, True)
        assert await status(two, key) is GateStatus.open
        assert (await ada.takes_back(key)).status_code == 303
        assert "approvals" not in (await amy.client.get(f"/gates/{key}")).text
    assert await status(two, key) is GateStatus.void


async def test_what_the_run_went_on_with_is_not_taken_back(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        await ada.decide(key, "approve")
        await here.segments.advance(key.run)
        page = (await ada.client.get(f"/gates/{key}")).text
        assert (BUTTON in page, "The run went on with it" in page) == (False, True)
        refused = await ada.takes_back(key)
        assert (refused.status_code, "<code>nothing_to_revoke</code>" in refused.text) == (409, True)
    assert await status(here, key) is GateStatus.decided


async def test_nobody_else_s_word_is_taken_back(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada, here.browser("eve") as eve:
        await ada.decide(key, "approve")
        assert BUTTON not in (await eve.client.get(f"/gates/{key}")).text
        assert (await eve.takes_back(key)).status_code == 403
    assert await status(here, key) is GateStatus.decided


async def test_taking_back_asks_who_you_are_where_the_gate_does(tmp_path: Path) -> None:
    async with web_server(tmp_path, reauthenticate=True) as here:
        key = await here.gate()
        async with here.browser("ada") as ada:
            await ada.decide(key, "approve")
            here.clock.move(NOW + FRESH + timedelta(seconds=1))
            page = (await ada.client.get(f"/gates/{key}")).text
            assert 'name="passphrase" autocomplete="current-password" required' in page
            for secret, reason in (("", "reauthentication_required"), ("wrong", "wrong_passphrase")):
                refused = await ada.takes_back(key, passphrase=secret)
                assert (refused.status_code, f"<code>{reason}</code>" in refused.text) == (403, True)
            assert await status(here, key) is GateStatus.decided
            assert (await ada.takes_back(key, passphrase=PASSPHRASES["ada"])).status_code == 303
        assert await status(here, key) is GateStatus.void


async def test_at_the_terminal_the_proof_is_the_passphrase_of_the_moment(tmp_path: Path) -> None:
    async with web_server(tmp_path, reauthenticate=True) as here:
        key = await here.gate()
        gate = await here.parts.gate(*key)
        remark = (Comment(text="Shorter."),)
        await here.app.decide(
            gate,
            DecisionKind.request_changes,
            here.app.person("ada"),
            here.keys["ada"],
            digest=gate.digest,
            comments=remark,
        )
        here.clock.move(NOW + timedelta(hours=1))
        made = Revocation(gate=gate.key, by="ada", at=here.clock.now())
        await here.app.revoke(made, here.keys["ada"], here.app.person("ada"))
        (event,) = await here.app.ledger.events_of(key.run, DecisionRevoked)
    assert event.channel == "terminal"


async def test_only_who_is_asked_reads_what_an_approval_does(two: WebServer) -> None:
    key = await two.gate()
    async with two.browser("ada") as ada, two.browser("eve") as eve:
        assert "If you approve" in (await ada.client.get(f"/gates/{key}")).text
        assert "If you approve" not in (await eve.client.get(f"/gates/{key}")).text
        await ada.decide(key, "approve")
        assert "If you approve" not in (await ada.client.get(f"/gates/{key}")).text
