"""Spend on its page, and on the page of a run while a model writes."""

import asyncio
import re
from datetime import timedelta

import sqlalchemy as sa
from rich.console import Console

from phasegate.cli.views import gate_summary
from phasegate.core import SystemClock
from phasegate.ledger import RunStatus
from phasegate.models import Allowance, Call, FunctionModel, Meter, Reply, Scope, Usage
from phasegate.reports import view_gate
from phasegate.store.schema import model_calls
from services.bedrock import SONNET as MODEL_ID
from unit.models.metered import CALL, MODEL, PRICES, metered
from unit.web.fixtures import WebServer

SONNET = f"bedrock_converse:{MODEL_ID}"


async def test_the_page_sums_up_by_what_is_chosen(here: WebServer) -> None:
    one, two = await here.start(), await here.start()
    await metered(here.app.database, one, "product-owner", "specify/1/1/spec")
    await metered(here.app.database, two, "qa-specialist", "specify/1/1/qa-specialist", [(1_000_000, 0)])
    async with here.browser("ada") as ada:
        by_run = (await ada.client.get("/spend")).text
        by_role = (await ada.client.get("/spend", params={"by": "role"})).text
        later = (await ada.client.get("/spend", params={"since": "2100-01-01"})).text
        assert (await ada.client.get("/spend", params={"by": "weather"})).status_code == 422
        assert (await ada.client.get("/spend", params={"since": "soon"})).status_code == 422
    for words in (f'href="/runs/{one}"', f'href="/runs/{two}"', "$0.20", "$1.00", "In all", "$1.20", "1,100,000"):
        assert words in by_run
    assert "product-owner" in by_role
    assert f"/runs/{one}" not in by_role
    assert "No model was called since 2100-01-01" in later


async def test_a_call_without_an_end_is_told_apart(here: WebServer) -> None:
    run = await here.start()
    await metered(here.app.database, run, "product-owner", "specify/1/1/spec")
    await here.app.database.write(_forget_the_end)
    async with here.browser("ada") as ada:
        pages = [(await ada.client.get(path)).text for path in ("/spend", f"/runs/{run}")]
    assert "1 call without a known end" in pages[0]
    assert all("$0.20 reserved" in page for page in pages)


def _forget_the_end(connection: sa.Connection) -> None:
    connection.execute(sa.update(model_calls).values(reserved_tokens=9000, ended_at=None, number=-1))


async def test_a_run_s_page_shows_who_writes_and_what_was_paid_so_far(here: WebServer) -> None:
    run, writes, seen = await here.start(), asyncio.Event(), asyncio.Event()
    here.clock.move(SystemClock().now() + timedelta(seconds=90))  # calls are timed by the database's clock
    await metered(here.app.database, run, "product-owner", "specify/1/1/spec")

    async def slow(_: Call) -> Reply:
        await here.app.database.write(_write_characters)
        writes.set()
        await seen.wait()
        return Reply(text="ok", usage=Usage(input=1, output=1))

    meter, scope = (
        Meter(database=here.app.database, prices=PRICES),
        Scope(run=run, role="qa-specialist", key="p/1/1/qa-specialist"),
    )
    async with here.browser("ada") as ada, asyncio.TaskGroup() as group:
        group.create_task(meter.complete(FunctionModel(slow, name=MODEL), scope, 1, CALL, Allowance()))
        await writes.wait()
        waiting = (await ada.client.get(f"/runs/{run}")).text
        await here.app.ledger.set_status(run, RunStatus.working)
        working = (await ada.client.get(f"/runs/{run}")).text
        seen.set()
    assert "QA specialist</strong> reviews" in working
    assert "scripted:list" in working
    assert re.search(r"4,321 characters · 1 m \d\d s", working)
    assert re.search(r"So far: \$0\.20 for 1 call; \$0\.00\d\d at most for 1 call", working)
    assert "4,321" not in waiting  # the run does not work: whoever made the call is gone


def _write_characters(connection: sa.Connection) -> None:
    connection.execute(sa.update(model_calls).where(model_calls.c.ended_at.is_(None)).values(characters=4321))


async def test_a_gate_says_what_is_to_come_after_it(here: WebServer) -> None:
    cards, key = here.app.team.cards, await here.gate()
    assert isinstance(cards, dict)
    architect = cards["cloud-architect"]
    cards["cloud-architect"] = architect.model_copy(
        update={"model": SONNET, "limits": architect.limits.model_copy(update={"money_usd": 0.01})}
    )
    gate = await here.app.ledger.gate(key)
    assert gate
    view = await view_gate(here.app, gate)
    assert view.forecast
    assert view.forecast.says.endswith("tokens; from the prompts as they are)")
    async with here.browser("ada") as ada:
        page = (await ada.client.get(f"/gates/{key}")).text
    console = Console(width=200)
    with console.capture() as captured:
        console.print(gate_summary(view, here.clock.now()))
    report = view.report().plain()["forecast"]
    assert [role["role"] for role in report["roles"]] == ["cloud-architect"]
    for shown in (page, captured.get()):
        assert view.forecast.says in shown
        assert "cloud-architect may need $" in shown
    assert view.forecast.usd_high > view.forecast.usd_low > 0


async def test_a_gate_of_a_team_without_models_has_no_forecast(here: WebServer) -> None:
    key = await here.gate()
    gate = await here.app.ledger.gate(key)
    assert gate
    assert (await view_gate(here.app, gate)).report().forecast is None


async def test_the_stream_sends_each_part_for_itself(here: WebServer) -> None:
    key = await here.gate()
    await metered(here.app.database, key.run, "product-owner", "specify/1/1/spec")
    async with here.browser("ada") as ada:
        await ada.decide(key, "reject")
        await here.segments.advance(key.run)
        stream = (await ada.client.get(f"/runs/{key.run}/live")).text
    parts = {frame.partition("\n")[0].removeprefix("event: "): frame for frame in stream.strip().split("\n\n")}
    assert set(parts) == {"writing", "progress", "spend", "ended"}
    assert "$0.20" in parts["spend"]
    assert "$0.20" not in parts["progress"]
