"""Everything that the tests of a runbook are written from, worked out once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from phasegate.core.criteria import Criterion
from phasegate.runbooks.model import Runbook
from phasegate.runbooks.tests_emit.anatomy import Anatomy, anatomy
from phasegate.runbooks.tests_emit.choose import Chooser, Example, Examples
from phasegate.runbooks.tests_emit.remedy import Remedy, remedy
from phasegate.runbooks.tests_emit.tables import Account, Case, accounts, copies

_PAGES = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A runbook with its examples."""

    runbook: Runbook
    package: str
    module: str
    criteria: Sequence[Criterion]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The file as plain data, in its long form."""
        dumped: dict[str, Any] = self.runbook.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return dumped

    @cached_property
    def anatomy(self) -> Anatomy:
        """Its sources and places."""
        return anatomy(self.document)

    @cached_property
    def chooser(self) -> Chooser:
        """The search for examples."""
        return Chooser(self.anatomy)

    @cached_property
    def examples(self) -> Examples:
        """Its examples."""
        return self.chooser.choose()

    @cached_property
    def accounts(self) -> list[Account]:
        """The examples, in accounts."""
        return accounts(self.anatomy, self.examples.chosen)

    @property
    def usual(self) -> Example:
        """The match that the others differ from."""
        return self.examples.chosen[0]

    @cached_property
    def one(self) -> Account:
        """An account with the usual match alone."""
        return copies(self.anatomy, self.usual, 1)

    @cached_property
    def many(self) -> Account | None:
        """An account with more matches than fit a page; None where copies of the match are not told apart."""
        account = copies(self.anatomy, self.usual, _PAGES)
        return account if len({case.id for case in account.cases}) == _PAGES else None

    @property
    def case(self) -> Case:
        """The usual match."""
        return self.one.cases[0]

    @cached_property
    def remedy(self) -> Remedy | None:
        """What is done about it."""
        return remedy(self.anatomy, self.case) if self.document.get("action") else None

    @property
    def guard(self) -> Mapping[str, Any]:
        """What holds changes back."""
        given: Mapping[str, Any] = self.document.get("guard") or {}
        return given

    def still_matches(self, choice: Mapping[Any, Any]) -> Account | None:
        """An account with the match so changed, if it stays one."""
        if self.chooser.verdict(choice) != "match":
            return None
        return copies(self.anatomy, Example({**self.usual.choice, **choice}, "match", "changed"), 1)
