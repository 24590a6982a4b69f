"""Judges what is listed in one place, and reads single items again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from jmespath.exceptions import JMESPathError

from .changes import Planned
from .errors import CallErrors, Unanswered
from .prices import cost_of
from .runbook import Detail, Finding, PageDetail, Runbook, Verdict
from .scan import EvaluationIssue, Row, Scan, watched

T = TypeVar("T")

_PAGE = 200
CANNOT_JUDGE = (JMESPathError, TypeError, ValueError, LookupError, AttributeError)
"""Errors of an expression that cannot be worked out about an item."""


@dataclass(kw_only=True)
class _Judged:
    row: Row
    troubles: list[EvaluationIssue]


def scan_region(runbook: Runbook, scan: Scan, errors: CallErrors) -> Iterator[tuple[int, list[Finding]]]:
    """Yield the number of judged items and the findings, page by page."""
    seen = set[str]()
    for page in _pages_of(runbook, scan):
        found = list[Finding]()
        # An id that two items share would approve both with one signature, so the second is an error.
        for finding in _judge_page(runbook, scan, page, errors):
            if finding.id in seen:
                errors.count(scan.account, scan.region, "identify", ValueError(f"two items have the id {finding.id!r}"))
            else:
                seen.add(finding.id)
                found.append(finding)
        yield len(page), found


def reread(runbook: Runbook, scan: Scan, wanted: set[str]) -> dict[str, Row]:
    """Return the items of these ids as they are now, with their details, without those that are gone."""
    return {id_: item.row for id_, item in _read_again(runbook, scan, wanted).items()}


def judge_again(runbook: Runbook, scan: Scan, wanted: str) -> Finding | None:
    """Return the finding about one item as it is now, or None where it is gone or no finding any more.

    Raises:
        Unanswered: a call failed, so that nothing can be said. One of the listing that concerns other items is no
            reason: what was found and has all of its details was read in full.
    """
    before = scan.failures
    # What `once` keeps is as old as the scan, and would hide that the item has changed.
    scan.forget()
    item = _read_again(runbook, scan, {wanted}).get(wanted)
    verdict, reason = _verdict(runbook, scan, item) if item else (None, "")
    # An item with all of its details stands, even where the listing broke off behind it.
    is_whole = item is not None and not item.troubles and not runbook.whole_listing
    if scan.failures != before and not is_whole:
        raise Unanswered(reason or "a call failed")
    return _finding(runbook, scan, item, verdict, reason) if item and verdict else None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Evaluation of one row: what was found out about it, and what was made of that."""

    row: Row
    """The row with its details."""
    is_candidate: bool
    troubles: Sequence[EvaluationIssue]
    """Reasons why something about it is not known."""
    finding: Finding | None
    """None where it is neither a finding nor unknown."""


def try_id(runbook: Runbook, scan: Scan, wanted: str) -> Trial | None:
    """Evaluate the item of that id, or return None where the listing has none."""
    listed, troubles = _listing(runbook, scan)
    row = next((row for row in listed if _id_of(runbook, scan, row) == wanted), None)
    return None if row is None else try_row(runbook, scan, row, troubles)


def try_row(runbook: Runbook, scan: Scan, row: Row, known: Sequence[EvaluationIssue] = ()) -> Trial:
    """Evaluate a row with the details that the runbook looks up."""
    item = _Judged(row=row, troubles=list(known))
    candidate = _is_candidate(runbook, scan, item)
    if not candidate:
        return Trial(row=row, is_candidate=False, troubles=item.troubles, finding=None)
    _detail(runbook, scan, [item])
    verdict, reason = _verdict(runbook, scan, item)
    found = _finding(runbook, scan, item, verdict, reason) if verdict is not None else None
    return Trial(row=row, is_candidate=True, troubles=item.troubles, finding=found)


def _read_again(runbook: Runbook, scan: Scan, wanted: set[str]) -> dict[str, _Judged]:
    found: dict[str, _Judged] = {}
    listed = iter(_listing(runbook, scan)[0])
    # Stops once all wanted items are found, since a listing may have thousands of pages.
    while len(found) < len(wanted) and (page := list(islice(listed, _PAGE))):
        kept = [_Judged(row=row, troubles=[]) for row in page if _id_of(runbook, scan, row) in wanted]
        _detail(runbook, scan, kept)
        found.update((str(_id_of(runbook, scan, item.row)), item) for item in kept)
    return found


def _id_of(runbook: Runbook, scan: Scan, row: Row) -> str | None:
    """Return the item's id, or None where the row lacks it, which the scan has counted."""
    try:
        return str(runbook.identify(scan, row))
    except CANNOT_JUDGE:
        return None


def _listing(runbook: Runbook, scan: Scan) -> tuple[Iterable[Row], list[EvaluationIssue]]:
    """The items, and where all of them are asked for at once, what stood in the way of listing them."""
    if not runbook.whole_listing:
        return runbook.list_items(scan), []
    items, troubles = watched(lambda: list(runbook.list_items(scan)))
    scan.items = items
    return items, troubles


def _pages_of(runbook: Runbook, scan: Scan) -> Iterator[list[_Judged]]:
    listed, troubles = _listing(runbook, scan)
    items = (_Judged(row=row, troubles=list(troubles)) for row in listed)
    kept = (item for item in items if _is_candidate(runbook, scan, item))
    # `_items` shows what the details add, so that nothing may be judged before all of it is there
    size = None if runbook.whole_listing else _PAGE
    while page := list(islice(kept, size)):
        _detail(runbook, scan, page)
        yield page


def _is_candidate(runbook: Runbook, scan: Scan, item: _Judged) -> bool:
    test = runbook.is_candidate
    return test is None or bool(_attempt(item, "where", lambda: test(scan, item.row), True))


def _detail(runbook: Runbook, scan: Scan, page: Sequence[_Judged]) -> None:
    for detail in runbook.details:
        if isinstance(detail, PageDetail):
            _detail_page(detail, scan, page)
        elif detail.calls:
            values = list(scan.together(page, partial(_find, detail, scan)))
            for item, value in zip(page, values, strict=True):
                item.row[detail.name] = value
        else:
            for item in page:
                item.row[detail.name] = _find(detail, scan, item)


def _find(detail: Detail, scan: Scan, item: _Judged) -> Any:
    return _attempt(item, detail.name, lambda: detail.find(scan, item.row), None)


def _detail_page(detail: PageDetail, scan: Scan, page: Sequence[_Judged]) -> None:
    shared = _Judged(row={}, troubles=[])
    nothing: Sequence[Any] = [None] * len(page)
    values = _attempt(shared, detail.name, lambda: detail.find(scan, [item.row for item in page]), nothing)
    for item, value in zip(page, values, strict=True):
        item.row[detail.name] = value
        item.troubles.extend(shared.troubles)


def _attempt(item: _Judged, name: str, work: Callable[[], T], otherwise: T) -> T:
    """Return the result of the work, and record its errors with the item, whose verdict becomes unknown."""
    try:
        value, troubles = watched(work)
    except Unanswered as error:
        item.troubles.append(EvaluationIssue(reason=f"{name}: {error}", certain=True))
        return otherwise
    except CANNOT_JUDGE as error:
        item.troubles.append(EvaluationIssue(reason=f"{name} cannot be worked out: {error}", certain=True))
        return otherwise
    item.troubles.extend(EvaluationIssue(reason=f"{name}: {met.reason}", certain=met.certain) for met in troubles)
    return value


def _judge_page(runbook: Runbook, scan: Scan, page: Sequence[_Judged], errors: CallErrors) -> Iterator[Finding]:
    for item in page:
        verdict, reason = _verdict(runbook, scan, item)
        if verdict is not None:
            try:
                yield _finding(runbook, scan, item, verdict, reason)
            except CANNOT_JUDGE as error:
                errors.count(scan.account, scan.region, "identify", error)


def _verdict(runbook: Runbook, scan: Scan, item: _Judged) -> tuple[Verdict | None, str]:
    verdict = _attempt(item, "match", lambda: _level(runbook, scan, item.row), None)
    reason = _attempt(item, "skip", lambda: _skipped(runbook, scan, item.row), None) if verdict else None
    certain = next((trouble.reason for trouble in item.troubles if trouble.certain), None)
    # A failed call outweighs any verdict: the clause that it served might have said otherwise.
    if certain is not None:
        return Verdict.unknown, certain
    if verdict is not None:
        return (verdict, "") if reason is None else (Verdict.skip, reason)
    return (Verdict.unknown, item.troubles[0].reason) if item.troubles else (None, "")


def _level(runbook: Runbook, scan: Scan, row: Row) -> Verdict | None:
    if runbook.is_match(scan, row):
        return Verdict.match
    return Verdict.warn if runbook.is_warning and runbook.is_warning(scan, row) else None


def _skipped(runbook: Runbook, scan: Scan, row: Row) -> str | None:
    return runbook.skip_reason(scan, row) if runbook.skip_reason else None


def _finding(runbook: Runbook, scan: Scan, item: _Judged, verdict: Verdict, reason: str) -> Finding:
    row = item.row
    nothing: Mapping[str, Any] = {}
    evidence = _attempt(item, "evidence", lambda: runbook.evidence(scan, row) if runbook.evidence else nothing, nothing)
    cost = _attempt(item, "cost", lambda: cost_of(runbook.cost(scan, row), row) if runbook.cost else None, None)
    found = Finding(
        runbook=runbook.name,
        id=str(runbook.identify(scan, row)),
        account=scan.account,
        region=scan.region,
        verdict=verdict,
        severity="low" if verdict is Verdict.warn else runbook.severity,
        reason=reason,
        evidence=evidence,
        changing=runbook.changing,
        cost=cost,
    )
    return _with_plan(runbook, scan, found, row) if runbook.remediate and verdict is Verdict.match else found


def _with_plan(runbook: Runbook, scan: Scan, finding: Finding, row: Row) -> Finding:
    """A match with what its change would call, and why the guard would hold it back."""
    planned = Planned(scan=scan)
    refused = runbook.guard.holds_back(row, scan.now)
    try:
        assert runbook.remediate is not None
        runbook.remediate(planned, row)
    except CANNOT_JUDGE as error:
        refused = refused or f"what to call cannot be worked out: {error}"
    calls = [call["call"] for call in planned.calls]
    return replace(finding, row=row, planned=calls, held_back=refused or "; ".join(planned.problems))
