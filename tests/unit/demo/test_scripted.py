"""Demonstration from a sentence, with recorded answers in every role."""

from pathlib import Path

import pytest

from phasegate.app import App, open_app, read_config
from phasegate.core import FixedClock, InvalidInput
from phasegate.demo import account
from phasegate.demo.aws_account import NOW
from phasegate.demo.repository import POLICY, RECORDING, SENTENCE, lay_demo, read_result
from phasegate.hosting import open_engine
from phasegate.ledger import Comment, DecisionKind, PrivateKey, Run, RunStatus, of_kind
from phasegate.ledger.events import ModelCalled
from phasegate.models import ModelFailed
from phasegate.reports import receipts, recorded_costs, spend_of, view_gate
from phasegate.workflow.engine import Segments

KEY = PrivateKey.generate()
EVERYBODY = {
    "cloud-architect",
    "data-architect",
    "devsec-engineer",
    "document-engineer",
    "product-owner",
    "python-engineer",
    "qa-specialist",
    "sre-automation",
}


def laid(folder: Path, address: str = "http://127.0.0.1:9", manager: tuple[str, PrivateKey] | None = None) -> Path:
    return lay_demo(folder, address, manager, FixedClock(NOW), scripted=True)


async def at_first_gate(app: App, segments: Segments, spec: Path) -> Run:
    run = await app.start(spec)
    assert await segments.advance(run.id) is RunStatus.waiting
    return run


async def test_the_sentence_becomes_a_spec_that_lint_and_a_reviewer_sent_back(tmp_path: Path) -> None:
    spec = laid(tmp_path)
    assert SENTENCE in (spec / "spec.md").read_text()
    assert not (spec / "runbook.yaml").exists()
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        run = await at_first_gate(app, segments, spec)
        [gate] = await app.ledger.gates(run.id)
        view = await view_gate(app, gate)
        files = app.workspace.tree(gate.commit)
    assert [(row.round, row.by, row.to) for row in view.rework] == [
        (1, "lint", "product-owner"),
        (1, "data-architect", ""),
    ]
    assert "the number 30 stands without back-ticks" in view.rework[0].text
    assert not view.blocking
    assert b"AWS keeps no time of detachment" in files["specs/001-unattached-ebs-volumes/spec.md"]
    assert view.cost.says == "answers are recorded: $0.00 paid, no model is called"


async def test_other_prompts_change_no_recorded_answer(tmp_path: Path) -> None:
    spec = laid(tmp_path)
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    own = prompts / "product-owner.specify.md.j2"
    own.write_text('{% extends "_author.md.j2" %}{% block task %}Write it quite differently.{% endblock %}')
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        assert await at_first_gate(app, segments, spec)


async def test_a_comment_that_nobody_recorded_an_answer_to_is_refused_and_calls_nobody(tmp_path: Path) -> None:
    spec = laid(tmp_path, "http://127.0.0.1:9", ("ada", KEY))
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        run = await at_first_gate(app, segments, spec)
        [gate] = await app.ledger.gates(run.id)
        comments = [Comment(text="Use 60 days.")]
        await app.decide(
            gate, DecisionKind.request_changes, app.person("ada"), KEY, digest=gate.digest, comments=comments
        )
        with pytest.raises(ModelFailed, match=r"has no answer at 'specify/2/1/spec/1'; no provider was called"):
            await segments.advance(run.id)
        assert len(await app.ledger.gates(run.id)) == 1


async def test_a_recording_that_is_gone_stops_the_worker_before_any_call(tmp_path: Path) -> None:
    laid(tmp_path)
    (tmp_path / RECORDING).unlink()
    async with open_app(tmp_path, clock=FixedClock(NOW)) as app:
        with pytest.raises(InvalidInput, match=f"{RECORDING}' cannot be read"):
            async with open_engine(app):
                pass


def test_the_workspace_names_the_recording_and_prices_its_tokens(tmp_path: Path) -> None:
    laid(tmp_path)
    config = read_config(tmp_path)
    assert config.work.model == f"recorded:{RECORDING}"
    assert config.models.prices[config.work.model].output == 15


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_sentence_becomes_a_released_wheel_with_every_role_recorded(tmp_path: Path) -> None:
    with account() as served:
        spec = laid(tmp_path, served.address)
        async with open_app(tmp_path, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
            run = await app.start(spec, POLICY)
            assert await segments.advance(run.id) is RunStatus.released
            events = await app.ledger.events(run.id)
            smoked = receipts(events)["smoke"]
            result = read_result(app.folder.file(smoked["report"]), served.volumes)
            spent = await app.meter.spent(run.id)
            paid = (await spend_of(app, run.id, ())).total
    costs = recorded_costs(of_kind(events, ModelCalled))
    assert {row.role for row in costs} == EVERYBODY
    assert sum(row.usd for row in costs) == spent.usd > 0
    assert paid.usd == paid.calls == 0
    assert paid.replayed == sum(row.calls for row in costs)
    assert result.holds
