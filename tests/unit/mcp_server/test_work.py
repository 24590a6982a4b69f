"""Orders over the wire: whatever goes wrong with one, its assistant is told what to do, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from phasegate.app import App, open_app, read_config
from phasegate.authors.assistant import LEASE_SECONDS, MOST_ROUNDS, WorkItems
from phasegate.authors.assistant import Order as Waiting
from phasegate.authors.roles import TeamRoles
from phasegate.core import FixedClock
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.ledger.events import Drafted
from phasegate.mcp_server.server import NAME, build
from phasegate.models import ScriptedModel
from phasegate.store.schema import work_items
from services.calling import called, refused
from unit.authors.sample_spec import FOLDER, NOW
from unit.authors.test_assistant import working
from unit.authors.test_model import MODEL, written


@dataclass(frozen=True, kw_only=True)
class Order:
    """The product owner's order, which 'mcp:one' has taken."""

    app: App
    run: str
    item: str
    lease: str

    async def called(self, tool: str, by: str = "one", **more: Any) -> dict[str, Any]:
        return await called(build(self.app, {NAME: by}), tool, **self._whole(tool, more))

    async def refused(self, tool: str, by: str = "one", **more: Any) -> str:
        return await refused(build(self.app, {NAME: by}), tool, **self._whole(tool, more))

    def _whole(self, tool: str, more: dict[str, Any]) -> dict[str, Any]:
        return {"item": self.item, **({} if tool == "take_work" else {"lease": self.lease}), **more}

    async def change(self, **values: Any) -> None:
        """Change the order's row, as time does."""

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.update(work_items).values(**values))

        await self.app.database.write(write)

    async def advance(self) -> RunStatus:
        async with open_engine(self.app) as segments:
            return await segments.advance(self.run)


@pytest.fixture
async def order(tmp_path: Path) -> AsyncIterator[Order]:
    working(tmp_path, "product-owner")
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app:
        run = await app.start(tmp_path / FOLDER)
        async with open_engine(app) as segments:
            await segments.advance(run.id)
        server = build(app, {NAME: "one"})
        [item] = (await called(server, "list_work"))["items"]
        taken = await called(server, "take_work", item=item["item"])
        yield Order(app=app, run=run.id, item=item["item"], lease=taken["lease"])


async def test_orders_are_listed_in_parts(order: Order) -> None:
    items = WorkItems(database=order.app.database)
    for number in range(4):
        key = f"plan/1/1/doc-{number}"
        await items.answer(Waiting(run=order.run, key=key, role="cloud-architect", task="draft", instructions="write"))
    whole = (await called(build(order.app, {}), "list_work"))["items"]
    assert len(whole) == 5
    found: list[dict[str, Any]] = []
    cursor, parts = "", 0
    while parts == 0 or cursor:
        part = await called(build(order.app, {}), "list_work", limit=2, cursor=cursor)
        assert len(part["items"]) <= 2
        found, cursor, parts = [*found, *part["items"]], part["next_cursor"], parts + 1
    assert (found, parts) == (whole, 3)
    one = await called(build(order.app, {}), "list_work", role="cloud-architect", limit=1)
    assert one["next_cursor"]
    assert "cursor" in await refused(build(order.app, {}), "list_work", cursor="xyz")


async def test_an_answer_that_comes_late_counts_unless_another_took_the_order(order: Order) -> None:
    await order.change(held_until=1)
    [listed] = (await called(build(order.app, {}), "list_work"))["items"]
    assert (listed["holder"], listed["held_until"]) == ("", None)
    assert (await order.called("hand_in_work", answer=written()))["item"] == order.item
    assert await order.advance() is RunStatus.waiting
    assert len(await order.app.ledger.events_of(order.run, Drafted)) == 1


async def test_whoever_is_late_for_an_order_of_another_is_told_whose_it_is(order: Order) -> None:
    await order.change(held_until=1)
    theirs = (await order.called("take_work", by="two"))["lease"]
    told = await order.refused("hand_in_work", answer=written())
    assert f"you do not hold '{order.item}': 'mcp:two' does until" in told
    assert "take another one; this one is free again when its lease ends" in told
    assert "'mcp:two' holds" in await order.refused("take_work")
    await order.called("hand_in_work", lease=theirs, answer=written())
    told = await order.refused("hand_in_work", answer=written())
    assert "'mcp:two' handed an answer in" in told
    assert "list the items that wait" in told


async def test_an_answer_handed_in_twice_is_one_and_another_one_is_refused(order: Order) -> None:
    first = await order.called("hand_in_work", answer=written())
    assert await order.called("hand_in_work", answer=written()) == first
    told = await order.refused("hand_in_work", answer=written(spec="# Feature Specification: Another"))
    assert "you handed an answer" in told
    assert "listed again, with why" in told
    assert "in already" in await order.refused("give_back_work")
    assert "its run goes on with it" in await order.refused("take_work", by="two")
    assert (await order.app.ledger.run(order.run)).segments == 2
    await order.advance()
    assert "waits for no answer to it any more" in await order.refused("hand_in_work", answer=written())
    assert len(await order.app.ledger.events_of(order.run, Drafted)) == 1


async def test_an_order_that_was_given_back_is_taken_anew_before_it_is_handed_in(order: Order) -> None:
    await order.called("give_back_work")
    told = await order.refused("hand_in_work", answer=written())
    assert "nobody does" in told
    assert "take it, and hand in with its new lease" in told
    assert "you do not hold" in await order.refused("renew_work")
    await order.called("hand_in_work", lease=(await order.called("take_work"))["lease"], answer=written())


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"file": "x"}, "files: Field required", "hand in the whole answer again"),
    ({**written(), "decision": "approve"}, "decision: Extra inputs are not permitted", "hand in the whole"),
    ({"findings": []}, "files: Field required", "hand in the whole answer again"),
    ({"files": [{"path": "src/x.py", "text": "x"}]}, "'src/x.py' may not be written here", f"only {FOLDER}/*"),
    ({"files": [{"path": f"{FOLDER}/../x.md", "text": ""}]}, "may not be written here", f"only {FOLDER}/*"),
    ({"files": [{"path": f"{FOLDER}/a.md", "text": "x" * 400_001}]}, "at most 400000 characters", "whole answer"),
    (
        {"files": [{"path": f"{FOLDER}/{name}.md", "text": "x" * 399_000} for name in "abc"]},
        "and 800,000 are the most",
        "fewer files or shorter ones",
    ),
]
"""Answers, and for each what is wrong with it and what to do."""


async def test_an_answer_at_fault_is_refused_with_what_to_do_and_the_order_is_still_held(order: Order) -> None:
    for answer, told, fix in FAULTS:
        said = await order.refused("hand_in_work", answer=answer)
        assert told in said
        assert fix in said
    await order.called("hand_in_work", answer=written())


async def test_an_answer_that_the_lint_objects_to_waits_again_with_why_and_is_mended_under_the_same_lease(
    order: Order,
) -> None:
    await order.called("hand_in_work", answer=written(runbook="title: no\n"))
    await order.advance()
    [again] = (await called(build(order.app, {}), "list_work"))["items"]
    assert (again["item"], again["rounds"], again["phase"]) == (order.item, 1, "specify")
    assert "reads a bare 'no' as false" in again["problem"]
    await order.called("hand_in_work", answer=written())


async def test_what_stays_at_fault_comes_to_the_gate_as_findings(order: Order) -> None:
    await order.change(rounds=MOST_ROUNDS)
    await order.called("hand_in_work", answer=written(runbook="title: no\n"))
    await order.advance()
    assert (await called(build(order.app, {}), "list_work"))["items"][0]["item"] != order.item  # a round of rework


async def test_an_order_that_a_model_took_over_is_closed(order: Order) -> None:
    config = order.app.folder.path / "phasegate.toml"
    config.write_text(config.read_text().replace('model = "assistant"', f'model = "{MODEL}"'))
    model = ScriptedModel([written()], name=MODEL)
    roles = TeamRoles(settings=read_config(order.app.folder.path).models, models={MODEL: model})
    async with open_app(order.app.folder.path, clock=FixedClock(NOW), roles=roles) as app:
        async with open_engine(app) as segments:
            assert await segments.advance(order.run) is RunStatus.waiting
        assert (await called(build(app, {}), "list_work"))["items"] == []
    told = await order.refused("hand_in_work", answer=written())
    assert f"is closed: run '{order.run}' waits for no answer to it any more" in told
    assert "list the items that wait" in told
    assert len(await order.app.ledger.events_of(order.run, Drafted)) == 1


async def test_a_lease_is_half_an_hour_from_its_last_sign_of_life(order: Order) -> None:
    await order.change(held_until=1)
    renewed = await order.called("renew_work")
    assert renewed["holder"] == "mcp:one"
    assert LEASE_SECONDS == 1800
    assert "'mcp:one' holds" in await order.refused("take_work", by="two")


async def test_an_answer_that_comes_while_a_segment_ends_is_not_missed(order: Order) -> None:
    """A segment that found the order unanswered ends after the answer: another segment was dispatched with it."""
    before = (await order.app.ledger.run(order.run)).segments
    queue = await order.app.queue.opened()
    await order.app.ledger.redispatch(order.run, queue.dispatch)  # it reads the order now, and is not done
    await order.called("hand_in_work", answer=written())
    assert await asyncio.to_thread(queue.goes_on, order.run)
    assert (await order.app.ledger.run(order.run)).segments == before + 2
