"""Limits, prices and records of model calls."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from phasegate.core import Parked
from phasegate.models import (
    Allowance,
    Call,
    FunctionModel,
    Meter,
    ModelFailed,
    Price,
    Prices,
    Reply,
    Scope,
    ScriptedModel,
    UnknownPrice,
    Usage,
)
from phasegate.models.chat import Prompt
from phasegate.store import Database, locate

MODEL = "scripted:list"
OWN = Prices(own={MODEL: Price.model_validate({"input": 1, "output": 2, "as_of": "2026-11-30"})})
SCOPE = Scope(run="r1", role="qa", key="plan/1/1/plan")
CALL = Call(messages=(Prompt(role="system", text="x" * 1000),), max_tokens=1000)
FREE = Allowance()
SMALL = Reply(text="ok", usage=Usage(input=100, output=50))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await locate(tmp_path).open(lambda _: None)
    yield opened
    await opened.close()


async def test_a_call_is_counted_with_its_price(database: Database) -> None:
    meter = Meter(database=database, prices=OWN)
    await meter.complete(ScriptedModel([SMALL]), SCOPE, 1, CALL, FREE)
    spent = await meter.spent("r1", "qa")
    assert (spent.calls, spent.tokens, spent.usd) == (1, 150, Decimal("0.0002"))
    assert (await meter.spent("r1", "sre")).calls == 0


async def test_a_run_used_what_its_roles_did_and_a_build_what_its_tasks_did(database: Database) -> None:
    meter = Meter(database=database, prices=OWN)
    keys = [
        ("qa", "build/1/1/code"),
        ("sre", "build/1/1/code/T_1"),
        ("sre", "build/1/1/codes"),
        ("sre", "build/1/1/code/T01"),
    ]
    for role, key in keys:
        await meter.complete(ScriptedModel([SMALL]), Scope(run="r1", role=role, key=key), 1, CALL, FREE)
    spent = [await meter.spent("r1"), await meter.spent("r1", "sre"), await meter.spent("r2")]
    assert [(each.calls, each.tokens, each.usd) for each in spent] == [
        (4, 600, Decimal("0.0008")),
        (3, 450, Decimal("0.0006")),
        (0, 0, 0),
    ]
    assert (await meter.spent_on(Scope(run="r1", role="qa", key="build/1/1/code"))).calls == 3


async def test_the_same_call_of_a_killed_run_is_answered_from_the_record(database: Database) -> None:
    meter, model = Meter(database=database, prices=OWN), ScriptedModel([SMALL])
    first = await meter.complete(model, SCOPE, 1, CALL, FREE)
    assert await meter.complete(model, SCOPE, 1, CALL, FREE) == first
    assert (len(model.calls), (await meter.spent("r1")).calls) == (1, 1)


async def test_a_reply_that_was_forgotten_is_asked_for_and_paid_again(database: Database) -> None:
    meter = Meter(database=database, prices=OWN)
    model = ScriptedModel([SMALL, SMALL])
    await meter.complete(model, SCOPE, 1, CALL, FREE)
    await meter.forget("r1")
    await meter.complete(model, SCOPE, 1, CALL, FREE)
    assert (await meter.spent("r1")).calls == 2


@pytest.mark.parametrize(
    ("allowed", "why"),
    [
        (Allowance(calls=1), "used 1 of 1 calls"),
        (Allowance(tokens=1600), r"used 150 of 1600 tokens, and the next call .* may take \d+"),
        (Allowance(money_usd=Decimal("0.0026")), r"used \$0\.0002 of \$0\.0026 money-usd"),
    ],
)
async def test_a_call_that_could_pass_a_limit_is_not_made(database: Database, allowed: Allowance, why: str) -> None:
    meter, model = Meter(database=database, prices=OWN), ScriptedModel([SMALL, SMALL])
    await meter.complete(model, SCOPE, 1, CALL, allowed)
    with pytest.raises(Parked, match=why) as caught:
        await meter.complete(model, SCOPE, 2, CALL, allowed)
    assert len(model.calls) == 1
    assert caught.value.fix.startswith("allow more: 'phasegate allow r1 --role qa --")


async def test_calls_side_by_side_cannot_pass_a_limit_together(database: Database) -> None:
    async def slow(_: Call) -> Reply:
        await asyncio.sleep(0.05)
        return SMALL

    meter, model = Meter(database=database, prices=OWN, run=Allowance(tokens=3500)), FunctionModel(slow, name=MODEL)
    scopes = [Scope(run="r1", role="qa", key=f"build/1/1/{number}") for number in range(4)]
    done = await asyncio.gather(
        *(meter.complete(model, scope, 1, CALL, FREE) for scope in scopes), return_exceptions=True
    )
    assert sorted(isinstance(each, Parked) for each in done) == [False, False, True, True]


async def test_an_unknown_price_parks_before_the_call(database: Database) -> None:
    model = ScriptedModel([SMALL], name="ollama:llama3")
    with pytest.raises(UnknownPrice, match="no price of 'ollama:llama3' is known"):
        await Meter(database=database, prices=Prices()).complete(model, SCOPE, 1, CALL, FREE)
    assert model.calls == []


async def test_a_call_without_usage_is_never_free(database: Database) -> None:
    meter = Meter(database=database, prices=OWN)
    with pytest.raises(UnknownPrice, match="did not say how many tokens"):
        await meter.complete(ScriptedModel([Reply(text="ok")]), SCOPE, 1, CALL, FREE)
    spent = await meter.spent("r1")
    assert (spent.usd, spent.usd_at_most, spent.open_calls) == (Decimal(0), spent.reserved_usd, 1)
    assert spent.reserved_usd > 0


async def test_a_call_that_failed_counts_what_was_reserved_for_it(database: Database) -> None:
    meter = Meter(database=database, prices=OWN)
    with pytest.raises(ModelFailed):
        await meter.complete(ScriptedModel([]), SCOPE, 1, CALL, FREE)
    assert (await meter.spent("r1")).tokens > 1000
    await meter.complete(ScriptedModel([SMALL]), SCOPE, 1, CALL, FREE)
    assert (await meter.spent("r1")).calls == 2


@pytest.mark.parametrize(
    ("name", "usd"),
    [
        ("bedrock_converse:anthropic.claude-sonnet-4-5-20250929-v1:0", "0.018315"),
        ("bedrock_converse:eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.018315"),
        ("bedrock_converse:global.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.01665"),
        ("anthropic:claude-sonnet-4-5", "0.01665"),
    ],
)
def test_the_listed_price_knows_regions_profiles_and_caches(name: str, usd: str) -> None:
    assert Prices().of(name, Usage(input=1000, output=1000, cache_read=500)) == Decimal(usd)
