"""Everything that the tests of a runbook are written from, worked out once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from phasegate.core.criteria import Criterion
from phasegate.runbooks.compiler.test_generator.answer_fields import CSV
from phasegate.runbooks.compiler.test_generator.choose import Chooser, Example, Examples
from phasegate.runbooks.compiler.test_generator.criterion_cases import Comparison, compared, verdicts
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy, anatomy
from phasegate.runbooks.compiler.test_generator.mock_answers import Account, Case, accounts, copies
from phasegate.runbooks.compiler.test_generator.remediation_cases import Remedy, is_whole, remedy
from phasegate.runbooks.language.model import Runbook

_PAGES = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A runbook with its examples."""

    runbook: Runbook
    package: str
    module: str
    criteria: Sequence[Criterion]

    @cached_property
    def anatomy(self) -> Anatomy:
        """Sources and fields of the runbook's item."""
        return anatomy(self.runbook)

    @cached_property
    def chooser(self) -> Chooser:
        """The search for examples."""
        return Chooser(self.anatomy)

    @cached_property
    def examples(self) -> Examples:
        """Examples that tell mistakes, and those that the criteria promise."""
        rows = [(example, list[str]()) for example in self._found.chosen]
        for id_, comparison in self.comparisons.items():
            for case in comparison.cases:
                _enter(rows, case, id_)
        chosen = [replace(row, words=f"{', '.join(ids)}: {row.words}") if ids else row for row, ids in rows]
        return replace(self._found, chosen=chosen)

    @cached_property
    def comparisons(self) -> Mapping[str, Comparison]:
        """Comparison of each criterion that asks for a verdict, none where nothing matches."""
        known = self._found.chosen
        asked = [criterion for criterion in self.criteria if known and verdicts(criterion)]
        return {each.id: compared(self.chooser, self.anatomy, known, each) for each in asked}

    @cached_property
    def _found(self) -> Examples:
        return self.chooser.choose()

    def shows_verdict(self, criterion: Criterion) -> bool:
        """Return whether some case shows the criterion: its own, or any with a verdict that it allows."""
        comparison = self.comparisons[criterion.id]
        if comparison.differs:
            return False
        return bool(comparison.cases) or any(e.verdict in verdicts(criterion) for e in self._found.chosen)

    @cached_property
    def accounts(self) -> Sequence[Account]:
        """The examples, in accounts."""
        return accounts(self.anatomy, self.examples.chosen)

    @property
    def usual(self) -> Example:
        """The match that the others differ from, and that can be changed where there is an action."""
        first = self.examples.chosen[0]
        return next(self._remediable, first) if any(action.each for action in self.runbook.action) else first

    @property
    def _remediable(self) -> Iterator[Example]:
        for example in self.examples.chosen:
            account = copies(self.anatomy, example, 1) if example.verdict == "match" else ()
            if account and is_whole(self.runbook, remedy(self.anatomy, account[0])):
                yield example

    @cached_property
    def one(self) -> Account:
        """An account with the usual match alone."""
        return copies(self.anatomy, self.usual, 1)

    @cached_property
    def many(self) -> Account | None:
        """Account with more matches than fit a page, or None where there are no pages or copies are not told apart."""
        if any(CSV in source.at for source in self.anatomy.sources if source.is_listing):
            return None  # one document holds all rows
        account = copies(self.anatomy, self.usual, _PAGES)
        return account if len({case.id for case in account}) == _PAGES else None

    @property
    def case(self) -> Case:
        """The usual match."""
        return self.one[0]

    @cached_property
    def remedy(self) -> Remedy | None:
        """Calls that remediate the match, or None where it has none of its elements whole."""
        found = remedy(self.anatomy, self.case) if self.runbook.action else None
        return found if found and is_whole(self.runbook, found) else None

    def still_matches(self, choice: Mapping[Any, Any]) -> Account | None:
        """An account with the match so changed, if it stays one."""
        if self.chooser.verdict(choice) != "match":
            return None
        return copies(self.anatomy, Example({**self.usual.choice, **choice}, "match", "changed"), 1)


def _enter(rows: list[tuple[Example, list[str]]], case: Example, id_: str) -> None:
    """Add the criterion's id to a case, and the case unless it is there already."""
    known = next((ids for example, ids in rows if example.choice == case.choice), None)
    if known is None:
        rows.append((case, [id_]))
    elif id_ not in known:
        known.append(id_)
