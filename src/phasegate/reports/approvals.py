"""Approvals of a gate: their number and their authors."""

from collections.abc import Sequence
from datetime import datetime

from phasegate.core.formatting import age
from phasegate.ledger import Decision, Statement
from phasegate.ledger import approvals as distinct
from phasegate.workflow.gates.approvers import POLICY


def approved(said: Sequence[Decision]) -> int:
    """Return how many people approved: a person and who decides for them are one, and so are two names of one key."""
    return distinct([decision for decision in said if decision.statement.kind.passes])


def approvals(said: Sequence[Decision], needed: int, now: datetime) -> str:
    """Return `1 of 2 approvals: ada, 3 m ago`, or an empty string where one approval is enough.

    Args:
        said: the standing decisions at the gate.
        needed: the gate's quorum.
        now: what ages are counted to.
    """
    if needed == 1:
        return ""
    passing = [decision.statement for decision in said if decision.statement.kind.passes]
    policy = next((statement.by for statement in passing if statement.by.startswith(POLICY)), "")
    if policy:
        return f"passed by policy '{policy.removeprefix(POLICY)}' alone; of persons it takes {needed} approvals"
    whose = "; ".join(f"{named(statement)}, {age(statement.at, now)} ago" for statement in passing)
    return f"{count_approvals(approved(said), needed)}{f': {whose}' if whose else ''}"


def count_approvals(count: int, needed: int) -> str:
    """Return `1 of 2 approvals`, or an empty string where one is enough."""
    return f"{count} of {needed} approvals" if needed > 1 else ""


def named(statement: Statement) -> str:
    """Return the decider, as `ada` or as `dee for ada`."""
    return f"{statement.by} for {statement.instead_of}" if statement.instead_of else statement.by
