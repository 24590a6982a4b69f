"""The one door: who comes through, with which reason the others do not, and what is stored."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import Report, Subject
from phasegate.core import Finding, FixedClock, Refused, Severity
from phasegate.ledger import Comment, DecisionKind, GateKey, GateRecord, PrivateKey, RunStatus, Statement, Waiver
from phasegate.ledger.events import GateOpened
from phasegate.store.sqlite import SqliteStore
from phasegate.workflow import Channel, Credentials, Kind, Manager, branch, decide, signed
from phasegate.workflow.gates.tokens import give_token
from phasegate.workspace import Workspace
from services.happened import voided
from unit.workflow.fixtures import ADA, NOW, Engine, Team, engine, flow, phase

PERSON = partial(Credentials, kind=Kind.person, channel=Channel.terminal)
OTHER = PrivateKey(Ed25519PrivateKey.generate())
WAIVER = Waiver(rules=("content/guard", "content/undo"), owner="ada", reason="known", expires="2026-12-01")


@asynccontextmanager
async def at_gate(folder: Path, *rules: str) -> AsyncIterator[tuple[Engine, GateRecord]]:
    """A run that waits at its first gate, with a blocking finding of each rule, for two days."""

    async def check(subject: Subject) -> Report:
        return Report(findings=tuple(_finding(rule) for rule in rules))

    table = flow(phase("first", max_rounds=1, gate={"name": "g", "expires_after": "2d"}), phase("second"))
    team = Team(folder, flow=table, checks={"content": check}, clock=FixedClock(NOW))
    async with engine(team) as d:
        await d.segments.advance(await d.start())
        yield d, await d.open_gate()


def _finding(rule: str) -> Finding:
    return Finding(check="content", rule=rule, severity=Severity.critical, path="first/text.txt", message="bad")


async def _reason(d: Engine, gate: GateRecord, kind: DecisionKind = DecisionKind.approve, **more: object) -> str:
    now, by = d.team.clock.now(), str(more.get("by", "ada"))
    key, who = more.pop("key", d.team.key), more.pop("who", PERSON(name=by, proved_at=now))
    token = give_token(d.team.system, gate, by, now)
    statement = Statement(
        gate=gate.key,
        digest=gate.digest,
        tree=gate.tree,
        kind=kind,
        by="ada",
        at=now,
        token=token,
        head=await d.ledger.head(gate.key.run),
    )
    assert isinstance(key, PrivateKey)
    assert isinstance(who, Credentials)
    with pytest.raises(Refused) as refused:
        await decide(d.keeper, signed(replace(statement, **more), key), who, d.queue.dispatch)  # type: ignore[arg-type]
    assert refused.value.fix
    assert (await d.ledger.dossier(gate.key)).decision is None
    return refused.value.reason


@pytest.mark.parametrize(
    "key",
    [GateKey("r9", "first", 1), GateKey("r1", "nothing", 1), GateKey("r1", "first", 2), GateKey("r1", "second", 1)],
)
async def test_a_gate_that_is_not_there_is_unknown(tmp_path: Path, key: GateKey) -> None:
    async with at_gate(tmp_path) as (d, gate):
        with pytest.raises(Refused) as refused:
            await d.decide(DecisionKind.approve, replace(gate, key=key))
        assert refused.value.reason == "unknown_gate"


@pytest.mark.parametrize(
    ("by", "key", "reason"),
    [
        ("eve", OTHER, "not_an_approver"),  # a stranger with a key
        ("writer", OTHER, "agent_identity"),  # an author of the run
        ("bob", OTHER, "not_an_approver"),  # a manager under another card than the gate's
        ("ADA", None, "not_an_approver"),  # nearly her name
        ("ada ", None, "not_an_approver"),  # and nearly again
        ("", None, "not_an_approver"),  # nobody
        ("policy:demo", None, "not_an_approver"),  # a policy's name, under a manager's key
        ("policy:", None, "not_an_approver"),  # the name under which the system's key stands
        ("ada", OTHER, "bad_signature"),  # her name under another key
    ],
)
async def test_who_may_not_decide_is_refused(tmp_path: Path, by: str, key: PrivateKey | None, reason: str) -> None:
    async with at_gate(tmp_path) as (d, gate):
        ada = Manager(name="ada", card="manager", public_key=d.team.key.public)
        bob = Manager(name="bob", card="finance", public_key=OTHER.public)
        keeper = replace(d.keeper, managers=lambda: {"ada": ada, "bob": bob})
        d = replace(d, keeper=keeper)
        assert await _reason(d, gate, by=by, key=key or d.team.key) == reason


async def test_the_systems_key_is_no_managers(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        assert await _reason(d, gate, by="policy:demo", key=d.team.system) == "not_an_approver"
        assert await _reason(d, gate, by="ada", key=d.team.system) == "bad_signature"


@pytest.mark.parametrize("digest", ["", "0" * 64, "d"])
async def test_other_bytes_than_the_gates_are_stale(tmp_path: Path, digest: str) -> None:
    async with at_gate(tmp_path) as (d, gate):
        assert await _reason(d, gate, digest=digest) == "stale_digest"
        assert await _reason(d, gate, digest=gate.digest[:12]) == "stale_digest"


async def test_another_tree_under_the_gates_digest_is_stale(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        for tree in ("", "0" * 40, gate.commit):
            assert await _reason(d, gate, tree=tree) == "stale_digest"


async def test_a_branch_that_moved_since_the_gate_opened_is_put_back_and_another_gate_opens(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        for number in (1, 2):
            other = d.workspace.commit([gate.commit], {"a": bytes(number)}, author=ADA, when=NOW, message="x")
            d.workspace.point(branch("r1"), other)
            assert await _reason(d, gate) == "branch_moved"
            assert (await d.ledger.run("r1")).status is RunStatus.waiting
            assert d.workspace.tip(branch("r1")) == gate.commit
            assert d.workspace.marked(f"foreign/r1/{number}") == other
            gate = await d.open_gate()
            (kept,) = (await d.ledger.events_of("r1", GateOpened))[number].changed
            assert f"refs/phasegate/foreign/r1/{number}" in kept
        await d.decide(DecisionKind.approve, gate)
        await d.segments.advance("r1")
        assert (await d.open_gate()).key.phase == "second"


async def test_a_database_that_is_older_than_the_branch_goes_on_from_its_own_gate(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        SqliteStore(d.team.database).back_up(tmp_path / "backup.db", lambda _: None)
        await d.decide(DecisionKind.approve, gate)
        await d.segments.advance("r1")
        later = d.workspace.tip(branch("r1"))
        team = d.team
    for file in team.database.parent.glob("phasegate.db-*"):
        file.unlink()
    (tmp_path / "backup.db").replace(team.database)
    async with engine(team) as d:
        assert (await d.open_gate()).digest == gate.digest
        assert await _reason(d, gate) == "branch_moved"
        assert d.workspace.tip(branch("r1")) == gate.commit
        assert d.workspace.marked("foreign/r1/1") == later
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance("r1")
        assert (await d.open_gate()).key.phase == "second"


async def test_a_branch_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        (tmp_path / ".git" / "refs" / "heads" / branch("r1")).unlink()
        await d.decide(DecisionKind.approve, gate)
        await d.segments.advance("r1")
        after = await d.open_gate()
        assert after.key.phase == "second"
        assert d.workspace.tip(branch("r1")) == after.commit


async def test_a_commit_that_is_gone_is_named(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        keeper = replace(d.keeper, workspace=_without(gate.commit, tmp_path / "other"))
        assert await _reason(replace(d, keeper=keeper), gate) == "commit_missing"


def _without(commit: str, folder: Path) -> Workspace:
    """A repository that does not have the commit."""
    other = Workspace.create(folder, {"README.md": b"other"}, author=ADA, when=NOW, message="another")
    assert other.tip(branch("r1")) != commit
    return other


async def test_a_gate_is_open_to_its_last_second_and_not_longer(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        clock = d.team.clock
        assert isinstance(clock, FixedClock)
        clock.move(NOW + timedelta(days=2, seconds=1))
        assert await _reason(d, gate) == "gate_expired"
        assert await _reason(d, gate, at=NOW) == "gate_expired"
        clock.move(NOW + timedelta(days=2))
        await d.decide(DecisionKind.approve, gate)


async def test_a_gate_that_was_closed_is_void(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        await d.ledger.consume(gate.key, lambda _: ("void", voided("first", reason="gate_expired")))
        assert await _reason(d, gate) == "gate_void"


async def test_changes_are_not_requested_without_saying_which(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        assert await _reason(d, gate, DecisionKind.request_changes) == "comments_missing"


@pytest.mark.parametrize(
    "text", ["use xoxb-" + "1234567890-abcdefgh", "password=" + "S3cret!pass", "AKIA" + "IOSFODNN7\nEXAMPLE"]
)
async def test_words_with_a_secret_are_refused_and_never_kept(tmp_path: Path, text: str) -> None:
    async with at_gate(tmp_path) as (d, gate):
        with pytest.raises(Refused, match="looks like a secret") as refused:
            await d.decide(DecisionKind.request_changes, gate, text)
        assert refused.value.reason == "secret_in_comment"
        assert not [part for part in text.split() if part in str(refused.value)]
        assert await d.ledger.decisions(gate.key.run) == []
        for waiver in (replace(WAIVER, owner=text), replace(WAIVER, reason=text)):
            assert await _reason(d, gate, DecisionKind.waive, waiver=waiver) == "secret_in_comment"


async def test_what_blocks_is_not_approved_over(tmp_path: Path) -> None:
    async with at_gate(tmp_path, "guard", "undo") as (d, gate):
        assert await _reason(d, gate) == "blocking_findings"
        assert await _reason(d, gate, waiver=WAIVER) == "blocking_findings"
        await d.decide(DecisionKind.request_changes, gate, "mend it")


async def test_there_has_to_be_something_to_waive(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        assert await _reason(d, gate, DecisionKind.waive, waiver=WAIVER) == "nothing_to_waive"


@pytest.mark.parametrize(
    ("waiver", "reason"),
    [
        (None, "waiver_incomplete"),
        (replace(WAIVER, owner=""), "waiver_incomplete"),
        (replace(WAIVER, reason=""), "waiver_incomplete"),
        (replace(WAIVER, rules=("content/guard",)), "waiver_incomplete"),
        (replace(WAIVER, rules=("guard", "undo")), "waiver_incomplete"),
        (replace(WAIVER, rules=()), "waiver_incomplete"),
        (replace(WAIVER, expires=""), "waiver_expired"),
        (replace(WAIVER, expires="soon"), "waiver_expired"),
        (replace(WAIVER, expires="2026-11-18"), "waiver_expired"),
        (replace(WAIVER, expires="2026-11-17"), "waiver_expired"),
    ],
)
async def test_an_exception_names_all_that_blocks_an_owner_a_reason_and_a_day_to_come(
    tmp_path: Path, waiver: Waiver | None, reason: str
) -> None:
    async with at_gate(tmp_path, "guard", "undo") as (d, gate):
        assert await _reason(d, gate, DecisionKind.waive, waiver=waiver) == reason
        backdated = NOW - timedelta(days=400)
        assert await _reason(d, gate, DecisionKind.waive, waiver=waiver, at=backdated) == reason


async def test_a_complete_exception_passes_and_is_kept(tmp_path: Path) -> None:
    async with at_gate(tmp_path, "guard", "undo") as (d, gate):
        await d.decide(DecisionKind.waive, gate, waiver=WAIVER)
        kept = await d.ledger.decision(gate.key)
        assert kept
        assert kept.statement.waiver == WAIVER
        assert await d.segments.advance("r1") is RunStatus.waiting
        assert (await d.open_gate()).key.phase == "second"


async def test_the_same_decision_twice_gives_the_same_receipt(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        first = await d.decide(DecisionKind.request_changes, gate, "shorter")
        clock = d.team.clock
        assert isinstance(clock, FixedClock)
        clock.move(NOW + timedelta(hours=1))
        assert await d.decide(DecisionKind.request_changes, gate, "shorter") == first
        await d.segments.advance("r1")
        again = await d.decide(DecisionKind.request_changes, gate, "shorter")
        assert (again.statement, again.signature) == (first.statement, first.signature)
        assert (await d.ledger.run("r1")).segments == 2


@pytest.mark.parametrize(
    "second",
    [
        lambda s: replace(s, kind=DecisionKind.reject),  # another decision
        lambda s: replace(s, kind=DecisionKind.approve, comments=()),  # and another
        lambda s: replace(s, comments=(Comment(text="longer"),)),  # other comments
        lambda s: replace(s, comments=(Comment(text="shorter", path="a.md", line=1),)),  # anchored elsewhere
        lambda s: replace(s, digest="0" * 64),  # other bytes
    ],
)
async def test_another_decision_is_refused_once_one_was_taken(
    tmp_path: Path, second: Callable[[Statement], Statement]
) -> None:
    async with at_gate(tmp_path) as (d, gate):
        first = await d.decide(DecisionKind.request_changes, gate, "shorter")
        other = signed(second(first.statement), d.team.key)
        with pytest.raises(Refused, match="request-changes by ada") as refused:
            await decide(d.keeper, other, PERSON(name="ada", proved_at=NOW), d.queue.dispatch)
        assert refused.value.reason == "already_decided"
        assert await d.ledger.decision(gate.key) == first


async def test_who_could_not_decide_does_not_learn_what_was_decided(tmp_path: Path) -> None:
    async with at_gate(tmp_path) as (d, gate):
        await d.decide(DecisionKind.approve, gate)
        with pytest.raises(Refused) as refused:
            await d.decide(DecisionKind.approve, gate, key=OTHER)
        assert refused.value.reason == "bad_signature"


async def test_a_refusal_changes_nothing(tmp_path: Path) -> None:
    async with at_gate(tmp_path, "guard") as (d, gate):
        before = await d.ledger.events("r1"), await d.ledger.run("r1"), await d.ledger.gates("r1")
        for kind in DecisionKind:
            assert await _reason(d, gate, kind, digest="0" * 64)
            assert await _reason(d, gate, kind, key=OTHER)
        assert (await d.ledger.events("r1"), await d.ledger.run("r1"), await d.ledger.gates("r1")) == before


async def test_the_first_of_two_wins_even_when_both_were_let_in(tmp_path: Path) -> None:
    """The compare-and-set decides, not the look before it."""
    async with at_gate(tmp_path) as (d, gate):
        seen = await d.ledger.dossier(gate.key)
        await d.decide(DecisionKind.approve, gate)

        class Late(type(d.ledger)):  # type: ignore[misc]
            async def dossier(self, key: GateKey) -> object:
                return seen

        late = Late(d.ledger._database, d.team.clock, d.team.system)
        with pytest.raises(Refused) as refused:
            await replace(d, keeper=replace(d.keeper, ledger=late)).decide(DecisionKind.reject, gate)
        assert refused.value.reason == "already_decided"


@pytest.mark.parametrize("which", ["none", "unknown", "before the gate", "newest"])
async def test_a_decision_is_on_the_events_since_the_gate_opened(tmp_path: Path, which: str) -> None:
    """Its signature covers them, so that whoever has the system's key cannot leave one out afterwards."""
    async with at_gate(tmp_path) as (d, gate):
        dossier = await d.ledger.dossier(gate.key)
        head = {
            "none": "",
            "unknown": "0" * 64,
            "before the gate": dossier.before.hex(),
            "newest": dossier.last.hex(),
        }[which]
        if which == "newest":
            with pytest.raises(pytest.fail.Exception):
                await _reason(d, gate, head=head)
        else:
            assert await _reason(d, gate, head=head) == "stale_head"
