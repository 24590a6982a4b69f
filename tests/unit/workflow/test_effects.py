"""What is done to the world: after the approval, in order, once; and gone on with after a failure."""

from pathlib import Path
from typing import Any

import pytest

from phasegate.core import PhasegateError
from phasegate.ledger import DecisionKind, RunStatus
from phasegate.ledger.events import EffectDone
from phasegate.workflow import Effect, Outcome
from unit.workflow.fixtures import Team, engine, flow, phase


class Journal:
    """Effects that note that they were done, and fail as often as a test says."""

    def __init__(self, **failures: int) -> None:
        self.done: list[str] = []
        self.seen: dict[str, dict[str, Any]] = {}
        self._failures = failures

    def effect(self, name: str) -> Effect:
        async def effect(outcome: Outcome) -> dict[str, Any]:
            if self._failures.get(name, 0) > 0:
                self._failures[name] -= 1
                raise PhasegateError(f"{name} failed", fix="try again")
            self.done.append(name)
            self.seen[name] = {key: dict(value) for key, value in outcome.receipts.items()}
            return {"by": name, "commit": outcome.commit}

        return effect

    def all(self, *names: str) -> dict[str, Effect]:
        return {name: self.effect(name) for name in names}


NAMES = ("publish", "install", "smoke")


async def test_effects_run_in_order_after_the_approval_and_see_what_came_before(tmp_path: Path) -> None:
    journal = Journal()
    team = Team(tmp_path, flow=flow(phase("first", effects=NAMES)), effects=journal.all(*NAMES))
    async with engine(team) as d:
        run = await d.start()
        await d.segments.advance(run)
        gate = await d.open_gate()
        assert journal.done == []
        await d.decide(DecisionKind.approve, gate)
        assert await d.segments.advance(run) is RunStatus.released
        assert tuple(journal.done) == NAMES
        assert list(journal.seen["smoke"]) == ["publish", "install"]
        assert journal.seen["smoke"]["publish"] == {"by": "publish", "commit": gate.commit}


@pytest.mark.parametrize("failing", NAMES)
async def test_an_effect_that_fails_parks_the_run_and_none_before_it_runs_again(tmp_path: Path, failing: str) -> None:
    journal = Journal(**{failing: 2})
    team = Team(tmp_path, flow=flow(phase("first", effects=NAMES)), effects=journal.all(*NAMES))
    async with engine(team) as d:
        run = await d.start()
        await d.segments.advance(run)
        await d.decide(DecisionKind.approve, await d.open_gate())
        for _ in range(2):
            with pytest.raises(PhasegateError, match=f"{failing} failed"):
                await d.segments.advance(run)
            assert tuple(journal.done) == NAMES[: NAMES.index(failing)]
        assert await d.segments.advance(run) is RunStatus.released
        assert tuple(journal.done) == NAMES


async def test_an_effect_of_the_same_name_in_two_phases_is_done_in_both(tmp_path: Path) -> None:
    journal = Journal()
    table = flow(phase("first", effects=["tell"]), phase("second", effects=["tell"]))
    async with engine(Team(tmp_path, flow=table, effects=journal.all("tell"))) as d:
        assert await d.segments.advance(await d.start("demo")) is RunStatus.released
        assert journal.done == ["tell", "tell"]
        assert [event.key for event in await d.ledger.events_of("r1", EffectDone)] == [
            "effect:first/tell",
            "effect:second/tell",
        ]


async def test_an_effect_whose_receipt_is_kept_is_not_done_again(tmp_path: Path) -> None:
    """As after a kill between its receipt and the checkpoint."""
    journal = Journal()
    async with engine(Team(tmp_path, flow=flow(phase("first", effects=["tell"])), effects=journal.all("tell"))) as d:
        run = await d.start("demo")
        await d.ledger.begin_effect(run, "first/1/tell", [])
        await d.ledger.effect_done(run, "first/1/tell", {"by": "before"})
        assert await d.segments.advance(run) is RunStatus.released
        assert journal.done == []
