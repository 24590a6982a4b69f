"""Results of an evaluation, in an order that does not depend on which draft was ready first."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from phasegate.core import InvalidInput
from phasegate.core.report import Report


class Outcome(StrEnum):
    """Outcome of an intent."""

    at_once = "at once"
    """The first answer was right."""
    after_rounds = "after rounds"
    """A later answer was right, after lint or a check had sent the first one back."""
    wrong = "wrong findings"
    """The draft passed lint and did something else than the sentence asks for."""
    no_spec = "no spec"
    """No draft passed lint."""
    asked = "asked"
    """The draft leaves a question to the manager."""
    failed = "failed"
    """A limit was reached, or the provider or the simulated account failed."""

    @property
    def is_right(self) -> bool:
        """Return whether the draft did what its sentence asks for."""
        return self in (Outcome.at_once, Outcome.after_rounds)


class IntentResult(Report):
    """Result of one intent."""

    intent: str
    outcome: Outcome
    calls: int = 0
    """Calls of the model, which are the answers that it gave."""
    tokens_in: int = 0
    tokens_out: int = 0
    usd: Decimal = Decimal(0)
    """Price of the calls, in US dollars; of a call that failed, what was reserved for it."""
    seconds: float = 0.0
    """Time of the draft, without that of its dry run."""
    missed: tuple[str, ...] = ()
    """Resources that had to be found and were not."""
    extra: tuple[str, ...] = ()
    """Resources that were found and had not to be."""
    wrong: tuple[str, ...] = ()
    """What else is not as the sentence says."""
    untestable: int = 0
    """Acceptance criteria that no test can show: the gate of the test plan blocks on them."""
    questions: tuple[str, ...] = ()
    """Questions to the manager."""
    reason: str = ""
    """Reason why there are no findings to judge, or why they are not whole."""


class Totals(Report):
    """Sums over intents."""

    intents: int
    right: int
    """Those drafted at once or after rounds."""
    outcomes: dict[Outcome, int]
    """Number of intents by outcome."""
    untestable: int
    """Criteria that no test can show."""
    calls: int
    tokens_in: int
    tokens_out: int
    usd: Decimal
    seconds: float
    """Time of all drafts, as if one was made after another."""


class Evaluation(Report):
    """Results of one model on a suite."""

    model: str
    suite: str
    """Digest of the intents: results compare where it is the same."""
    prompt: str
    """Digest of the instructions that the product owner was given."""
    totals: Totals
    results: tuple[IntentResult, ...]
    """By the intents' names."""
    stopped: str = ""
    """Reason why not all intents were tried; empty where they were."""

    @property
    def is_whole(self) -> bool:
        """Return whether every intent was drafted and judged."""
        return not self.stopped and not self.totals.outcomes[Outcome.failed]


def totals(results: Sequence[IntentResult]) -> Totals:
    """Return the sums over results."""
    counted = Counter(result.outcome for result in results)
    return Totals(
        intents=len(results),
        right=sum(result.outcome.is_right for result in results),
        outcomes={outcome: counted[outcome] for outcome in Outcome},
        untestable=sum(result.untestable for result in results),
        calls=sum(result.calls for result in results),
        tokens_in=sum(result.tokens_in for result in results),
        tokens_out=sum(result.tokens_out for result in results),
        usd=sum((result.usd for result in results), Decimal(0)),
        seconds=round(sum(result.seconds for result in results), 2),
    )


def read_evaluation(path: Path) -> Evaluation:
    """Read the file that an evaluation was kept in.

    Raises:
        InvalidInput: it cannot be read, or is none.
    """
    fix = "name a file that 'phasegate eval --output FILE' wrote"
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read: {error.strerror}", fix=fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"'{path}' holds no evaluation: {where}: {first['msg']}", fix=fix) from None
