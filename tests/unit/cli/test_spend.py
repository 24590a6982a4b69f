"""What model calls cost, at the terminal."""

import asyncio
import csv
import io
import json
from pathlib import Path

import click
import pytest

from phasegate.app import open_app
from unit.authors.sample_spec import FOLDER, sample_repository
from unit.cli.repository import refused, run, said
from unit.models.metered import metered


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two runs: one with an author and a reviewer, and one with an author whose third call failed."""
    folder = sample_repository(tmp_path / "target")
    monkeypatch.chdir(folder)

    async def filled() -> list[str]:
        async with open_app(folder) as app:
            one, two = [(await app.start(folder / FOLDER)).id for _ in range(2)]
            await metered(app.database, one, "product-owner", "specify/1/1/spec")
            await metered(app.database, one, "qa-specialist", "build/1/1/qa-specialist", [(10_000, 1_000)] * 2)
            await metered(app.database, two, "product-owner", "specify/1/1/spec", [(1000, 0), (1000, 0)])
            return [one, two]

    return asyncio.run(filled())


def test_every_run_is_listed_with_what_it_cost(runs: list[str]) -> None:
    shown = said("spend")
    assert all(name in shown for name in runs)
    assert "$0.22" in shown
    (total,) = (line for line in shown.splitlines() if line.startswith("in all"))
    assert total.split()[2:-2] == ["5", "122,000", "52,000", "61,000", "0", "$0.23"]


def test_one_run_is_told_by_role(runs: list[str]) -> None:
    shown = said("spend", runs[0])
    assert "product-owner" in shown
    assert "qa-specialist" in shown
    assert runs[1] not in shown


def test_programs_get_rows_by_several_parts(runs: list[str]) -> None:
    found = json.loads(said("spend", "--by", "role", "--by", "phase", "--json"))
    assert [(row["role"], row["phase"], row["calls"]) for row in found["rows"]] == [
        ("product-owner", "specify", 3),
        ("qa-specialist", "build", 2),
    ]
    assert found["total"]["usd"] == "0.226"


def test_spreadsheets_get_a_line_a_row(runs: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said("spend", "--by", "model", "--csv"))))
    assert [(row["model"], row["calls"], row["usd"]) for row in rows] == [("scripted:list", "5", "0.226")]
    assert "run" not in rows[0]


def test_tools_of_finops_get_rows_of_focus(runs: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said("spend", runs[0], "--focus"))))
    assert [(row["BilledCost"], row["x_Role"]) for row in rows] == [
        ("0.024", "qa-specialist"),
        ("0.2", "product-owner"),
    ]
    assert said("spend", "--focus", "--since", "2100-01-01").count("\n") == 1
    assert isinstance(run("spend", "--focus", "--by", "role").exception, click.UsageError)


def test_days_before_the_first_do_not_count(runs: list[str]) -> None:
    assert said("spend", "--since", "2100-01-01") == "No model was called since 2100-01-01.\n"


def test_a_run_s_status_says_what_it_cost(runs: list[str]) -> None:
    shown = said("status", runs[0])
    assert "Model calls: $0.22 for 3 calls" in shown
    whole = json.loads(said("status", runs[0], "--json"))
    assert [(row["role"], row["usd"]) for row in whole["spend"]["rows"]] == [
        ("product-owner", "0.2"),
        ("qa-specialist", "0.024"),
    ]
    assert whole["writing"] == []


def test_a_run_is_foretold_before_it_begins(runs: list[str]) -> None:
    assert said("forecast", FOLDER) == "No model is called: it costs nothing.\n"
    assert said("forecast", FOLDER, "--json") == "null\n"
    config = Path("phasegate.toml")
    price = '[models.prices."scripted:list"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'
    config.write_text(f'{config.read_text()}\n[roles.product-owner]\nmodel = "scripted:list"\n{price}')
    shown = said("forecast", FOLDER)
    assert "product-owner" in shown
    assert "Model calls: $" in shown
    assert "from the prompts as they are" in shown
    found = json.loads(said("forecast", FOLDER, "--json"))
    assert [(role["role"], role["orders"], role["runs"]) for role in found["roles"]] == [("product-owner", 1, 0)]
    assert refused("forecast", "specs/999-nothing").fix


def test_an_unknown_run_is_refused_with_what_to_do(runs: list[str]) -> None:
    assert refused("spend", "nowhere").fix
    error = run("spend", "--json", "--csv").exception
    assert isinstance(error, click.UsageError)
