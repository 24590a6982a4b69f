"""A process that dies at any of its writes while it releases: whoever goes on loses nothing and doubles nothing."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from phasegate.ledger import GateStatus, RunStatus
from phasegate.ledger.events import EffectDone
from phasegate.workflow import Outcome
from unit.workflow.fixtures import Engine, engine
from unit.workflow.releasers import Releasing, approve, to_release

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Died(Exception):
    """The process is gone."""


class Dying:
    """Lets so many writes through, and then none."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.dead = False

    def __call__(self, _: Any) -> None:
        self.left -= 1
        self.dead = self.dead or self.left < 0
        if self.dead:
            raise Died


async def _prepare(house: Releasing, how: str) -> None:
    """Have another run released while `b` is where the test wants it."""
    async with engine(house.team) as d:
        await house.start(d, "b", "demo" if how == "policy" else "")
        if how != "policy":
            await to_release(d, "b")
        if how == "approved":
            await approve(d, "b")
        await house.start(d, "a", "demo")
        assert await d.segments.advance("a") is RunStatus.released


async def _finish(d: Engine, run: str) -> None:
    for _ in range(10):
        if await d.ledger.gates(run, GateStatus.open):
            await approve(d, run)
        if await d.segments.advance(run) is RunStatus.released:
            return


@pytest.mark.parametrize(("how", "begin"), [("policy", 0), ("policy", 1), ("asked", 0), ("asked", 1), ("approved", 1)])
async def test_it_dies_at_any_write(tmp_path: Path, how: str, begin: int) -> None:
    prepared = Releasing(tmp_path / "prepared")
    await _prepare(prepared, how)
    for left in itertools.count(begin, 2):
        house = prepared.copied(tmp_path / str(left))
        dying = Dying(left)
        async with engine(house.team, dying) as d:
            try:
                await _finish(d, "b")
            except Exception:
                assert dying.dead
        async with engine(house.team) as d:
            await house.start(d, "c", "demo")  # whoever comes meanwhile goes on, too
            for run in ("c", "b", "c", "b"):
                await _finish(d, run)
            assert {run.status for run in await d.ledger.runs()} == {RunStatus.released}
            published = [e.receipt["version"] for run in "abc" for e in await d.ledger.events_of(run, EffectDone)]
        assert sorted(published) == ["0.1.0", "0.2.0", "0.3.0"]
        assert sorted(set(house.index.order)) == sorted(published)
        code = {path for path in house.index.held["0.3.0"] if path.startswith("src/")}
        assert code == {f"src/acme/{run}.py" for run in "abc"}
        if not dying.dead:
            assert left > 10
            return


async def test_it_dies_between_the_index_and_the_record(tmp_path: Path) -> None:
    """What is in the index and not on record is published again, which finds it there."""
    house = Releasing(tmp_path)
    publish = house.index.publish
    dead: list[bool] = []

    async def dies(outcome: Outcome) -> dict[str, Any]:
        receipt = await publish(outcome)
        if outcome.facts.run == "a" and not dead:
            dead.append(True)
            raise Died
        return receipt

    house.team.effects["publish"] = dies
    async with engine(house.team) as d:
        for run in ("a", "b"):
            await house.start(d, run, "demo")
        with pytest.raises(Died):
            await d.segments.advance("a")
        assert await d.segments.advance("b") is RunStatus.waiting  # it works still, as far as anybody knows
        assert await d.segments.advance("a") is RunStatus.released
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.1.0", "0.2.0"]
