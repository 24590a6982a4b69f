"""What a gate showed is asked for again when it is decided and when that is used; its evidence is read from a chain."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import Report, Subject
from phasegate.core import Finding, FixedClock, PhasegateError, Refused, Severity
from phasegate.ledger import DecisionKind, GateKey, GateStatus, PrivateKey, RunStatus, Statement, rows
from phasegate.ledger.events import GateVoided, RunStarted
from phasegate.team import Flow
from phasegate.workflow import Manager, signed
from services.happened import drafted
from unit.workflow.fixtures import NOW, Engine, Team, engine, flow, phase, policy
from unit.workflow.managers import KEYS, PEOPLE, GateFixture, others

OTHER = PrivateKey(Ed25519PrivateKey.generate())
BOB: dict[str, Any] = {"approvers": ["user:bob"]}


def table(**gate: Any) -> Flow:
    return flow(phase("first", gate={"name": "g", **gate}), phase("second"))


def _team(folder: Path, **gate: Any) -> Team:
    return Team(folder, flow=table(**gate), clock=FixedClock(NOW), key=KEYS["ada"], others=others())


@asynccontextmanager
async def waiting(folder: Path, policy: str = "", **gate: Any) -> AsyncIterator[Engine]:
    """A run at its first gate, with those rules."""
    async with engine(_team(folder, **gate)) as d:
        await d.segments.advance(await d.start(policy, by="zoe"))
        yield d


def _edited(d: Engine, **gate: Any) -> Engine:
    """The same after somebody edited the workflow's file: every process reads it anew."""
    return replace(d, keeper=replace(d.keeper, flow=table(**gate)))


async def _refused(d: Engine, by: str = "ada") -> Refused:
    with pytest.raises(Refused) as refused:
        await d.decide(DecisionKind.approve, await d.open_gate(), by=by, key=KEYS[by])
    return refused.value


async def _reopened(folder: Path, d: Engine, **gate: Any) -> list[str]:
    """What the gate shows as changed that opens in the place of the first, under these rules."""
    async with engine(replace(d.team, flow=table(**gate))) as later:
        assert await later.segments.advance("r1") is RunStatus.waiting
        key = (await later.open_gate()).key
        assert key == ("r1", "first", 2)
        opened = (await later.ledger.dossier(key)).opened
        assert opened
        return list(opened.changed)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (BOB, {}, "approvers user:bob → manager"),
        ({"quorum": 2}, {}, "quorum 2 → 1"),
        ({}, {"author_may_approve": False}, "author_may_approve yes → no"),
        ({"reauthenticate": True}, {}, "reauthenticate yes → no"),
        ({"expires_after": "1d"}, {}, "expires_after 1440m → never"),
        ({"delegable": False}, {}, "delegable no → yes"),
        (
            {"escalate_after": "2d", "escalate_to": ["manager"]},
            {"escalate_after": "2d"},
            "escalate_to manager → nobody",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_rules_that_were_edited_after_the_gate_opened_void_it_and_the_next_one_shows_them(
    tmp_path: Path, was: dict[str, Any], now: dict[str, Any], said: str
) -> None:
    async with waiting(tmp_path, **was) as d:
        error = await _refused(_edited(d, **now))
        assert error.reason == "rules_moved"
        assert f"rules of gate 'g' changed: {said}" in str(error)
        assert "phasegate gate r1/first/2" in error.fix
        assert await d.ledger.decisions("r1") == []
        (void,) = await d.ledger.events_of("r1", GateVoided)
        assert void.reason == "rules_moved"
        assert said in void.moved[0]
        assert said in "; ".join(await _reopened(tmp_path, d, **now))


async def test_a_quorum_that_is_lowered_after_an_approval_neither_passes_nor_sticks(tmp_path: Path) -> None:
    async with waiting(tmp_path, quorum=2) as d:
        await d.decide(DecisionKind.approve, await d.open_gate())
        assert (await _refused(_edited(d))).reason == "rules_moved"  # the same person, once more
        assert await _reopened(tmp_path, d) == ["quorum 2 → 1"]


async def test_what_was_decided_is_not_used_where_the_rules_were_edited_since(tmp_path: Path) -> None:
    async with waiting(tmp_path, quorum=2) as d:
        gate = await d.open_gate()
        await d.decide(DecisionKind.approve, gate)
        await d.decide(DecisionKind.approve, gate, by="amy", key=KEYS["amy"])
        assert await _reopened(tmp_path, d) == ["quorum 2 → 1"]


async def test_a_run_that_waits_is_sent_on_to_a_gate_of_the_rules_as_they_are(tmp_path: Path) -> None:
    async with waiting(tmp_path, **BOB) as d:
        changed = await _reopened(tmp_path, d)
        assert changed[:2] == ["approvers user:bob → manager", "approvers + ada"]


@pytest.mark.parametrize(
    ("person", "said"),
    [
        (Manager(name="eve", card="manager", public_key=OTHER.public), "approvers + eve"),
        (replace(PEOPLE["amy"], public_key=OTHER.public), "the key of amy is another"),
        (replace(PEOPLE["amy"], card="retired"), "approvers − amy"),
        (replace(PEOPLE["bob"], card="manager"), "approvers + bob"),
        (replace(PEOPLE["bob"], public_key=OTHER.public), "the key of bob is another"),  # who could be a delegate
        (Manager(name="eve", card="deputy", public_key=OTHER.public), ""),  # decides nothing alone
    ],
    ids=["new", "other key", "gone", "promoted", "delegate", "stranger"],
)
async def test_people_who_came_or_went_or_have_another_key_void_a_gate(
    tmp_path: Path, person: Manager, said: str
) -> None:
    async with waiting(tmp_path) as d:
        d.team.others[person.name] = person
        if not said:
            await d.decide(DecisionKind.approve, await d.open_gate())
            return
        error = await _refused(d)
        assert error.reason == "rules_moved"
        assert said in str(error)
        assert await _reopened(tmp_path, d) == [said]


async def test_a_policy_that_was_edited_after_the_gate_opened_voids_it(tmp_path: Path) -> None:
    narrow = policy(risk_at_most="low").model_copy(update={"gates": ("second",)})
    team = replace(_team(tmp_path), policy=narrow)
    async with engine(team) as d:
        await d.segments.advance(await d.start("demo"))
        team.policy = policy()
        assert (await _refused(d)).reason == "rules_moved"


async def test_a_run_signs_the_rules_and_people_that_it_began_with(tmp_path: Path) -> None:
    async with waiting(tmp_path, **BOB) as d:
        (began,) = await d.ledger.events_of("r1", RunStarted)
        assert began.terms
        assert began.terms.rules["first"]["approvers"] == ["user:bob"]
        assert began.terms.managers["bob"] == str(KEYS["bob"].public)
        assert began.terms.shape == d.team.flow.shape
        assert (began.policy, began.by, began.flow) == ("", "zoe", "small")


async def test_two_names_with_one_key_are_one_approval(tmp_path: Path) -> None:
    async with engine(_team(tmp_path, quorum=2)) as d:
        d.team.others["amy"] = replace(PEOPLE["amy"], public_key=KEYS["ada"].public)
        await d.segments.advance(await d.start())
        gate = await d.open_gate()
        for name in ("ada", "amy"):
            await d.decide(DecisionKind.approve, gate, by=name, key=KEYS["ada"])
        assert (await d.ledger.dossier(gate.key)).decision is None
        assert (await d.open_gate()).key == gate.key


async def _execute(d: Engine, statement: str, *values: Any) -> None:
    def write(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement, values)

    await d.ledger._database.write(write)


async def _blocked(subject: Subject) -> Report:
    return Report(findings=(Finding(check="content", rule="r", severity=Severity.high, path="a", message="bad"),))


TAMPERS: dict[str, tuple[str, str]] = {
    "a finding is taken out": (
        "update events set body = '{\"s\":1.0}' where key like 'check:%'",
        "event 4 (check:first",
    ),
    "an event is deleted": ("delete from events where seq = 3", "event 3 (check"),
    "the first is deleted": ("delete from events where seq = 1", "event 1 (phase:"),
    "a signature is another's": ("update events set signature = x'00' where seq = 2", "event 2 (phase:"),
    "a time is another": ("update events set at = at - 1 where seq = 2", "event 2 (phase:"),
    "a key is another": ("update events set key = 'said:x' where seq = 3", "event 3 (said:x)"),
    "a link is none": ("update events set before = x'' where seq = 4", "event 4 (check:"),
    "a column has another type": ("update events set before = 'text' where seq = 2", "event 2 (phase:"),
    "the run's policy": ("update runs set policy = 'demo'", "its row says policy 'demo', and it was begun with ''"),
    "the run's author": ("update runs set by = 'eve'", "its row says by 'eve', and it was begun with ''"),
    "the run's base": ("update runs set base = spec", "its row says base"),
}


@pytest.mark.parametrize("tamper", TAMPERS)
async def test_evidence_is_read_from_a_chain_that_holds_and_other_runs_go_on(tmp_path: Path, tamper: str) -> None:
    statement, said = TAMPERS[tamper]
    rows_of = " and " if "where" in statement else " where "
    column = "run" if "events" in statement else "id"
    team = replace(
        _team(tmp_path), checks={"content": _blocked}, flow=flow(phase("first", max_rounds=1), phase("second"))
    )
    async with engine(team) as d:
        for run in ("r1", "r2"):
            await d.segments.advance(await d.start(run_id=run))
        gates = {gate.key.run: gate for gate in await d.ledger.gates(status=GateStatus.open)}
        await d.ledger.dossier(gates["r1"].key)  # it was looked at before: what was found signed is remembered
        await _execute(d, f"{statement}{rows_of}{column} = 'r1'")
        reads: list[Callable[[], Any]] = [
            lambda: d.decide(DecisionKind.approve, gates["r1"]),
            lambda: d.ledger.dossier(gates["r1"].key),
        ]
        for read in reads:
            with pytest.raises(Refused) as refused:
                await read()
            assert refused.value.reason == "record_broken"
            assert str(refused.value).startswith("the record of run 'r1' does not hold: ")
            assert said in str(refused.value)
            assert "\n" not in str(refused.value)
        assert said in await d.ledger.broken("r1")
        with pytest.raises(Refused, match="does not hold"):
            await d.segments.advance("r1")
        looks = {look.run.id: look.broken for look in (await d.ledger.waiting(0, 9))[0]}
        assert said in looks["r1"]
        assert looks["r2"] == await d.ledger.broken("r2") == ""
        await d.decide(DecisionKind.reject, gates["r2"])
        assert await d.segments.advance("r2") is RunStatus.rejected


ROWS: dict[str, tuple[str, str]] = {
    "what it is compared with": (
        'update gates set since = "commit"',
        "compared with is another tree",
    ),
    "its digest": ("update gates set digest = '{0}'", "its row is not what was recorded"),
    "its time": ("update gates set opened_at = opened_at + 1", "its row is not what was recorded"),
    "its commit": ('update gates set "commit" = since', "the record says"),
}


@pytest.mark.parametrize("tamper", ROWS)
async def test_a_gates_row_is_held_against_the_event_of_its_opening(tmp_path: Path, tamper: str) -> None:
    statement, said = ROWS[tamper]
    async with waiting(tmp_path) as d:
        await _execute(d, statement.format("0" * 64))
        error = await _refused(d)
        assert error.reason in ("evidence_moved", "branch_moved")
        assert said in str(error)
        assert await d.segments.advance("r1") is RunStatus.waiting
        gate = await d.open_gate()
        assert gate.key.attempt == 2


UNDONE: dict[str, tuple[str, str]] = {
    "a revocation": ("update decisions set revoked_at = null", "took the decision at gate 'r1/first/1' back"),
    "a void gate": ("update gates set status = 'decided' where attempt = 1", "gate 'r1/first/1' is void, and its row"),
    "a decision": ("delete from decisions", "tells of is not stored as it was taken"),
    "its words": (
        "update decisions set predicate = replace(predicate, 'approve', 'reject')",
        "is not stored as",
    ),
}


@pytest.mark.parametrize("tamper", UNDONE)
async def test_what_was_taken_back_or_said_cannot_be_undone_by_a_row(tmp_path: Path, tamper: str) -> None:
    statement, said = UNDONE[tamper]
    async with waiting(tmp_path) as d:
        room = GateFixture(desk=d, clock=FixedClock(NOW + timedelta(hours=1)))
        await room.says("ada")
        await room.revokes("ada", GateKey("r1", "first", 1))
        await _execute(d, statement)
        assert said in await d.ledger.broken("r1")
        with pytest.raises(PhasegateError, match="does not hold"):
            await d.segments.advance("r1")


async def test_a_decision_that_no_event_tells_of_opens_nothing(tmp_path: Path) -> None:
    """A manager's own signature, put among the decisions by a hand that cannot sign events."""
    async with waiting(tmp_path) as d:
        gate = await d.open_gate()
        statement = Statement(
            gate=gate.key, digest=gate.digest, tree=gate.tree, kind=DecisionKind.approve, by="ada", at=NOW
        )

        def smuggle(connection: sa.Connection) -> None:
            rows.close_gate(connection, gate.key, GateStatus.decided)
            rows.add_decision(connection, signed(statement, KEYS["ada"]))

        await d.ledger._database.write(smuggle)
        assert await d.segments.advance("r1") is RunStatus.waiting
        (void,) = await d.ledger.events_of("r1", GateVoided)
        assert (void.reason, void.moved) == ("not_recorded", ())


async def test_reading_a_chain_again_looks_at_no_signature_twice(tmp_path: Path) -> None:
    async with waiting(tmp_path) as d:
        await d.ledger.dossier((await d.open_gate()).key)
        count, last = d.ledger._chains._signed["r1"]
        assert count == len(await d.ledger.events("r1"))
        await d.ledger.record("r1", drafted())
        await d.ledger.events("r1")
        assert d.ledger._chains._signed["r1"][0] == count + 1
        assert d.ledger._chains._signed["r1"][1] != last
