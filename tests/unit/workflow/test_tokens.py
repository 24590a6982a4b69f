"""One-time tokens: for one person, one gate, one sight of it, and one decision."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from phasegate.ledger import DecideResult, DecisionKind, GateKey, GateRecord, PrivateKey
from phasegate.workflow.gates.gatekeeper import decision_event
from phasegate.workflow.gates.tokens import LASTS, give_token, token_holds
from unit.workflow.fixtures import NOW
from unit.workflow.managers import KEYS, gate_fixture

SYSTEM = KEYS["eve"]
Spoil = Callable[[str], str]


def _body(token: str, change: Spoil) -> str:
    head, _, signature = token.rpartition(".")
    return f"{change(head)}.{signature}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "none",  # no token at all
        lambda _: ".",  # its dots alone
        lambda _: "٣.x.eA==",  # a digit that is no ASCII digit
        lambda t: t[:-1],  # cut
        lambda t: t + "=",  # written in another way
        lambda t: t[:-6] + "!" + t[-6:],  # with a letter that some decoders skip
        lambda t: f"\n{t}",  # with a line before it
        lambda t: t.replace(".", "..", 1),  # with a dot more
        lambda t: _body(t, lambda head: "9" + head[1:]),  # given out at another time
        lambda t: _body(t, lambda head: head.replace(".", ".9", 1)),  # for longer
        lambda t: _body(t, lambda head: head[:-1] + ("A" if head[-1] != "A" else "B")),  # another number
        lambda t: "9" * 40 + t,  # until a time that no clock shows
        lambda t: f"{'9' * 12}.{t.partition('.')[2]}",  # given out in a year that no calendar has
    ],
)
async def test_a_token_that_was_changed_is_none(tmp_path: Path, spoil: Spoil) -> None:
    async with gate_fixture(tmp_path) as r:
        token = give_token(r.desk.team.system, await r.gate(), "ada", NOW)
        assert await r.refused("ada", token=spoil(token)) == "token_used"
        await r.says("ada", token=token)


async def test_a_token_holds_for_whom_and_what_it_was_given(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        gate, system = await r.gate(), r.desk.team.system
        for token in (
            give_token(system, gate, "amy", NOW),  # another person's
            give_token(system, replace(gate, digest="0" * 64), "ada", NOW),  # for other bytes
            give_token(system, replace(gate, key=GateKey("r1", "first", 2)), "ada", NOW),  # another gate's
            give_token(SYSTEM, gate, "ada", NOW),  # given out by somebody else
            give_token(KEYS["ada"], gate, "ada", NOW),  # and by herself
            _signed_for_another_use(system, gate),
        ):
            assert await r.refused("ada", token=token) == "token_used"


def _signed_for_another_use(system: PrivateKey, gate: GateRecord) -> str:
    """Return a token whose fields the system signed without the line that says that this is one."""
    head = give_token(system, gate, "ada", NOW).rpartition(".")[0]
    said = "\n".join([head, str(gate.key), gate.digest, "ada"]).encode()
    return f"{head}.{base64.urlsafe_b64encode(system.sign(said)).decode()}"


@pytest.mark.parametrize(
    ("age", "holds"),
    [
        (timedelta(0), True),  # at once
        (LASTS - timedelta(seconds=1), True),  # its last second
        (LASTS, False),  # and not longer
        (timedelta(days=1), False),  # the clock a day forward
        (-timedelta(days=1), True),  # and a day back: it was given out, and not used
    ],
)
async def test_a_token_has_its_time(tmp_path: Path, age: timedelta, holds: bool) -> None:
    async with gate_fixture(tmp_path) as r:
        gate, system = await r.gate(), r.desk.team.system
        token = give_token(system, gate, "ada", NOW)
        assert token_holds(token, system, gate, "ada", NOW + age) is holds


async def test_looking_stores_nothing_and_gives_another_token_each_time(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path) as r:
        gate, system = await r.gate(), r.desk.team.system
        assert len({give_token(system, gate, "ada", NOW) for _ in range(50)}) == 50


async def test_a_token_is_used_once_whoever_comes_with_it(tmp_path: Path) -> None:
    """The store notes it in the decision's own transaction, so that no check before it has to be right."""
    async with gate_fixture(tmp_path, quorum=2) as r:
        token = give_token(r.desk.team.system, await r.gate(), "ada", NOW)
        said = await r.says("ada", token=token)
        again = replace(said, statement=replace(said.statement, by="amy"))
        event, ledger = decision_event(again, "page"), r.desk.ledger
        before = await ledger.decisions("r1"), await ledger.events("r1")
        assert await ledger.decide(again, 2, r.desk.queue.dispatch, event) is DecideResult.token_used
        assert (await ledger.decisions("r1"), await ledger.events("r1")) == before


async def test_a_refused_decision_does_not_use_the_token(tmp_path: Path) -> None:
    async with gate_fixture(tmp_path, "guard") as r:
        token = give_token(r.desk.team.system, await r.gate(), "ada", NOW)
        assert await r.refused("ada", token=token) == "blocking_findings"
        assert await r.refused("ada", token=token, digest="0" * 64) == "stale_digest"
        await r.says("ada", DecisionKind.reject, token=token)
