"""Taking a decision back before it is used, and exceptions that are over."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from phasegate.core import Refused
from phasegate.ledger import DecisionKind, GateKey, GateStatus, PrivateKey, Revocation, RunStatus, Waiver
from phasegate.workflow import Channel, Credentials, Kind, revoke
from phasegate.workflow.gates.approvers import FRESH
from unit.workflow.fixtures import NOW, phase
from unit.workflow.managers import DAY, KEYS, GateFixture, gate_fixture, person, waiver

SECOND = timedelta(seconds=1)
FIRST = GateKey("r1", "first", 1)
PASSES = (DecisionKind.approve, DecisionKind.reject, DecisionKind.request_changes)


async def _refused(
    r: GateFixture, by: str, key: GateKey = FIRST, *, with_key: PrivateKey | None = None, who: Credentials | None = None
) -> str:
    before = await r.desk.ledger.events("r1"), await r.desk.ledger.run("r1"), await r.desk.ledger.gates("r1")
    taken_back = Revocation(gate=key, by=by, at=NOW)
    with pytest.raises(Refused) as refused:
        await revoke(r.desk.keeper, taken_back, with_key or KEYS[by], who or person(by), r.desk.queue.dispatch)
    assert refused.value.fix
    ledger = r.desk.ledger
    assert (await ledger.events("r1"), await ledger.run("r1"), await ledger.gates("r1")) == before
    return refused.value.reason


@pytest.mark.parametrize("kind", PASSES)
async def test_a_decision_that_was_not_used_is_taken_back_and_another_gate_opens(
    tmp_path: Path, kind: DecisionKind
) -> None:
    async with gate_fixture(tmp_path) as r:
        gate = await r.gate()
        await r.says("ada", kind)
        await r.revokes("ada", gate.key)
        assert [g.status for g in await r.desk.ledger.gates("r1")] == [GateStatus.void]
        assert await r.refused("ada", gate=gate) == "gate_void"
        assert await r.refused("amy", gate=gate) == "gate_void"
        assert await r.goes_on() is RunStatus.waiting
        assert (await r.gate()).key == ("r1", "first", 2)
        assert await r.voids() == ["revoked"]
        await r.says("ada")
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"
        kept = [(d.statement.kind, d.revoked, d.consumed) for d in await r.desk.ledger.decisions("r1")]
        assert kept == [(kind, True, False), (DecisionKind.approve, False, True)]


@pytest.mark.parametrize("kind", PASSES)
async def test_what_was_used_is_not_taken_back(tmp_path: Path, kind: DecisionKind) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.says("ada", kind)
        await r.goes_on()
        assert await _refused(r, "ada") == "nothing_to_revoke"


async def test_there_has_to_be_something_to_take_back(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        assert await _refused(r, "ada") == "nothing_to_revoke"
        await r.says("ada")
        assert await _refused(r, "amy") == "nothing_to_revoke"
        for key in (GateKey("r1", "second", 1), GateKey("r1", "first", 2), GateKey("r9", "first", 1)):
            assert await _refused(r, "ada", key) == "nothing_to_revoke"
        await r.revokes("ada", FIRST)
        assert await _refused(r, "ada") == "nothing_to_revoke"


@pytest.mark.parametrize(
    ("by", "key", "who", "reason"),
    [
        ("ada", "amy", person("ada"), "bad_signature"),  # another's key
        ("eve", "eve", person("eve"), "bad_signature"),  # a stranger's
        ("ada", "ada", person("amy"), "not_yourself"),  # signed in as another
        ("writer", "eve", person("writer"), "agent_identity"),  # an agent
        ("ada", "ada", Credentials(name="ada", kind=Kind.agent, channel=Channel.api), "agent_identity"),
        ("ada", "ada", Credentials(name="ci", kind=Kind.service, channel=Channel.api), "service_identity"),
    ],
)
async def test_nobody_takes_back_what_another_said(
    tmp_path: Path, by: str, key: str, who: Credentials, reason: str
) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.says("ada")
        assert await _refused(r, by, with_key=KEYS[key], who=who) == reason
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_what_was_said_at_a_gate_that_expired_needs_no_taking_back(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, quorum=2, expires_after="1d") as r:
        await r.says("ada")
        r.clock.move(NOW + 2 * DAY)
        await r.goes_on()
        assert await _refused(r, "ada") == "nothing_to_revoke"
        assert (await r.gate()).key.attempt == 2


async def test_one_of_two_who_takes_it_back_has_the_other_asked_again(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, quorum=2) as r:
        gate = await r.gate()
        await r.says("ada")
        await r.says("amy")
        await r.revokes("amy", FIRST)
        assert await r.refused("ada", gate=gate) == "gate_void"
        await r.goes_on()
        await r.says("amy")
        assert await r.goes_on() is RunStatus.waiting
        assert (await r.gate()).key == ("r1", "first", 2)
        await r.says("ada")
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_who_loses_to_a_revocation_is_told_that_the_gate_is_void(tmp_path: Path) -> None:
    """They were let in while the gate was open, and came to the store after it was not."""
    async with gate_fixture(tmp_path, approvers=["manager", "lead"], quorum=3) as r:
        seen, gate = await r.desk.ledger.dossier(FIRST), await r.gate()
        await r.says("ada")
        await r.says("amy")
        await r.revokes("ada", FIRST)

        class Late(type(r.desk.ledger)):  # type: ignore[misc]
            async def dossier(self, key: GateKey) -> object:
                return seen

        ledger = Late(r.desk.ledger._database, r.clock, r.desk.team.system)
        late = replace(r, desk=replace(r.desk, keeper=replace(r.desk.keeper, ledger=ledger)))
        assert await late.refused("cy", gate=gate) == "gate_void"


async def test_an_exception_that_is_over_keeps_a_later_gate_from_passing(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, "guard") as r:
        await r.says("ada", DecisionKind.waive, waiver=waiver("guard", days=3))
        await r.goes_on()
        r.clock.move(NOW + 2 * DAY)
        second = await r.gate()
        r.clock.move(NOW + 3 * DAY)
        assert await r.refused("ada") == "waiver_expired"
        r.clock.move(NOW + 2 * DAY)
        await r.says("ada")
        r.clock.move(NOW + 3 * DAY)
        await r.goes_on()
        assert await r.voids() == ["waiver_expired"]
        assert (await r.gate()).key == (*second.key[:2], 2)
        await r.says("ada", DecisionKind.reject)
        assert await r.goes_on() is RunStatus.rejected


async def test_one_that_was_over_before_it_was_used_can_be_given_anew(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, "guard") as r:
        await r.says("ada", DecisionKind.waive, waiver=waiver("guard", days=1))
        r.clock.move(NOW + DAY)
        await r.goes_on()
        assert await r.voids() == ["waiver_expired"]
        await r.says("ada", DecisionKind.waive, waiver=waiver("guard", days=9))
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_one_that_was_over_while_others_were_awaited_has_all_asked_again(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, "guard", quorum=2) as r:
        await r.says("ada", DecisionKind.waive, waiver=waiver("guard", days=1))
        r.clock.move(NOW + DAY)
        await r.says("amy", DecisionKind.waive, waiver=waiver("guard", days=9))
        await r.goes_on()
        assert await r.voids() == ["waiver_expired"]
        for name in ("ada", "amy"):
            await r.says(name, DecisionKind.waive, waiver=waiver("guard", days=9))
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_one_at_a_gate_that_was_sent_back_excuses_and_blocks_nothing(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, "guard", quorum=2, gates=[phase("second")]) as r:
        await r.says("ada", DecisionKind.waive, waiver=waiver("guard", days=1))
        await r.says("amy", DecisionKind.request_changes)
        await r.goes_on()
        for name in ("ada", "amy"):
            await r.says(name, DecisionKind.waive, waiver=waiver("guard", days=9))
        r.clock.move(NOW + 2 * DAY)
        await r.goes_on()
        await r.says("ada")
        await r.goes_on()
        assert await r.voids() == []
        assert (await r.desk.ledger.run("r1")).status is RunStatus.released


async def test_an_exception_beside_an_approval_is_none(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        odd = Waiver(rules=("content/guard",), owner="ada", reason="known", expires="some day")
        await r.says("ada", waiver=odd)
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_a_gate_that_asks_who_one_is_asks_again_when_it_is_taken_back(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, reauthenticate=True) as r:
        await r.says("ada")
        for proved_at in (None, NOW - FRESH - SECOND, NOW + SECOND):
            assert await _refused(r, "ada", who=person("ada", proved_at)) == "reauthentication_required"
        taken_back = Revocation(gate=FIRST, by="ada", at=NOW)
        await revoke(r.desk.keeper, taken_back, KEYS["ada"], person("ada", NOW - FRESH), r.desk.queue.dispatch)
        assert [g.status for g in await r.desk.ledger.gates("r1")] == [GateStatus.void]
