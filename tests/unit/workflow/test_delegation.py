"""Deciding in somebody else's right: who gave it, to whom, for which gates, and for how long."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from phasegate.core import Refused
from phasegate.ledger import STATEMENT, DecisionKind, Delegation, RunStatus, seal
from phasegate.workflow import Channel, Credentials, Kind, delegate, end_delegation
from unit.workflow.fixtures import NOW
from unit.workflow.managers import DAY, KEYS, GateFixture, gate_fixture, person

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


async def test_a_delegate_signs_with_their_own_key_and_it_is_on_record_for_whom(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("ada", "dee")
        said = await r.says("dee", instead_of="ada")
        assert (said.statement.by, said.statement.instead_of, said.key_id) == ("dee", "ada", KEYS["dee"].key_id)
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


@pytest.mark.parametrize(
    ("by", "more", "reason"),
    [
        ("dee", {}, "not_an_approver"),  # in her own right she has none
        ("dee", {"instead_of": "amy"}, "no_delegation"),  # another approver, who gave her nothing
        ("dee", {"instead_of": "bob"}, "not_an_approver"),  # one who has no right to give
        ("dee", {"instead_of": "eve"}, "not_an_approver"),  # nobody here
        ("cy", {"instead_of": "ada"}, "no_delegation"),  # given to dee, not to him
        ("dee", {"instead_of": "ada", "key": KEYS["ada"]}, "bad_signature"),  # the delegator's key is not hers
        ("eve", {"instead_of": "ada"}, "not_an_approver"),  # who is no manager
        ("ada", {"instead_of": "ada"}, "no_delegation"),  # nobody delegates to themselves
        ("dee", {"instead_of": "dee"}, "not_an_approver"),  # nor stands in for themselves
    ],
)
async def test_a_right_that_was_not_given_is_not_there(
    tmp_path: Path, by: str, more: dict[str, Any], reason: str
) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("ada", "dee")
        await r.delegates("bob", "dee")
        assert await r.refused(by, **more) == reason


async def test_a_delegate_cannot_hand_the_right_on(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("ada", "dee")
        await r.delegates("dee", "cy")
        assert await r.refused("cy", instead_of="dee") == "not_an_approver"
        assert await r.refused("cy", instead_of="ada") == "no_delegation"


@pytest.mark.parametrize(
    ("after", "holds"),
    [
        (-SECOND, False),  # the clock stands before the window
        (timedelta(0), True),  # its first second
        (DAY - SECOND, True),  # its last
        (DAY, False),  # the end is not in it
        (DAY + HOUR, False),  # nor what comes after
    ],
)
async def test_it_holds_within_its_window_alone(tmp_path: Path, after: timedelta, holds: bool) -> None:
    async with gate_fixture(tmp_path) as r:
        begins = NOW + HOUR
        await r.delegates("ada", "dee", begins=begins, ends=begins + DAY)
        r.clock.move(begins + after)
        if holds:
            await r.says("dee", instead_of="ada")
        else:
            assert await r.refused("dee", instead_of="ada") == "no_delegation"


@pytest.mark.parametrize(("gates", "holds"), [((), True), (("first",), True), (("second",), False)])
async def test_it_holds_at_the_gates_that_it_names(tmp_path: Path, gates: tuple[str, ...], holds: bool) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("ada", "dee", gates=gates)
        if holds:
            await r.says("dee", instead_of="ada")
        else:
            assert await r.refused("dee", instead_of="ada") == "no_delegation"


async def test_a_gate_can_ask_for_the_approver_alone(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, delegable=False) as r:
        await r.delegates("ada", "dee")
        assert await r.refused("dee", instead_of="ada") == "no_delegation"
        await r.says("ada")


async def test_who_started_a_run_has_nobody_pass_it_for_them(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, by="ada", author_may_approve=False) as r:
        await r.delegates("ada", "dee")
        await r.delegates("amy", "ada")
        await r.delegates("amy", "dee")
        assert await r.refused("dee", instead_of="ada") == "author_may_not_approve"
        assert await r.refused("ada", instead_of="amy") == "author_may_not_approve"
        await r.says("dee", instead_of="amy")


async def _ended(r: GateFixture) -> None:
    await end_delegation(r.desk.keeper, "ada", "dee", KEYS["ada"], person("ada"))


async def _over(r: GateFixture) -> None:
    r.clock.move(NOW + DAY)


async def _delegator_gone(r: GateFixture) -> None:
    r.without("ada")


async def _delegate_gone(r: GateFixture) -> None:
    r.without("dee")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_ended, "no_delegation"),  # taken back
        (_over, "no_delegation"),  # its window is over
        (_delegator_gone, "not_an_approver"),  # whose right it was
        (_delegate_gone, "not_an_approver"),  # who used it
    ],
)
async def test_it_has_to_hold_when_the_decision_is_used_too(tmp_path: Path, change: Any, reason: str) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("ada", "dee")
        await r.says("dee", instead_of="ada")
        await change(r)
        assert await r.goes_on() is RunStatus.waiting
        assert await r.voids() == [reason]
        assert (await r.gate()).key == ("r1", "first", 2)


@pytest.mark.parametrize(
    ("second", "passes"),
    [
        (("ada", ""), False),  # the delegator herself
        (("cy", "ada"), False),  # another delegate of hers
        (("amy", ""), True),  # another approver
        (("cy", "amy"), True),  # a delegate of another approver
    ],
)
async def test_delegate_and_delegator_are_one_in_a_quorum(
    tmp_path: Path, second: tuple[str, str], passes: bool
) -> None:
    async with gate_fixture(tmp_path, quorum=2) as r:
        for by, to in (("ada", "dee"), ("ada", "cy"), ("amy", "cy")):
            await r.delegates(by, to)
        await r.says("dee", instead_of="ada")
        by, instead_of = second
        await r.says(by, instead_of=instead_of)
        await r.goes_on()
        assert (await r.gate()).key == (("r1", "second", 1) if passes else ("r1", "first", 1))


async def test_one_person_is_not_two_by_deciding_for_another(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, quorum=2) as r:
        await r.delegates("amy", "ada")
        await r.says("ada")
        assert await r.refused("ada", instead_of="amy") == "already_decided"


async def test_one_that_was_ended_can_begin_again(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        for _ in range(2):
            await r.delegates("ada", "dee")
            await r.delegates("ada", "dee")
            assert len(await r.desk.ledger.delegations()) == 1
            assert await end_delegation(r.desk.keeper, "ada", "dee", KEYS["ada"], person("ada")) == 1
            assert await r.refused("dee", instead_of="ada") == "no_delegation"
        await r.delegates("ada", "dee")
        await r.says("dee", DecisionKind.reject, instead_of="ada")


GIVEN = Delegation(by="ada", to="dee", begins=NOW, ends=NOW + DAY)
AGENT = Credentials(name="ada", kind=Kind.agent, channel=Channel.api)
SERVICE = Credentials(name="ada", kind=Kind.service, channel=Channel.api)


@pytest.mark.parametrize(
    ("given", "key", "who", "reason"),
    [
        (replace(GIVEN, to="eve"), "ada", person("ada"), "unknown_delegate"),  # who is no manager
        (replace(GIVEN, to="ada"), "ada", person("ada"), "unknown_delegate"),  # to oneself
        (replace(GIVEN, to="writer"), "ada", person("ada"), "unknown_delegate"),  # to an agent
        (replace(GIVEN, ends=NOW), "ada", person("ada"), "empty_window"),  # over at once
        (replace(GIVEN, begins=NOW + DAY), "ada", person("ada"), "empty_window"),  # over as it begins
        (replace(GIVEN, begins=NOW - 2 * DAY, ends=NOW - DAY), "ada", person("ada"), "empty_window"),  # long over
        (replace(GIVEN, gates=("frist",)), "ada", person("ada"), "unknown_gate"),  # a slip of the pen
        (GIVEN, "dee", person("ada"), "bad_signature"),  # by whom it is for
        (GIVEN, "ada", person("dee"), "not_yourself"),  # signed in as another
        (replace(GIVEN, by="eve"), "eve", person("eve"), "bad_signature"),  # by a stranger
        (replace(GIVEN, by="writer"), "eve", person("writer"), "agent_identity"),  # by an agent
        (GIVEN, "ada", AGENT, "agent_identity"),  # by an agent in her name
        (GIVEN, "ada", SERVICE, "service_identity"),  # by a service in her name
    ],
)
async def test_what_cannot_be_delegated_is_refused(
    tmp_path: Path, given: Delegation, key: str, who: Credentials, reason: str
) -> None:
    async with gate_fixture(tmp_path) as r:
        with pytest.raises(Refused) as refused:
            await delegate(r.desk.keeper, given, KEYS[key], who)
        assert refused.value.reason == reason
        assert refused.value.fix
        assert await r.desk.ledger.delegations() == []


@pytest.mark.parametrize(
    ("by", "to", "key", "who", "reason"),
    [
        ("ada", "cy", "ada", person("ada"), "nothing_to_end"),  # he has nothing
        ("amy", "dee", "amy", person("amy"), "nothing_to_end"),  # that is ada's
        ("ada", "dee", "dee", person("ada"), "bad_signature"),  # not her key
        ("ada", "dee", "ada", person("dee"), "not_yourself"),  # signed in as another
        ("ada", "dee", "ada", AGENT, "agent_identity"),  # an agent in her name
        ("ada", "dee", "ada", SERVICE, "service_identity"),  # a service in her name
    ],
)
async def test_only_who_gave_it_ends_it(
    tmp_path: Path, by: str, to: str, key: str, who: Credentials, reason: str
) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("ada", "dee")
        with pytest.raises(Refused) as refused:
            await end_delegation(r.desk.keeper, by, to, KEYS[key], who)
        assert refused.value.reason == reason
        await r.says("dee", instead_of="ada")


async def test_one_that_was_smuggled_into_the_store_gives_no_right(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.desk.ledger.delegate(seal(STATEMENT, GIVEN.encoded(), KEYS["dee"]))
        await r.desk.ledger.delegate(seal(STATEMENT, GIVEN.encoded(), r.desk.team.system))
        await r.desk.ledger.delegate(seal(STATEMENT, replace(GIVEN, by="amy").encoded(), KEYS["ada"]))
        assert await r.refused("dee", instead_of="ada") == "no_delegation"


async def test_the_terminal_finds_in_whose_right_a_delegate_decides(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        await r.delegates("bob", "dee")
        await r.delegates("amy", "dee")
        gate, first = await r.gate(), r.desk.team.flow.phase("first")
        register, given = r.desk.keeper.register(), await r.desk.ledger.delegations()
        found = [register.principal(name, first, gate, given, NOW) for name in ("dee", "ada", "cy")]
        assert found == ["amy", "", ""]


@pytest.mark.parametrize(("gates", "asks"), [((), True), (("second", "first"), True), (("second",), False)])
async def test_a_gate_that_asks_who_one_is_asks_it_of_who_delegates(
    tmp_path: Path, gates: tuple[str, ...], asks: bool
) -> None:
    async with gate_fixture(tmp_path, reauthenticate=True) as r:
        given = Delegation(by="ada", to="dee", begins=NOW, ends=NOW + DAY, gates=gates)
        if asks:
            with pytest.raises(Refused) as refused:
                await delegate(r.desk.keeper, given, KEYS["ada"], person("ada", None))
            assert refused.value.reason == "reauthentication_required"
            assert await r.desk.ledger.delegations() == []
        await delegate(r.desk.keeper, given, KEYS["ada"], person("ada", NOW if asks else None))
        assert len(await r.desk.ledger.delegations()) == 1
