import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import FixedClock, UsageError
from phasegate.ledger import (
    Comment,
    DecideResult,
    Decision,
    DecisionKind,
    GateKey,
    GateRecord,
    GateStatus,
    Ledger,
    Opening,
    OpenResult,
    PrivateKey,
    Run,
    RunStatus,
    Statement,
    Waiver,
)
from phasegate.ledger.events import Drafted, GateVoided, RunParked
from phasegate.store.sqlite import SqliteStore
from services.happened import done, drafted, taken, voided
from unit.ledger.chain_check import first_break

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
KEY = GateKey("abc", "plan", 1)
SYSTEM = PrivateKey(Ed25519PrivateKey.generate())


class Sent:
    """Dispatches nothing, and remembers what it was asked to; raises where a test says so."""

    def __init__(self) -> None:
        self.segments: list[tuple[str, int]] = []
        self.fails = False

    def __call__(self, connection: sa.Connection, run_id: str, number: int) -> None:
        if self.fails:
            raise LookupError
        self.segments.append((run_id, number))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    database = await SqliteStore(tmp_path / "p.db").open()
    yield Ledger(database, FixedClock(NOW), SYSTEM)
    await database.close()


def _run(run_id: str = "abc", started_at: datetime = NOW) -> Run:
    return Run(
        id=run_id, spec="specs/001-a", flow="sdlc", branch=f"phasegate/{run_id}", base="0" * 40, started_at=started_at
    )


def _gate(key: GateKey = KEY) -> GateRecord:
    commit, tree, since = "1" * 40, "2" * 40, "0" * 40
    return GateRecord(
        key=key, status=GateStatus.open, commit=commit, tree=tree, since=since, digest="d" * 64, opened_at=NOW
    )


def _decision(kind: DecisionKind = DecisionKind.approve, key: GateKey = KEY) -> Decision:
    waiver = Waiver(rules=("lint/a", "lint/b"), owner="ada", reason="it is late", expires="2027-01-01")
    statement = Statement(
        gate=key,
        digest="d" * 64,
        kind=kind,
        by="ada",
        tree="2" * 40,
        token="t1",
        instead_of="grace",
        at=NOW,
        comments=(Comment(text="why?", path="a.md", line=3), Comment(text="and how?")),
        waiver=waiver if kind is DecisionKind.waive else None,
    )
    return Decision(statement=statement, key_id="k" * 64, signature=b"s" * 64)


async def _open(ledger: Ledger, passed: Decision | None = None) -> OpenResult:
    return await ledger.open_gate(KEY, lambda _: Opening(_gate(), passed, []))


async def test_a_new_run_its_event_and_its_first_segment_are_one_transaction(ledger: Ledger) -> None:
    sent = Sent()
    sent.fails = True
    with pytest.raises(LookupError):
        await ledger.add_run(_run(), sent)
    assert await ledger.runs() == []
    sent.fails = False
    await ledger.add_run(_run(), sent)
    assert sent.segments == [("abc", 1)]
    (run,) = await ledger.runs()
    assert (run.status, run.segments) == (RunStatus.working, 1)
    assert [event.key for event in await ledger.events("abc")] == ["run"]


async def test_a_run_is_found_by_what_its_id_begins_with_if_that_is_one(ledger: Ledger) -> None:
    for run_id in ("abc", "abcd", "xyz"):
        await ledger.add_run(_run(run_id), Sent())
    assert (await ledger.run("x")).id == "xyz"
    assert (await ledger.run("abc")).id == "abc"
    for name, said in (("ab", "more than one run"), ("q", "no run"), ("%", "no run")):
        with pytest.raises(UsageError, match=said):
            await ledger.run(name)


async def test_the_newest_run_comes_first(ledger: Ledger) -> None:
    await ledger.add_run(_run("old", NOW - timedelta(days=1)), Sent())
    await ledger.add_run(_run("new"), Sent())
    assert [run.id for run in await ledger.runs()] == ["new", "old"]


async def test_a_gate_is_opened_once_and_has_the_run_wait(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    assert await _open(ledger) is OpenResult.asks
    assert await _open(ledger) is OpenResult.asks
    assert await ledger.gates() == [_gate()]
    assert (await ledger.run("abc")).status is RunStatus.waiting
    assert await ledger.gate(GateKey("abc", "plan", 2)) is None


async def test_a_gate_that_a_policy_passes_is_decided_at_once_and_the_run_works_on(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    assert await _open(ledger, _decision()) is OpenResult.passed
    assert await _open(ledger) is OpenResult.decided
    assert await ledger.gates(status=GateStatus.open) == []
    assert (await ledger.run("abc")).status is RunStatus.working


@pytest.mark.parametrize("kind", DecisionKind)
async def test_a_decision_is_read_back_as_it_was_signed(ledger: Ledger, kind: DecisionKind) -> None:
    await ledger.add_run(_run(), Sent())
    await _open(ledger)
    assert await ledger.decide(_decision(kind), 1, Sent()) is DecideResult.decided
    assert await ledger.decision(KEY) == _decision(kind)
    assert (await ledger.dossier(KEY)).decision == _decision(kind)


async def test_a_decision_its_event_and_the_next_segment_are_one_transaction(ledger: Ledger) -> None:
    sent = Sent()
    await ledger.add_run(_run(), sent)
    await _open(ledger)
    sent.fails = True
    with pytest.raises(LookupError):
        await ledger.decide(_decision(), 1, sent, taken())
    assert await ledger.decision(KEY) is None
    assert [gate.status for gate in await ledger.gates()] == [GateStatus.open]
    assert [event.key for event in await ledger.events("abc")] == ["run"]
    sent.fails = False
    assert await ledger.decide(_decision(), 1, sent, taken())
    assert sent.segments == [("abc", 1), ("abc", 2)]
    assert (await ledger.run("abc")).status is RunStatus.working


async def test_the_second_decision_stores_nothing(ledger: Ledger) -> None:
    sent = Sent()
    await ledger.add_run(_run(), sent)
    await _open(ledger)
    assert await ledger.decide(_decision(), 1, sent)
    second = await ledger.decide(_decision(DecisionKind.reject), 1, sent, taken())
    assert second is DecideResult.lost
    assert (await ledger.decision(KEY)) == _decision()
    assert sent.segments == [("abc", 1), ("abc", 2)]


async def test_a_decision_is_used_once_and_says_so(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    await _open(ledger)
    await ledger.decide(_decision(), 1, Sent())
    for _ in range(2):
        assert await ledger.consume(KEY, lambda _: ("approve", None)) == "approve"
        decision = await ledger.decision(KEY)
        assert decision
        assert decision.consumed


async def test_a_gate_that_is_void_is_closed_with_its_reason_and_its_decision_was_not_used(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    await _open(ledger)
    await ledger.decide(_decision(), 1, Sent())
    for _ in range(2):
        assert await ledger.consume(KEY, lambda _: ("void", voided())) == "void"
    assert [gate.status for gate in await ledger.gates()] == [GateStatus.void]
    assert await ledger.decision(KEY) is None
    assert await ledger.decisions("abc") == [_decision()]
    assert await ledger.events_of("abc", GateVoided) == [voided()]


async def test_a_run_waits_only_while_a_gate_of_its_is_open(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    await ledger.wait("abc")
    assert (await ledger.run("abc")).status is RunStatus.working
    await _open(ledger)
    await ledger.redispatch("abc", Sent())
    assert (await ledger.run("abc")).status is RunStatus.working
    await ledger.wait("abc")
    assert (await ledger.run("abc")).status is RunStatus.waiting


async def test_why_a_run_stood_is_forgotten_when_it_goes_on(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    await ledger.set_status("abc", RunStatus.parked, "the disk is full", RunParked(segment=1, why="the disk is full"))
    assert (await ledger.run("abc")).note == "the disk is full"
    await ledger.redispatch("abc", Sent())
    assert (await ledger.run("abc")).note == ""


async def test_an_effect_is_begun_tried_again_and_done(ledger: Ledger) -> None:
    await ledger.add_run(_run(), Sent())
    assert await ledger.begin_effect("abc", "release/1/land", ["release/1/publish"]) == (None, False, [None])
    assert await ledger.begin_effect("abc", "release/1/land", []) == (None, True, [])
    await ledger.effect_done("abc", "release/1/land", {"to": "main"}, done("release", "land"))
    assert await ledger.begin_effect("abc", "release/1/land", ["release/1/land"]) == (
        {"to": "main"},
        False,
        [{"to": "main"}],
    )
    assert (await ledger.begin_effect("abc", "build/1/land", [])).done is None


async def test_events_recorded_side_by_side_are_all_there_once(ledger: Ledger) -> None:
    for run_id in ("abc", "xyz"):
        await ledger.add_run(_run(run_id), Sent())
    events = [drafted(item=str(number)) for number in range(30)]
    await asyncio.gather(*(ledger.record(run_id, event) for event in events for run_id in ("abc", "xyz")))
    for run_id in ("abc", "xyz"):
        chain = await ledger.events(run_id)
        assert len({event.key for event in chain}) == len(chain) == 31
        assert first_break(chain, ledger.key) == 0


async def test_who_records_hears_that_it_failed_and_takes_nobody_with_them(ledger: Ledger) -> None:
    numbers = [1.0, float("nan"), 2.0, float("inf")]
    told = await asyncio.gather(
        *(ledger.record("abc", drafted(number=place, seconds=number)) for place, number in enumerate(numbers)),
        return_exceptions=True,
    )
    assert [isinstance(each, Exception) for each in told] == [False, True, False, True]
    assert [draft.round for draft in await ledger.events_of("abc", Drafted)] == [0, 2]
