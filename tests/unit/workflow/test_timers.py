"""Reminders, escalation and expiry: each once, none early, whatever the clock does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from phasegate.core import FixedClock
from phasegate.ledger import DecisionKind, Event, GateStatus, RunStatus
from phasegate.ledger.events import Escalated, GateVoided, Reminded
from phasegate.workflow import sweep
from phasegate.workflow.gates.clock_steadiness import STEADY, Steadiness
from services.happened import drafted
from unit.ledger.chain_check import first_break
from unit.workflow.fixtures import NOW, Team, engine, flow, phase
from unit.workflow.managers import DAY, KEYS, GateFixture, gate_fixture, others, person

SECOND = timedelta(seconds=1)
LATE: dict[str, Any] = {"escalate_after": "2d", "escalate_to": ["group:night"]}
ZURICH = ZoneInfo("Europe/Zurich")


async def _fired(r: GateFixture) -> list[str]:
    return [event.key for event in await r.desk.ledger.events_of("r1", Reminded, Escalated, GateVoided)]


async def _swept(r: GateFixture, *at: timedelta) -> list[str]:
    """What fired after a sweep at each of these times since NOW, in order."""
    for moment in at:
        r.clock.move(NOW + moment)
        await sweep(r.desk.keeper, STEADY)
    return await _fired(r)


@pytest.mark.parametrize(
    ("at", "fired"),
    [
        ([timedelta(0)], []),  # too early
        ([DAY - SECOND], []),  # by a second
        ([DAY], [1]),  # in time
        ([DAY, DAY, DAY + SECOND], [1]),  # swept again and again
        ([DAY, 2 * DAY, 3 * DAY], [1, 2, 3]),  # each day
        ([5 * DAY], [5]),  # nobody swept for days: one, and not five
        ([DAY, -DAY, timedelta(0), DAY], [1]),  # the clock went back two days, and came again
        ([DAY, 2 * DAY, DAY, 2 * DAY], [1, 2]),  # forward a day, and back
        ([-10 * DAY], []),  # the gate seems to open in days to come
    ],
)
async def test_a_reminder_comes_once_for_each_span(tmp_path: Path, at: list[timedelta], fired: list[int]) -> None:
    async with gate_fixture(tmp_path, remind_after="1d") as r:
        assert await _swept(r, *at) == [f"reminder:first/1/{number}" for number in fired]
        assert first_break(await r.desk.ledger.events("r1"), r.desk.ledger.key) == 0


async def test_a_reminder_names_those_who_may_decide(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, remind_after="1d", **LATE) as r:
        await _swept(r, DAY, 2 * DAY)
        bodies = {
            event.key: list(event.to)
            for event in await r.desk.ledger.events_of("r1", Event)
            if isinstance(event, Reminded | Escalated)
        }
        assert bodies == {
            "reminder:first/1/1": ["ada", "amy"],
            "reminder:first/1/2": ["ada", "amy", "cy"],
            "escalated:first/1": ["ada", "amy", "cy"],
        }


async def test_nobody_is_reminded_where_the_gate_does_not_say_so(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        assert await _swept(r, DAY, 900 * DAY) == []


@pytest.mark.parametrize(
    ("at", "fired"),
    [
        ([2 * DAY - SECOND], 0),  # by a second too early
        ([2 * DAY], 1),  # in time
        ([2 * DAY, 9 * DAY], 1),  # once
        ([3 * DAY, -DAY, 2 * DAY], 1),  # once, though the clock went back and came again
    ],
)
async def test_it_escalates_once(tmp_path: Path, at: list[timedelta], fired: int) -> None:
    async with gate_fixture(tmp_path, **LATE) as r:
        assert await _swept(r, *at) == ["escalated:first/1"] * fired


@pytest.mark.parametrize(("age", "may"), [(2 * DAY - SECOND, False), (2 * DAY, True), (-DAY, False)])
async def test_those_it_escalates_to_may_decide_from_then_on(tmp_path: Path, age: timedelta, may: bool) -> None:
    async with gate_fixture(tmp_path, **LATE) as r:
        r.clock.move(NOW + age)
        if may:
            await r.says("cy")
            await r.goes_on()
            assert (await r.gate()).key.phase == "second"
        else:
            assert await r.refused("cy") == "not_an_approver"


async def test_who_decided_by_escalation_does_not_count_once_the_clock_is_put_right(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, **LATE) as r:
        r.clock.move(NOW + 2 * DAY)
        await r.says("cy")
        r.clock.move(NOW + DAY)
        await r.goes_on()
        assert await r.voids() == ["not_an_approver"]


@pytest.mark.parametrize(
    ("looks", "steady"),
    [
        ([(0, 0)], 0),
        ([(0, 0), (30, 30), (60, 60)], 60),
        ([(0, 0), (30, 30), (60, 57)], 60),  # set by a few seconds
        ([(0, 0), (30, 1_296_030), (60, 1_296_060)], 30),  # ahead by 15 days
        ([(0, 1_296_000), (30, 1_296_030), (40, 40)], 0),  # and put right
        ([(0, 0), (30, -86_370), (60, -86_340)], 30),  # back by a day
        ([(0, 0), (30, 28_830), (60, 28_860)], 30),  # asleep for eight hours
    ],
)
def test_a_clock_that_jumps_is_steady_from_then_on(looks: list[tuple[float, float]], steady: float) -> None:
    clocks = iter(looks)
    now = [0.0, 0.0]
    steadiness = Steadiness(monotonic=lambda: now[0], wall=lambda: now[1])
    for now[0], now[1] in clocks:
        found = steadiness.look()
    assert found == timedelta(seconds=steady)


def test_a_clock_that_differs_from_those_of_others_at_work_is_not_steady() -> None:
    now = [0.0]
    steadiness = Steadiness(monotonic=lambda: now[0], wall=lambda: now[0])
    found = []
    for now[0], apart in ((0, 0), (30, 2), (60, 1_296_000), (90, 0)):
        found.append(steadiness.look(apart).total_seconds())
    assert found == [0, 30, 0, 30]


@pytest.mark.parametrize(
    ("steady", "fired"),
    [
        (timedelta(0), []),
        (STEADY - SECOND, []),
        (STEADY, ["void:first/1"]),
    ],
)
async def test_nothing_is_recorded_by_a_clock_that_has_just_jumped(
    tmp_path: Path, steady: timedelta, fired: list[str]
) -> None:
    async with gate_fixture(tmp_path, expires_after="3d", remind_after="1d", **LATE) as r:
        r.clock.move(NOW + 15 * DAY)
        gate = await r.gate()
        await sweep(r.desk.keeper, steady)
        assert await _fired(r) == fired
        assert await r.refused("ada", gate=gate) in (
            "gate_expired",
            "gate_void",
        )
        if not fired:
            r.clock.move(NOW)
            await r.says("ada")


@pytest.mark.parametrize(
    ("at", "closed"),
    [
        ([3 * DAY], False),  # its last second
        ([3 * DAY + SECOND], True),  # and not longer
        ([3 * DAY + SECOND] * 3, True),  # swept again and again
        ([3 * DAY + timedelta(milliseconds=500)], False),  # within its last second
        ([-9 * DAY, 3 * DAY], False),  # the clock went back in between
        ([9 * DAY, DAY], True),  # once closed, the clock does not open it again
    ],
)
async def test_a_gate_expires_once_with_nothing_approved(tmp_path: Path, at: list[timedelta], closed: bool) -> None:
    async with gate_fixture(tmp_path, expires_after="3d") as r:
        gate = await r.gate()
        assert await _swept(r, *at) == (["void:first/1"] if closed else [])
        run, after = await r.desk.ledger.run("r1"), await r.desk.ledger.gate(gate.key)
        assert after
        assert after.status is (GateStatus.void if closed else GateStatus.open)
        assert run.status is (RunStatus.parked if closed else RunStatus.waiting)
        assert ("phasegate run --resume r1" in run.note) is closed
        assert await r.desk.ledger.decisions("r1") == []
        if closed:
            assert await r.refused("ada", gate=gate) == "gate_void"
            assert await r.goes_on() is RunStatus.waiting
            assert (await r.gate()).key.attempt == 2


async def test_a_gate_that_opened_within_a_second_does_not_expire_before_its_time(tmp_path: Path) -> None:
    late = NOW + timedelta(milliseconds=900)
    clock = FixedClock(late)
    table = flow(phase("first", gate={"name": "g", "expires_after": "1d"}))
    async with engine(Team(tmp_path, flow=table, clock=clock, key=KEYS["ada"], others=others())) as d:
        await d.segments.advance(await d.start())
        clock.move(late + DAY - timedelta(milliseconds=1))
        await sweep(d.keeper, STEADY)
        await d.decide(DecisionKind.approve, await d.open_gate())


async def test_what_was_decided_in_time_does_not_expire(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, expires_after="3d", remind_after="1d", **LATE) as r:
        await r.says("ada")
        assert await _swept(r, 9 * DAY) == []
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_the_gate_that_opens_after_an_expired_one_counts_from_its_own_beginning(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, expires_after="3d", remind_after="1d") as r:
        await _swept(r, 4 * DAY)
        await r.goes_on()
        assert (await r.gate()).opened_at == NOW + 4 * DAY
        assert await _swept(r, 5 * DAY, 7 * DAY) == ["void:first/1", "reminder:first/2/1", "reminder:first/2/3"]


@pytest.mark.parametrize(
    "opened",
    [
        datetime(2026, 3, 28, 22, 0, tzinfo=UTC),  # the night in which an hour is left out
        datetime(2026, 10, 24, 22, 0, tzinfo=UTC),  # the night in which one comes twice
    ],
)
@pytest.mark.parametrize("zone", [UTC, ZURICH])
async def test_summer_time_makes_no_span_longer_or_shorter(tmp_path: Path, opened: datetime, zone: ZoneInfo) -> None:
    clock = FixedClock(opened.astimezone(zone))
    gate = {"name": "g", "expires_after": "1d", "remind_after": "4h", "escalate_after": "5h", "escalate_to": ["lead"]}
    team = Team(tmp_path, flow=flow(phase("first", gate=gate)), clock=clock, key=KEYS["ada"], others=others())
    async with engine(team) as d:
        r = GateFixture(desk=d, clock=clock)
        await d.segments.advance(await d.start())
        for minutes in range(0, 24 * 60 + 1, 20):
            clock.move((opened + timedelta(minutes=minutes)).astimezone(zone))
            await sweep(d.keeper, STEADY)
        reminders = [f"reminder:first/1/{number}" for number in range(1, 7)]
        assert await _fired(r) == [reminders[0], "escalated:first/1", *reminders[1:]]
        at = {e.key: e.at for e in await d.ledger.events("r1")}
        assert [at[key] - opened for key in reminders] == [timedelta(hours=4 * n) for n in range(1, 7)]
        assert at["escalated:first/1"] - opened == timedelta(hours=5)
        clock.move((opened + DAY + SECOND).astimezone(zone))
        await sweep(d.keeper, STEADY)
        assert (await _fired(r))[-1] == "void:first/1"


async def test_a_gate_of_a_phase_that_the_workflow_lost_is_left_alone(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, expires_after="1d"):
        pass
    clock = FixedClock(NOW + 9 * DAY)
    async with engine(Team(tmp_path, flow=flow(phase("other")), clock=clock, key=KEYS["ada"])) as d:
        await sweep(d.keeper, STEADY)
        assert (await d.open_gate()).key.phase == "first"


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(0), ""),  # just now
        (timedelta(minutes=5), ""),  # just fresh enough
        (timedelta(minutes=5, seconds=1), "reauthentication_required"),  # too old
        (DAY, "reauthentication_required"),  # the clock a day forward
        (-DAY, "reauthentication_required"),  # and a day back: a proof from days to come is none
        (None, "reauthentication_required"),  # none at all
    ],
)
async def test_a_gate_that_asks_again_wants_a_proof_of_minutes_ago(
    tmp_path: Path, age: timedelta | None, reason: str
) -> None:
    async with gate_fixture(tmp_path, reauthenticate=True) as r:
        who = person("ada", None if age is None else NOW - age)
        if reason:
            for kind in (DecisionKind.approve, DecisionKind.reject, DecisionKind.request_changes):
                assert await r.refused("ada", kind, who=who) == reason
        else:
            await r.says("ada", who=who)


async def test_a_clock_that_is_set_back_opens_no_gate_again(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, expires_after="3d") as r:
        r.clock.move(NOW + 4 * DAY)
        await r.desk.ledger.record("r1", drafted())  # anything: the ledger knows what time it was
        r.clock.move(NOW + DAY)
        assert await r.refused("ada") == "gate_expired"


async def test_a_clock_that_is_set_back_revives_no_delegation(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, approvers=["user:ada"]) as r:
        await r.delegates("ada", "bob")
        r.clock.move(NOW + 2 * DAY)
        await r.desk.ledger.record("r1", drafted())
        r.clock.move(NOW)
        assert await r.refused("bob", instead_of="ada") == "no_delegation"


async def test_events_are_never_older_than_the_one_before(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        for number, at in enumerate((DAY, -DAY, 2 * DAY, timedelta(0))):
            r.clock.move(NOW + at)
            await r.desk.ledger.record("r1", drafted(item=f"said {number}"))
        events = [event for event in await r.desk.ledger.events("r1") if "said" in event.key]
        assert [event.at - NOW for event in events] == [DAY, DAY, 2 * DAY, 2 * DAY]
        assert first_break(await r.desk.ledger.events("r1"), r.desk.ledger.key) == 0
