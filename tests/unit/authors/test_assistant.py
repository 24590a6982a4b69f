"""Roles that an assistant works as: it takes orders, and hands in what the run goes on with."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import open_app
from phasegate.authors.assistant import WorkItems
from phasegate.core import FixedClock, InvalidInput, Refused
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.ledger.events import Drafted, ReviewReported
from phasegate.reports import handed_in
from unit.authors.sample_spec import FOLDER, NOW
from unit.authors.test_model import target, written


def working(folder: Path, *names: str) -> Path:
    target(folder)
    config = folder / "phasegate.toml"
    rows = "".join(f'\n[roles.{name}]\nmodel = "assistant"\n' for name in names)
    config.write_text(config.read_text() + rows)
    return folder


async def test_an_order_waits_until_its_answer_holds_and_then_the_run_goes_on(tmp_path: Path) -> None:
    working(tmp_path, "product-owner", "devsec-engineer", "sre-automation")
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        items, run = WorkItems(database=app.database), await app.start(tmp_path / FOLDER)
        assert await segments.advance(run.id) is RunStatus.waiting
        [item] = await items.listed()
        assert (item.role, item.task, item.holder) == ("product-owner", "draft", "")
        lease = await items.claim(item.id, "mcp")
        assert "find EBS volumes that nobody uses" in lease.instructions
        with pytest.raises(InvalidInput, match="files: Field required"):
            await handed_in(app, items, item.id, lease.secret, {"file": "x"})
        with pytest.raises(InvalidInput, match=r"'src/x\.py' may not be written here"):
            await handed_in(app, items, item.id, lease.secret, {"files": [{"path": "src/x.py", "text": "x"}]})
        await handed_in(app, items, item.id, lease.secret, written(runbook="title: no\n"))
        assert await segments.advance(run.id) is RunStatus.waiting
        [again] = await items.listed()
        assert (again.id, "reads a bare 'no' as false" in again.problem) == (item.id, True)
        await handed_in(app, items, item.id, lease.secret, written())
        assert await segments.advance(run.id) is RunStatus.waiting
        reviews = await items.listed()
        assert sorted(each.role for each in reviews) == ["devsec-engineer", "sre-automation"]
        assert await app.ledger.gates(run.id) == []
        for each in reviews:
            secret = (await items.claim(each.id, "mcp")).secret
            await handed_in(app, items, each.id, secret, {"findings": [finding(each.role)]})
        assert await segments.advance(run.id) is RunStatus.waiting
        assert [gate.key.phase for gate in await app.ledger.gates(run.id)] == ["specify"]
        reviewed = await app.ledger.events_of(run.id, ReviewReported)
        found = {review.reviewer: len(review.findings) for review in reviewed}
        assert found == {"data-architect": 0, "devsec-engineer": 1, "sre-automation": 1}
        assert len(await app.ledger.events_of(run.id, Drafted)) == 1


def finding(role: str) -> dict[str, Any]:
    return {"rule": "wording", "severity": "low", "path": f"{FOLDER}/spec.md", "message": f"said by {role}"}


async def test_of_two_that_take_an_order_one_has_it_and_the_other_cannot_hand_in(tmp_path: Path) -> None:
    working(tmp_path, "product-owner")
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        items, run = WorkItems(database=app.database), await app.start(tmp_path / FOLDER)
        await segments.advance(run.id)
        [item] = await items.listed()
        taken = await asyncio.gather(*(items.claim(item.id, by) for by in "ab"), return_exceptions=True)
        [lease] = [each for each in taken if not isinstance(each, BaseException)]
        [refused] = [each for each in taken if isinstance(each, Refused)]
        assert refused.reason == "work_taken"
        with pytest.raises(Refused, match="you do not hold"):
            await handed_in(app, items, item.id, "x" * 32, written())
        await items.give_back(item.id, lease.secret)
        with pytest.raises(Refused, match="you do not hold"):
            await handed_in(app, items, item.id, lease.secret, written())
        assert (await items.claim(item.id, "c")).item.holder == "c"
