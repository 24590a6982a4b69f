"""A person or a script works as a role at the terminal."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.authors.assistant import WorkItems
from phasegate.core import FixedClock
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from unit.authors.sample_spec import FOLDER
from unit.authors.test_assistant import working
from unit.authors.test_model import written
from unit.cli.repository import NOW, refused, run, said


async def _begun(folder: Path) -> str:
    async with open_app(folder, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        begun = await app.start(folder / FOLDER)
        assert await segments.advance(begun.id) is RunStatus.waiting
        [item] = await WorkItems(database=app.database).listed()
        return item.id


async def _problem(folder: Path) -> str:
    async with open_app(folder, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        [begun] = await app.ledger.runs()
        await segments.advance(begun.id)
        [item] = await WorkItems(database=app.database).listed()
        return item.problem


@pytest.fixture
def item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The product owner's order, in the repository that is the current folder."""
    monkeypatch.chdir(working(tmp_path, "product-owner"))
    return asyncio.run(_begun(tmp_path))


def test_a_person_takes_an_order_and_hands_it_in(item: str, tmp_path: Path) -> None:
    assert f"→ phasegate work take {item}" in said("work", "list")
    assert "it waits for an assistant as product-owner (specify)\n→ phasegate work list" in said("status", "--", _run())
    assert said("work", "show", item).startswith("# Product owner: draft")
    taken = run("work", "take", item)
    assert taken.stdout.startswith("# Product owner: draft")
    found = re.search(r"--lease (\S+)", taken.stderr)
    assert found
    lease = ("--lease", found[1])
    assert "take another one, or wait" in refused("work", "take", item).fix
    assert "terminal:" in said("work", "list")
    assert "You hold it until" in said("work", "renew", item, *lease)
    answer = tmp_path / "answer.json"
    answer.write_text('{"files": ')
    assert "is not JSON" in str(refused("work", "hand-in", item, str(answer), *lease))
    answer.write_text(json.dumps(written(runbook="title: no\n")))
    assert "handed in" in said("work", "hand-in", item, str(answer), *lease)
    assert said("work", "list") == "No order waits for an assistant.\n"
    assert "reads a bare 'no'" in asyncio.run(_problem(tmp_path))
    assert "not accepted" in said("work", "list")
    answer.write_text(json.dumps(written()))
    done = json.loads(said("work", "hand-in", item, str(answer), *lease, "--json"))
    assert (done["item"], done["problem"], done["rounds"]) == (item, "", 1)


def test_a_script_reads_the_schema_and_gives_an_order_back(item: str) -> None:
    taken = json.loads(said("work", "take", item, "--json"))
    assert taken["schema"]["required"] == ["files"]
    assert "waits again" in said("work", "give-back", item, "--lease", taken["lease"])
    assert "list the items" in refused("work", "show", "0" * 16).fix


def test_a_client_s_configuration_starts_the_server_from_any_folder(item: str, tmp_path: Path) -> None:
    config = json.loads(said("mcp", "phasegate", "--config"))["mcpServers"]["phasegate"]
    assert config["args"] == ["mcp", "phasegate", "--repository", str(tmp_path)]
    assert Path(config["command"]).name == "phasegate"
    assert json.loads(said("mcp", "aws", "--config"))["mcpServers"]["aws"]["args"] == ["mcp", "aws"]


def _run() -> str:
    return str(json.loads(said("status", "--json"))[0]["id"])
