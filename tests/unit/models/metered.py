"""Calls of scripted models, metered as those of a run are."""

from collections.abc import Sequence

from phasegate.models import Allowance, Call, Meter, Price, Prices, Reply, Scope, ScriptedModel, Usage
from phasegate.models.chat import Prompt
from phasegate.store import Database

MODEL = "scripted:list"
PRICES = Prices(own={MODEL: Price.model_validate({"input": 1, "output": 2, "as_of": "2026-11-30"})})
"""In US dollars a million tokens."""
CALL = Call(messages=(Prompt(role="system", text="x" * 1000),), max_tokens=1000)


async def metered(
    database: Database, run: str, role: str, key: str, usages: Sequence[tuple[int, int]] = ((100_000, 50_000),)
) -> None:
    """Have a role make calls for a draft or review, each with so many tokens in and out."""
    meter = Meter(database=database, prices=PRICES)
    replies = [
        Reply(text="ok", usage=Usage(input=read, output=written, cache_read=read // 2)) for read, written in usages
    ]
    model = ScriptedModel(replies, name=MODEL)
    for number in range(1, len(replies) + 1):
        await meter.complete(model, Scope(run=run, role=role, key=key), number, CALL, Allowance())
