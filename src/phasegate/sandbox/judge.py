"""Runs a tree's tests in a sandbox and says what they showed, trusting as little as can be of what ran inside."""

import ast
import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ValidationError

from phasegate.sandbox.limits import Limits, Outcome, Sandbox

CaseOutcome = Literal["passed", "failed", "skipped"]
_STEERS_PYTEST = {
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    "tox.ini",
    "setup.cfg",
    "sitecustomize.py",
    "usercustomize.py",
}


@dataclass(frozen=True, kw_only=True)
class TestCase:
    """How one test ended."""

    __test__ = False

    id: str
    """`tests/runbooks/test_x.py::test_name[row]`."""
    outcome: CaseOutcome
    seconds: float
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class TestReport:
    """What the tests of a tree showed."""

    __test__ = False

    cases: tuple[TestCase, ...] = ()
    coverage: float = 0.0
    """Percent of the module's statements that ran."""
    missing: tuple[int, ...] = ()
    """Lines of the module that never ran."""
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    """Why the report cannot be trusted or is not whole; empty where it is."""
    output: str = ""
    """The end of what was printed."""

    @property
    def ok(self) -> bool:
        """Whether every test that was expected ran and passed, and nothing speaks against the report."""
        return bool(self.cases) and not self.problems and all(case.outcome == "passed" for case in self.cases)

    @property
    def failed(self) -> tuple[TestCase, ...]:
        """The tests that did not pass."""
        return tuple(case for case in self.cases if case.outcome != "passed")


class _Case(BaseModel):
    outcome: CaseOutcome
    seconds: float
    message: str


class _Written(BaseModel):
    code: int
    cases: dict[str, _Case]
    broken: list[str]
    statements: int
    missing: list[int]


async def run_tests(
    sandbox: Sandbox,
    files: Mapping[str, bytes],
    *,
    tests: Sequence[str],
    module: str,
    conftests: Mapping[str, bytes] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> TestReport:
    """Runs test files of a tree with pytest, in one interpreter, and measures how much of one module they run.

    The tests and the code they test share a process, so code that was written against this very function can lie
    about them. What is done to make that hard, and to notice it:

    - Files that steer pytest or the interpreter are left out of the sandbox, unless their bytes are given in
      `conftests`; each is a problem.
    - The exit code alone counts for nothing: each test function that stands in the test files must be reported, and
      as passed.
    - A test of a random name that must fail is added. If it is not reported as failed, something turned failures into
      passes.
    - The report must be there, whole, a plain file of a random name, and the command must have ended by itself.

    Args:
        sandbox: Where to run.
        files: The tree; `src` is put on the import path.
        tests: The test files to run, as approved; they must be in `files`.
        module: The file whose coverage is measured.
        conftests: The conftest.py files that may stand, with their bytes.
        limits: For the whole run.
    """
    allowed = conftests or {}
    intruders = [p for p in files if PurePosixPath(p).name in _STEERS_PYTEST and allowed.get(p) != files[p]]
    tree = {path: content for path, content in files.items() if path not in intruders} | dict(allowed)
    mark = secrets.token_hex(8)
    canary = f"{PurePosixPath(tests[0]).parent}/test_{mark}.py" if tests else f"test_{mark}.py"
    tree[canary] = f"def test_{mark}():\n    assert 1 == 2\n".encode()
    report = f"{mark}.json"
    request = {"tests": [*tests, canary], "conftests": bool(allowed), "module": module, "report": report}
    harness = (resources.files("phasegate.sandbox") / "harness.py").read_text()
    command = [sys.executable, "-I", "-c", harness, json.dumps(request)]
    outcome = await sandbox.run(command, files=tree, limits=limits, collect=[report])
    expected = [name for path in tests for name in _functions(path, files.get(path, b""))]
    problems = [f"{path} steers the test run and was left out" for path in sorted(intruders)]
    return _judge(outcome, report, f"{canary}::test_{mark}", expected, problems)


def _functions(path: str, content: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield f"{path}::{node.name}"
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            methods = (m.name for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from (f"{path}::{node.name}::{name}" for name in methods if name.startswith("test"))


def _judge(outcome: Outcome, report: str, canary: str, expected: Sequence[str], problems: list[str]) -> TestReport:
    output = (outcome.stdout + outcome.stderr).decode(errors="replace")[-8000:]
    if outcome.limit is not None:
        problems.append(f"the test run was ended by its limit on {outcome.limit}")
    elif outcome.exit_code != 0:
        problems.append(f"the test run ended with exit code {outcome.exit_code}")
    written = _parse(outcome, report, problems)
    if written is None:
        return TestReport(seconds=outcome.seconds, problems=tuple(problems), output=output)
    problems += [f"cannot be collected: {what}" for what in written.broken]
    trap = written.cases.pop(canary, None)
    if trap is None or trap.outcome != "failed" or written.code != 1:
        problems.append("a test that must fail was not reported as failed: something forges results")
    seen = {case.split("[")[0] for case in written.cases}
    problems += [f"{name} did not run" for name in expected if name not in seen]
    return TestReport(
        cases=tuple(TestCase(id=id_, **case.model_dump()) for id_, case in sorted(written.cases.items())),
        coverage=100.0 * (written.statements - len(written.missing)) / written.statements
        if written.statements
        else 0.0,
        missing=tuple(written.missing),
        seconds=outcome.seconds,
        problems=tuple(problems),
        output=output,
    )


def _parse(outcome: Outcome, report: str, problems: list[str]) -> _Written | None:
    content = outcome.files.get(report)
    if content is None:
        problems.append(
            f"the test run left no report{': ' + outcome.refused[report] if report in outcome.refused else ''}"
        )
        return None
    try:
        return _Written.model_validate_json(content)
    except ValidationError:
        problems.append("the test run's report is not whole")
        return None
