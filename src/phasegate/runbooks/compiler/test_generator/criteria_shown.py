"""Acceptance criteria that a test shows: it asserts their *Then* at the moment that their *When* names.

A criterion that claims two things needs a test for each. Where one is missing no test names the criterion: half of it
shown is not the criterion shown, and the coverage of criteria says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from phasegate.core.criteria import Criterion
from phasegate.runbooks.compiler.test_generator.change_values import compared_values
from phasegate.runbooks.compiler.test_generator.claims import Unread
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.language.criterion_kind import Moment, is_of_cost, moment

_REFUSES = re.compile(r"\brefus", re.IGNORECASE)
_UNKNOWN = re.compile(r"unknown|not known", re.IGNORECASE)
_LEFT_ALONE = re.compile(
    r"\balone\b|\bstays?\b|held back|\brefus|\bnothing\b|unchanged|"
    r"\bnot (be |been )?(terminated|deleted|changed|stopped|touched|removed|made|marked|released)",
    re.IGNORECASE,
)
_HELD_BACK = (
    (r"(image|snapshot|cop(y|ies)|backup)\b.*\b(not|fails?|cannot|never)\b", "test_failed_snapshot_stops_the_change"),
    (r"more than|too many|in one go", "test_too_many_are_refused"),
    (r"\bwindow|outside|weekend|at night|office hours", "test_closed_window_is_refused"),
    (r"young|minimum age|days? old|(made|created) .*\bago\b", "test_young_is_held_back"),
    (r"\btag|belongs to|protect", "test_protected_is_held_back"),
    (r"\brefus|\berror|denied|\bfails?\b", "test_failed_change_is_said"),
)
_CHANGED = (
    (r"does not show|unverified|not called done", "test_change_that_does_not_show"),
    (r"\b(snapshot|image|copy|backup)\b.*\b(before|first|complete[d]?|available)\b", "test_snapshot_comes_first"),
    (r"\bundo\b|action log|way back", "test_undo_is_recorded"),
    (r"\b(delet|terminat|remov|stop|gone|shutting|carries|scaled|count|\w+ed\b)", "test_change"),
)
_SEEN = (
    (r"\bregions?\b", "test_every_region_is_read"),
    (r"\bpages?\b", "test_every_page_is_read"),
    (r"\berrors?\b|denied|incomplete|could not be", "test_failed_call_is_said"),
    (r"(left out|skipped|excluded)\b.*\b(reason|why)\b", "test_left_out_says_why"),
    (r"evidence|\bfigure|shown with|\bsays (how|which|what|its|the|whose)\b", "test_evidence"),
)
_PERMISSION = re.compile(r"permission|least.privilege|\bIAM\b", re.IGNORECASE)
_SYSTEM_TAGS = (("CloudFormation", "cloudformation"), ("Auto Scaling", "autoscaling"))
_QUOTED = re.compile(r"`([^`]+)`")


class Compared(NamedTuple):
    """A criterion with the tests that show it, and what no machine compared."""

    criterion: Criterion
    tests: list[str]
    """Names of the tests that show it together, none where one of them is not there or the runbook says otherwise."""
    differs: str
    """Words for what the runbook says in place of the criterion; empty: the two agree as far as they were compared."""
    unread: tuple[Unread, ...]
    """Parts of the criterion that no machine compares with the runbook."""


def shown(plan: Plan, tests: Sequence[str]) -> Mapping[str, list[str]]:
    """For each test the ids of the criteria that it shows, or shows its part of."""
    whole = compared_criteria(plan, tests)
    return {test: [each.criterion.id for each in whole if test in each.tests] for test in tests}


def compared_criteria(plan: Plan, tests: Sequence[str]) -> list[Compared]:
    """Compare each criterion with the runbook, and find the tests that show it."""
    return [_compared(plan, criterion, tests) for criterion in plan.criteria]


def _compared(plan: Plan, criterion: Criterion, tests: Sequence[str]) -> Compared:
    needed = _needed(plan, criterion)
    said = [compared_values(plan.runbook, criterion, needed)]
    said += [plan.comparisons[criterion.id]] if criterion.id in plan.comparisons else []
    differs = "; ".join(each.differs for each in said if each.differs)
    whole = bool(needed) and {*needed} <= {*tests} and not differs
    unread = tuple(part for each in said for part in each.unread)
    return Compared(criterion, needed if whole else [], differs, unread)


def _needed(plan: Plan, criterion: Criterion) -> list[str]:
    """Return the tests that show a criterion together, or none where no kind of test does."""
    match moment(criterion):
        case Moment.undo:
            return ["test_undo_is_recorded", "test_undo_gives_back"]
        case Moment.again:
            return ["test_second_apply_changes_nothing"]
        case Moment.unapproved:
            told = _REFUSES.search(criterion.then)
            return ["test_unapproved_is_refused" if told else "test_dry_run_changes_nothing"]
        case Moment.apply:
            return _when_applied(plan, criterion)
        case Moment.scan:
            return list(_when_seen(plan, criterion))


def _when_applied(plan: Plan, criterion: Criterion) -> list[str]:
    if not _LEFT_ALONE.search(criterion.then):
        return [name for words, name in _CHANGED if re.search(words, criterion.then, re.IGNORECASE)]
    told = f"{criterion.given} {criterion.when}"
    # The first pattern decides, so that the special ones stand above the general.
    found = next((name for words, name in _HELD_BACK if re.search(words, told, re.IGNORECASE)), None)
    if found is None or (found == "test_protected_is_held_back" and not _protects(plan, criterion)):
        return []
    return [found]


def _protects(plan: Plan, criterion: Criterion) -> bool:
    """Return whether the guard has each tag that the criterion names."""
    keys = [str(key).lower() for key in plan.runbook.guard.protect_tags]
    named = [text.lower() for text in _QUOTED.findall(criterion.given)]
    named += [word for told, word in _SYSTEM_TAGS if told.lower() in criterion.given.lower()]
    return bool(named) and all(any(word in key for key in keys) for word in named)


def _when_seen(plan: Plan, criterion: Criterion) -> Iterator[str]:
    if is_of_cost(criterion):
        yield "test_unknown_price" if _UNKNOWN.search(criterion.then) else "test_cost"
        return
    if _PERMISSION.search(criterion.then):
        yield "test_permission_is_enough_and_needed"
        return
    yield from (name for words, name in _SEEN if re.search(words, criterion.then, re.IGNORECASE))
    if criterion.id in plan.comparisons:
        # Where the runbook says otherwise of what the criterion gives, its verdict is shown by no test.
        yield "test_verdict" if plan.shows_verdict(criterion) else "none"
