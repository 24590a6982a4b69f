"""What a decision is bound to when it is used, and when a policy decides."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import Report, Subject
from phasegate.core import Finding, PhasegateError, Refused, Severity, digest
from phasegate.ledger import Decision, DecisionKind, GateStatus, OpenResult, PrivateKey, RunStatus, Statement, rows
from phasegate.ledger.events import GateOpened, GateVoided, PolicyRefused
from phasegate.team import Flow
from phasegate.workflow import Manager
from phasegate.workflow.gates.gatekeeper import signed
from phasegate.workflow.state import RunState
from unit.workflow.fixtures import NOW, Engine, ShippedFiles, Team, engine, flow, phase, policy

KEY, SYSTEM = (PrivateKey(Ed25519PrivateKey.generate()) for _ in range(2))


async def test_a_policy_passes_every_gate_in_one_segment_in_its_own_name(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start("demo")
        assert await d.segments.advance(run) is RunStatus.released
        decisions = (await d.ledger.dossier((await d.ledger.gates(run))[0].key)).decisions
        assert [(one.statement.by, one.key_id, one.consumed) for one in decisions] == [
            ("policy:demo", d.team.system.key_id, True)
        ] * 2
        assert (await d.ledger.run(run)).segments == 1


@pytest.mark.parametrize(
    ("here", "requires", "said"),
    [
        (ShippedFiles(demo_workspace=False), {}, "the workspace was not made for the demonstration"),
        (ShippedFiles(loopback_endpoint=False), {}, "the AWS endpoint is not on this machine"),
        (ShippedFiles(loopback_index=False), {}, "the package index is not on this machine"),
        (ShippedFiles(severity=Severity.medium), {}, "the risk is medium"),
        (ShippedFiles(severity=Severity.critical), {"risk_at_most": "high"}, "the risk is critical"),
        (ShippedFiles(destructive=True), {"destructive_actions": False}, "the action is destructive"),
    ],
)
async def test_a_policy_that_refuses_says_why_and_a_person_is_asked(
    tmp_path: Path, here: ShippedFiles, requires: dict[str, object], said: str
) -> None:
    async with engine(Team(tmp_path, here=here, policy=policy(**requires))) as d:
        run = await d.start("demo")
        assert await d.segments.advance(run) is RunStatus.waiting
        (event,) = await d.ledger.events_of(run, PolicyRefused)
        assert (event.policy, event.reason) == ("demo", said)
        assert (await d.ledger.run(run)).status is RunStatus.waiting
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance(run)
        assert (await d.open_gate()).key.phase == "second"


@pytest.mark.parametrize(
    ("here", "requires"),
    [
        (ShippedFiles(demo_workspace=False), {"workspace": "any"}),
        (ShippedFiles(loopback_endpoint=False), {"endpoint": "any"}),
        (ShippedFiles(loopback_index=False), {"index": "any"}),
        (ShippedFiles(severity=Severity.high), {"risk_at_most": "high"}),
        (ShippedFiles(destructive=True), {"destructive_actions": True}),
    ],
)
async def test_a_condition_that_a_policy_does_not_ask_for_does_not_stop_it(
    tmp_path: Path, here: ShippedFiles, requires: dict[str, object]
) -> None:
    async with engine(Team(tmp_path, here=here, policy=policy(**requires))) as d:
        assert await d.segments.advance(await d.start("demo")) is RunStatus.released


async def test_no_policy_passes_over_what_blocks(tmp_path: Path) -> None:
    async def check(subject: Subject) -> Report:
        bad = Finding(check="content", rule="guard", severity=Severity.high, path="a", message="bad")
        return Report(findings=(bad,))

    async with engine(Team(tmp_path, checks={"content": check}, policy=policy(risk_at_most="critical"))) as d:
        assert await d.segments.advance(await d.start("demo")) is RunStatus.waiting
        (event,) = await d.ledger.events_of("r1", PolicyRefused)
        assert event.reason == "a blocking finding stands"


async def test_a_policy_passes_the_gates_of_its_list_alone(tmp_path: Path) -> None:
    narrow = policy().model_copy(update={"gates": ("first",)})
    async with engine(Team(tmp_path, policy=narrow)) as d:
        run = await d.start("demo")
        assert await d.segments.advance(run) is RunStatus.waiting
        assert (await d.open_gate()).key.phase == "second"


async def test_a_policy_passes_a_gate_alone_that_asks_several_persons(tmp_path: Path) -> None:
    """docs/decisions/0010: it stands for the workflow's owner, and is never counted as a person."""
    amy = Manager(name="amy", card="manager", public_key=SYSTEM.public)
    table = flow(phase("first", gate={"name": "g", "quorum": 2}), phase("second", gate={"name": "h", "quorum": 2}))
    narrow = policy().model_copy(update={"gates": ("first",)})
    async with engine(Team(tmp_path, flow=table, policy=narrow, others={"amy": amy})) as d:
        run = await d.start("demo")
        assert await d.segments.advance(run) is RunStatus.waiting
        (passed,) = await d.ledger.decisions(run)
        assert (passed.statement.by, passed.statement.gate.phase, passed.consumed) == ("policy:demo", "first", True)
        gate = await d.open_gate()
        assert gate.key.phase == "second"  # it is not in the policy's list: persons decide, and two of them
        await d.decide(DecisionKind.approve, gate)
        assert await d.ledger.decision(gate.key) is None
        await d.decide(DecisionKind.approve, gate, by="amy", key=SYSTEM)
        assert await d.segments.advance(run) is RunStatus.released


async def test_a_run_without_a_policy_asks_none(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        assert await d.segments.advance(await d.start("")) is RunStatus.waiting
        assert await d.ledger.events_of("r1", PolicyRefused) == []


def _state(d: Engine, commit: str) -> RunState:
    return RunState(run="r1", flow="", base=commit, commit=commit, since=commit, phase="first", attempt=1, round=1)


async def _smuggle(d: Engine, decision: Decision) -> None:
    """Writes a decision as somebody with a shell and the database could."""

    def write(connection: sa.Connection) -> None:
        rows.close_gate(connection, decision.statement.gate, GateStatus.decided)
        rows.add_decision(connection, decision)

    await d.ledger._database.write(write)


async def _approval(d: Engine, by: str, key: PrivateKey, shown: str = "") -> Decision:
    gate = await d.open_gate()
    statement = Statement(
        gate=gate.key,
        digest=shown or gate.digest,
        tree=gate.tree,
        kind=DecisionKind.approve,
        by=by,
        at=d.team.clock.now(),
    )
    return signed(statement, key)


@pytest.mark.parametrize("by", ["ada", "policy:demo", "eve"])
@pytest.mark.parametrize("whose", ["system", "stranger"])
async def test_a_decision_that_was_smuggled_into_the_store_opens_nothing(tmp_path: Path, by: str, whose: str) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start()
        await d.segments.advance(run)
        key = d.team.system if whose == "system" else PrivateKey(Ed25519PrivateKey.generate())
        await _smuggle(d, await _approval(d, by, key))
        assert await d.segments.advance(run) is RunStatus.waiting
        gate = await d.open_gate()
        assert gate.key == (run, "first", 2)
        (event,) = await d.ledger.events_of(run, GateVoided)
        assert event.reason in ("not_an_approver", "bad_signature")


async def test_a_managers_signature_under_another_statement_opens_nothing(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start()
        await d.segments.advance(run)
        approval = await _approval(d, "ada", d.team.key)
        rejection = signed(replace(approval.statement, kind=DecisionKind.reject), d.team.key)
        await _smuggle(d, replace(approval, signature=rejection.signature))
        assert await d.segments.advance(run) is RunStatus.waiting
        elsewhere = (await d.open_gate()).key
        assert elsewhere == (run, "first", 2)
        await _smuggle(d, replace(approval, statement=replace(approval.statement, gate=elsewhere)))
        assert await d.segments.advance(run) is RunStatus.waiting
        reasons = [event.reason for event in await d.ledger.events_of(run, GateVoided)]
        assert reasons == ["bad_signature", "stale_digest"]


async def test_a_decision_on_other_bytes_opens_nothing(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start()
        await d.segments.advance(run)
        await _smuggle(d, await _approval(d, "ada", d.team.key, shown="0" * 64))
        assert await d.segments.advance(run) is RunStatus.waiting
        assert (await d.open_gate()).key.attempt == 2


async def test_an_approval_is_void_when_the_tree_moved_after_it(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start()
        await d.segments.advance(run)
        gate = await d.open_gate()
        await d.decide(DecisionKind.approve, gate)
        first = d.team.flow.phase("first")
        moved = d.workspace.commit(
            [gate.commit], {"first/text.txt": b"moved"}, author=d.workspace.user, when=NOW, message="x"
        )
        assert await d.keeper.consume(_state(d, moved), first) == "void"
        assert await d.keeper.consume(_state(d, gate.commit), first) == "void"
        assert [each.status for each in await d.ledger.gates(run)] == [GateStatus.void]
        assert (await d.ledger.events_of(run, GateVoided))[0].reason == "stale_digest"


async def test_a_manager_who_was_removed_between_decision_and_use_does_not_count(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start()
        await d.segments.advance(run)
        gate = await d.open_gate()
        await d.decide(DecisionKind.approve, gate)
        keeper = replace(d.keeper, managers=dict)
        assert await keeper.consume(_state(d, gate.commit), d.team.flow.phase("first")) == "void"
        assert (await d.ledger.events_of(run, GateVoided))[0].reason == "not_an_approver"


async def test_what_a_policy_passed_is_held_against_it_again_when_it_is_used(tmp_path: Path) -> None:
    team = Team(tmp_path)
    async with engine(team) as d:
        run = await d.start("demo")
        first, state = team.flow.phase("first"), _state(d, d.workspace.head())
        assert await d.keeper.open(state, first) is OpenResult.passed
        team.here.loopback_endpoint = False
        assert await d.keeper.consume(state, first) == "void"
        assert (await d.ledger.events_of(run, GateVoided))[0].reason == "policy_refuses"


async def _binds(folder: Path, table: Flow, *remarks: str) -> tuple[dict[str, Any], list[Decision]]:
    """What the gate is bound to that is open after the one before it, if any, was approved with these remarks.

    The event before it is left out: that one holds how long a check took.
    """
    async with engine(Team(folder, flow=table, key=KEY, system=SYSTEM)) as d:
        run = await d.start()
        await d.segments.advance(run)
        if remarks:
            await d.decide(DecisionKind.approve, await d.open_gate(), *remarks)
            await d.segments.advance(run)
        gate = await d.open_gate()
        events = await d.ledger.events(run)
        opened = next(e for e in events if e.key == f"gate:{gate.key.phase}/{gate.key.attempt}")
        assert isinstance(opened.event, GateOpened)
        binds = opened.event.binds.model_dump(mode="json", exclude_defaults=True)
        assert digest(binds) == gate.digest
        assert binds.pop("before") == events[opened.seq - 2].digest.hex()
        return binds, await d.ledger.decisions(run)


async def test_the_digest_binds_tree_workflow_and_what_was_decided_before(tmp_path: Path) -> None:
    one, two = flow(phase("first")), flow(phase("zero"), phase("first"))
    plain, _ = await _binds(tmp_path / "a", one)
    assert (await _binds(tmp_path / "b", one))[0] == plain
    other, _ = await _binds(tmp_path / "c", flow(phase("first"), phase("next")))
    assert [name for name in plain if plain[name] != other[name]] == ["flow", "phases"]
    asks_again = flow(phase("first", gate={"name": "first gate", "reauthenticate": True}))
    stricter, _ = await _binds(tmp_path / "d", asks_again)
    assert [name for name in plain if plain[name] != stricter[name]] == ["rules"]
    downstream, said = await _binds(tmp_path / "e", two, "fine")
    assert downstream["upstream"] == [digest(said[0].statement.encoded())]


@pytest.mark.parametrize("roots", [["c"], ["c", "a"], []])
async def test_a_run_is_refused_under_another_root_than_it_began_under(tmp_path: Path, roots: list[str]) -> None:
    async with engine(Team(tmp_path, roots=["a", "b"])) as d:
        run = await d.start()
        await d.segments.advance(run)
        gate = await d.open_gate()
        d.team.roots[:] = roots
        with pytest.raises(Refused, match=f"began under root a, and the root here is {(*roots, 'none')[0]}") as refused:
            await d.decide(DecisionKind.approve, gate)
        assert refused.value.reason == "root_other"
        d.team.roots[:] = ["a", "b"]
        await d.decide(DecisionKind.approve, gate)  # the root was put back, and the gate is the same
        d.team.roots[:] = roots
        with pytest.raises(Refused, match="began under root a"):
            await d.segments.advance(run)
        d.team.roots[:] = ["a", "b"]
        assert await d.segments.advance(run) is RunStatus.waiting
        assert (await d.open_gate()).key.phase == "second"
        assert await d.ledger.events_of(run, GateVoided) == []


async def test_no_gate_opens_under_another_root_than_the_run_began_under(tmp_path: Path) -> None:
    async with engine(Team(tmp_path, roots=["a"])) as d:
        run = await d.start()
        d.team.roots[:] = ["c"]
        with pytest.raises(Refused) as refused:
            await d.segments.advance(run)
        assert refused.value.reason == "root_other"
        assert await d.ledger.gates(run) == []


async def test_a_later_version_of_the_root_that_changes_no_rule_of_a_gate_leaves_it_open(tmp_path: Path) -> None:
    async with engine(Team(tmp_path, roots=["a"])) as d:
        run = await d.start()
        await d.segments.advance(run)
        d.team.roots.append("b")
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance(run)
        await d.decide(DecisionKind.approve, await d.open_gate())
        assert await d.segments.advance(run) is RunStatus.released
        bound = {event.phase: event.binds.root for event in await d.ledger.events_of(run, GateOpened)}
        assert bound == {"first": "a", "second": "b"}


async def test_a_gate_that_opened_before_there_was_a_root_opens_anew_under_it(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.start()
        await d.segments.advance(run)
        d.team.roots[:] = ["a"]
        with pytest.raises(Refused, match="the root of trust is another") as refused:
            await d.decide(DecisionKind.approve, await d.open_gate())
        assert refused.value.reason == "rules_moved"
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance(run)
        assert (await d.open_gate()).key.phase == "second"


async def test_no_gate_opens_behind_one_that_nobody_passed(tmp_path: Path) -> None:
    """Authors are not asked there either, but state that was edited on disk could lead past them."""
    async with engine(Team(tmp_path, flow=flow(phase("zero"), phase("first")))) as d:
        run = await d.start()
        await d.segments.advance(run)
        gate = await d.open_gate()
        state = RunState(run=run, commit=gate.commit, since=gate.since, attempt=1)
        with pytest.raises(PhasegateError, match="phase 'zero' was gone through without a decision"):
            await d.keeper.open(state, d.team.flow.phase("first"))
        assert [one.key for one in await d.ledger.gates(run)] == [gate.key]
