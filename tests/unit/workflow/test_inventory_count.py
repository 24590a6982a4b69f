"""What an author looked at first is looked at once an attempt, and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from phasegate.authors import Brief, Draft, Facts, Report, Subject
from phasegate.core import PhasegateError
from phasegate.ledger import DecisionKind
from phasegate.ledger.events import Observed
from phasegate.runbooks.language import Counted, Inventory
from unit.workflow.fixtures import Team, engine, flow, phase


@dataclass
class World:
    """More of it each time that somebody looks."""

    looks: list[str] = field(default_factory=list)

    async def observe(self, facts: Facts, role: str, place: str, files: Mapping[str, bytes]) -> Mapping[str, Any]:
        self.looks.append(f"{role} {place}")
        row = Counted(account="", region="eu-west-1", count=len(self.looks))
        return Inventory(operation="ec2.DescribeVolumes", counted=(row,)).as_json()


async def test_a_draft_that_runs_again_reads_what_it_read_before(tmp_path: Path) -> None:
    world, seen = World(), list[int | None]()

    async def author(brief: Brief) -> Draft:
        seen.append(brief.observations["inventory"]["counted"][0]["count"])
        if len(seen) == 1:
            raise PhasegateError("cut off")
        return Draft(files={"a.txt": str(seen[-1]).encode()}, message="a", answers=tuple("x" for _ in brief.comments))

    row = {"role": "writer", "item": "text", "artifacts": ["*"], "looks": ["inventory"]}
    team = Team(
        tmp_path,
        flow=flow(phase("first", authors=[row]), phase("second")),
        author=author,
        observers={"inventory": world},
    )
    async with engine(team) as d:
        await d.start()
        with pytest.raises(PhasegateError, match="cut off"):
            await d.segments.advance("r1")
        await d.segments.advance("r1")
        assert (seen, world.looks) == ([1, 1], ["writer first/1/1"])
        (kept,) = await d.ledger.events_of("r1", Observed)
        assert (kept.key, kept.seen["counted"][0]["count"]) == ("look:first/1/inventory/writer", 1)
        await d.decide(DecisionKind.request_changes, await d.open_gate(), "look again")
        await d.segments.advance("r1")
    assert (seen, world.looks[1:]) == ([1, 1, 2], ["writer first/2/1"])


async def test_where_nobody_looks_nothing_is_kept(tmp_path: Path) -> None:
    row = {"role": "writer", "item": "text", "artifacts": ["*"], "looks": ["inventory"]}
    async with engine(Team(tmp_path, flow=flow(phase("first", authors=[row])))) as d:
        await d.start()
        await d.segments.advance("r1")
        assert await d.ledger.events_of("r1", Observed) == []


async def test_a_reviewer_counts_for_itself_and_reads_after_a_crash_what_it_read_before(tmp_path: Path) -> None:
    world, seen = World(), list[int | None]()

    async def check(subject: Subject) -> Report:
        seen.append(subject.observations["inventory"]["counted"][0]["count"])
        if len(seen) == 1:
            raise PhasegateError("cut off")
        return Report(evidence="seen")

    async def blind(subject: Subject) -> Report:
        assert subject.observations == {}
        return Report(evidence="not seen")

    author = {"role": "writer", "item": "text", "artifacts": ["*"], "looks": ["inventory"]}
    reviews = [{"role": "critic", "checks": ["seen"], "looks": ["inventory"]}, {"role": "reader", "checks": ["blind"]}]
    rows = flow(phase("first", authors=[author], checks=[], reviews=reviews), phase("second", checks=[]))
    async with engine(
        Team(tmp_path, flow=rows, checks={"seen": check, "blind": blind}, observers={"inventory": world})
    ) as d:
        await d.start()
        with pytest.raises(PhasegateError, match="cut off"):
            await d.segments.advance("r1")
        await d.segments.advance("r1")
        kept = {event.key: event.role for event in await d.ledger.events_of("r1", Observed)}
    assert (seen, world.looks) == ([2, 2], ["writer first/1/1", "critic first/1/1"])
    assert kept == {"look:first/1/inventory/writer": "writer", "look:first/1/inventory/critic": "critic"}
