"""Lint of a spec against its runbook: what the prose says and the runbook does not do, or cannot show.

People approve the prose, and the compiler builds the runbook. Where the two differ, nobody has approved what is built.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.compiler.test_generator import Compared, compare_criteria
from phasegate.runbooks.language.model import Runbook
from phasegate.spec import Spec

CHECK = "agreement"
UNTESTABLE = "untestable-criterion"
"""Rule of the finding about a criterion that no test can show."""
UNCHECKED = "unchecked-criterion"
"""Rule of the finding about a criterion that no machine compared with the runbook, or not whole."""
_LIMIT = re.compile(r"in one (?:go|run)|at (?:most|once|a time)|(?:per|a|each) run\b", re.IGNORECASE)
_COUNT = re.compile(
    r"(?<![\w.,-])(\d+)(?![\w.,-]*\d)(?! ?(?:%|percent|days?|hours?|minutes?|weeks?|months?|[GMKT]i?B)\b)"
)
_DAYS = re.compile(r"(\d+) ?(?:working |calendar )?days?\b", re.IGNORECASE)


class _Passage(NamedTuple):
    text: str
    line: int
    requirement: str


def agreement(spec: Spec, runbook: Runbook) -> list[Finding]:
    """Return findings about criteria that no test can show or no machine compared, and about values that differ.

    Args:
        spec: the prose.
        runbook: what is compiled.
    """
    return [
        *_criteria(spec, runbook),
        *_other_limit(spec, runbook),
        *_other_days(spec, runbook),
        *_other_risk(spec, runbook),
    ]


def compared_count(spec: Spec, findings: Iterable[Finding]) -> str:
    """Return words for how many criteria were compared with the runbook, by the findings of `agreement`."""
    unchecked = {finding.requirement for finding in findings if finding.rule == UNCHECKED}
    return f"{len(spec.criteria) - len(unchecked) if unchecked else 'all'} compared with runbook.yaml"


def _criteria(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    lines = {each.criterion.id: each.line for story in spec.stories for each in story.scenarios if each.criterion}
    for compared in compare_criteria(runbook, spec.criteria):
        line = lines.get(compared.criterion.id, 0)
        if not compared.tests:
            yield _untestable(spec, compared, line)
        elif compared.unread:
            yield _unchecked(spec, compared, line)


def _untestable(spec: Spec, compared: Compared, line: int) -> Finding:
    criterion = compared.criterion
    differs = f" ({compared.differs})" if compared.differs else ""
    return Finding(
        check=CHECK,
        rule=UNTESTABLE,
        severity=Severity.medium,
        path=spec.path,
        line=line,
        message=f"no test can be compiled for {criterion.id}{differs}: {criterion.text}",
        fix=(
            "name in Given a value that runbook.yaml judges by, and in Then whether the item is found; or mend "
            "runbook.yaml where it decides otherwise. The test planning gate blocks on it"
        ),
        requirement=criterion.id,
    )


def _unchecked(spec: Spec, compared: Compared, line: int) -> Finding:
    """Return a finding that names what of a criterion nobody but its reader has held against the runbook."""
    parts = [f"'{part.words}': {part.why}" if part.words else part.why for part in compared.unread]
    fixes = dict.fromkeys(part.fix for part in compared.unread if part.fix)
    return Finding(
        check=CHECK,
        rule=UNCHECKED,
        severity=Severity.low,
        path=spec.path,
        line=line,
        message=f"{compared.criterion.id} was not checked against runbook.yaml: {'; '.join(parts)}",
        fix=f"{'; '.join(fixes) or 'name what decides as runbook.yaml does'}; else compare the two yourself",
        requirement=compared.criterion.id,
    )


def _other_limit(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    limit = runbook.guard.max_changes
    said = {p: [int(n) for n in _COUNT.findall(p.text)] for p in _passages(spec) if _LIMIT.search(p.text)}
    said = {passage: numbers for passage, numbers in said.items() if numbers}
    # One passage that says the same limit is enough: others may speak of other numbers.
    if runbook.action and said and not any(limit in numbers for numbers in said.values()):
        passage, numbers = next(iter(said.items()))
        says = "is not set" if limit is None else f"is {limit}"
        yield _differs(spec, passage, f"guard.max_changes {says}", f"{numbers[-1]} at most")


def _other_days(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    said = {p: [int(n) for n in _DAYS.findall(p.text)] for p in _passages(spec)}
    said = {passage: numbers for passage, numbers in said.items() if numbers}
    known = {number for numbers in said.values() for number in numbers}
    for name, days in _days_of(runbook).items():
        # A spec that names no days at all leaves them to the runbook.
        if known and days not in known:
            passage, numbers = next(iter(said.items()))
            yield _differs(spec, passage, f"{name} is {days:g}", f"{numbers[0]} days")


def _days_of(runbook: Runbook) -> dict[str, float]:
    params = {f"scope.params.{name}": value for name, value in runbook.scope.params.items() if "day" in name}
    # A runbook that only reports holds nothing back, so its guard promises nothing.
    guard = {"guard.min_age_days": runbook.guard.min_age_days} if runbook.action else {}
    return {name: value for name, value in {**params, **guard}.items() if isinstance(value, int | float) and value}


def _other_risk(spec: Spec, runbook: Runbook) -> Iterator[Finding]:
    # Authors go on after the word: "high, since data is lost".
    declared = re.split(r"[,;. ]", spec.risk.severity.strip().lower())[0] if spec.risk else ""
    if declared in set(Severity) and declared != runbook.severity:
        passage = _Passage("", spec.risk.line if spec.risk else 0, "")
        yield _differs(spec, passage, f"severity is {runbook.severity}", declared)


def _differs(spec: Spec, passage: _Passage, runbook: str, prose: str) -> Finding:
    return Finding(
        check=CHECK,
        rule="prose-differs",
        severity=Severity.medium,
        path=spec.path,
        line=passage.line,
        message=f"runbook.yaml: {runbook}; the spec says {prose}",
        fix="say the same in both",
        requirement=passage.requirement,
    )


def _passages(spec: Spec) -> Iterator[_Passage]:
    yield from (_Passage(each.text, each.line, each.id) for each in spec.requirements)
    if spec.risk:
        yield _Passage(spec.risk.blast_radius, spec.risk.line, "")
