"""Limits of models: each parks the run, names what is needed, and lets the run go on once a manager allows it."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import FixedClock, InvalidInput, Parked, UsageError
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.ledger.events import ReviewReported
from phasegate.models import Allowance, Call, FunctionModel, Reply, Stop, Usage, Use
from unit.authors.sample_spec import FOLDER, NOW, manager_added
from unit.authors.test_model import MODEL, PRICE, person, target, written

AUTHOR, REVIEWER = "product-owner", "data-architect"
NO_FINDING: dict[str, Any] = {"findings": []}


def answers(call: Call, *, holds: bool) -> Reply:
    """What either role answers: something that holds, or words alone."""
    usage = Usage(input=50_000, output=1000)
    if not holds:
        return Reply(text="I would rather not.", usage=usage)
    assert call.hand_in
    given = NO_FINDING if "findings" in call.hand_in.parameters["properties"] else written()
    return Reply(uses=(Use(id="1", name="hand_in", arguments=given),), stop=Stop.tools, usage=usage)


def limited(folder: Path, role: str, limits: str, more: str = "") -> Path:
    """A repository in which a model works as author and as reviewer, one of them under these limits."""
    target(folder, AUTHOR, REVIEWER, more=PRICE + more)
    config = folder / "phasegate.toml"
    text = config.read_text()
    config.write_text(text.replace(f"[roles.{role}]\n", f"[roles.{role}]\n{limits}\n"))
    return folder


class Slow(FunctionModel):
    """Holds a role up while it is told to, and gives no usable answer while it is told so."""

    def __init__(self, role: str) -> None:
        super().__init__(self.answer, name=MODEL)
        self.role, self.hangs, self.holds, self.calls = role, False, True, 0

    async def answer(self, call: Call) -> Reply:
        self.calls += 1
        asks_reviewer = "findings" in (call.hand_in.parameters["properties"] if call.hand_in else {})
        mine = asks_reviewer == (self.role == REVIEWER)
        if mine and self.hangs:
            await asyncio.sleep(30)
        return answers(call, holds=self.holds or not mine)


@pytest.mark.parametrize("role", [AUTHOR, REVIEWER])
@pytest.mark.parametrize(
    ("limits", "says", "more"),
    [
        ("calls = 1", "used 1 of 1 calls", Allowance(calls=5)),
        ("tokens = 58000", "used 51000 of 58000 tokens", Allowance(tokens=500_000)),
        ("money_usd = 0.07", r"used \$0\.0520 of \$0\.0700 money-usd", Allowance(money_usd=Decimal(5))),
        ("seconds = 1", "had no answer within 1 s", Allowance(seconds=60)),
    ],
)
async def test_a_limit_parks_the_run_until_a_manager_allows_more(
    tmp_path: Path, role: str, limits: str, says: str, more: Allowance
) -> None:
    model = Slow(role)
    limited(tmp_path, role, limits)
    key = manager_added(tmp_path)
    model.holds, model.hangs = False, "seconds" in limits
    roles = TeamRoles(settings=read_config(tmp_path).models, models={MODEL: model})
    async with open_app(tmp_path, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(tmp_path / FOLDER)
        with pytest.raises(Parked, match=says) as caught:
            await segments.advance(run.id)
        assert f"phasegate allow {run.id} --role {role} --" in caught.value.fix
        model.holds, model.hangs = True, False
        await app.allow(run.id, role, more, key, person("Mara"))
        assert await segments.advance(run.id) is RunStatus.waiting


async def test_an_author_s_last_round_parks_and_a_raise_asks_once_more(tmp_path: Path) -> None:
    model = Slow(AUTHOR)
    limited(tmp_path, AUTHOR, "rounds = 2\ntokens = 1_000_000")
    key = manager_added(tmp_path)
    model.holds = False
    roles = TeamRoles(settings=read_config(tmp_path).models, models={MODEL: model})
    async with open_app(tmp_path, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(tmp_path / FOLDER)
        with pytest.raises(Parked, match="no usable answer in 2 rounds") as caught:
            await segments.advance(run.id)
        assert f"phasegate allow {run.id} --role {AUTHOR} --rounds" in caught.value.fix
        model.holds = True
        with pytest.raises(UsageError, match="rounds are a role's"):
            await app.allow(run.id, "", Allowance(rounds=1), key, person("Mara"))
        await app.allow(run.id, AUTHOR, Allowance(rounds=1), key, person("Mara"))
        assert await segments.advance(run.id) is RunStatus.waiting
    assert model.calls == 4  # two that were of no use and are kept, one more, and the review


async def test_a_reviewer_s_last_round_is_a_finding_that_only_a_person_settles(tmp_path: Path) -> None:
    model = Slow(REVIEWER)
    limited(tmp_path, REVIEWER, "rounds = 2\ntokens = 1_000_000")
    model.holds = False
    roles = TeamRoles(settings=read_config(tmp_path).models, models={MODEL: model})
    async with open_app(tmp_path, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(tmp_path / FOLDER)
        assert await segments.advance(run.id) is RunStatus.waiting
        reviews = await app.ledger.events_of(run.id, ReviewReported)
        (found,) = [finding for review in reviews if review.reviewer == REVIEWER for finding in review.findings][-1:]
    assert (found.rule, found.blocking) == ("no-review", True)
    assert "in 2 rounds" in found.message


async def test_all_calls_of_a_run_have_a_time_that_no_call_passes(tmp_path: Path) -> None:
    model = Slow(AUTHOR)
    limited(tmp_path, AUTHOR, "", "\n[models.run]\nseconds = 1\n")
    key = manager_added(tmp_path)
    model.hangs = True
    roles = TeamRoles(settings=read_config(tmp_path).models, models={MODEL: model})
    async with open_app(tmp_path, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(tmp_path / FOLDER)
        for _ in range(2):  # the second time no call is made at all
            with pytest.raises(Parked, match="took all the time that they may, 1 s") as caught:
                await segments.advance(run.id)
        assert caught.value.fix == f"allow more: 'phasegate allow {run.id} --seconds 1'"
        assert model.calls == 1
        model.hangs = False
        await app.allow(run.id, "", Allowance(seconds=60), key, person("Mara"))
        assert await segments.advance(run.id) is RunStatus.waiting


async def test_phasegate_toml_has_limits_in_place_of_a_card_s(tmp_path: Path) -> None:
    limited(tmp_path, AUTHOR, "tokens = 7\nmoney_usd = 0.5\ncalls = 3\nseconds = 9\nrounds = 4")
    async with open_app(tmp_path) as app:
        own, other = app.team.cards[AUTHOR].limits, app.team.cards[REVIEWER].limits
    assert own
    assert own.model_dump() == {"tokens": 7, "money_usd": 0.5, "calls": 3, "seconds": 9, "rounds": 4, "steps": 60}
    assert other
    assert other.calls > 3


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("[roles.nobody]\ncalls = 1", "there is no agents/nobody.md"),
        ("[roles.manager]\ncalls = 1", "agents/manager.md is a person's card"),
        ("[roles.qa-specialist]\nrounds = 11", "roles.qa-specialist.rounds"),
        ("[roles.qa-specialist]\nmoney_usd = 0", "roles.qa-specialist.money_usd"),
        ("[models.run]\nseconds = 0", "models.run.seconds"),
    ],
)
async def test_limits_that_do_not_hold_are_refused(tmp_path: Path, row: str, says: str) -> None:
    target(tmp_path, more=f"\n{row}\n")
    with pytest.raises(InvalidInput, match=says) as caught:
        async with open_app(tmp_path):
            pass
    assert caught.value.fix
