"""The judge believes a report only as far as it hangs together."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from phasegate.sandbox import Asked, Limit, Outcome, ScriptedSandbox, run_tests
from phasegate.sandbox.planting import statements

PATH = "tests/test_m.py"
TESTS = b"""
def test_one():
    assert value() == [1]

def test_rows():
    assert value() == [1]
class TestMore:
    def test_two(self=None):
        value()
"""
MODULE = b"def one():\n    return 1\n\n\ndef two():\n    return 2\n"
TREE = {"src/m.py": MODULE, PATH: TESTS}
Report = dict[str, Any]


def honest(asked: Asked, value: Callable[[], Any] = lambda: [1]) -> Report:
    """What an honest run writes: the functions of the test file are called."""
    names: dict[str, Any] = {"value": value}
    exec(compile(asked.files[PATH], PATH, "exec"), names)
    functions = {"test_one": names["test_one"], "TestMore::test_two": names["TestMore"].test_two}
    functions |= {f"test_rows[{row}]": names["test_rows"] for row in "ab"}
    cases = {f"{PATH}::{name}": outcome(function) for name, function in functions.items()}
    own = asked.files["src/m.py"]
    return {
        "code": 1,
        "broken": [],
        "cases": cases,
        "missing": {"src/m.py": [2, *sorted(statements(own) - statements(MODULE))]},
    }


def outcome(function: Callable[[], None]) -> dict[str, Any]:
    try:
        function()
    except AssertionError as error:
        return {"outcome": "failed", "seconds": 0.1, "message": str(error)}
    return {"outcome": "passed", "seconds": 0.1, "message": ""}


def sandbox(
    change: Callable[[Report], object] = lambda report: None,
    *,
    value: Callable[[], Any] = lambda: [1],
    limit: Limit | None = None,
    exit_code: int = 0,
) -> ScriptedSandbox:
    def answer(asked: Asked) -> Outcome:
        report = honest(asked, value)
        change(report)
        files = {json.loads(asked.command[-1])["report"]: json.dumps(report).encode()}
        return Outcome(exit_code=exit_code, stdout=b"", stderr=b"", seconds=1, limit=limit, files=files)

    return ScriptedSandbox(answer)


async def test_a_whole_report() -> None:
    report = await run_tests(sandbox(), TREE, tests=[PATH], modules=["src/m.py"])
    assert report.ok, report
    assert (report.coverage, report.missing) == (75.0, {"src/m.py": (2,)})
    assert [case.id for case in report.cases] == [
        f"{PATH}::TestMore::test_two",
        f"{PATH}::test_one",
        f"{PATH}::test_rows[a]",
        f"{PATH}::test_rows[b]",
    ]


async def test_an_honest_failure_is_no_suspicion() -> None:
    report = await run_tests(sandbox(value=lambda: [7]), TREE, tests=[PATH], modules=["src/m.py"])
    assert not report.ok
    assert report.problems == ()
    assert {case.id.partition("::")[2] for case in report.failed} == {"test_one", "test_rows[a]", "test_rows[b]"}


def forged(name: str, outcome: str = "passed") -> Callable[[Report], object]:
    return lambda report: report["cases"][f"{PATH}::{name}"].update(outcome=outcome)


def turned_round(report: Report) -> None:
    for case in report["cases"].values():
        case["outcome"] = "failed" if case["outcome"] == "passed" else "passed"


@pytest.mark.parametrize(
    ("double", "problem"),
    [
        (sandbox(forged("test_one"), value=lambda: [7]), "forges results"),
        (sandbox(forged("TestMore::test_two")), "forges results"),
        (sandbox(turned_round, value=lambda: [7]), "forges results"),
        (sandbox(lambda report: report.update(cases={})), "TestMore::test_two did not run"),
        (sandbox(lambda report: report["cases"].pop(f"{PATH}::test_one")), "test_one did not run"),
        (
            sandbox(lambda report: report["cases"].update({f"{PATH}::test_new": outcome(lambda: None)})),
            "in no approved",
        ),
        (sandbox(limit=Limit.memory), "limit on memory"),
        (sandbox(exit_code=3), "exit code 3"),
        (sandbox(lambda report: report.update(broken=["tests/test_m.py: no"])), "cannot be collected"),
        (sandbox(lambda report: report.update(missing="all")), "not whole"),
        (sandbox(lambda report: report.update(missing={"src/m.py": []})), "forges the coverage"),
    ],
)
async def test_reports_that_do_not_hold(double: ScriptedSandbox, problem: str) -> None:
    report = await run_tests(double, TREE, tests=[PATH], modules=["src/m.py"])
    assert not report.ok
    assert problem in " ".join(report.problems)


async def test_rows_that_are_left_out_are_missed() -> None:
    text = TESTS.replace(b"def test_rows", b"@m.parametrize('r', [1, 2])\ndef test_rows")
    text = text.replace(b"def test_one", b"class m:\n    parametrize = lambda *_: lambda f: f\n\ndef test_one")
    double = sandbox(lambda report: report["cases"].pop(f"{PATH}::test_rows[b]"))
    report = await run_tests(double, TREE | {PATH: text}, tests=[PATH], modules=["src/m.py"])
    assert f"{PATH}::test_rows ran 1 of its 2 cases" in report.problems


async def test_only_known_conftests_are_laid_in() -> None:
    double = sandbox()
    tree = TREE | {"tests/conftest.py": b"known", "conftest.py": b"unknown"}
    report = await run_tests(
        double, tree, tests=[PATH], modules=["src/m.py"], conftests={"tests/conftest.py": b"known"}
    )
    for call in double.calls:
        assert set(call.files) >= {"tests/conftest.py"}
        assert "conftest.py" not in call.files
    assert report.problems == ("conftest.py steers the test run and was left out",)


async def test_each_test_is_seeded_in_one_run_and_approved_in_the_other() -> None:
    double = sandbox()
    await run_tests(double, TREE, tests=[PATH], modules=["src/m.py"])
    first, second = (honest(call)["cases"] for call in double.calls)
    assert {name for name, case in first.items() if case["outcome"] == "failed"} == {
        name for name, case in second.items() if case["outcome"] == "passed"
    }
    assert first != second
    assert double.calls[0].command[:-1] == double.calls[1].command[:-1]
    assert set(double.calls[0].files) == set(double.calls[1].files)
