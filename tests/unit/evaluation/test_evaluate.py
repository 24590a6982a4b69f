"""Evaluation of authors who are perfect, careless, lying, wordy, asking, late, or too dear."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from phasegate.app import Config
from phasegate.evaluation import (
    AUTHORS,
    Candidate,
    Intent,
    IntentResult,
    Outcome,
    evaluate,
    handed_in,
    load_suite,
    scripted,
    spec_of,
)
from phasegate.evaluation.budget import Budget, OverBudget
from phasegate.models import ChatModel, Reply, ScriptedModel, Stop, UnknownPrice, Usage
from phasegate.sandbox import Outcome as Stopped
from phasegate.sandbox import ScriptedSandbox
from phasegate.team import load_team
from services import serve
from services.bedrock import SONNET, BedrockService, environ
from services.model_answers import structured

SUITE = load_suite()
MODEL = "scripted:list"
PRICE = {"input": 1, "output": 2, "as_of": "2026-11-18"}
CONFIG = Config.model_validate({"project": {"name": "a", "package": "a"}, "models": {"prices": {MODEL: PRICE}}})
TEAM = load_team()
ID = "eip-unassociated"
INTENT = SUITE.chosen([ID]).intents[0]
Answers = Iterable[Reply | Mapping[str, Any] | str]


def candidate(model: str, double: Callable[[Intent], ChatModel], *, limit: str = "5", jobs: int = 2) -> Candidate:
    return Candidate(
        model=model,
        settings=CONFIG.models,
        team=TEAM,
        flow=TEAM.flow(),
        limit_usd=Decimal(limit),
        jobs=jobs,
        double=double,
    )


def nowhere(model: str, double: Callable[[Intent], ChatModel]) -> Candidate:
    """A candidate whose drafts are not run."""
    sandbox = ScriptedSandbox(lambda _: Stopped(exit_code=1, stdout=b"", stderr=b"not run", seconds=0))
    return replace(candidate(model, double), sandbox=sandbox)


async def of_author(name: str, *ids: str) -> dict[str, IntentResult]:
    found = await evaluate(candidate(name, scripted(name)), SUITE.chosen(ids))
    return {result.intent: result for result in found.results}


async def answering(*answers: Reply | Mapping[str, Any] | str) -> tuple[IntentResult, ScriptedModel]:
    """The result of the intent where a model gives these answers."""
    model = ScriptedModel(answers, name=MODEL)
    found = await evaluate(candidate(MODEL, lambda _: model), SUITE.chosen([ID]))
    return found.results[0], model


def right(**more: Any) -> dict[str, Any]:
    return {**handed_in(INTENT, spec_of(INTENT), INTENT.reference), **more}


async def test_differences_that_block_nothing_are_sent_back_once() -> None:
    vague = spec_with_criteria("an address with `AssociationId` = `eipassoc-1`", "it is found")
    plain = spec_with_criteria("an address without `AssociationId`", "it is found")
    kept, model = await answering(*(handed_in(INTENT, vague, INTENT.reference) for _ in range(3)))
    assert (kept.untestable, len(model.calls)) == (1, 2)
    mended, model = await answering(*(handed_in(INTENT, spec, INTENT.reference) for spec in (vague, plain)))
    assert (mended.untestable, len(model.calls)) == (0, 2)
    right_at_once, model = await answering(right())
    assert (right_at_once.untestable, len(model.calls)) == (0, 1)


def spec_with_criteria(given: str, then: str) -> str:
    story = "### User Story 1 - See addresses (Priority: P1)\n\nAn engineer wants to see them.\n\n"
    scenario = f"**Acceptance Scenarios**:\n\n1. **Given** {given}, **When** the runbook runs, **Then** {then}\n"
    return f"{spec_of(INTENT)}\n## User Scenarios & Testing\n\n{story}{scenario}"


SOME = ("ebs-unattached-cost", "iam-keys-old", "rds-short-backups")


@pytest.mark.slow
async def test_a_perfect_author_is_right_at_once() -> None:
    found = await of_author("scripted:perfect", *SOME)
    assert {result.outcome for result in found.values()} == {Outcome.at_once}
    assert all(result.calls == 1 and result.tokens_in > 1000 for result in found.values())


@pytest.mark.slow
async def test_a_careless_author_is_told_what_was_missed_and_what_was_too_many() -> None:
    found = await of_author("scripted:careless", *SOME)
    assert {result.outcome for result in found.values()} == {Outcome.wrong}
    assert found["ebs-unattached-cost"].extra == ("exactly-30-days",)
    assert found["iam-keys-old"].extra == ("inactive",)
    assert found["rds-short-backups"].extra == ("week",)


@pytest.mark.slow
async def test_a_lying_author_does_not_score_whatever_the_spec_says() -> None:
    found = await of_author("scripted:lying", *SOME)
    assert {result.outcome for result in found.values()} == {Outcome.wrong}
    # Two of the three sentences have a runbook that finds everything, and one has a runbook that finds nothing.
    assert [bool(found[id_].missed) for id_ in SOME] == [False, False, True]
    assert [bool(found[id_].extra) for id_ in SOME] == [True, True, False]


@pytest.mark.slow
async def test_an_answer_that_lint_sent_back_counts_as_a_round() -> None:
    result, model = await answering(handed_in(INTENT, spec_of(INTENT), "title: no\n"), right())
    assert (result.outcome, result.calls) == (Outcome.after_rounds, 2)
    assert "YAML reads a bare 'no' as false" in model.calls[1].messages[-1].text
    assert result.usd > 0


@pytest.mark.parametrize(
    "answers",
    [
        ["I would find them with a script."] * 9,
        [Reply(text='{"files": [', stop=Stop.length, usage=Usage(input=10, output=10))] * 9,
        [handed_in(INTENT, spec_of(INTENT), "title: tested and right\n")] * 9,
        [{"files": []}] * 9,
    ],
    ids=["prose", "cut-off", "no-runbook", "nothing"],
)
async def test_an_author_who_never_passes_lint_has_no_spec(answers: Answers) -> None:
    result, model = await answering(*answers)
    assert result.outcome is Outcome.no_spec
    assert result.reason
    assert result.calls == len(model.calls) >= TEAM.cards["product-owner"].limits.rounds  # type: ignore[union-attr]


async def test_a_question_counts_by_itself_and_is_no_guess() -> None:
    result, _ = await answering(right(open_questions=["Do addresses of stopped instances count?"]))
    assert (result.outcome, result.calls) == (Outcome.asked, 1)
    assert result.questions == ("Do addresses of stopped instances count?",)


async def test_criteria_that_no_test_can_show_are_counted() -> None:
    said = (
        "\n## User Scenarios & Testing\n\n### User Story 1 - See them (Priority: P1)\n\nSomebody wants to see them.\n\n"
    )
    why = "**Why this priority**: They cost.\n\n**Independent Test**: Compare the ids.\n\n**Acceptance Scenarios**:\n\n"
    criterion = "1. **Given** a wish, **When** the moon is full, **Then** all is well\n"
    spec = spec_of(INTENT, told=said + why + criterion)
    plain = await evaluate(nowhere(MODEL, lambda _: ScriptedModel([right()], name=MODEL)), SUITE.chosen([ID]))
    answer = handed_in(INTENT, spec, INTENT.reference)
    vague = await evaluate(nowhere(MODEL, lambda _: ScriptedModel([answer] * 2, name=MODEL)), SUITE.chosen([ID]))
    assert (plain.totals.untestable, vague.totals.untestable) == (0, 1)


async def test_a_provider_that_fails_is_no_wrong_answer() -> None:
    result, _ = await answering()
    assert result.outcome is Outcome.failed
    assert "no reply of the scripted model is left" in result.reason


async def test_a_provider_that_never_answers_is_not_asked_for_every_intent() -> None:
    found = await evaluate(candidate(MODEL, lambda _: ScriptedModel([], name=MODEL), jobs=1), SUITE)
    assert found.stopped.startswith("the provider failed 3 times and never answered: ")
    assert "no reply of the scripted model is left" in found.stopped
    assert found.totals.calls == 3
    assert found.totals.outcomes[Outcome.failed] == len(SUITE.intents)


async def test_a_provider_that_answered_once_is_asked_on() -> None:
    def failing(intent: Intent) -> ChatModel:
        first = [right(open_questions=["Which?"])] if intent.id == ID else []
        return ScriptedModel(first, name=MODEL)

    ids = (ID, "kms-without-rotation", "rds-unused", "sg-unused", "sqs-without-dead-letters")
    found = await evaluate(candidate(MODEL, failing, jobs=1), SUITE.chosen(ids))
    assert (found.stopped, found.totals.outcomes[Outcome.failed]) == ("", 4)
    assert all("no reply" in result.reason for result in found.results if result.outcome is Outcome.failed)


@pytest.mark.slow
async def test_a_model_of_bedrock_is_priced_by_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    service = BedrockService(lambda _: structured(right()))
    with serve(service) as address:
        for variable, value in environ(address).items():
            monkeypatch.setenv(variable, value)
        real = replace(candidate(f"bedrock_converse:{SONNET}", scripted("scripted:perfect")), double=None)
        found = await evaluate(real, SUITE.chosen([ID]))
    assert found.results[0].outcome is Outcome.at_once
    assert (found.totals.calls, len(service.asked)) == (1, 1)
    assert found.totals.usd > 0


async def test_a_model_without_a_price_is_never_called() -> None:
    model = ScriptedModel([right()], name="ollama:unheard")
    with pytest.raises(UnknownPrice, match="no price of 'ollama:unheard' is known"):
        await evaluate(candidate("ollama:unheard", lambda _: model), SUITE.chosen([ID]))
    assert model.calls == []


async def test_the_limit_of_money_holds_over_all_intents() -> None:
    made: list[ScriptedModel] = []

    def asking(intent: Intent) -> ChatModel:
        answer = {**handed_in(intent, spec_of(intent), intent.reference), "open_questions": ["Which ones?"]}
        made.append(ScriptedModel([answer], name=MODEL))
        return made[-1]

    found = await evaluate(candidate(MODEL, asking, limit="0.05", jobs=1), SUITE)
    calls = sum(len(model.calls) for model in made)
    assert 0 < calls < len(SUITE.intents)
    assert found.totals.calls == calls == found.totals.outcomes[Outcome.asked]
    assert found.totals.usd <= Decimal("0.05")
    assert "allow more: --limit-usd" in found.stopped
    assert not found.is_whole
    assert [result.intent for result in found.results] == sorted(intent.id for intent in SUITE.intents)
    untried = [result for result in found.results if result.reason.startswith("not tried")]
    assert len(untried) == len(SUITE.intents) - calls - 1


def test_calls_side_by_side_cannot_pass_the_limit_together() -> None:
    budget = Budget(limit=Decimal(1))
    budget.reserve(Decimal("0.6"))
    with pytest.raises(OverBudget, match=r"used \$0\.6000 of \$1"):
        budget.reserve(Decimal("0.6"))
    budget.settle(Decimal("0.6"), Decimal("0.1"))
    budget.reserve(Decimal("0.6"))


@pytest.mark.slow
@pytest.mark.parametrize("name", AUTHORS)
async def test_every_scripted_draft_passes_lint_in_the_first_answer(name: str) -> None:
    """Else an author would be told apart by lint, and not by what the runbook finds."""
    found = await evaluate(nowhere(name, scripted(name)), SUITE)
    reasons = {result.intent: result.reason for result in found.results}
    assert reasons == {intent.id: "the dry run broke off: not run" for intent in SUITE.intents}
    # The liar's runbook says otherwise than its prose, of which it is told once.
    assert {result.calls for result in found.results} == {2 if name == "scripted:lying" else 1}
