"""Who may decide at a gate, how many of them it takes, and what one objection does."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phasegate.core import Refused
from phasegate.ledger import STATEMENT, DecideResult, DecisionKind, GateStatus, RunStatus, Statement, pae
from phasegate.ledger.events import DecisionTaken
from phasegate.workflow import signed
from unit.workflow.fixtures import NOW, Team, engine
from unit.workflow.managers import DAY, KEYS, PEOPLE, gate_fixture, person, waiver

TWO: dict[str, Any] = {"approvers": ["manager", "group:board"], "quorum": 2}


@pytest.mark.parametrize(
    ("approvers", "may"),
    [
        (["manager"], {"ada", "amy"}),  # a card
        (["user:bob"], {"bob"}),  # one person, under any card
        (["group:board"], {"amy", "cy"}),  # a group
        (["group:night", "user:dee"], {"cy", "dee"}),  # any of several rules
        (["user:bo"], set()),  # a name is whole
        (["user:manager"], set()),  # a card is no name
        (["user:board"], set()),  # nor is a group
        (["group:manager"], set()),  # a card is no group
        (["group:nobody"], set()),  # a group without people
        (["board"], set()),  # a group is no card
    ],
)
async def test_a_gate_names_its_approvers_by_card_name_or_group(
    tmp_path: Path, approvers: list[str], may: set[str]
) -> None:
    async with gate_fixture(tmp_path, approvers=approvers) as r:
        for name in set(PEOPLE) - may:
            assert await r.refused(name) == "not_an_approver"
        if may:
            await r.says(min(may))
            assert await r.goes_on() is RunStatus.waiting
            assert (await r.gate()).key.phase == "second"


async def test_two_have_to_approve_where_the_gate_asks_for_two(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, **TWO) as r:
        gate = await r.gate()
        await r.says("ada")
        assert (await r.desk.ledger.run("r1")).segments == 1
        assert await r.goes_on() is RunStatus.waiting
        assert await r.gate() == gate
        await r.says("cy")
        assert (await r.desk.ledger.run("r1")).segments == 2
        assert await r.goes_on() is RunStatus.waiting
        assert (await r.gate()).key.phase == "second"
        keys = [event.key for event in await r.desk.ledger.events_of("r1", DecisionTaken)]
        assert keys == ["decision:first/1/ada", "decision:first/1/cy"]


async def test_one_person_is_counted_once_however_often_they_say_it(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, **TWO) as r:
        first = await r.says("ada")
        assert await r.says("ada") == first
        assert await r.refused("ada", DecisionKind.reject) == "already_decided"
        assert (await r.gate()).status is GateStatus.open


async def test_who_said_it_late_and_twice_is_counted_once(tmp_path: Path) -> None:
    """Both were let in before either was stored; the store counts one."""
    async with gate_fixture(tmp_path, **TWO) as r:
        said = await r.says("ada")
        again = replace(said, statement=replace(said.statement, token="another"))
        assert await r.desk.ledger.decide(again, 2, r.desk.queue.dispatch) is DecideResult.lost
        assert len(await r.desk.ledger.decisions("r1")) == 1


async def test_another_person_who_was_let_in_too_comes_too_late(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        said = await r.says("ada")
        late = replace(said, statement=replace(said.statement, by="amy", kind=DecisionKind.reject, token="another"))
        assert await r.desk.ledger.decide(late, 1, r.desk.queue.dispatch) is DecideResult.lost
        assert await r.desk.ledger.decision(said.statement.gate) == said


@pytest.mark.parametrize("before", [(), ("ada",)])
@pytest.mark.parametrize(
    ("kind", "then"),
    [(DecisionKind.reject, RunStatus.rejected), (DecisionKind.request_changes, RunStatus.waiting)],
)
async def test_one_objection_closes_the_gate(
    tmp_path: Path, before: tuple[str, ...], kind: DecisionKind, then: RunStatus
) -> None:
    async with gate_fixture(tmp_path, **TWO) as r:
        gate = await r.gate()
        for name in before:
            await r.says(name)
        await r.says("cy", kind)
        assert await r.refused("amy", gate=gate) == "already_decided"
        assert await r.goes_on() is then
        assert [g.key.attempt for g in await r.desk.ledger.gates("r1")] == (
            [1] if then is RunStatus.rejected else [1, 2]
        )


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (("cy",), ["not_an_approver"]),  # one of two was removed
        (("ada", "cy"), ["not_an_approver"]),  # both were
        (("bob",), []),  # somebody else was
    ],
)
async def test_who_was_removed_between_decision_and_use_is_not_counted(
    tmp_path: Path, gone: tuple[str, ...], reason: list[str]
) -> None:
    async with gate_fixture(tmp_path, **TWO) as r:
        await r.says("ada")
        await r.says("cy")
        r.without(*gone)
        await r.goes_on()
        assert await r.voids() == reason
        assert (await r.gate()).key[1:] == (("first", 2) if reason else ("second", 1))


async def test_who_was_removed_while_others_are_awaited_does_not_help_to_pass(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, **TWO) as r:
        await r.says("ada")
        r.without("ada")
        assert await r.refused("cy") == "rules_moved"
        await r.goes_on()
        assert await r.voids() == ["rules_moved"]
        assert (await r.gate()).key == ("r1", "first", 2)


async def test_who_changed_card_or_group_between_decision_and_use_does_not_count(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, approvers=["group:board"]) as r:
        await r.says("cy")
        r.desk.team.others["cy"] = replace(PEOPLE["cy"], groups=("night",))
        await r.goes_on()
        assert await r.voids() == ["not_an_approver"]


@pytest.mark.parametrize(
    ("may", "by", "reason"),
    [
        (False, "ada", "author_may_not_approve"),  # she started it
        (False, "amy", ""),  # she did not
        (True, "ada", ""),  # the gate does not mind
    ],
)
async def test_who_started_a_run_may_not_pass_it_where_the_gate_says_so(
    tmp_path: Path, may: bool, by: str, reason: str
) -> None:
    async with gate_fixture(tmp_path, by="ada", author_may_approve=may) as r:
        if reason:
            for kind in (DecisionKind.approve, DecisionKind.reject, DecisionKind.request_changes):
                assert await r.refused(by, kind) == reason
        else:
            await r.says(by)
            await r.goes_on()
            assert (await r.gate()).key.phase == "second"


async def test_nobody_passes_what_nobody_is_known_to_have_started_where_the_author_may_not(tmp_path: Path) -> None:
    """A name that Git or an agent says is no proof: the approver may have started it under another."""
    async with gate_fixture(tmp_path, author_may_approve=False) as r:
        for kind in (DecisionKind.approve, DecisionKind.reject):
            assert await r.refused("ada", kind) == "author_unknown"


async def test_a_starter_is_known_by_key_under_any_name(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, by="ada", author_may_approve=False) as r:
        keeper, key = r.desk.keeper, KEYS["ada"]
        ada = keeper.managers()["ada"]
        renamed = replace(keeper, managers=lambda: {"adele": replace(ada, name="adele")})
        gate = await r.gate()
        dossier = await r.desk.ledger.dossier(gate.key)
        said = Statement(gate=gate.key, digest=gate.digest, kind=DecisionKind.approve, by="adele", at=NOW)
        phase = keeper.flow.phase("first")
        assert renamed.register().refusal(signed(said, key), phase, dossier, NOW) == "author_may_not_approve"


async def test_a_starter_is_known_by_name_with_a_new_key(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, by="ada", author_may_approve=False) as r:
        gate, keeper = await r.gate(), r.desk.keeper
        changed = replace(keeper.managers()["ada"], public_key=KEYS["eve"].public)
        said = Statement(gate=gate.key, digest=gate.digest, kind=DecisionKind.approve, by="ada", at=NOW)
        register = replace(keeper, managers=lambda: {"ada": changed}).register()
        dossier, phase = await r.desk.ledger.dossier(gate.key), keeper.flow.phase("first")
        assert register.refusal(signed(said, KEYS["eve"]), phase, dossier, NOW) == "author_may_not_approve"


async def test_who_starts_a_run_signs_it_with_their_own_key(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        run = await d.ledger.run(await d.start())
        ada = person("ada")
        starter = d.keeper.starter(run, ada, d.team.key)
        assert (starter.name, starter.key) == ("ada", d.team.key.public.key_id)
        assert starter.envelope
        (signature,), payload = starter.envelope["signatures"], base64.b64decode(starter.envelope["payload"])
        assert d.team.key.public.verifies(pae(STATEMENT, payload), base64.b64decode(signature["sig"]))
        assert json.loads(payload)["predicate"]["by"] == "ada"
        for name, key in (("ada", KEYS["amy"]), ("nobody", d.team.key)):
            with pytest.raises(Refused) as refused:
                d.keeper.starter(run, person(name), key)
            assert refused.value.reason == "bad_signature"


async def test_a_quorum_of_exceptions_is_counted_as_approvals_are(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, "guard", **TWO) as r:
        assert await r.refused("ada") == "blocking_findings"
        await r.says("ada", DecisionKind.waive, waiver=waiver("guard"))
        await r.says("cy", DecisionKind.waive, waiver=waiver("guard", days=2))
        await r.goes_on()
        assert (await r.gate()).key.phase == "second"


async def test_an_approval_that_waits_for_others_can_be_taken_back_after_a_resume(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, **TWO) as r:
        await r.says("ada")
        gate = await r.gate()
        for _ in range(2):
            assert await r.goes_on() is RunStatus.waiting
        await r.revokes("ada", gate.key)
        assert await r.goes_on() is RunStatus.waiting
        assert (await r.gate()).key == ("r1", "first", 2)
        assert await r.voids() == ["revoked"]


async def test_a_quorum_gate_that_expires_forgets_who_approved(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, **TWO, expires_after="1d") as r:
        await r.says("ada")
        r.clock.move(NOW + 2 * DAY)
        assert await r.refused("cy") == "gate_expired"
        await r.goes_on()
        assert await r.voids() == ["gate_expired"]
        await r.says("cy")
        await r.goes_on()
        assert (await r.gate()).key == ("r1", "first", 2)
