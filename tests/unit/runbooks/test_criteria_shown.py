"""A test names the criteria that it shows, and no other; a criterion that no test shows is named by none."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from phasegate.core import Criterion
from phasegate.runbooks import Runbook, load
from phasegate.runbooks.compiler import test_generator
from phasegate.runbooks.compiler.codegen import compile_module, runtime_files
from phasegate.runbooks.compiler.iam_policy import policy
from phasegate.runbooks.compiler.test_generator import compile_tests, support_files
from phasegate.sandbox import find_sandbox, run_tests
from phasegate.spec import parse_spec

SPECS = {path.name: path for path in sorted((Path(__file__).parents[3] / "specs").glob("0*"))}
VOLUMES = "001-unattached-ebs-volumes"
VERDICT, EVIDENCE, LEFT_OUT = "test_verdict", "test_evidence", "test_left_out_says_why"
CHANGE, SNAPSHOT, UNDO = "test_change", "test_snapshot_comes_first", "test_undo_is_recorded"
BACK = "test_undo_gives_back"
AGAIN, HELD = "test_second_apply_changes_nothing", "test_protected_is_held_back"
SHOWN = {
    VOLUMES: [
        *[{VERDICT}] * 4,
        {"test_cost"},
        {"test_unknown_price"},
        {"test_unapproved_is_refused"},
        {CHANGE, SNAPSHOT},
        {AGAIN},
        {HELD},
        {UNDO, BACK},
    ],
    "002-snapshot-unreferenced": [*[{VERDICT}] * 7, {CHANGE}, {VERDICT, LEFT_OUT}, {UNDO, BACK}],
    "003-service-idle": [{VERDICT, EVIDENCE}, *[{VERDICT}] * 5, {CHANGE}, {UNDO, BACK}, {HELD}],
    "004-instance-termination-due": [
        *[{VERDICT}] * 7,
        {CHANGE, SNAPSHOT},
        {"test_failed_snapshot_stops_the_change"},
        {HELD},
        {UNDO, BACK},
    ],
}


def runbook(name: str) -> Runbook:
    return load((SPECS[name] / "runbook.yaml").read_text(), "runbook.yaml")


def criteria(name: str) -> tuple[Criterion, ...]:
    return parse_spec((SPECS[name] / "spec.md").read_text(), f"specs/{name}").criteria


def shown_by(name: str, *asked: Criterion) -> list[set[str]]:
    named = test_generator.test_names(runbook(name), asked)
    return [{test for test, ids in named if criterion.id in ids} for criterion in asked]


@pytest.mark.parametrize("name", SPECS)
def test_shipped_criteria_are_named_by_what_shows_them(name: str) -> None:
    assert shown_by(name, *criteria(name)) == SHOWN[name]


def one(given: str, when: str, then: str) -> Criterion:
    return Criterion(id="AC-001", given=given, when=when, then=then)


@pytest.mark.parametrize(
    "criterion",
    [
        one("a volume created 29 days and 23 hours ago", "the runbook runs", "it is found"),  # the runbook: it is not
        one("a volume with the tag `keep`", "the runbook runs", "it is found"),  # nor this
        one("an approved volume with the tag `precious`", "it applies", "it is left alone"),  # not among the guard's
        one("a Sunday night", "it applies an approval", "nothing is changed"),  # this runbook has no window
        one("a full moon", "the runbook runs", "a message is sent to everybody"),  # no test is of that kind
        one("a volume", "the runbook runs", "it is found and reported as left out, with the reason"),  # nothing is
    ],
)
def test_what_no_test_shows_is_claimed_by_none(criterion: Criterion) -> None:
    assert shown_by(VOLUMES, criterion) == [set()]


def test_what_a_criterion_names_becomes_a_case_under_its_id() -> None:
    asked = one("a volume that was created 45 days and 2 hours ago", "the runbook runs", "it is found")
    text = compile_tests(runbook(VOLUMES), package="p", module="m", criteria=[asked])["tests/runbooks/test_m.py"]
    assert b'"match", id="AC-001: CreateTime 45 days 2 hours ago"' in text
    assert b"ago(days=45, hours=2)" in text


def test_the_code_quotes_a_criterion_where_it_is_kept() -> None:
    text = compile_module(runbook(VOLUMES), name="volumes", criteria=criteria(VOLUMES))
    parts = {part.partition("(")[0].strip(): before for before, part in pairwise(text.split("\ndef "))}
    assert "AC-001" in parts["is_match"]
    assert "AC-005" in parts["cost"]
    assert "AC-010" in parts["remediate"]
    assert "AC-010" not in parts["is_match"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SPECS)
async def test_the_tests_of_shipped_specs_pass(name: str) -> None:
    book, module = runbook(name), f"src/pkg/runbooks/{name[4:].replace('-', '_')}.py"
    stem = Path(module).stem
    files = {"src/pkg/__init__.py": b"", "src/pkg/runbooks/__init__.py": b""}
    files |= {f"src/pkg/_runtime/{path}": content for path, content in runtime_files().items()}
    files[module] = compile_module(book, name=name[4:], criteria=criteria(name)).encode()
    files[module.replace(".py", ".iam-policy.json")] = json.dumps(policy(book)).encode()
    files |= compile_tests(book, package="pkg", module=stem, criteria=criteria(name))
    report = await run_tests(
        await find_sandbox(),
        files,
        tests=[f"tests/runbooks/test_{stem}.py"],
        modules=[module],
        conftests=support_files("pkg"),
    )
    assert report.ok, (report.problems, report.failed, report.output)
    assert report.coverage >= 90
