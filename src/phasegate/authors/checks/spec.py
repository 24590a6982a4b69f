"""Checks of a spec, and of the artifacts that must refer to it."""

from collections.abc import Iterable, Iterator, Sequence

from phasegate.authors.kinds import runbook_path
from phasegate.authors.record import without_record
from phasegate.authors.review import Report, Subject
from phasegate.authors.sources import sources
from phasegate.authors.trial import test_files
from phasegate.core import Finding, Severity
from phasegate.runbooks.compiler.agreement import agreement, compared_count
from phasegate.spec import Spec, lint_spec, mentions, named_tests, planned_tests, read_spec

_KEEPERS = {"{spec}/plan.md": "FR", "{spec}/tasks.md": "FR", "{spec}/test-plan.md": "AC"}
"""Kind of ids that a document must name, each one of them, by its path."""
_TESTS_KEEP = "AC"


async def spec_lint(subject: Subject) -> Report:
    """Lint spec.md, and hold it against runbook.yaml where there is one."""
    findings = lint_spec(subject.files, subject.facts.spec)
    spec = read_spec(subject.files, subject.facts.spec)
    count = f"{len(spec.requirements)} requirements, {len(spec.criteria)} acceptance criteria"
    has_runbook = runbook_path(subject.facts.spec) in subject.files
    if has_runbook and not any(finding.blocking for finding in findings):
        compared = agreement(spec, sources(subject.files, subject.facts).runbook)
        findings += compared
        count = f"{count}, {compared_count(spec, compared)}"
    return Report(findings=tuple(findings), evidence=count)


async def trace(subject: Subject) -> Report:
    """Find requirements that an artifact of this phase must name and does not."""
    spec = read_spec(subject.files, subject.facts.spec)
    keepers: dict[tuple[str, ...], str] = {
        **{(path,): kind for path, kind in zip(subject.facts.paths(_KEEPERS), _KEEPERS.values(), strict=True)},
        tuple(test_files(subject.kind, subject.facts, {*subject.files, *subject.since})): _TESTS_KEEP,
    }
    written = {
        paths: kind
        for paths, kind in keepers.items()
        if any(subject.files.get(path) != subject.since.get(path) for path in paths)
    }
    if not written:
        return Report(evidence="nothing new to trace")
    findings = [found for paths, kind in written.items() for found in _unnamed(subject, spec, paths, kind)]
    ids = {name for kind in written.values() for name in spec.ids if name.startswith(kind)}
    missing = {finding.requirement for finding in findings}
    return Report(findings=tuple(findings), evidence=f"{len(ids - missing)} of {len(ids)} ids traced")


async def criteria_coverage(subject: Subject) -> Report:
    """Find acceptance criteria without a test, planned before the build and written in it."""
    facts = subject.facts
    # Before the tests are written only the plan can name them.
    paths = test_files(subject.kind, facts, subject.files) or [f"{facts.spec}/test-plan.md"]
    criteria = read_spec(subject.files, facts.spec).criteria
    shown = _shown_by(subject, paths)
    missing = [criterion for criterion in criteria if criterion.id not in shown]
    findings = tuple(
        Finding(
            check="criteria-coverage",
            rule="untested-criterion",
            severity=Severity.high,
            path=paths[0],
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


def _unnamed(subject: Subject, spec: Spec, paths: Sequence[str], kind: str) -> Iterator[Finding]:
    named, path = _named(subject, paths), paths[0]
    for name in spec.ids:
        if name.startswith(kind) and name not in named:
            yield Finding(
                check="trace",
                rule="untraced-requirement",
                severity=Severity.high,
                path=path,
                message=f"'{path}' does not refer to {name}",
                fix=f"say where {name} is kept",
                requirement=name,
            )


def _named(subject: Subject, paths: Iterable[str]) -> set[str]:
    """Return the ids that files name: in a test, in the table of a test plan, or in a document outside comments."""
    return {name for path in paths for name in _named_in(_text(subject, path), path)}


def _named_in(text: str, path: str) -> Iterator[str]:
    if path.endswith(".py"):
        yield from (name for test in named_tests(text) for name in test.ids)
    else:
        yield from (mention.id for mention in mentions(without_record(text)))


def _shown_by(subject: Subject, paths: Iterable[str]) -> set[str]:
    """Return the criteria that have a test: one that is written, or one that the test plan's table names."""
    plans = [path for path in paths if path.endswith(".md")]
    planned = {row.id for path in plans for row in planned_tests(_text(subject, path)) if row.tests}
    return planned | _named(subject, (path for path in paths if path not in plans))


def _text(subject: Subject, path: str) -> str:
    return subject.files.get(path, b"").decode("utf-8", "replace")
