"""At which moment of a runbook's life a criterion speaks: while it looks, or when it is to change things."""

import re
from enum import StrEnum

from phasegate.core.criteria import Criterion


class Moment(StrEnum):
    """Event in a criterion's *When*."""

    scan = "scan"
    """The runbook looks, and says what it found."""
    unapproved = "unapproved"
    """The runbook runs, or is told to apply, and nobody approved."""
    apply = "apply"
    """The runbook applies the approved findings."""
    again = "again"
    """The runbook is told to apply once more what it applied already."""
    undo = "undo"
    """The recorded undo is called."""


_UNDO = re.compile(r"\bundo|\broll(s|ed)?.?back|\brestor(e|es|ed)\b", re.IGNORECASE)
_APPLY = re.compile(r"\bappl(y|ies|ied)\b|remediat|carri(es|ed) out|\bapprov(e|es|ed)\b", re.IGNORECASE)
_AGAIN = re.compile(r"\bagain\b|\btwice\b|second time|once more|same approval", re.IGNORECASE)
_UNAPPROVED = re.compile(
    r"\b(no|without (an|any|its|the)?) ?approval|not (been |yet )?approved|unapproved|dry.?run", re.IGNORECASE
)
_COST = re.compile(r"\bcosts?\b|\bprices?\b|\bsav(es|ings?)\b|\ba month\b|per month", re.IGNORECASE)


def moment(criterion: Criterion) -> Moment:
    """By its *When*, and by what its *Given* says of an approval.

    >>> moment(Criterion(id="AC-001", given="no approval", when="it is told to apply", then="it refuses")).value
    'unapproved'
    """
    when = criterion.when
    # Undo comes first: "the undo of what was applied" speaks of both.
    if _UNDO.search(when):
        return Moment.undo
    # Looked for in Given too, since authors write "no approval" there, and "it is told to apply" in When.
    if _UNAPPROVED.search(f"{criterion.given} {when}"):
        return Moment.unapproved
    if _APPLY.search(when):
        return Moment.again if _AGAIN.search(when) else Moment.apply
    return Moment.scan


def is_of_cost(criterion: Criterion) -> bool:
    """Return whether the criterion says what a finding costs."""
    return moment(criterion) is Moment.scan and bool(_COST.search(criterion.then))
