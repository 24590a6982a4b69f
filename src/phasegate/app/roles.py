"""Seam to whoever works as a team's roles, and the default: the compiler and the checks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from phasegate.authors import Author, CheckReviewer, Deliverable, Reviewer
from phasegate.authors.kinds import RUNBOOK_FILE, runbook_path
from phasegate.core import InvalidInput
from phasegate.team import Card, Flow

if TYPE_CHECKING:
    from phasegate.release import Builder  # what builds and signs is needed by none that only reads


class Roles(Protocol):
    """Makes the author and the reviewer of a role from its card."""

    def writes(self, card: Card, kind: Deliverable, item: str) -> bool:
        """Return whether the card's author can write an item of that kind of deliverable, without loading it."""
        ...

    def author(self, card: Card, builder: "Builder") -> Author:
        """Return the card's author, bound by the card's limits."""
        ...

    def reviewer(self, card: Card, checks: CheckReviewer) -> Reviewer:
        """Return the card's reviewer, which gives the reports of the checks and may add its own."""
        ...


class CompilerRoles:
    """Has the compiler write for every role, and the checks judge."""

    def writes(self, card: Card, kind: Deliverable, item: str) -> bool:
        """Return whether the compiler makes the item."""
        return item in kind.compiled

    def author(self, card: Card, builder: "Builder") -> Author:
        """Return the compiler."""
        from phasegate.authors.compiler import Compiler  # takes a second to load, which only a worker has to

        return Compiler(builder)

    def reviewer(self, card: Card, checks: CheckReviewer) -> Reviewer:
        """Return the checks."""
        return checks


def unwritten(roles: Roles, cards: Mapping[str, Card], flow: Flow, kind: Deliverable) -> list[str]:
    """Return the items of a workflow that no author can write of a deliverable of that kind, each with its role."""
    return [
        f"'{row.item}' ({row.role})"
        for phase in flow.phases
        for row in phase.authors
        if not roles.writes(cards[row.role], kind, row.item)
    ]


def require_authors(roles: Roles, cards: Mapping[str, Card], flow: Flow, kind: Deliverable, spec: str) -> None:
    """Refuse a spec that the team cannot write.

    Raises:
        InvalidInput: no author of a role can write what the workflow asks of it.
    """
    missing = unwritten(roles, cards, flow, kind)
    if not missing:
        return
    if kind.source:
        message = f"no author can write {', '.join(missing)} of the {kind.name} '{spec}'"
        items = ", ".join(sorted(kind.compiled))
        raise InvalidInput(message, fix=f"give items in graphs/{flow.name}.yaml that the compiler writes: {items}")
    message = f"'{spec}' has no {RUNBOOK_FILE}, and of a {kind.name} no author can write {', '.join(missing)}"
    raise InvalidInput(message, fix=f"add {runbook_path(spec)} (docs/runbook-language.md): the compiler builds from it")
