"""The judge believes a report only as far as it hangs together."""

import json
from typing import Any

import pytest

from phasegate.sandbox import Asked, Limit, Outcome, ScriptedSandbox, run_tests

TREE = {"src/m.py": b"", "tests/test_m.py": b"def test_one(): ...\n\nclass TestMore:\n    def test_two(self): ...\n"}
PASSED = {"outcome": "passed", "seconds": 0.1, "message": ""}
CASES = {"tests/test_m.py::test_one[a]": PASSED, "tests/test_m.py::TestMore::test_two": PASSED}


def sandbox(*, trap: str = "failed", limit: Limit | None = None, exit_code: int = 0, **changes: Any) -> ScriptedSandbox:
    def answer(asked: Asked) -> Outcome:
        request = json.loads(asked.command[-1])
        canary = request["tests"][-1]
        name = canary.removesuffix(".py").split("/")[-1]
        report: dict[str, Any] = {"code": 1, "broken": [], "statements": 4, "missing": [3], "cases": CASES} | changes
        report["cases"] = report["cases"] | {f"{canary}::{name}": PASSED | {"outcome": trap}}
        files = {request["report"]: json.dumps(report).encode()}
        return Outcome(exit_code=exit_code, stdout=b"", stderr=b"", seconds=1, limit=limit, files=files)

    return ScriptedSandbox(answer)


async def test_a_whole_report() -> None:
    report = await run_tests(sandbox(), TREE, tests=["tests/test_m.py"], module="src/m.py")
    assert report.ok
    assert (report.coverage, report.missing) == (75.0, (3,))
    assert [case.id for case in report.cases] == sorted(CASES)


@pytest.mark.parametrize(
    ("double", "problem"),
    [
        (sandbox(trap="passed"), "forges results"),
        (sandbox(code=0), "forges results"),
        (sandbox(cases={"tests/test_m.py::test_one": PASSED}), "TestMore::test_two did not run"),
        (sandbox(limit=Limit.memory), "limit on memory"),
        (sandbox(exit_code=3), "exit code 3"),
        (sandbox(broken=["tests/test_m.py: no"]), "cannot be collected"),
        (sandbox(missing="all"), "not whole"),
    ],
)
async def test_reports_that_do_not_hold(double: ScriptedSandbox, problem: str) -> None:
    report = await run_tests(double, TREE, tests=["tests/test_m.py"], module="src/m.py")
    assert not report.ok
    assert problem in " ".join(report.problems)


async def test_only_known_conftests_are_laid_in() -> None:
    double = sandbox()
    tree = TREE | {"tests/conftest.py": b"known", "conftest.py": b"unknown"}
    report = await run_tests(
        double, tree, tests=["tests/test_m.py"], module="src/m.py", conftests={"tests/conftest.py": b"known"}
    )
    assert set(double.calls[0].files) >= {"tests/conftest.py"}
    assert "conftest.py" not in double.calls[0].files
    assert report.problems == ("conftest.py steers the test run and was left out",)
