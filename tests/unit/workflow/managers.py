"""Managers besides ada, gates that ask for more than one of them, and what they say there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import Report, Subject
from phasegate.core import Finding, FixedClock, Refused, Severity
from phasegate.ledger import (
    Decision,
    DecisionKind,
    Delegation,
    GateKey,
    GateRecord,
    PrivateKey,
    Revocation,
    RunStatus,
    Waiver,
)
from phasegate.ledger.events import GateVoided
from phasegate.workflow import Channel, Credentials, Kind, Manager, delegate, revoke
from unit.workflow.fixtures import NOW, Engine, Team, engine, flow, phase

DAY = timedelta(days=1)
CARDS = {"ada": "manager", "amy": "manager", "bob": "finance", "cy": "lead", "dee": "deputy"}
GROUPS = {"amy": ("board",), "cy": ("board", "night")}
KEYS = {name: PrivateKey(Ed25519PrivateKey.generate()) for name in (*CARDS, "eve")}
PEOPLE = {
    name: Manager(name=name, card=card, public_key=KEYS[name].public, groups=GROUPS.get(name, ()))
    for name, card in CARDS.items()
}


def others() -> dict[str, Manager]:
    return {name: person for name, person in PEOPLE.items() if name != "ada"}


def person(name: str, proved_at: datetime | None = NOW) -> Credentials:
    return Credentials(name=name, kind=Kind.person, channel=Channel.terminal, proved_at=proved_at)


@dataclass(frozen=True, kw_only=True)
class GateFixture:
    """A run at its first gate, whose clock and people a test moves."""

    desk: Engine
    clock: FixedClock

    async def gate(self) -> GateRecord:
        return await self.desk.open_gate()

    async def says(self, by: str, kind: DecisionKind = DecisionKind.approve, **more: Any) -> Decision:
        gate = more.pop("gate", None) or await self.gate()
        remarks = ("mend it",) if kind is DecisionKind.request_changes else ()
        return await self.desk.decide(kind, gate, *remarks, by=by, key=more.pop("key", KEYS[by]), **more)

    async def refused(self, by: str, kind: DecisionKind = DecisionKind.approve, **more: Any) -> str:
        """The reason; nothing is stored."""
        before = await self.desk.ledger.decisions("r1")
        with pytest.raises(Refused) as refused:
            await self.says(by, kind, **more)
        assert refused.value.fix
        assert await self.desk.ledger.decisions("r1") == before
        return refused.value.reason

    async def delegates(self, by: str, to: str, **more: Any) -> None:
        window = {"begins": self.clock.now(), "ends": self.clock.now() + DAY, **more}
        given = Delegation(by=by, to=to, **window)
        await delegate(self.desk.keeper, given, KEYS[by], person(by))

    async def revokes(self, by: str, key: GateKey) -> None:
        taken_back = Revocation(gate=key, by=by, at=self.clock.now())
        await revoke(self.desk.keeper, taken_back, KEYS[by], person(by), self.desk.queue.dispatch)

    async def goes_on(self) -> RunStatus:
        return await self.desk.segments.advance("r1")

    async def voids(self) -> list[str]:
        return [event.reason for event in await self.desk.ledger.events_of("r1", GateVoided)]

    def without(self, *names: str) -> "GateFixture":
        """The same room after somebody took those out of phasegate.toml."""
        left = {name: one for name, one in self.desk.team.managers.items() if name not in names}
        self.desk.team.others.clear()
        self.desk.team.others.update({name: one for name, one in left.items() if name != "ada"})
        return self if "ada" in left else self._without_ada()

    def _without_ada(self) -> "GateFixture":
        self.desk.team.others["ada"] = replace(PEOPLE["ada"], card="retired")
        return self


@asynccontextmanager
async def gate_fixture(
    folder: Path, *rules: str, by: str = "", gates: Sequence[dict[str, Any]] = (), **gate: Any
) -> AsyncIterator[GateFixture]:
    """A run that `by` started, at a first gate of that kind, with a blocking finding of each rule."""

    async def check(subject: Subject) -> Report:
        return Report(findings=tuple(_finding(rule) for rule in rules) if subject.phase == "first" else ())

    rows = [phase("first", max_rounds=1, gate={"name": "g", **gate}), *gates]
    clock = FixedClock(NOW)
    table = flow(*rows) if gates else flow(rows[0], phase("second"))
    team = Team(folder, flow=table, checks={"content": check}, clock=clock, key=KEYS["ada"], others=others())
    async with engine(team) as d:
        await d.segments.advance(await d.start(by=by))
        yield GateFixture(desk=d, clock=clock)


def waiver(*rules: str, days: int = 7) -> Waiver:
    names = tuple(f"content/{rule}" for rule in rules)
    return Waiver(rules=names, owner="ada", reason="known", expires=str((NOW + days * DAY).date()))


def _finding(rule: str) -> Finding:
    return Finding(check="content", rule=rule, severity=Severity.critical, path="first/text.txt", message="bad")
