"""Run a tree's tests in a sandbox, and believe what they showed only as far as seeded failures were told.

Tests and the code that they test share a process, so code under test can change how a failure is told: leave early,
patch pytest, write the report itself. Nothing that runs inside can prove that it did not. So each test runs twice, once
as it is approved and once seeded: with a comparison in it that cannot hold. Two processes hold half of the approved and
half of the seeded tests each, chosen by chance. Code that turns failures into passes turns those of seeded tests too.
"""

import asyncio
import json
import random
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ValidationError

from phasegate.sandbox.limits import Limits, Outcome, Sandbox
from phasegate.sandbox.planting import Planted, planted, statements
from phasegate.sandbox.seeding import WrittenTest, seeded, written_tests

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
    """The outcome of a test."""

    __test__ = False

    id: str
    """`tests/runbooks/test_x.py::test_name[row]`."""
    outcome: CaseOutcome
    seconds: float
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class TestReport:
    """The outcome of a tree's tests."""

    __test__ = False

    cases: tuple[TestCase, ...] = ()
    coverage: float = 0.0
    """Percent of the modules' statements that ran."""
    missing: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Lines that never ran, by the module's path; a module that ran whole is left out."""
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    """Why the report cannot be trusted or is not whole; empty where it is."""
    output: str = ""
    """The end of what was printed."""

    @property
    def ok(self) -> bool:
        """True if every expected test ran and passed, and nothing speaks against the report."""
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
    missing: dict[str, list[int] | None]


@dataclass(frozen=True, kw_only=True)
class _Half:
    """A run of the two: the tests seeded in it, its input and its output."""

    seeded: frozenset[str]
    modules: Mapping[str, Planted]
    outcome: Outcome
    written: _Written | None
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Inputs that both runs share."""

    sandbox: Sandbox
    tree: Mapping[str, bytes]
    tests: Sequence[str]
    modules: Sequence[str]
    conftests: bool
    limits: Limits


async def run_tests(
    sandbox: Sandbox,
    files: Mapping[str, bytes],
    *,
    tests: Sequence[str],
    modules: Sequence[str],
    conftests: Mapping[str, bytes] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    chance: random.Random | None = None,
) -> TestReport:
    """Run test files of a tree with pytest, and measure how much of some modules they run.

    A report is `ok` where all of this holds:

    - Every test function that stands in the test files was reported, with at least as many cases as its literal
      parameters make, and each case as passed; no other case was reported.
    - Each of these cases failed in the other run, in which its test was seeded.
    - Both runs ended by themselves and left a whole report.
    - No file was there that steers pytest or the interpreter, unless its bytes are given in `conftests`.

    Coverage is that of both runs together. In one of them each module has a function planted that nothing calls, and a
    report by which it ran is a problem.

    Args:
        sandbox: Where to run.
        files: The tree; `src` is put on the import path.
        tests: The test files to run, as approved; they must be in `files`.
        modules: The files whose coverage is measured.
        conftests: The conftest.py files that may stand, with their bytes.
        limits: For each of the two runs.
        chance: Chooses what is seeded where; the system's own where it is not given.
    """
    chance = chance or secrets.SystemRandom()
    allowed = conftests or {}
    # Whoever writes code may write these too, and could have pytest skip, rewrite or forget tests.
    intruders = [p for p in files if PurePosixPath(p).name in _STEERS_PYTEST and allowed.get(p) != files[p]]
    tree = {path: content for path, content in files.items() if path not in intruders} | dict(allowed)
    task = _Task(sandbox=sandbox, tree=tree, tests=tests, modules=modules, conftests=bool(allowed), limits=limits)
    expected = [test for path in tests for test in written_tests(path, tree.get(path, b""))]
    names = sorted({test.name for test in expected})
    # With an odd number the larger half is left to chance, too, so that the number of seeded tests tells neither run
    # which it is.
    first = frozenset(chance.sample(names, (len(names) + chance.randrange(2)) // 2))
    contents = {module: tree.get(module, b"") for module in modules}
    sides = [
        {module: planted(content, chance) for module, content in contents.items()},
        {module: Planted(content=content) for module, content in contents.items()},
    ]
    chance.shuffle(sides)
    halves = await asyncio.gather(
        _run(task, first, sides[0], chance), _run(task, frozenset(names) - first, sides[1], chance)
    )
    problems = [f"{path} steers the test run and was left out" for path in sorted(intruders)]
    lines = {module: statements(content) for module, content in contents.items()}
    return _judged(halves, expected, lines, problems)


async def _run(task: _Task, names: frozenset[str], modules: Mapping[str, Planted], chance: random.Random) -> _Half:
    tree = {**task.tree, **{path: module.content for path, module in modules.items() if path in task.tree}}
    tree |= {path: seeded(tree[path], names, chance) for path in task.tests if path in tree}
    # No file of the tree has this name: one that was handed in would pass for the report of a run that ended early.
    report = f"{secrets.token_hex(8)}.json"
    request = {"tests": list(task.tests), "conftests": task.conftests, "modules": list(task.modules), "report": report}
    harness = (resources.files("phasegate.sandbox") / "harness.py").read_text(encoding="utf-8")
    command = [sys.executable, "-I", "-c", harness, json.dumps(request)]
    outcome = await task.sandbox.run(command, files=tree, limits=task.limits, collect=[report])
    problems: list[str] = []
    if outcome.limit is not None:
        problems.append(f"the test run was ended by its limit on {outcome.limit}")
    elif outcome.exit_code != 0:
        problems.append(f"the test run ended with exit code {outcome.exit_code}")
    written = _parse(outcome, report, problems)
    problems += [f"cannot be collected: {what}" for what in written.broken] if written else []
    return _Half(seeded=names, modules=modules, outcome=outcome, written=written, problems=tuple(problems))


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


def _judged(
    halves: Sequence[_Half], expected: Sequence[WrittenTest], lines: Mapping[str, frozenset[int]], problems: list[str]
) -> TestReport:
    problems += dict.fromkeys(problem for half in halves for problem in half.problems)
    cases = _approved_cases(halves)
    # With a report missing, which has its own problem, each test would be listed as lacking besides.
    if all(half.written for half in halves):
        problems += _counted(cases, expected)
        problems += _untold(halves, cases)
    left = {path: found - _ran(halves, path, found, problems) for path, found in lines.items()}
    wanted, missed = (sum(map(len, each.values())) for each in (lines, left))
    output = b"".join(half.outcome.stdout + half.outcome.stderr for half in halves).decode(errors="replace")
    return TestReport(
        cases=tuple(TestCase(id=id_, **case.model_dump()) for id_, case in sorted(cases.items())),
        coverage=100.0 * (wanted - missed) / wanted if wanted else 0.0,
        missing={path: tuple(sorted(found)) for path, found in left.items() if found},
        seconds=max(half.outcome.seconds for half in halves),
        problems=tuple(problems),
        output=output[-8000:],
    )


def _approved_cases(halves: Sequence[_Half]) -> dict[str, _Case]:
    """Cases of the tests that were not seeded, from the half in which they were not."""
    return {
        id_: case
        for half in halves
        for id_, case in (half.written.cases if half.written else {}).items()
        if _name(id_) not in half.seeded
    }


def _counted(cases: Mapping[str, _Case], expected: Sequence[WrittenTest]) -> list[str]:
    seen = [id_.partition("[")[0] for id_ in cases]
    known = {test.name for test in expected}
    few = [test for test in expected if 0 < seen.count(test.id) < test.rows]
    return [
        *(f"{test.id} did not run" for test in expected if test.id not in seen),
        *(f"{test.id} ran {seen.count(test.id)} of its {test.rows} cases" for test in few),
        *(f"{id_} stands in no approved test file" for id_ in cases if _name(id_) not in known),
    ]


def _untold(halves: Sequence[_Half], cases: Mapping[str, _Case]) -> list[str]:
    """Tests that passed although they were seeded."""
    told = {
        id_: case
        for half in halves
        if half.written
        for id_, case in half.written.cases.items()
        if _name(id_) in half.seeded
    }
    wrong = [
        id_
        for id_, case in cases.items()
        if case.outcome == "passed" and (id_ not in told or told[id_].outcome != "failed")
    ]
    words = "was not reported as failed where it must fail: something forges results, or the test cannot fail"
    return [f"{id_} {words}" for id_ in sorted(wrong)]


def _ran(halves: Sequence[_Half], path: str, lines: frozenset[int], problems: list[str]) -> frozenset[int]:
    """Return the lines of one module that ran in either half."""
    return frozenset(line for half in halves for line in _ran_in(half, path, lines, problems))


def _ran_in(half: _Half, path: str, lines: frozenset[int], problems: list[str]) -> frozenset[int]:
    missing = half.written.missing.get(path) if half.written else None
    if missing is None:
        return frozenset()
    module = half.modules[path]
    if module.body and module.body not in missing:
        problems.append("a line that nothing calls was reported as run: something forges the coverage")
    # The planted lines stand where blank ones were, and count in neither run.
    return lines - frozenset(missing) - module.lines


def _name(id_: str) -> str:
    return id_.partition("[")[0].rpartition("::")[2]
