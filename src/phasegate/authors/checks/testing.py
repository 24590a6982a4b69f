"""Checks that run the generated tests, in the sandbox, once for each tree."""

import asyncio

from phasegate.authors.check import Report, Subject
from phasegate.core import Finding, Severity
from phasegate.sandbox import Sandbox, TestReport, run_tests

WANTED = 90.0
NEEDED = 75.0
_KEPT = 4


class TestRuns:
    """Runs the tests of a tree when the first check asks, and remembers."""

    __test__ = False

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._reports: dict[str, TestReport] = {}
        self._busy = asyncio.Lock()

    async def tests_pass(self, subject: Subject) -> Report:
        """Whether every test of exactly this tree passed."""
        report = await self._report(subject)
        path = _tests(subject)
        failed = [_failed(path, "test-failed", f"{case.id} {case.outcome}: {case.message}") for case in report.failed]
        problems = [_failed(path, "untrusted-report", problem) for problem in report.problems]
        if not (report.cases or problems):
            problems = [_failed(path, "no-tests", "there is no test, so nothing is shown to work")]
        passed = len(report.cases) - len(report.failed)
        return Report(
            findings=tuple(failed + problems),
            evidence=f"{passed} of {len(report.cases)} tests passed in {report.seconds:.1f} s, without network",
        )

    async def coverage(self, subject: Subject) -> Report:
        """How much of the module the tests run."""
        report = await self._report(subject)
        evidence = f"{report.coverage:.0f} % of the module's statements ran"
        if report.coverage >= WANTED:
            return Report(evidence=evidence)
        lines = ", ".join(map(str, report.missing[:12]))
        finding = Finding(
            check="coverage",
            rule="low-coverage",
            severity=Severity.medium if report.coverage >= NEEDED else Severity.high,
            path=_module(subject),
            line=report.missing[0] if report.missing else 0,
            message=f"{report.coverage:.0f} % of the statements ran in the tests; these lines did not: {lines}",
            fix=f"test them; {WANTED:.0f} % are wanted",
        )
        return Report(findings=(finding,), evidence=evidence)

    async def _report(self, subject: Subject) -> TestReport:
        async with self._busy:
            if subject.tree not in self._reports:
                self._reports[subject.tree] = await self._run(subject)
                for old in list(self._reports)[:-_KEPT]:
                    del self._reports[old]
            return self._reports[subject.tree]

    async def _run(self, subject: Subject) -> TestReport:
        files = {path: content for path, content in subject.files.items() if path.startswith(("src/", "tests/"))}
        conftests = {path: content for path, content in files.items() if path == "tests/conftest.py"}
        return await run_tests(
            self._sandbox, files, tests=[_tests(subject)], module=_module(subject), conftests=conftests
        )


def _tests(subject: Subject) -> str:
    return f"tests/runbooks/test_{subject.facts.module}.py"


def _module(subject: Subject) -> str:
    return f"src/{subject.facts.package}/runbooks/{subject.facts.module}.py"


def _failed(path: str, rule: str, message: str) -> Finding:
    return Finding(
        check="tests-pass",
        rule=rule,
        severity=Severity.critical,
        path=path,
        message=message,
        fix="mend the code or the test; a release needs every test of its tree to pass",
    )
