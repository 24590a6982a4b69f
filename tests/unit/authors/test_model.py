"""Roles that a chat model works as, over the real workflow and checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import FixedClock, Parked, Refused
from phasegate.hosting import open_engine
from phasegate.ledger import Entry, PrivateKey, RunStatus, of_kind
from phasegate.ledger.events import AllowanceRaised, CheckReported, Drafted, ModelCalled, ReviewReported
from phasegate.models import Allowance, ChatModel, ScriptedModel, Spent
from phasegate.workflow import Channel, Credentials, Kind
from services import serve
from services.bedrock import SONNET, BedrockService, environ
from services.model_answers import Answer, Asked, structured
from unit.authors.sample_spec import FOLDER, NOW, RUNBOOK, SPEC, manager_added, sample_repository

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


def target(
    folder: Path, *names: str, more: str = PRICE, endpoint: str = "http://127.0.0.1:9", alone: bool = False
) -> Path:
    """A repository with a sentence for a spec, in which a model works as these roles; alone: a policy may decide."""
    sample_repository(folder, spec=INTENT, endpoint=endpoint, managers={} if alone else None)
    (folder / FOLDER / "runbook.yaml").unlink()
    config = folder / "phasegate.toml"
    rows = "".join(f'\n[roles.{name}]\nmodel = "{MODEL}"\n' for name in names)
    config.write_text(config.read_text() + rows + more)
    return folder


def written(spec: str = SPEC, runbook: str = RUNBOOK, **more: Any) -> dict[str, Any]:
    files = {f"{FOLDER}/spec.md": spec, f"{FOLDER}/runbook.yaml": runbook}
    return {"files": [{"path": path, "text": text} for path, text in files.items()], **more}


async def advanced(folder: Path, model: ChatModel, policy: str = "") -> Result:
    roles = TeamRoles(settings=read_config(folder).models, models={MODEL: model})
    async with open_app(folder, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(folder / FOLDER, policy=policy)
        status = await segments.advance(run.id)
        files = dict(app.workspace.tree(app.workspace.tip(run.branch) or run.base))
        return Result(status, await app.ledger.events(run.id), await app.meter.spent(run.id), files)


async def test_a_sentence_becomes_a_spec_at_the_first_gate(tmp_path: Path) -> None:
    model = ScriptedModel([written(runbook="title: no\n"), written()], name=MODEL)
    result = await advanced(target(tmp_path, "product-owner"), model)
    assert result.status is RunStatus.waiting
    assert "YAML reads a bare 'no' as false" in model.calls[1].messages[-1].text
    assert [event.model for event in of_kind(result.events, Drafted)] == [MODEL]
    assert result.spent.calls == 2
    assert result.spent.usd > 0


VAGUE = SPEC.replace("a volume in state `in-use`", "a volume that is needed", 1)


async def test_what_only_differs_goes_back_once(tmp_path: Path) -> None:
    model = ScriptedModel([written(VAGUE), written()], name=MODEL)
    result = await advanced(target(tmp_path, "product-owner"), model)
    told = model.calls[1].messages[-1].text
    assert "Nothing blocks, but prose and runbook.yaml differ or are not compared. You are told once" in told
    assert "AC-002 was not checked against runbook.yaml" in told
    assert "write it as, for instance, '`State` = `available`'" in told
    assert (result.status, result.spent.calls) == (RunStatus.waiting, 2)
    assert b"in state `in-use`" in result.files[f"{FOLDER}/spec.md"]
    [paid] = of_kind(result.events, ModelCalled)
    assert [fault.partition(",")[0] for fault in paid.sent_back] == ["Nothing blocks"]


async def test_a_model_that_leaves_the_difference_is_asked_no_third_time(tmp_path: Path) -> None:
    model = ScriptedModel([written(VAGUE), written(VAGUE), written()], name=MODEL)
    result = await advanced(target(tmp_path, "product-owner"), model)
    assert (result.status, result.spent.calls) == (RunStatus.waiting, 2)
    found = [finding for event in of_kind(result.events, CheckReported) for finding in event.findings]
    assert [finding.requirement for finding in found if finding.rule == "unchecked-criterion"] == ["AC-002"]


async def test_a_run_at_a_limit_waits_for_a_manager_and_goes_on_with_what_they_allow(tmp_path: Path) -> None:
    target(tmp_path, "product-owner", more=PRICE + "\n[models.run]\ncalls = 1\n")
    key = manager_added(tmp_path)
    model = ScriptedModel([written(runbook="title: no\n"), written()], name=MODEL)
    roles = TeamRoles(settings=read_config(tmp_path).models, models={MODEL: model})
    async with open_app(tmp_path, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(tmp_path / FOLDER)
        with pytest.raises(Parked, match="the run used 1 of 1 calls"):
            await segments.advance(run.id)
        with pytest.raises(Refused, match="this is not the key of 'Mara'"):
            await app.allow(run.id, "", Allowance(calls=5), PrivateKey.generate(), person("Mara"))
        with pytest.raises(Refused, match="agents never decide"):
            await app.allow(run.id, "", Allowance(calls=5), key, person("product-owner"))
        await app.allow(run.id, "", Allowance(calls=5), key, person("Mara"))
        assert await segments.advance(run.id) is RunStatus.waiting
        assert [event.calls for event in await app.ledger.events_of(run.id, AllowanceRaised)] == [5]
        [paid] = await app.ledger.events_of(run.id, ModelCalled)
    assert (paid.role, paid.calls, len(model.calls)) == ("product-owner", 2, 2)  # the first reply was kept


async def test_a_second_round_of_rework_without_anything_to_mend_calls_no_model(tmp_path: Path) -> None:
    question = written(open_questions=["Do stopped instances count?"])
    model = ScriptedModel([question], name=MODEL)
    result = await advanced(target(tmp_path, "product-owner"), model)
    assert (result.status, len(model.calls)) == (RunStatus.waiting, 1)
    assert "[NEEDS CLARIFICATION: Do stopped instances count?]" in result.files[f"{FOLDER}/spec.md"].decode()


async def test_a_review_that_nobody_could_write_is_a_blocking_finding(tmp_path: Path) -> None:
    target(tmp_path, "product-owner")
    config = tmp_path / "phasegate.toml"
    config.write_text(config.read_text() + '\n[roles.data-architect]\nmodel = "scripted:bad"\n')
    price = '\n[models.prices."scripted:bad"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'
    config.write_text(config.read_text() + price)
    bad = ScriptedModel(["I would rather not."] * 9, name="scripted:bad")
    good = ScriptedModel([written()], name=MODEL)
    roles = TeamRoles(settings=read_config(tmp_path).models, models={MODEL: good, "scripted:bad": bad})
    async with open_app(tmp_path, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(tmp_path / FOLDER)
        assert await segments.advance(run.id) is RunStatus.waiting
        found = {each.reviewer: each for each in await app.ledger.events_of(run.id, ReviewReported)}
    assert [finding.rule for finding in found["data-architect"].findings] == ["no-review"]
    assert found["data-architect"].evidence[0] == "nothing new to trace"  # the checks judged all the same


def person(name: str) -> Credentials:
    return Credentials(name=name, kind=Kind.person, channel=Channel.terminal, proved_at=NOW)


def answered(asked: Asked) -> Answer:
    """Writes the spec as the product owner, and finds the rest right as it stands."""
    if "findings" in asked.tools["hand_in"]["properties"]:
        return structured({"findings": []})
    return structured(written() if "# Product owner" in asked.system else {"files": []})


@pytest.mark.slow
async def test_a_sentence_becomes_a_released_wheel_with_every_role_on_bedrock(
    tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, name = BedrockService(answered), f"bedrock_converse:{SONNET}"
    target(tmp_path, more="", endpoint=account, alone=True)
    config = tmp_path / "phasegate.toml"
    config.write_text(config.read_text().replace('flow = "sdlc"', f'flow = "sdlc"\nmodel = "{name}"'))
    with serve(service) as address:
        for variable, value in environ(address).items():
            monkeypatch.setenv(variable, value)
        async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
            run = await app.start(tmp_path / FOLDER, policy="demo")
            assert await segments.advance(run.id) is RunStatus.released
            spent, paid = await app.meter.spent(run.id), await app.ledger.events_of(run.id, ModelCalled)
    assert {call.role for call in paid} == set(EVERYBODY)
    assert (spent.calls, sum(call.calls for call in paid)) == (len(service.asked), len(service.asked))
    assert all(asked.streams and asked.cache_points for asked in service.asked)
    assert sum(Decimal(call.usd) for call in paid) == spent.usd > 0
