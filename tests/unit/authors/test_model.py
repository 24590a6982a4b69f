"""Roles that a chat model works as, over the real workflow and checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import TeamRoles, open_app, read_config
from phasegate.core import FixedClock
from phasegate.hosting import open_engine
from phasegate.ledger import Entry, RunStatus, of_kind
from phasegate.ledger.events import Drafted
from phasegate.models import Call, ChatModel, FunctionModel, Reply, ScriptedModel, Spent, Stop, Usage, Use
from unit.authors.sample_spec import FOLDER, NOW, RUNBOOK, SPEC, sample_repository

MODEL = "scripted:list"
EVERYBODY = (
    "cloud-architect",
    "data-architect",
    "devsec-engineer",
    "document-engineer",
    "product-owner",
    "python-engineer",
    "qa-specialist",
    "sre-automation",
)
INTENT = """# Feature Specification: Volumes nobody uses

**Created**: 2026-11-30
**Status**: Intent
**Deliverable**: runbook spec
**Input**: User description: "find EBS volumes that nobody uses, and what they cost"
"""
PRICE = f'\n[models.prices."{MODEL}"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'


@dataclass(frozen=True)
class Result:
    """A run after a segment."""

    status: RunStatus
    events: Sequence[Entry]
    spent: Spent
    files: dict[str, bytes]


def target(folder: Path, *names: str, more: str = PRICE, spec: str = INTENT) -> Path:
    """A repository with a sentence for a spec, in which a model works as these roles."""
    sample_repository(folder, spec=spec)
    if spec == INTENT:
        (folder / FOLDER / "runbook.yaml").unlink()
    config = folder / "phasegate.toml"
    rows = "".join(f'\n[roles.{name}]\nmodel = "{MODEL}"\n' for name in names)
    config.write_text(config.read_text() + rows + more)
    return folder


def written(spec: str = SPEC, runbook: str = RUNBOOK, **more: Any) -> dict[str, Any]:
    files = {f"{FOLDER}/spec.md": spec, f"{FOLDER}/runbook.yaml": runbook}
    return {"files": [{"path": path, "text": text} for path, text in files.items()], **more}


async def advanced(folder: Path, model: ChatModel, policy: str = "") -> Result:
    roles = TeamRoles(config=read_config(folder), models={MODEL: model})
    async with open_app(folder, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(folder / FOLDER, policy=policy)
        status = await segments.advance(run.id)
        files = dict(app.workspace.tree(app.workspace.tip(run.branch) or run.base))
        return Result(status, await app.ledger.events(run.id), await app.meter.spent(run.id), files)


async def competent(call: Call) -> Reply:
    """Writes the spec as the product owner, and finds the rest right as it stands."""
    assert call.hand_in is not None
    if "findings" in call.hand_in.parameters["properties"]:
        arguments: dict[str, Any] = {"findings": []}
    else:
        arguments = written() if "# Product owner" in call.messages[0].text else {"files": []}
    use = Use(id="1", name=call.hand_in.name, arguments=arguments)
    return Reply(uses=(use,), stop=Stop.tools, usage=Usage(input=1000, output=100))


async def test_a_sentence_becomes_a_spec_at_the_first_gate(tmp_path: Path) -> None:
    model = ScriptedModel([written(runbook="title: no\n"), written()], name=MODEL)
    result = await advanced(target(tmp_path, "product-owner"), model)
    assert result.status is RunStatus.waiting
    assert "YAML reads a bare 'no' as false" in model.calls[1].messages[-1].text
    assert [event.model for event in of_kind(result.events, Drafted)] == [MODEL]
    assert result.spent.calls == 2
    assert result.spent.usd > 0


@pytest.mark.slow
async def test_every_role_works_by_a_model_until_the_release(tmp_path: Path) -> None:
    result = await advanced(target(tmp_path, *EVERYBODY), FunctionModel(competent, name=MODEL), policy="demo")
    assert result.status is RunStatus.released
    assert result.spent.calls == 20
