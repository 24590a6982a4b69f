"""Tests run again where code, tests or environment changed, and not where a page did."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from phasegate.authors import Facts, Subject
from phasegate.authors.checks import TestRuns
from phasegate.authors.kinds import RUNBOOK
from phasegate.sandbox import Outcome, ScriptedSandbox

NOW = datetime(2026, 11, 18, tzinfo=UTC)
FACTS = Facts(run="r", spec="specs/001-a", project="acme", package="acme", started_at=NOW)
TREE = {
    "src/acme/runbooks/a.py": b"x = 1\n",
    "tests/runbooks/test_a.py": b"def test_a(): pass\n",
    "docs/a.md": b"# A\n",
}


def subject(changed: Mapping[str, bytes], passed: Mapping[str, str]) -> Subject:
    files = {**TREE, **changed}
    return Subject(
        facts=FACTS,
        key="release/1/1/tests-pass",
        kind=RUNBOOK,
        phase="release",
        checks=("tests-pass",),
        tree=str(sorted(files)),
        files=files,
        since={},
        passed=passed,
    )


def scripted() -> ScriptedSandbox:
    return ScriptedSandbox(lambda asked: Outcome(exit_code=1, stdout=b"", stderr=b"", seconds=0.1))


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        ({}, False),
        ({"docs/a.md": b"# B\n", "pyproject.toml": b"", "CHANGELOG.md": b""}, False),
        ({"src/acme/runbooks/a.py": b"x = 2\n"}, True),
        ({"src/acme/runbooks/another.py": b""}, True),
        ({"tests/runbooks/test_a.py": b"def test_b(): pass\n"}, True),
        ({"tests/conftest.py": b""}, True),
    ],
)
async def test_what_passed_is_shown_again_where_nothing_that_it_depends_on_changed(
    changed: Mapping[str, bytes], runs: bool
) -> None:
    inputs = (await TestRuns(scripted()).tests_pass(subject({}, {}))).inputs
    sandbox = scripted()

    report = await TestRuns(sandbox).tests_pass(subject(changed, {inputs: "1 of 1 tests passed in 0.1 s"}))

    assert bool(sandbox.calls) is runs
    assert bool(report.findings) is runs
    if not runs:
        again = "; not run again, since code, tests and environment are the same"
        assert (report.evidence, report.inputs) == (f"1 of 1 tests passed in 0.1 s{again}", inputs)


async def test_in_one_process_a_failure_is_remembered_too() -> None:
    sandbox = scripted()
    runs = TestRuns(sandbox)
    first = subject({}, {})

    await runs.tests_pass(first)
    calls = len(sandbox.calls)
    again = await runs.tests_pass(replace(first, tree="another"))

    assert len(sandbox.calls) == calls
    assert again.findings
