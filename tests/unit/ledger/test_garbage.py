"""Garbage in a row ends in an error that names the row."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.core import Refused
from phasegate.ledger import DecisionKind
from phasegate.ledger.signed_statements import standing
from phasegate.store.schema import decisions, delegations, grants
from unit.workflow.fixtures import Team, engine


async def test_garbage_in_a_decision_names_its_gate(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        await d.segments.advance(await d.start())
        gate = await d.open_gate()
        await d.decide(DecisionKind.approve, gate)

        def change(connection: sa.Connection) -> None:
            connection.execute(decisions.update().values(predicate="{"))

        await d.ledger._database.write(change)
        with pytest.raises(Refused, match=f"a decision at gate '{gate.key}' cannot be read"):
            await d.ledger.decisions("r1")
        assert "cannot be read" in await d.ledger.broken("r1")


@pytest.mark.parametrize("table", [delegations, grants])
async def test_garbage_in_a_statement_names_its_table(tmp_path: Path, table: sa.Table) -> None:
    async with engine(Team(tmp_path)) as d:

        def add(connection: sa.Connection) -> None:
            connection.execute(table.insert().values(digest="d", payload="{", key_id="k", signature=b"s"))

        await d.ledger._database.write(add)
        with pytest.raises(Refused, match=f"row 'd' of the table '{table.name}'"):
            await d.ledger._database.read(standing, table)
