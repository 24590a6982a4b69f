"""What model calls are still to come: from past runs, else from the prompts, and which limits they may pass."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from phasegate.app import App, open_app
from phasegate.core import FixedClock
from phasegate.ledger import GateKey, GateRecord, GateStatus, Run, RunStatus
from phasegate.ledger.rows import add_run, open_gate
from phasegate.reports.forecast import forecast_at, forecast_of_spec
from phasegate.reports.gate_card import gate_card
from unit.authors.sample_spec import FOLDER, NOW, sample_repository
from unit.models.metered import MODEL, metered
from unit.web.fixtures import web_server

PRICE = f'\n[models.prices."{MODEL}"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'


@asynccontextmanager
async def opened(folder: Path, *roles: str, more: str = PRICE, model: str = MODEL) -> AsyncIterator[App]:
    sample_repository(folder)
    config = folder / "phasegate.toml"
    rows = "".join(f'\n[roles.{role}]\nmodel = "{model}"\n' for role in roles)
    config.write_text(config.read_text() + rows + more)
    async with open_app(folder, clock=FixedClock(NOW)) as app:
        yield app


async def past(app: App, name: str, *calls: tuple[str, str, Sequence[tuple[int, int]]], gates: Sequence[str]) -> None:
    """Lay a past run there, with its calls by role and key, which came to the gates of these phases."""

    def rows(connection: sa.Connection) -> None:
        run = Run(id=name, spec=FOLDER, flow="sdlc", branch="b", base="c", status=RunStatus.released, started_at=NOW)
        add_run(connection, run)
        for phase in gates:
            key = GateKey(name, phase, 1)
            gate = GateRecord(
                key=key, status=GateStatus.decided, commit="c", tree="t", since="c", digest="d", opened_at=NOW
            )
            open_gate(connection, gate)

    await app.database.write(rows)
    for role, key, usages in calls:
        await metered(app.database, name, role, key, usages)


async def test_a_team_without_models_has_no_forecast(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        assert await forecast_of_spec(app, FOLDER) is None


async def test_without_a_past_the_prompts_tell(tmp_path: Path) -> None:
    async with opened(tmp_path, "product-owner", "data-architect") as app:
        found = await forecast_of_spec(app, FOLDER)
        short = next(role for role in found.roles if role.role == "product-owner") if found else None
        spec = tmp_path / FOLDER / "spec.md"
        spec.write_text(spec.read_text() + "\nMore words that a model has to read.\n" * 400)
        longer = await forecast_of_spec(app, FOLDER)
    assert found
    assert short
    assert longer
    assert (found.source, short.runs, short.orders) == ("from the prompts as they are", 0, 1)
    assert (short.calls_low, short.calls_high) == (1, 3)  # the card's rounds
    grown = next(role for role in longer.roles if role.role == "product-owner")
    assert grown.tokens_low - short.tokens_low > 3000  # 14,800 characters more
    assert short.usd_low == (short.tokens_low + Decimal(3000)) / 1_000_000  # a reply costs twice as much
    assert found.usd_high > found.usd_low > 0
    reviews = next(role for role in found.roles if role.role == "data-architect")
    assert reviews.orders == sum(row.role == "data-architect" for p in app.flow.phases for row in p.reviews)
    assert found.says.startswith("$")
    assert "from the prompts as they are)" in found.says


async def test_past_runs_of_the_same_workflow_tell_more(tmp_path: Path) -> None:
    async with opened(tmp_path, "product-owner") as app:
        for number in range(1, 11):
            usages = [(number * 10_000, 0)] * (2 if number == 10 else 1)
            await past(app, f"r{number}", ("product-owner", "specify/1/1/spec", usages), gates=["specify"])
        # An attempt that was sent back counts to its run; a phase that never came to its gate does not count.
        await metered(app.database, "r5", "product-owner", "specify/2/1/spec", [(1_000, 0)])
        await past(app, "half", ("product-owner", "specify/1/1/spec", [(1, 0)]), gates=[])
        found = await forecast_of_spec(app, FOLDER)
    assert found
    (role,) = found.roles
    assert (role.runs, role.tokens_low, role.tokens_high) == (10, 51_000, 90_000)
    assert (role.calls_low, role.calls_high) == (1, 2)
    assert found.says == "$0.05 to $0.09 to come (51,000 to 90,000 tokens; as in 10 past runs)"


async def test_another_model_s_past_tells_nothing(tmp_path: Path) -> None:
    more = '\n[models.prices."scripted:other"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'
    async with opened(tmp_path, "product-owner", more=more, model="scripted:other") as app:
        await past(app, "r1", ("product-owner", "specify/1/1/spec", [(1, 0)]), gates=["specify"])
        found = await forecast_of_spec(app, FOLDER)
    assert found
    assert found.source == "from the prompts as they are"


async def test_an_unknown_price_is_told_and_never_zero(tmp_path: Path) -> None:
    async with opened(tmp_path, "product-owner", more="") as app:
        found = await forecast_of_spec(app, FOLDER)
    assert found
    assert (found.roles[0].usd_low, found.roles[0].usd_high, found.unpriced) == (None, None, (MODEL,))
    assert found.says.startswith(f"the unknown price of {MODEL} to come (")
    assert "$0" not in found.says


async def test_limits_that_may_not_hold_are_named(tmp_path: Path) -> None:
    limits = "\n[models.run]\ncalls = 2\ntokens = 100\n"
    async with opened(tmp_path, "product-owner", more=PRICE + limits) as app:
        config = tmp_path / "phasegate.toml"
        config.write_text(
            config.read_text().replace("[roles.product-owner]\n", "[roles.product-owner]\nmoney_usd = 0.001\n")
        )
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app:
        found = await forecast_of_spec(app, FOLDER)
    assert found
    said = "; ".join(found.at_risk)
    assert "product-owner may need $0.0" in said
    assert "of $0.0010 money_usd" in said
    assert "the run may need 3 of 2 calls" in said
    assert "of 100 tokens" in said


async def test_a_card_of_a_gate_has_the_forecast_where_a_model_follows(tmp_path: Path) -> None:
    async with web_server(tmp_path) as here:
        key = await here.gate()
        gate = await here.app.ledger.gate(key)
        assert gate
        without = await gate_card(here.app, here.parts.inbox, gate, "")
        cards = here.app.team.cards
        assert isinstance(cards, dict)
        cards["cloud-architect"] = cards["cloud-architect"].model_copy(update={"model": "unheard_of:model"})
        card = await gate_card(here.app, here.parts.inbox, gate, "")
    assert "Forecast" not in dict(without.facts)
    assert dict(card.facts)["Forecast"].startswith("the unknown price of unheard_of:model to come")


async def test_at_a_gate_only_what_follows_counts_beside_what_was_spent(tmp_path: Path) -> None:
    async with opened(tmp_path, "product-owner", "document-engineer") as app:
        run = await app.start(tmp_path / FOLDER)
        await metered(app.database, run.id, "document-engineer", "plan/1/1/document-engineer", [(119_000, 0)])
        key = GateKey(run.id, "plan", 1)
        head = app.workspace.head()
        gate = GateRecord(key=key, status=GateStatus.open, commit=head, tree="t", since=head, digest="d", opened_at=NOW)
        found = await forecast_at(app, gate)
        last = await forecast_at(app, GateRecord(**{**vars(gate), "key": GateKey(run.id, "release", 1)}))
    assert found
    assert [role.role for role in found.roles] == ["document-engineer"]  # the product owner's phase is over
    assert [risk.split(" may need ")[0] for risk in found.at_risk] == ["document-engineer"]
    assert last is None
