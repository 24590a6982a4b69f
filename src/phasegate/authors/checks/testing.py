"""Checks that run the tests of a tree, in the sandbox, once for the same code, tests and environment."""

import asyncio
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions

from phasegate.authors.author import Facts
from phasegate.authors.deliverable import Deliverable
from phasegate.authors.review import Report, Subject
from phasegate.authors.trial import measured_files, support_files, test_files
from phasegate.core import Finding, Missing, Severity, digest
from phasegate.release import read_project, resolve
from phasegate.sandbox import Sandbox, TestReport, run_tests

WANTED = 90.0
NEEDED = 75.0
_KEPT = 4
_MOST_LINES = 12
_AGAIN = "; not run again, since code, tests and environment are the same"


class TestRuns:
    """Test runs by tree, made when the first check asks and remembered.

    A report depends on the files below src and tests, on Python and on what is installed. Where an earlier report of
    the run has the same digest of these and no finding, it is the evidence: release asks for what build has shown.
    """

    __test__ = False

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._reports: dict[str, TestReport] = {}
        self._busy = asyncio.Lock()

    async def run(self, kind: Deliverable, facts: Facts, files: Mapping[str, bytes]) -> TestReport:
        """Return the outcome of a tree's tests, as `phasegate.authors.trial.Trial` says."""
        inputs = _inputs(kind, facts, files)
        # Two checks ask at once; the second takes the report that the first has made.
        async with self._busy:
            if inputs not in self._reports:
                self._reports[inputs] = await self._run(kind, facts, files)
                for old in list(self._reports)[:-_KEPT]:
                    del self._reports[old]
            return self._reports[inputs]

    async def tests_pass(self, subject: Subject) -> Report:
        """Run the tests of exactly this tree."""
        inputs = _inputs(subject.kind, subject.facts, subject.files)
        if shown := _shown(subject, inputs):
            return shown
        try:
            report = await self.run(subject.kind, subject.facts, subject.files)
        except Missing as error:
            return Report(findings=(_failed(subject, "not-installed", str(error), error.fix),))
        failed = [
            _failed(subject, "test-failed", f"{case.id} {case.outcome}: {case.message}") for case in report.failed
        ]
        problems = [_failed(subject, "untrusted-report", problem) for problem in report.problems]
        if not (report.cases or problems):
            problems = [_failed(subject, "no-tests", "there is no test, so nothing is shown to work")]
        passed = len(report.cases) - len(report.failed)
        return Report(
            findings=tuple(failed + problems),
            evidence=f"{passed} of {len(report.cases)} tests passed in {report.seconds:.1f} s, without network",
            inputs=inputs,
        )

    async def coverage(self, subject: Subject) -> Report:
        """Measure the share of the modules' statements that the tests run."""
        inputs = _inputs(subject.kind, subject.facts, subject.files)
        if shown := _shown(subject, inputs):
            return shown
        try:
            report = await self.run(subject.kind, subject.facts, subject.files)
        except Missing:
            return Report(evidence="not measured: a dependency is not installed")  # which tests-pass tells
        measured = measured_files(subject.kind, subject.facts, subject.files)
        what = "the module's statements" if len(measured) < 2 else f"the statements of {len(measured)} modules"
        evidence = f"{report.coverage:.0f} % of {what} ran"
        if report.coverage >= WANTED:
            return Report(evidence=evidence, inputs=inputs)
        # The module with most lines that did not run comes first.
        missing = dict(sorted(report.missing.items(), key=lambda row: -len(row[1])))
        where = next(iter(missing), next(iter(measured), subject.facts.spec))
        lines = "; ".join(f"{path}: {', '.join(map(str, found[:_MOST_LINES]))}" for path, found in missing.items())
        finding = Finding(
            check="coverage",
            rule="low-coverage",
            severity=Severity.medium if report.coverage >= NEEDED else Severity.high,
            path=where,
            line=missing[where][0] if where in missing else 0,
            message=f"{report.coverage:.0f} % of the statements ran in the tests; these lines did not: {lines}",
            fix=f"test them; {WANTED:.0f} % are wanted",
        )
        return Report(findings=(finding,), evidence=evidence)

    async def _run(self, kind: Deliverable, facts: Facts, files: Mapping[str, bytes]) -> TestReport:
        if kind.allowed is not None:  # what a runbooks package may use comes with Phasegate
            resolve(read_project(files).requirements)
        tree, support = _files(files), support_files(kind, facts, files)
        return await run_tests(
            self._sandbox,
            tree,
            tests=test_files(kind, facts, files),
            modules=measured_files(kind, facts, files),
            conftests={path: tree[path] for path in support},
        )


async def approved_tests(subject: Subject) -> Report:
    """Hold the tests against those that were approved last, before the code was there."""
    kind, facts, files, since = subject.kind, subject.facts, subject.files, subject.since
    paths = {*files, *since}
    held = sorted({*test_files(kind, facts, paths), *support_files(kind, facts, paths)})
    findings = tuple(
        Finding(
            check="approved-tests",
            rule="changed-test",
            severity=Severity.critical,
            path=path,
            message=f"'{path}' is not the file that was approved before the code was written",
            fix="put it back; where the test is wrong, revoke the decision on the tests, and QA mends it",
        )
        for path in held
        if files.get(path) != since.get(path)
    )
    return Report(findings=findings, evidence=f"{len(held) - len(findings)} of {len(held)} test files as approved")


def _shown(subject: Subject, inputs: str) -> Report | None:
    evidence = subject.passed.get(inputs)
    return Report(evidence=evidence.removesuffix(_AGAIN) + _AGAIN, inputs=inputs) if evidence else None


def _files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.startswith(("src/", "tests/"))}


def _inputs(kind: Deliverable, facts: Facts, files: Mapping[str, bytes]) -> str:
    digests = {path: digest(content) for path, content in _files(files).items()}
    return digest([digests, test_files(kind, facts, files), measured_files(kind, facts, files), _environment()])


@cache
def _environment() -> str:
    installed = {f"{found.name}=={found.version}" for found in distributions()}
    return digest([sys.version, sorted(installed)])


def _failed(subject: Subject, rule: str, message: str, fix: str = "") -> Finding:
    tests = test_files(subject.kind, subject.facts, subject.files)
    return Finding(
        check="tests-pass",
        rule=rule,
        severity=Severity.critical,
        path=_named_in(message, tests),
        message=message,
        fix=fix or "mend the code or the test; a release needs every test of its tree to pass",
    )


def _named_in(message: str, tests: list[str]) -> str:
    """Return the test file that a message names, else the first one."""
    return next((path for path in tests if path in message), tests[0] if tests else "tests")
