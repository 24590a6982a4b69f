"""Checks of a spec, and of the artifacts that must refer to it."""

from collections.abc import Iterator

from phasegate.authors.kinds import runbook_path
from phasegate.authors.record import without_record
from phasegate.authors.review import Report, Subject
from phasegate.authors.sources import sources
from phasegate.core import Finding, Severity
from phasegate.runbooks.compiler.agreement import agreement
from phasegate.spec import Spec, lint_spec, mentions, named_tests, planned_tests, read_spec

_KEEPERS = {
    "{spec}/plan.md": ("FR",),
    "{spec}/tasks.md": ("FR",),
    "{spec}/test-plan.md": ("AC",),
    "tests/runbooks/test_{module}.py": ("AC",),
}
"""Kinds of ids that an artifact must name, each one of them, by its path."""


async def spec_lint(subject: Subject) -> Report:
    """Lint spec.md, and hold it against runbook.yaml where there is one."""
    findings = lint_spec(subject.files, subject.facts.spec)
    spec = read_spec(subject.files, subject.facts.spec)
    has_runbook = runbook_path(subject.facts.spec) in subject.files
    if has_runbook and not any(finding.blocking for finding in findings):
        findings += agreement(spec, sources(subject.files, subject.facts).runbook)
    count = f"{len(spec.requirements)} requirements, {len(spec.criteria)} acceptance criteria"
    return Report(findings=tuple(findings), evidence=count)


async def trace(subject: Subject) -> Report:
    """Find requirements that an artifact of this phase must name and does not."""
    spec = read_spec(subject.files, subject.facts.spec)
    keepers = dict(zip(subject.facts.paths(_KEEPERS), _KEEPERS.values(), strict=True))
    written = {path: kinds for path, kinds in keepers.items() if subject.files.get(path) != subject.since.get(path)}
    if not written:
        return Report(evidence="nothing new to trace")
    findings = [found for path, kinds in written.items() for found in _unnamed(subject, spec, path, kinds)]
    ids = {name for kinds in written.values() for name in spec.ids if name.startswith(kinds)}
    missing = {finding.requirement for finding in findings}
    return Report(findings=tuple(findings), evidence=f"{len(ids - missing)} of {len(ids)} ids traced")


async def criteria_coverage(subject: Subject) -> Report:
    """Find acceptance criteria without a test, planned before the build and written in it."""
    facts = subject.facts
    written, planned = f"tests/runbooks/test_{facts.module}.py", f"{facts.spec}/test-plan.md"
    # Before the build only the plan can name tests.
    path = written if written in subject.files else planned
    criteria = read_spec(subject.files, facts.spec).criteria
    shown = _tested(subject, path)
    missing = [criterion for criterion in criteria if criterion.id not in shown]
    findings = tuple(
        Finding(
            check="criteria-coverage",
            rule="untested-criterion",
            severity=Severity.high,
            path=path,
            message=f"no test is for {criterion.id}: {criterion.text}",
            fix=(
                "write a test that fails when the criterion does not hold, and name the criterion in its docstring; or "
                "say in Given, When and Then what the compiler can make a test of"
            ),
            requirement=criterion.id,
        )
        for criterion in missing
    )
    return Report(findings=findings, evidence=f"{len(criteria) - len(missing)} of {len(criteria)} criteria have a test")


def _unnamed(subject: Subject, spec: Spec, path: str, kinds: tuple[str, ...]) -> Iterator[Finding]:
    named = _named(subject, path)
    for name in spec.ids:
        if name.startswith(kinds) and name not in named:
            yield Finding(
                check="trace",
                rule="untraced-requirement",
                severity=Severity.high,
                path=path,
                message=f"'{path}' does not refer to {name}",
                fix=f"say where {name} is kept",
                requirement=name,
            )


def _named(subject: Subject, path: str) -> set[str]:
    """Return the ids that a document names outside comments."""
    text = _text(subject, path)
    if path.endswith(".py"):
        return _tested(subject, path)
    return {mention.id for mention in mentions(without_record(text))}


def _tested(subject: Subject, path: str) -> set[str]:
    """Return the criteria that have a test: one that is written, or one that the test plan's table names."""
    text = _text(subject, path)
    if path.endswith(".py"):
        return {name for test in named_tests(text) for name in test.ids}
    return {row.id for row in planned_tests(text) if row.tests}


def _text(subject: Subject, path: str) -> str:
    return subject.files.get(path, b"").decode("utf-8", "replace")
