"""Check of a plan's resource counts against those that its reviewer counted for itself."""

from collections.abc import Iterator

from phasegate.authors.kinds import runbook_path
from phasegate.authors.review import Report, Subject
from phasegate.authors.sources import sources
from phasegate.core import Finding, Severity
from phasegate.runbooks.compiler.documents import planned
from phasegate.runbooks.language.inventory import Counted, Inventory

FEW, SHARE = 2, 0.05
"""Difference in a count that is no finding, absolute and as a share: an account moves while people plan."""


async def inventory(subject: Subject) -> Report:
    """Compare the plan's inventory with the reviewer's count, where there is a count."""
    kept = subject.observations.get("inventory")
    if kept is None:
        return Report(evidence="nobody looked: phasegate.toml names no region under [aws] inventory")
    seen = Inventory.from_json(kept)
    findings = [*_uncounted(subject, seen), *_differences(subject, seen), *_amounts(subject, seen)]
    return Report(findings=tuple(findings), evidence=_evidence(seen))


def _evidence(seen: Inventory) -> str:
    if seen.trouble:
        return f"{seen.operation} could not be counted"
    total, places = _total(seen), sum(row.count is not None for row in seen.counted)
    return f"{seen.operation} lists {_number(total)} in {places} of {len(seen.counted)} places"


def _uncounted(subject: Subject, seen: Inventory) -> Iterator[Finding]:
    if seen.trouble:
        fix = "mend it, and have this phase done again; or approve, knowing that nobody saw the account"
        yield _finding(subject, "not-counted", Severity.medium, f"nothing could be counted: {seen.trouble}", fix)
    for row in seen.counted:
        if row.count is None:
            message = f"{_where(row)} could not be counted: {row.error}"
            fix = "mend it, or take it out of [aws] inventory or accounts; the runbook will meet the same"
            yield _finding(subject, "not-counted", Severity.medium, message, fix)


def _differences(subject: Subject, seen: Inventory) -> Iterator[Finding]:
    path = _plan(subject)
    if path not in subject.files or seen.trouble:
        return
    said = {(row.account, row.region): row for row in planned(subject.files[path].decode("utf-8", "replace"))}
    for row in seen.counted:
        before = said.get((row.account, row.region))
        if row.count is not None and not _same(before, row):
            message = f"{_where(row)} has {_amount(row)}, and the plan says {_amount(before)}"
            fix = "if that matters here, request changes: the plan is then drafted on a new count"
            yield _finding(subject, "counts-differ", Severity.low, message, fix)


def _amounts(subject: Subject, seen: Inventory) -> Iterator[Finding]:
    if any(row.capped for row in seen.counted):
        places = ", ".join(_where(row) for row in seen.counted if row.capped)
        message = f"there are more than were counted in {places}"
        yield _finding(subject, "count-capped", Severity.low, message, "mind the time and the calls of a whole run")
    total = _total(seen)
    if total == (0, False) and seen.counted and all(row.count is not None for row in seen.counted):
        message = f"{seen.operation} lists nothing in any region that was looked at"
        fix = "the runbook will find nothing there: see whether it looks for the right thing in the right place"
        yield _finding(subject, "nothing-there", Severity.low, message, fix)
    yield from _held_back(subject, total)


def _held_back(subject: Subject, total: tuple[int, bool]) -> Iterator[Finding]:
    runbook = sources(subject.files, subject.facts).runbook
    most = runbook.guard.max_changes
    if runbook.action and most is not None and total[0] > most:
        yield Finding(
            check="inventory",
            rule="guard-below-count",
            severity=Severity.info,
            path=runbook_path(subject.facts.spec),
            line=runbook.line("guard", "max_changes"),
            message=f"{_number(total)} are there, and a run that finds more than {most} of them changes none",
            fix="keep it if few of them should match; raise guard.max_changes if many should",
        )


def _same(before: Counted | None, now: Counted) -> bool:
    if before is None or before.count is None or now.count is None:
        return False
    # Two counts that both stopped at the limit cannot be told apart.
    if before.capped or now.capped:
        return before.capped == now.capped
    return abs(before.count - now.count) <= max(FEW, SHARE * max(before.count, now.count))


def _total(seen: Inventory) -> tuple[int, bool]:
    """Return the sum of the counts, and whether there are more."""
    return sum(row.count or 0 for row in seen.counted), any(row.capped for row in seen.counted)


def _number(total: tuple[int, bool]) -> str:
    count, more = total
    return f"more than {count:,}" if more else f"{count:,}"


def _amount(row: Counted | None) -> str:
    if row is None:
        return "nothing of it"
    return "that it is unknown" if row.count is None else _number((row.count, row.capped))


def _where(row: Counted) -> str:
    return f"{row.region} of {row.account}" if row.account else row.region


def _plan(subject: Subject) -> str:
    return f"{subject.facts.spec}/plan.md"


def _finding(subject: Subject, rule: str, severity: Severity, message: str, fix: str) -> Finding:
    path = _plan(subject) if _plan(subject) in subject.files else runbook_path(subject.facts.spec)
    return Finding(check="inventory", rule=rule, severity=severity, path=path, message=message, fix=fix)
