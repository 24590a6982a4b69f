"""Graph state is a file: what it says of a gate or of a commit lets nothing happen that nobody signed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from phasegate.core import InvalidInput, PhasegateError
from phasegate.ledger import DecisionKind
from phasegate.store.schema import decisions
from phasegate.workflow import Outcome
from unit.workflow.fixtures import ADA, NOW, Engine, Team, engine


async def _write(d: Engine, **values: Any) -> None:
    """Write into the checkpoint of the phase that r1 is in, as if its gate had just been passed."""
    snapshot = await d.segments.graph.aget_state({"configurable": {"thread_id": "r1"}}, subgraphs=True)
    below: Any = snapshot.tasks[0].state
    await d.segments.graph.aupdate_state(below.config, {"outcome": "approve", **values}, as_node="consume")


async def test_an_effect_behind_a_gate_that_nobody_passed_is_not_done(tmp_path: Path) -> None:
    done: list[Outcome] = []

    async def shake(outcome: Outcome) -> dict[str, Any]:
        done.append(outcome)
        return {}

    async with engine(Team(tmp_path / "house", effects={"shake": shake})) as d:
        await d.segments.advance(await d.start())
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance("r1")
        await _write(d)
        with pytest.raises(PhasegateError, match="phase 'second' was gone through without a decision"):
            await d.segments.advance("r1")
    assert not done


async def test_another_commit_than_the_approved_one_is_not_brought_into_the_world(tmp_path: Path) -> None:
    done: list[Outcome] = []

    async def shake(outcome: Outcome) -> dict[str, Any]:
        done.append(outcome)
        raise InvalidInput("not now", fix="try again")

    async with engine(Team(tmp_path / "house", effects={"shake": shake})) as d:
        await d.segments.advance(await d.start())
        for _ in range(2):
            await d.decide(DecisionKind.approve, gate := await d.open_gate())
            if gate.key.phase == "first":
                await d.segments.advance("r1")
        with pytest.raises(InvalidInput, match="not now"):
            await d.segments.advance("r1")
        files = {"evil.txt": b"evil"}
        other = d.workspace.commit([gate.commit], files, author=ADA, when=NOW, message="another")
        await _write(d, commit=other)
        with pytest.raises(PhasegateError, match="is not the one that was approved in phase 'second'"):
            await d.segments.advance("r1")
        assert len(done) == 1
        await _write(d, commit=gate.commit)
        with pytest.raises(InvalidInput, match="not now"):
            await d.segments.advance("r1")
    assert len(done) == 2


async def test_an_author_is_not_asked_behind_a_decision_that_nobody_signed(tmp_path: Path) -> None:
    async with engine(Team(tmp_path / "house")) as d:
        await d.segments.advance(await d.start())
        await d.decide(DecisionKind.approve, gate := await d.open_gate())
        await d.keeper.require_passed("r1", [])
        with pytest.raises(PhasegateError, match="without a decision"):
            await d.keeper.require_passed("r1", ["first"])  # it was not used yet
        await d.segments.advance("r1")
        await d.keeper.require_passed("r1", ["first"])
        change = sa.update(decisions).values(signature=b"0" * 64)
        path = f"sqlite:///{d.team.database}"
        with sa.create_engine(path).begin() as connection:
            connection.execute(change)
        await d.keeper.require_passed("r1", ["first"])  # this process saw the signature
        with pytest.raises(PhasegateError, match="phase 'first' was gone through without a decision"):
            await replace(d.keeper, proven=set()).require_passed("r1", ["first"])
        dossier = await d.ledger.dossier(gate.key)
        assert d.keeper.passage.unsigned(dossier) == f"the decision of 'ada' at gate '{gate.key}' is not theirs"
