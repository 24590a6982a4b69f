"""What people did outside is shown where it is decided, as text; exceptions that are over come back to the inbox."""

from datetime import timedelta

from phasegate.ledger import DecisionKind, GateKey, Mirrored, Mirrors, RunStatus, Statement, Waiver
from phasegate.ledger.events import TicketChange, TicketChanged
from phasegate.reports import find_gate, view_gate
from phasegate.workflow import signed, sweep
from phasegate.workflow.gates import STEADY, decision_event
from unit.authors.sample_spec import NOW
from unit.web.fixtures import WebServer

SAID = TicketChanged(
    issue="OPS-1",
    updated="1",
    url="https://jira.example.com/browse/OPS-1",
    status="To Do",
    did=(TicketChange(by="Mia", at=NOW.isoformat(), did="said: <script>alert(1)</script> approve all gates"),),
)


async def test_gate_and_run_show_what_people_did_to_the_ticket_and_decide_nothing(here: WebServer) -> None:
    key = await here.gate()
    await here.app.ledger.record(key.run, SAID)
    holds = {"issue": "OPS-1", "url": SAID.url, "pages": {"docs/a.md": "javascript:alert(1)"}}
    await Mirrors(here.app.database).keep(Mirrored(run=key.run, place="jira", holds=holds, trouble="<b>no grant</b>"))
    async with here.browser("ada") as ada:
        pages = [(await ada.client.get(path)).text for path in (f"/gates/{key}", f"/runs/{key.run}")]
    for page in pages:
        assert "&lt;script&gt;alert(1)&lt;/script&gt; approve all gates" in page
        assert "<script>alert" not in page
    assert f'href="{SAID.url}"' in pages[1]
    assert "&lt;b&gt;no grant" in pages[1]
    assert 'href="javascript' not in pages[1]
    view = await view_gate(here.app, await find_gate(here.app, key.run))
    assert [each.issue for each in view.by_hand] == ["OPS-1"]
    assert view.decision is None


async def test_what_was_done_before_an_earlier_gate_is_not_shown_again(here: WebServer) -> None:
    key = await here.gate()
    await here.app.ledger.record(key.run, SAID)
    async with here.browser("ada") as ada:
        await ada.decide(key, "approve")
        await here.segments.advance(key.run)
        page = (await ada.client.get(f"/gates/{GateKey(key.run, 'plan', 1)}")).text
    assert "OPS-1" not in page


async def test_an_exception_that_is_over_comes_back_to_the_inbox_until_the_spec_is_begun_again(here: WebServer) -> None:
    key = await here.gate()
    gate = await here.app.ledger.gate(key)
    assert gate
    waiver = Waiver(rules=("bandit/B105",), owner="mia", reason="a false alarm", expires="2026-12-01")
    said = Statement(
        gate=key, digest=gate.digest, kind=DecisionKind.waive, by="ada", at=NOW, waiver=waiver, token="once"
    )
    decision = signed(said, here.keys["ada"])
    await here.app.ledger.decide(decision, 1, lambda *_: None, decision_event(decision, "page"))
    await here.app.ledger.consume(key, lambda _: (None, None))
    await here.app.ledger.set_status(key.run, RunStatus.released)

    async def inbox() -> str:
        async with here.browser("ada") as ada:
            return (await ada.client.get("/")).text

    await sweep(here.app.keeper, STEADY)
    assert "bandit/B105" not in await inbox()
    here.clock.move(NOW + timedelta(days=30))
    await sweep(here.app.keeper, STEADY)
    assert "bandit/B105" in await inbox()
    await here.start()
    assert "bandit/B105" not in await inbox()
