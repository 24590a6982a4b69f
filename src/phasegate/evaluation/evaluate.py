"""An evaluation: every sentence drafted as a run has it, and every draft judged by what it finds."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

from phasegate.authors import CheckReviewer
from phasegate.authors.assistant import WorkItems
from phasegate.authors.checks import TestRuns, checks
from phasegate.authors.model.conversation import NoAnswer
from phasegate.authors.model.material import variables
from phasegate.authors.roles import Parts, TeamRoles
from phasegate.core import Parked, digest
from phasegate.evaluation.budget import Budget, BudgetedMeter, OverBudget
from phasegate.evaluation.doubles import AUTHORS, FREE
from phasegate.evaluation.drafting import Drafted, Specify, brief_of, facts_of, first_files
from phasegate.evaluation.dry_run import Case, Scanner
from phasegate.evaluation.judging import judged
from phasegate.evaluation.results import Evaluation, IntentResult, Outcome, totals
from phasegate.evaluation.suite import Intent, Suite, load_suite
from phasegate.models import ChatModel, ModelFailed, Prices, Recording
from phasegate.models.settings import Models
from phasegate.release import Builder
from phasegate.sandbox import Sandbox, find_sandbox
from phasegate.store import locate, unguarded
from phasegate.team import Card, Flow, Team

_MOST_FAILURES = 3
Told = Callable[[IntentResult], None]
"""Is told each result as it is there."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that is to work as product owner, with the settings of a repository."""

    model: str
    """Its name, `PROVIDER:MODEL`."""
    settings: Models
    """How models are called, and what they cost."""
    team: Team
    flow: Flow
    limit_usd: Decimal
    """US dollars over all intents."""
    jobs: int = 4
    """Intents that are drafted at a time."""
    double: Callable[[Intent], ChatModel] | None = None
    """Makes the model that drafts an intent, in place of a provider's."""
    sandbox: Sandbox | None = None
    """Where drafted runbooks run; None: what this machine offers."""
    record: Recording | None = None
    replay: Recording | None = None

    @property
    def card(self) -> Card:
        """The card of the first author, with the model working as it."""
        return self.team.cards[self.flow.phases[0].authors[0].role].model_copy(update={"model": self.model})

    @property
    def prices(self) -> Prices:
        """The team's prices, and those of the scripted authors."""
        return Prices(own={**dict.fromkeys(AUTHORS, FREE), **self.settings.prices})

    @property
    def prompt(self) -> str:
        """Digest of the instructions that the model is given."""
        intent, phase = load_suite().intents[0], self.flow.phases[0]
        files = first_files(intent)
        brief = brief_of(self.flow, facts_of(intent), 1, files)
        parts = self.team.prompt(self.card.name, phase.id, kind=brief.kind.prompts, **variables(brief, files))
        return digest(parts[0])[:12]

    def roles(self, intent: Intent) -> TeamRoles:
        """Return what makes the author of an intent."""
        models = {self.model: self.double(intent)} if self.double else {}
        return TeamRoles(settings=self.settings, models=models, record=self.record, replay=self.replay)


async def evaluate(candidate: Candidate, suite: Suite, told: Told = lambda _: None) -> Evaluation:
    """Have a model draft each intent of a suite, and judge each draft.

    Raises:
        UnknownPrice: nobody knows what the model costs; it was not called.
        Missing: there is no sandbox, or the provider's package or credentials are not there.
    """
    # Before the first call: a model whose price nobody knows could not be held to the limit in money.
    candidate.prices.require(candidate.model)
    sandbox = candidate.sandbox or await find_sandbox()
    async with _desk(candidate, sandbox) as desk:
        free = asyncio.Semaphore(candidate.jobs)
        tasks = [asyncio.create_task(desk.result(intent, free, told)) for intent in suite.intents]
        try:
            results = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return concluded(candidate, suite, results, desk.course.stopped)


def concluded(candidate: Candidate, suite: Suite, results: Iterable[IntentResult], stopped: str) -> Evaluation:
    """Return the results that there are as an evaluation.

    Args:
        candidate: who drafted.
        suite: the intents.
        results: in any order.
        stopped: why it is not all of them; empty where it is.
    """
    rows = tuple(sorted(results, key=lambda result: result.intent))
    return Evaluation(
        model=candidate.model,
        suite=suite.version,
        prompt=candidate.prompt,
        totals=totals(rows),
        results=rows,
        stopped=stopped,
    )


@dataclass(kw_only=True)
class _Course:
    """Course of an evaluation, by which it is known when to stop."""

    stopped: str = ""
    """Reason why no more intents are tried; empty while they are."""
    failures: int = 0
    """Drafts that the provider failed before it gave its first one."""
    answered: bool = False

    def failed(self, error: ModelFailed) -> None:
        """Count a failure, and stop where the provider never answers: the other intents would fail in the same way."""
        self.failures += not self.answered
        if self.failures == _MOST_FAILURES and not self.stopped:
            self.stopped = f"the provider failed {_MOST_FAILURES} times and never answered: {error.full_text}"


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """Everything that drafts and judges intents."""

    candidate: Candidate
    scanner: Scanner
    parts: Parts
    meter: BudgetedMeter
    checks: CheckReviewer
    course: _Course = field(default_factory=_Course)

    async def result(self, intent: Intent, free: asyncio.Semaphore, told: Told) -> IntentResult:
        """Draft an intent when its turn comes, and judge the draft."""
        async with free:
            began = time.monotonic()
            drafted = await self._drafted(intent)
            seconds = round(time.monotonic() - began, 2)
        # Outside of the turn: the next intent is drafted while this one is judged, and the time of judging is not the
        # model's.
        found = drafted if isinstance(drafted, IntentResult) else await self._judged(intent, drafted)
        spent = await self.meter.spent(facts_of(intent).run)
        update = {"calls": spent.calls, "tokens_in": spent.input, "tokens_out": spent.output, "usd": spent.usd_at_most}
        if found.outcome is Outcome.at_once and spent.calls > 1:
            update["outcome"] = Outcome.after_rounds
        found = found.model_copy(update={**update, "seconds": seconds})
        told(found)
        return found

    async def _drafted(self, intent: Intent) -> Drafted | IntentResult:
        """Return the draft, or the result where there is none to judge."""
        failed = partial(IntentResult, intent=intent.id, outcome=Outcome.failed)
        if self.course.stopped:
            return failed(reason=f"not tried: {self.course.stopped}")
        try:
            drafted = await self._specify(intent).draft(intent)
        except NoAnswer as error:
            return IntentResult(intent=intent.id, outcome=Outcome.no_spec, reason=str(error))
        except OverBudget as error:
            self.course.stopped = error.full_text
            return failed(reason=str(error))
        except Parked as error:
            return failed(reason=str(error))
        except ModelFailed as error:
            self.course.failed(error)
            return failed(reason=str(error))
        # From here on a failure is one intent's own, and the others are tried.
        self.course.answered = True
        return drafted

    def _specify(self, intent: Intent) -> Specify:
        author = self.candidate.roles(intent).author(self.candidate.card, self.parts)
        return Specify(flow=self.candidate.flow, author=author, checks=self.checks)

    async def _judged(self, intent: Intent, drafted: Drafted) -> IntentResult:
        result = partial(IntentResult, intent=intent.id, untestable=drafted.untestable)
        if drafted.findings:
            first = drafted.findings[0]
            return result(outcome=Outcome.no_spec, reason=f"{first.where}: {first.message}")
        if drafted.questions:
            return result(outcome=Outcome.asked, questions=drafted.questions)
        [run] = await self.scanner.scan(Case(intent=intent, runbooks=(drafted.runbook,)))
        # The account and not the draft is at fault, so that nothing is said of the model.
        if not run.seeded:
            return result(outcome=Outcome.failed, reason=run.problem)
        told = judged(intent, drafted.runbook, run)
        return result(
            outcome=Outcome.at_once if told.holds else Outcome.wrong,
            missed=told.missed,
            extra=told.extra,
            wrong=told.wrong,
            reason=told.problem,
        )


@asynccontextmanager
async def _desk(candidate: Candidate, sandbox: Sandbox) -> AsyncIterator[_Desk]:
    """Open a desk whose calls are counted in a database of its own: no run of the repository pays for them."""
    table = candidate.settings
    with tempfile.TemporaryDirectory(prefix="phasegate-eval-") as folder:
        database = await locate(Path(folder)).open(unguarded)
        try:
            meter = BudgetedMeter(
                database=database,
                prices=candidate.prices,
                run=table.run.allowance,
                rates={provider: row.rate for provider, row in table.rates.items()},
                budget=Budget(limit=candidate.limit_usd),
            )
            builder, runs, items = Builder(sandbox), TestRuns(sandbox), WorkItems(database=database)
            parts = Parts(builder=builder, meter=meter, team=candidate.team, items=items, trial=runs)
            judge = CheckReviewer(checks(runs, builder))
            yield _Desk(candidate=candidate, scanner=Scanner(sandbox), parts=parts, meter=meter, checks=judge)
        finally:
            await database.close()
