"""Checks that run the generated tests, in the sandbox, once for the same code, tests and environment."""

import asyncio
import sys
from functools import cache
from importlib.metadata import distributions

from phasegate.authors.review import Report, Subject
from phasegate.core import Finding, Severity, digest
from phasegate.sandbox import Sandbox, TestReport, run_tests

WANTED = 90.0
NEEDED = 75.0
_KEPT = 4
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

    async def tests_pass(self, subject: Subject) -> Report:
        """Run the tests of exactly this tree."""
        if shown := self._shown(subject):
            return shown
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
            inputs=_inputs(subject),
        )

    async def coverage(self, subject: Subject) -> Report:
        """Measure the share of the module's statements that the tests run."""
        if shown := self._shown(subject):
            return shown
        report = await self._report(subject)
        evidence = f"{report.coverage:.0f} % of the module's statements ran"
        if report.coverage >= WANTED:
            return Report(evidence=evidence, inputs=_inputs(subject))
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

    def _shown(self, subject: Subject) -> Report | None:
        inputs = _inputs(subject)
        evidence = subject.passed.get(inputs)
        return Report(evidence=evidence.removesuffix(_AGAIN) + _AGAIN, inputs=inputs) if evidence else None

    async def _report(self, subject: Subject) -> TestReport:
        inputs = _inputs(subject)
        # Two checks ask at once; the second takes the report that the first has made.
        async with self._busy:
            if inputs not in self._reports:
                self._reports[inputs] = await self._run(subject)
                for old in list(self._reports)[:-_KEPT]:
                    del self._reports[old]
            return self._reports[inputs]

    async def _run(self, subject: Subject) -> TestReport:
        files = _files(subject)
        conftests = {path: content for path, content in files.items() if path == "tests/conftest.py"}
        return await run_tests(
            self._sandbox, files, tests=[_tests(subject)], module=_module(subject), conftests=conftests
        )


def _files(subject: Subject) -> dict[str, bytes]:
    return {path: content for path, content in subject.files.items() if path.startswith(("src/", "tests/"))}


def _inputs(subject: Subject) -> str:
    files = {path: digest(content) for path, content in _files(subject).items()}
    return digest([files, _tests(subject), _module(subject), _environment()])


@cache
def _environment() -> str:
    installed = {f"{found.name}=={found.version}" for found in distributions()}
    return digest([sys.version, sorted(installed)])


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
